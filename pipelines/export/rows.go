package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// column is a column of the long table. kind is text, integer or decimal.
type column struct{ name, kind string }

// columns are the columns of the export in their order. The table of a release may not carry all of them yet;
// such a column stays empty and the manifest says so, so that readers of the files need not change later.
func columns() []column {
	return []column{
		{"period_id", "text"}, {"calendar_id", "text"}, {"entity", "text"}, {"channel_origin", "text"}, {"channel_fulfil", "text"}, {"location_id", "text"}, {"category", "text"},
		{"kpi_id", "text"}, {"kpi_version", "integer"}, {"basis", "text"}, {"numerator", "decimal"}, {"denominator", "decimal"}, {"value", "decimal"}, {"unit", "text"}, {"currency_code", "text"},
		{"fx_rate_set", "text"}, {"tax_basis", "text"}, {"status", "text"}, {"restatement_no", "integer"}, {"as_reported_value", "decimal"}, {"reason_code", "text"},
		{"data_as_of", "text"}, {"release", "integer"}, {"row_hash", "text"},
	}
}

// value is a cell: a text, or null.
type value struct {
	text string
	ok   bool
}

// dataset is what one export holds.
type dataset struct {
	columns  []column
	rows     [][]value
	ties     []TieOut
	previous []map[string]string
	release  Release
}

// load reads the period, the period before and the tie-outs.
func load(ctx context.Context, src Source, req Request) (*dataset, error) {
	rel, err := src.Release(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the release: %w", err)
	}
	d := &dataset{columns: columns(), release: rel}
	list, err := src.Rows(ctx, "finance.finance_kpi", map[string]string{"period_id": req.Period})
	if errors.Is(err, ErrNotReleased) {
		return nil, fault.Wrap(err, fault.Usage, "not_released", "finance.finance_kpi", "run omoflow run first", "the release holds no finance figures")
	}
	if err != nil {
		return nil, fmt.Errorf("read finance.finance_kpi: %w", err)
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Usage, "empty_period", req.Period, "choose a month that the release has figures for", "there are no finance figures for this period")
	}
	for _, row := range list {
		line, err := d.line(row)
		if err != nil {
			return nil, err
		}
		d.rows = append(d.rows, line)
	}
	_, before, err := month(req.Period)
	if err != nil {
		return nil, err
	}
	if d.previous, err = src.Rows(ctx, "finance.finance_kpi", map[string]string{"period_id": before}); err != nil {
		return nil, fmt.Errorf("read the period before: %w", err)
	}
	ties, err := src.Rows(ctx, "finance.tie_out", map[string]string{"period_id": req.Period})
	if err != nil && !errors.Is(err, ErrNotReleased) {
		return nil, fmt.Errorf("read finance.tie_out: %w", err)
	}
	for _, t := range ties {
		d.ties = append(d.ties, TieOut{Control: t["control"], Left: t["left_amount"], Right: t["right_amount"], Difference: t["difference_amount"], Tolerance: t["tolerance_amount"], Tied: t["is_tied"] == "true", Blocking: t["is_blocking"] != "false"})
	}
	return d, nil
}

// line sets a row in the order of the columns and adds what identifies it.
func (d *dataset) line(row map[string]string) ([]value, error) {
	out := make([]value, len(d.columns))
	h := sha256.New()
	for i, c := range d.columns {
		v, ok := row[c.name]
		switch c.name {
		case "data_as_of":
			v, ok = d.release.DataAsOf, d.release.DataAsOf != ""
		case "release":
			v, ok = fmt.Sprint(d.release.Seq), true
		case "row_hash":
			v, ok = hex.EncodeToString(h.Sum(nil)), true
		default:
			// A null differs from an empty text, and no text can imitate the marks between fields.
			if ok {
				fmt.Fprintf(h, "%s=%d:%s;", c.name, len(v), v)
			} else {
				fmt.Fprintf(h, "%s;", c.name)
			}
		}
		if ok && c.kind != "text" && !isNumber(v, c.kind) {
			return nil, fault.New(fault.Damaged, "not_a_number", "finance.finance_kpi."+c.name, "run omoflow check", "%q is not a number", v)
		}
		out[i] = value{v, ok}
	}
	return out, nil
}

func isNumber(text, kind string) bool {
	if kind == "integer" {
		return regexp.MustCompile(`^-?[0-9]{1,18}$`).MatchString(text)
	}
	return regexp.MustCompile(`^-?[0-9]{1,32}(\.[0-9]{1,18})?$`).MatchString(text)
}

// month checks a month and gives the one before.
func month(name string) (this, before string, err error) {
	t, err := time.Parse("2006-01", name)
	if err != nil {
		return "", "", fault.New(fault.Usage, "bad_period", name, "write a month as 2026-01", "the period cannot be read")
	}
	return name, t.AddDate(0, -1, 0).Format("2006-01"), nil
}

// safe makes a text that a spreadsheet program would run as a formula harmless.
func safe(text string) string {
	if text == "" {
		return text
	}
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(text, first) {
			return "'" + text
		}
	}
	return text
}
