package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/strictyaml"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/transforms"
)

// goldenProject is examples/<dataset>/golden.yaml: one SQL on the released tables per figure.
type goldenProject struct {
	Figures map[string]string `yaml:"figures"`
}

// goldenFigure is one published figure: a number, a text, a list, or an object of those.
type goldenFigure struct {
	Value      json.RawMessage `json:"value"`
	Definition string          `json:"definition"`
}

// ratioMacro is exact division to six decimals, half away from zero, as golden.yaml uses it.
const ratioMacro = `CREATE MACRO ratio(a, b) AS CAST((2 * abs(CAST(CAST(a AS DECIMAL(38,4)) * 10000 AS HUGEINT)) * 1000000
  + abs(CAST(CAST(b AS DECIMAL(38,4)) * 10000 AS HUGEINT))) // (2 * abs(CAST(CAST(b AS DECIMAL(38,4)) * 10000 AS HUGEINT))) AS DECIMAL(32,0))
  * CAST(0.000001 AS DECIMAL(6,6))`

// TestGolden runs every example project on its public dataset and compares each figure with the published one.
func TestGolden(t *testing.T) {
	if os.Getenv("OMOFLOW_GOLDEN") == "" {
		t.Skip("run by `make golden`")
	}
	shared := sharedFolder(t)
	text, err := os.ReadFile(filepath.Join(shared, "data", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Datasets map[string]map[string]goldenFigure `json:"datasets"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	delete(golden.Datasets, "identity") // people, not orders, stock or traffic
	var reached, all atomic.Int64
	t.Cleanup(func() { // after the datasets, which run as many at a time as there are cores
		fmt.Printf("golden: %d of %d\n", reached.Load(), all.Load())
		if missing := all.Load() - reached.Load(); missing > 0 {
			t.Errorf("%d figures differ", missing)
		}
	})
	for _, name := range sortedKeys(golden.Datasets) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all.Add(int64(len(golden.Datasets[name])))
			reached.Add(int64(checkDataset(t, name, filepath.Join(shared, "data", name), golden.Datasets[name])))
		})
	}
}

// checkDataset runs one example and counts the figures that are equal.
func checkDataset(t *testing.T, name, data string, figures map[string]goldenFigure) (reached int) {
	dir := filepath.Join("..", "..", "examples", name)
	text, err := os.ReadFile(filepath.Join(dir, "golden.yaml"))
	if err != nil {
		t.Error(err)
		return 0
	}
	var project goldenProject
	if err := strictyaml.Decode(filepath.Join(dir, "golden.yaml"), 1, text, &project); err != nil {
		t.Error(err)
		return 0
	}
	for figure := range project.Figures {
		if _, ok := figures[figure]; !ok {
			t.Errorf("golden.yaml: %s is no figure of the dataset", figure)
		}
	}
	db := runExample(t, dir, data, project.Figures)
	if err := db.Exec(t.Context(), ratioMacro); err != nil {
		t.Fatal(err)
	}
	for _, figure := range sortedKeys(figures) {
		got, err := readFigure(t.Context(), db, project.Figures[figure], figures[figure].Value)
		if err == nil {
			reached++
			fmt.Printf("golden %s.%s ok\n", name, figure)
			continue
		}
		fmt.Printf("golden %s.%s DIFFERS\n", name, figure)
		t.Errorf("%s.%s: want %s, got %s: %v", name, figure, figures[figure].Value, got, err)
	}
	return reached
}

// readFigure runs a figure's SQL and compares its rows with the published value.
func readFigure(ctx context.Context, db *warehouse.DB, sql string, want json.RawMessage) (got string, err error) {
	if sql == "" {
		return "nothing", fmt.Errorf("golden.yaml has no SQL for it")
	}
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return "an error", err
	}
	defer rows.Close()
	var names []string
	for _, column := range rows.Columns() {
		if column.Type == "DOUBLE" || column.Type == "FLOAT" {
			return column.Name, fmt.Errorf("a figure may not pass through %s", column.Type)
		}
		names = append(names, column.Name)
	}
	var cells [][]string
	for rows.Next() {
		cells = append(cells, slices.Clone(rows.Text()))
	}
	if err := rows.Err(); err != nil {
		return "an error", err
	}
	return fmt.Sprint(cells), compareFigure(names, cells, want)
}

// compareFigure maps rows to the shape of the published value: an object is one row of named columns or one row per
// key, a list is one row or one column, anything else is one cell.
func compareFigure(names []string, cells [][]string, want json.RawMessage) error {
	switch bytes.TrimSpace(want)[0] {
	case '{':
		var object map[string]json.RawMessage
		if err := json.Unmarshal(want, &object); err != nil {
			return err
		}
		got := map[string][]string{}
		if len(cells) == 1 && slices.Equal(slices.Sorted(slices.Values(names)), sortedKeys(object)) {
			for i, name := range names {
				got[name] = cells[0][i : i+1]
			}
		} else {
			for _, row := range cells {
				got[row[0]] = row[1:]
			}
		}
		if len(got) != len(object) || len(cells) > 1 && len(cells) != len(object) {
			return fmt.Errorf("%d keys, want %d", len(got), len(object))
		}
		for _, key := range sortedKeys(object) {
			if err := compareList(got[key], object[key]); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	case '[':
		if len(cells) == 1 {
			return compareList(cells[0], want)
		}
		var column []string
		for _, row := range cells {
			column = append(column, row[0])
		}
		return compareList(column, want)
	}
	if len(cells) != 1 || len(cells[0]) != 1 {
		return fmt.Errorf("%d rows, want one value", len(cells))
	}
	return compareCell(cells[0][0], want)
}

// compareList compares values in order; a single value may stand without brackets.
func compareList(got []string, want json.RawMessage) error {
	list := []json.RawMessage{want}
	if bytes.TrimSpace(want)[0] == '[' {
		if err := json.Unmarshal(want, &list); err != nil {
			return err
		}
	}
	if len(got) != len(list) {
		return fmt.Errorf("%d values, want %d", len(got), len(list))
	}
	for i, value := range list {
		if err := compareCell(got[i], value); err != nil {
			return err
		}
	}
	return nil
}

var decimalPattern = regexp.MustCompile(`^-?[0-9]+\.[0-9]+$`)

// compareCell wants counts and texts to be the same text and decimals to be the same number, to the last digit.
func compareCell(got string, want json.RawMessage) error {
	text := strings.TrimSpace(string(want))
	if text[0] == '"' {
		if err := json.Unmarshal(want, &text); err != nil {
			return err
		}
		if decimalPattern.MatchString(text) {
			exact, ok := new(big.Rat).SetString(text)
			found, readable := new(big.Rat).SetString(got)
			if ok && readable && exact.Cmp(found) == 0 {
				return nil
			}
		}
	}
	if got != text {
		return fmt.Errorf("%q, want %q", got, text)
	}
	return nil
}

// sharedFolder finds the folder with the public datasets: OMOFLOW_SHARED, else a folder shared beside the repository.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("OMOFLOW_SHARED")
	if dir == "" {
		at, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; dir == "" && at != filepath.Dir(at); at = filepath.Dir(at) {
			if _, err := os.Stat(filepath.Join(at, "shared", "data", "golden.json")); err == nil {
				dir = filepath.Join(at, "shared")
			}
		}
	}
	if dir == "" {
		t.Skip("the public datasets are not here: set OMOFLOW_SHARED to the folder that holds data/golden.json")
	}
	return dir
}

// runExample runs an example project on its dataset, over a lake of its own, and mounts the release.
func runExample(t *testing.T, dir, data string, read map[string]string) *warehouse.DB {
	t.Helper()
	ctx := t.Context()
	config, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range config.Sources {
		if rest, ok := strings.CutPrefix(source.Path, "./data"); ok {
			source.Path = filepath.Join(data, rest)
			config.Sources[name] = source
		}
	}
	config.Lake = t.TempDir()
	p, err := openConfigured(ctx, config, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	quiet := &app{stdout: os.Stdout, stderr: os.Stderr, quiet: true}
	if _, err := p.ingest(ctx, quiet, nil, past{}); err != nil {
		t.Fatal(err)
	}
	rel := buildRead(t, p, quiet, read)
	db, err := p.mounted(ctx, rel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // in memory
	return db
}

// buildRead builds and publishes the tables that the figures read, all that these are made of, and every staging table
// for the conservation proof. OMOFLOW_GOLDEN=all builds every model.
func buildRead(t *testing.T, p *project, quiet *app, figures map[string]string) release.Release {
	t.Helper()
	db, err := warehouse.Open(t.Context(), p.engine())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	options, err := p.buildOptions(quiet, db)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("OMOFLOW_GOLDEN") != "all" {
		only(options.Project, figures)
	}
	candidate, err := transforms.Build(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := candidate.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// only keeps the models that the figures need, and the checks that look at nothing else.
func only(models *transforms.Project, figures map[string]string) {
	needed := map[string]bool{}
	for _, m := range models.Models {
		quoted := regexp.MustCompile(`\b` + strings.ReplaceAll(regexp.QuoteMeta(m.Name), `\.`, `\."?`) + `\b`)
		needed[m.Name] = strings.HasPrefix(m.Name, "stg_")
		for _, sql := range figures {
			needed[m.Name] = needed[m.Name] || quoted.MatchString(sql)
		}
	}
	for _, m := range slices.Backward(models.Models) { // readers come after what they read
		for _, input := range m.Inputs {
			needed[input.Name] = needed[input.Name] || needed[m.Name]
		}
	}
	models.Models = slices.DeleteFunc(models.Models, func(m *transforms.Model) bool { return !needed[m.Name] })
	models.Checks = slices.DeleteFunc(models.Checks, func(m *transforms.Model) bool {
		return slices.ContainsFunc(m.Inputs, func(input transforms.Input) bool {
			_, isModel := models.Model(input.Name)
			return isModel && !needed[input.Name]
		})
	})
}
