package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// explainFlags are the flags of omoflow explain.
type explainFlags struct {
	release int64
	period  string
	scope   string
	limit   int
	raw     bool
}

func (a *app) explainCommand() *cobra.Command {
	var f explainFlags
	command := &cobra.Command{
		Use:   "explain KPI | TABLE COLUMN=VALUE...",
		Short: "Walk from a figure or a row to orders, lines, batch, file and line",
		Long: `With a KPI and a period: the stored figure with numerator, denominator and definition, the facts it is made of,
and the delivered lines behind the largest of them. With a table and column=value: that row, its lines, and where each
was delivered. Delivered text is shown with contact data masked; --raw shows it as it is.`,
		Example: `  omoflow explain net_sales --period 2026-02
  omoflow explain net_sales --period 2026-W07 --scope location:S01
  omoflow explain sales.order order_id=R-1001`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(command *cobra.Command, args []string) error {
			return a.explain(command.Context(), f, args)
		},
	}
	flags := command.Flags()
	flags.Int64Var(&f.release, "release", 0, "number of a past release (0: the latest)")
	flags.StringVar(&f.period, "period", "", "2026-02-14, 2026-W07, 2026-02 or 2026-Q1")
	flags.StringVar(&f.scope, "scope", "company", "company, channel:NAME or location:ID")
	flags.IntVar(&f.limit, "limit", 5, "delivered lines to show")
	flags.BoolVar(&f.raw, "raw", false, "show delivered text with its contact data")
	return command
}

// explanation is the JSON form of omoflow explain.
type explanation struct {
	Release int64               `json:"release"`
	Figure  map[string]string   `json:"figure,omitempty"`
	About   map[string]string   `json:"definition,omitempty"`
	Facts   []map[string]string `json:"facts"`
	Sources []delivered         `json:"delivered"`
}

// delivered is a fact and the line of the file it came from.
type delivered struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Amount string `json:"amount"`
	Batch  string `json:"batch"`
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Text   string `json:"text"`
}

func (a *app) explain(ctx context.Context, f explainFlags, args []string) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	rel, err := p.release(ctx, f.release, false)
	if err != nil {
		return err
	}
	var e explanation
	if strings.Contains(args[0], ".") || len(args) > 1 {
		e, err = p.explainRow(ctx, rel, args[0], args[1:], f)
	} else {
		e, err = p.explainKPI(ctx, rel, args[0], f)
	}
	if err != nil {
		return err
	}
	e.Release = rel.Seq
	return a.result("explanation", e, nil, nil, func() error {
		a.printExplanation(e)
		return nil
	})
}

// behind lists, for each area of KPIs, the facts that make its figures: table, date column, amount column, key column, condition.
var behind = map[string][]fact{
	"sales":      {{"sales.order_line", "home_net_amount", "order_key", "is_sale"}, {"sales.refund_line", "home_net_amount", "refund_key", "true"}},
	"customer":   {{"sales.order_line", "home_net_amount", "order_key", "is_sale AND customer_id IS NOT NULL"}},
	"inventory":  {{"inventory.movement", "cost_amount", "movement_key", "true"}},
	"conversion": {{"sales.order_line", "home_net_amount", "order_key", "is_sale"}},
}

type fact struct{ table, amount, key, condition string }

func (p *project) explainKPI(ctx context.Context, rel release.Release, kpi string, f explainFlags) (explanation, error) {
	var e explanation
	if f.period == "" {
		return e, fault.New(fault.Usage, "no_period", kpi, "add --period 2026-02", "a KPI is explained for a period")
	}
	when, err := parsePeriod(f.period)
	if err != nil {
		return e, err
	}
	scopeType, scopeID, _ := strings.Cut(f.scope, ":")
	if !slices.Contains([]string{"company", "channel", "location"}, scopeType) {
		return e, fault.New(fault.Usage, "bad_scope", f.scope, "write company, channel:store or location:S01", "is not a scope")
	}
	db, err := p.mounted(ctx, rel)
	if err != nil {
		return e, err
	}
	defer db.Close()
	definitions, err := maps(ctx, db, `SELECT * FROM assessment.kpi WHERE kpi_id = ?`, kpi)
	if err != nil {
		return e, err
	}
	if len(definitions) == 0 {
		known, err := db.Text(ctx, `SELECT kpi_id FROM assessment.kpi ORDER BY kpi_id`)
		if err != nil {
			return e, err
		}
		return e, unknownKPI(kpi, known)
	}
	figures, err := maps(ctx, db, `SELECT * FROM assessment.kpi_fact WHERE kpi_id = ? AND period_type = ? AND period_start = CAST(? AS DATE) AND scope_type = ? AND scope_id = ? ORDER BY kpi_version DESC, basis`,
		kpi, when.Kind, when.Start.Format("2006-01-02"), scopeType, scopeID)
	if err != nil {
		return e, err
	}
	if len(figures) == 0 {
		return e, fault.New(fault.Usage, "no_figure", fmt.Sprintf("%s %s %s", kpi, when, f.scope), "look at SELECT DISTINCT period_type, period_start, scope_type, scope_id FROM assessment.kpi_fact", "the release has no such figure")
	}
	e.About, e.Figure = definitions[0], figures[0]
	for _, source := range behind[e.About["area"]] {
		if err := p.addFacts(ctx, db, &e, source, when, scopeType, scopeID, f); err != nil {
			return e, err
		}
	}
	return e, nil
}

func unknownKPI(kpi string, known [][]string) error {
	var names []string
	for _, row := range known {
		names = append(names, row[0])
	}
	hint := "omoflow query \"SELECT kpi_id, name_en FROM assessment.kpi\" lists them"
	if near := fault.Nearest(kpi, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fault.New(fault.Usage, "unknown_kpi", kpi, hint, "is not a KPI of this release")
}

// addFacts adds the sum of one fact table over the figure's period and scope, and its largest delivered rows.
func (p *project) addFacts(ctx context.Context, db *warehouse.DB, e *explanation, source fact, when period, scopeType, scopeID string, f explainFlags) error {
	condition := source.condition + ` AND business_date BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)`
	args := []any{when.Start.Format("2006-01-02"), when.End.Format("2006-01-02")}
	if column := map[string]string{"channel": "channel", "location": "location_id"}[scopeType]; column != "" {
		condition += " AND " + column + " = ?"
		args = append(args, scopeID)
	}
	from := " FROM " + warehouse.Table(source.table) + " WHERE " + condition
	sums, err := maps(ctx, db, `SELECT count(*) AS row_qty, count(DISTINCT `+source.key+`) AS `+source.key+`_qty, sum(`+source.amount+`) AS `+source.amount+from, args...)
	if err != nil {
		return err
	}
	sums[0]["table"] = source.table
	e.Facts = append(e.Facts, sums[0])
	if source.table == "inventory.movement" {
		return nil // movements may be derived; their orders carry the delivery
	}
	rows, err := db.Text(ctx, `SELECT `+source.key+`, `+source.amount+`, batch, file_no, source_row`+from+` ORDER BY abs(`+source.amount+`) DESC NULLS LAST, `+source.key+`, line_key LIMIT `+strconv.Itoa(f.limit), args...)
	if err != nil {
		return err
	}
	return p.addDelivered(ctx, e, source.table, rows, f.raw)
}

// addDelivered finds the delivered line of each row (key, amount, batch, file_no, source_row).
func (p *project) addDelivered(ctx context.Context, e *explanation, table string, rows [][]string, raw bool) error {
	for _, row := range rows {
		fileNo, err1 := strconv.Atoi(row[3])
		sourceRow, err2 := strconv.ParseInt(row[4], 10, 64)
		if err1 != nil || err2 != nil {
			continue // a derived row has no delivery of its own
		}
		where, err := ingest.Locate(ctx, p.lake, row[2], fileNo, sourceRow)
		if err != nil {
			return err
		}
		text := where.Text
		if !raw {
			text = maskContacts(text)
		}
		e.Sources = append(e.Sources, delivered{table, row[0], row[1], row[2], where.File, where.Line, text})
	}
	return nil
}

// What looks like contact data in delivered text: e-mail addresses; Chinese mobile numbers in any grouping; numbers in
// international form; and any run of ten or more digits, which also hides card and account numbers.
var (
	emailPattern = regexp.MustCompile(`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+`)
	phonePattern = regexp.MustCompile(`(?:\+?86[ -]?)?\b1[3-9]\d[ -]?\d{4}[ -]?\d{4}\b|\+\d[\d -]{7,}\d|\d{10,}`)
)

// maskContacts hides what may be an e-mail address or a phone number, keeping three characters in front and two behind.
func maskContacts(text string) string {
	text = emailPattern.ReplaceAllString(text, "***@***")
	return phonePattern.ReplaceAllStringFunc(text, func(number string) string {
		return number[:3] + strings.Repeat("*", len(number)-5) + number[len(number)-2:]
	})
}

// explainRow shows rows of a table that match column=value, with the lines of an order, and where they were delivered.
func (p *project) explainRow(ctx context.Context, rel release.Release, table string, conditions []string, f explainFlags) (explanation, error) {
	var e explanation
	manifest, err := rel.Manifest(ctx, p.lake, table)
	if err != nil {
		return e, err
	}
	columns := map[string]bool{}
	var names []string
	for _, column := range manifest.Columns {
		columns[column.Name] = true
		names = append(names, column.Name)
	}
	where, args := "true", []any{}
	for _, condition := range conditions {
		name, value, ok := strings.Cut(condition, "=")
		if !ok || !columns[name] {
			hint := "write column=value with a column of the table"
			if near := fault.Nearest(name, names); near != "" {
				hint = "did you mean " + near + "?"
			}
			return e, fault.New(fault.Usage, "bad_condition", condition, hint, "is not column=value of %s", table)
		}
		where += " AND CAST(" + warehouse.Identifier(name) + " AS VARCHAR) = ?"
		args = append(args, value)
	}
	db, err := p.mounted(ctx, rel)
	if err != nil {
		return e, err
	}
	defer db.Close()
	from := " FROM " + warehouse.Table(table) + " WHERE " + where
	order := " ORDER BY " + strings.Join(manifest.Grain, ", ") + " LIMIT " + strconv.Itoa(f.limit)
	if e.Facts, err = maps(ctx, db, "SELECT *"+from+order, args...); err != nil {
		return e, err
	}
	if len(e.Facts) == 0 {
		return e, fault.New(fault.Usage, "no_row", table+" "+strings.Join(conditions, " "), "omoflow query shows what the table holds", "the release has no such row")
	}
	key := manifest.Grain[0]
	if columns["source_row"] {
		rows, err := db.Text(ctx, "SELECT "+key+", '', batch, file_no, source_row"+from+order, args...)
		if err != nil {
			return e, err
		}
		if err := p.addDelivered(ctx, &e, table, rows, f.raw); err != nil {
			return e, err
		}
	}
	if table == "sales.order" || table == "order" {
		rows, err := db.Text(ctx, `SELECT order_key, net_amount, batch, file_no, source_row FROM sales.order_line WHERE order_key IN (SELECT order_key`+from+`) ORDER BY order_key, line_key LIMIT 100`, args...)
		if err != nil {
			return e, err
		}
		return e, p.addDelivered(ctx, &e, "sales.order_line", rows, f.raw)
	}
	return e, nil
}

// maps runs a query and gives its rows by column name, null left out.
func maps(ctx context.Context, db *warehouse.DB, query string, args ...any) ([]map[string]string, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []map[string]string
	for rows.Next() {
		row := map[string]string{}
		for i, value := range rows.Text() {
			if !rows.Null(i) {
				row[rows.Columns()[i].Name] = value
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func (a *app) printExplanation(e explanation) {
	if e.Figure != nil {
		a.print("%s (%s / %s), release %d", e.Figure["kpi_id"], e.About["name_en"], e.About["name_zh"], e.Release)
		a.print("  %s %s to %s, %s %s", e.Figure["period_type"], e.Figure["period_start"], e.Figure["period_end"], e.Figure["scope_type"], e.Figure["scope_id"])
		a.print("  value %s = %s / %s %s (version %s, basis %s, n %s)", orNA(e.Figure["value"]), orNA(e.Figure["numerator"]), orNA(e.Figure["denominator"]), e.Figure["unit"], e.Figure["kpi_version"], e.Figure["basis"], orNA(e.Figure["sample_qty"]))
		a.print("  %s", e.About["about"])
		a.print("\nmade of")
	}
	for _, row := range e.Facts {
		var pairs []string
		for _, name := range sortedKeys(row) {
			if name != "table" {
				pairs = append(pairs, name+" "+row[name])
			}
		}
		a.print("  %s  %s", row["table"], strings.Join(pairs, "  "))
	}
	if len(e.Sources) == 0 {
		return
	}
	a.print("\ndelivered as")
	for _, s := range e.Sources {
		a.print("  %s %s %s\n    %s line %d (batch %s)\n    %s", s.Table, s.Key, s.Amount, s.File, s.Line, s.Batch, s.Text)
	}
}

func orNA(text string) string {
	if text == "" {
		return "n/a"
	}
	return text
}
