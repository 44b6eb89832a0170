package world

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// answers makes a query that says exactly what the truth wants, but for one changed cell.
func answers(t Truth, table, key, column, value string) Query {
	all := t.comparisons()
	return func(_ context.Context, sql string) (rows [][]string, err error) {
		for _, c := range all {
			if c.sql != sql {
				continue
			}
			for k, want := range c.want {
				row := append([]string{k}, want...)
				for i, name := range c.columns {
					if c.table == table && name == column && (key == "" || key == k) {
						row[i+1] = value
					}
				}
				if value != "drop" || c.table != table || key != k {
					rows = append(rows, row)
				}
			}
		}
		return rows, nil
	}
}

func TestCompareFindsEveryWrongFigure(t *testing.T) {
	o := small()
	o.Days = 12
	truth, err := TruthOf(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if found, err := truth.Compare(ctx, answers(truth, "", "", "", "")); err != nil || len(found) > 0 {
		t.Fatalf("the truth differs from itself: %v, %v", found, err)
	}
	key := "2026-01-03 S01 CNY"
	found, err := truth.Compare(ctx, answers(truth, "sales.order", key, "net", "1.0000"))
	if err != nil || len(found) != 1 || !strings.HasPrefix(found[0].String(), "sales.order "+key+": net is 1.0000, the truth is ") {
		t.Errorf("%v, %v", found, err)
	}
	found, _ = truth.Compare(ctx, answers(truth, "sales.order", key, "net", "drop"))
	if len(found) != 19 || found[0].Got != "absent" {
		t.Errorf("a missing row gave %d differences: %v", len(found), found)
	}
	broken := errors.New("no such table")
	if _, err := truth.Compare(ctx, func(context.Context, string) ([][]string, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
