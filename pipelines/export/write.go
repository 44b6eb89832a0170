package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
)

// write makes the files one by one, each whole or not at all, and the manifest at the end.
func (d *dataset) write(ctx context.Context, req Request, m Manifest) (Manifest, error) {
	if err := os.MkdirAll(req.Dir, 0o755); err != nil {
		return m, fault.Wrap(err, fault.Denied, "export_directory", req.Dir, "choose a directory that can be written", "the directory cannot be made")
	}
	// An old manifest must not vouch for new files should the process stop in between.
	if err := os.Remove(filepath.Join(req.Dir, ManifestName)); err != nil && !os.IsNotExist(err) {
		return m, fmt.Errorf("remove the old manifest: %w", err)
	}
	if err := sweep(req.Dir); err != nil {
		return m, fmt.Errorf("remove what a killed export left: %w", err)
	}
	failpoint.Hit("export.begin")
	for _, f := range req.Formats {
		name := "finance_kpi_" + req.Period + "." + string(f)
		path := filepath.Join(req.Dir, name)
		if err := d.writeFile(ctx, req, m, f, path); err != nil {
			return m, fmt.Errorf("write %s: %w", name, err)
		}
		written, err := describe(path)
		if err != nil {
			return m, fmt.Errorf("read %s back: %w", name, err)
		}
		written.Name, written.Format, written.Rows = name, f, m.RowCount
		m.Files = append(m.Files, written)
		failpoint.Hit("export.file_written")
	}
	failpoint.Hit("export.manifest")
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, fmt.Errorf("write the manifest: %w", err)
	}
	return m, replace(filepath.Join(req.Dir, ManifestName), append(text, '\n'))
}

// sweep removes the unfinished files of an export that was killed: the folder is handed over as it is.
func sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, unfinished))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// unfinished is the pattern of the names that files have until they are whole.
const unfinished = ".export-*"

func (d *dataset) writeFile(ctx context.Context, req Request, m Manifest, f Format, path string) error {
	switch f {
	case CSV:
		content, err := d.csv(req.BOM)
		if err != nil {
			return err
		}
		return replace(path, content)
	case XLSX:
		content, err := d.xlsx(m)
		if err != nil {
			return err
		}
		return replace(path, content)
	default:
		return d.parquet(ctx, req, path)
	}
}

// csv writes UTF-8 with CR LF ends; texts that a spreadsheet would run are quoted, numbers stay as they are and
// a null is an empty field.
func (d *dataset) csv(bom bool) ([]byte, error) {
	var b bytes.Buffer
	if bom {
		b.WriteString("\ufeff")
	}
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	head := make([]string, len(d.columns))
	for i, c := range d.columns {
		head[i] = c.name
	}
	if err := w.Write(head); err != nil {
		return nil, err
	}
	for _, row := range d.rows {
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = v.text
			if d.columns[i].kind == "text" {
				line[i] = safe(v.text)
			}
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// parquet hands the rows to the writer as one query of literals, so that the file has the types of the table.
func (d *dataset) parquet(ctx context.Context, req Request, path string) error {
	temp, err := os.MkdirTemp(filepath.Dir(path), unfinished)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file := filepath.Join(temp, "rows.parquet")
	rows, err := req.WriteParquet(ctx, d.query(), file)
	if err != nil {
		return err
	}
	if rows != int64(len(d.rows)) {
		return fault.New(fault.Damaged, "row_count", path, "run the export again", "%d rows were written of %d", rows, len(d.rows))
	}
	return os.Rename(file, path)
}

// query selects the rows from literals, in their order.
func (d *dataset) query() string {
	types := map[string]string{"text": "VARCHAR", "integer": "BIGINT", "decimal": "DECIMAL(38,6)"}
	var names, fields []string
	for _, c := range d.columns {
		names = append(names, c.name)
		fields = append(fields, fmt.Sprintf("CAST(v.%s AS %s) AS %s", c.name, types[c.kind], c.name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT %s FROM (VALUES\n", strings.Join(fields, ", "))
	for i, row := range d.rows {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "(%d", i)
		for _, v := range row {
			if v.ok {
				b.WriteString(", '" + strings.ReplaceAll(v.text, "'", "''") + "'")
			} else {
				b.WriteString(", NULL")
			}
		}
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, ") AS v(row_no, %s) ORDER BY v.row_no", strings.Join(names, ", "))
	return b.String()
}

// describe hashes a written file.
func describe(path string) (ManifestFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return ManifestFile{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return ManifestFile{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// replace writes a file in one step: under another name, flushed to disk, then renamed.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), unfinished)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	failpoint.Hit("export.temp_written")
	return os.Rename(f.Name(), path)
}
