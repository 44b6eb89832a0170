package simulator

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FromRecordings makes a database of the rows that a real Odoo answered with: the state at the end of the recording, or
// that of its orders at an earlier time when folder names one, such as day15.
func FromRecordings(dir, folder string) (*Database, error) {
	d := New(time.Now)
	models, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, model := range models {
		if !model.IsDir() || !strings.Contains(model.Name(), ".") || strings.Contains(model.Name(), "warehouse_") {
			continue
		}
		from := filepath.Join(dir, model.Name())
		if early := filepath.Join(dir, folder, model.Name()); folder != "" {
			if _, err := os.Stat(early); err == nil {
				from = early
			}
		}
		if err := d.load(model.Name(), from); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Database) load(model, dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "page-*.json"))
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return &fs.PathError{Op: "read", Path: dir, Err: errors.New("no pages")}
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		var exchange struct {
			Response struct {
				Body struct {
					Result []Row `json:"result"`
				} `json:"body"`
			} `json:"response"`
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		if err := decoder.Decode(&exchange); err != nil {
			return err
		}
		for _, row := range exchange.Response.Body.Result {
			d.Put(model, row)
		}
	}
	return nil
}
