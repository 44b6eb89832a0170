package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/alert"
)

const countDutyTable = "inventory.count_duty"

// countDue is one line of omoflow stocktake due.
type countDue struct {
	Location string `json:"location_id"`
	Part     string `json:"part"` // a category with a rule of its own; empty is everything else
	State    string `json:"state"`
	Due      string `json:"due_on"`
	Overdue  int64  `json:"overdue_days"` // negative: days left
	Last     string `json:"last_count_on,omitempty"`
	Since    string `json:"begin_on"`
	Every    int64  `json:"every_days"`
}

func (a *app) stocktakeCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "stocktake", Short: "Which stores have to count their stock",
		Long: `How often stock is counted stands under stocktake in omoflow.yaml: every location once in 90 days when nothing is said; a category or a
location may have its own time. Online shops and places without shelves are left out.`,
		Example: "  omoflow stocktake due",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	var asOf string
	var all bool
	due := &cobra.Command{
		Use: "due", Short: "Counts that are due soon, due today or overdue", Args: arguments(cobra.NoArgs),
		Long: `Lists the locations, and the categories with a time of their own, whose next count is due within the time of stocktake.remind (7 days) or
should have come before. A count is overdue from the day after its due day. Goods that were never counted are due since their first day in
stock. Only counts that the latest release knows are seen.`,
		Example: "  omoflow stocktake due\n  omoflow stocktake due --as-of 2026-03-31 --json\n  omoflow stocktake due --all",
		RunE: func(command *cobra.Command, _ []string) error {
			return a.stocktakeDue(command.Context(), asOf, all)
		},
	}
	due.Flags().StringVar(&asOf, "as-of", "", "day to judge by, YYYY-MM-DD (default: today by the company's clock)")
	due.Flags().BoolVar(&all, "all", false, "also what is not due yet")
	command.AddCommand(due)
	return command
}

func (a *app) stocktakeDue(ctx context.Context, asOf string, all bool) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	if asOf == "" {
		asOf = p.config.today(time.Now())
	}
	if _, err := time.Parse(time.DateOnly, asOf); err != nil {
		return fault.New(fault.Usage, "bad_date", "--as-of="+asOf, "write it as 2026-03-31", "is not a date")
	}
	rel, err := p.release(ctx, 0, false)
	if err != nil {
		return err
	}
	remind, err := p.config.Stocktake.remind()
	if err != nil {
		return err
	}
	if all {
		remind = mostCountDays
	}
	list, err := p.countsDue(ctx, rel, asOf, remind)
	if err != nil {
		return err
	}
	data := struct {
		AsOf    string     `json:"as_of"`
		Release int64      `json:"release"`
		Due     []countDue `json:"due"`
	}{asOf, rel.Seq, list}
	return a.result("stocktake_due", data, nil, nil, func() error {
		a.printCounts(asOf, list)
		return nil
	})
}

func (a *app) printCounts(asOf string, list []countDue) {
	if len(list) == 0 {
		a.print("no count is due on %s", asOf)
		return
	}
	var rows [][]string
	for _, c := range list {
		part, last := c.Part, c.Last
		if part == "" {
			part = "everything else"
		}
		if last == "" {
			last = "never; in stock since " + c.Since
		}
		state := c.State
		switch c.State {
		case "overdue":
			state = fmt.Sprintf("overdue for %d days", c.Overdue)
		case "soon", "later":
			state = fmt.Sprintf("in %d days", -c.Overdue)
		}
		rows = append(rows, []string{c.Location, part, state, c.Due, last, fmt.Sprintf("%d days", c.Every)})
	}
	a.print("as of %s", asOf)
	a.table([]string{"location", "goods", "state", "due on", "last count", "every"}, rows)
}

// today is the date by the company's clock.
func (c *Config) today(now time.Time) string {
	zone, err := time.LoadLocation(c.Company.Zone)
	if err != nil {
		zone = time.UTC // validated
	}
	return now.In(zone).Format(time.DateOnly)
}

// countsDue gives what a release knows to be due by a day, or within so many days after it, the longest overdue first.
func (p *project) countsDue(ctx context.Context, rel release.Release, asOf string, remind int) ([]countDue, error) {
	list := []countDue{}
	if _, ok := rel.Tables[countDutyTable]; !ok {
		return list, nil
	}
	db, err := p.mounted(ctx, rel, countDutyTable)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Text(ctx, `
		WITH day AS (SELECT CAST(? AS DATE) AS as_of)
		SELECT location_id, part, due_on, date_diff('day', due_on, as_of), coalesce(CAST(last_count_on AS VARCHAR), ''), begin_on, every_days
		FROM inventory.count_duty, day
		WHERE begin_on <= as_of AND (counted_on IS NULL OR counted_on > as_of) AND (closed_on IS NULL OR closed_on > as_of)
		  AND date_diff('day', as_of, due_on) <= CAST(? AS INTEGER)
		ORDER BY due_on, location_id, part`, asOf, remind)
	if err != nil {
		return nil, err
	}
	usual, err := p.config.Stocktake.remind()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		overdue, _ := strconv.ParseInt(row[3], 10, 64) // both are BIGINT
		every, _ := strconv.ParseInt(row[6], 10, 64)
		c := countDue{Location: row[0], Part: row[1], Due: row[2], Overdue: overdue, Last: row[4], Since: row[5], Every: every}
		switch {
		case overdue > 0:
			c.State = "overdue"
		case overdue == 0:
			c.State = "due"
		case -overdue <= int64(usual):
			c.State = "soon"
		default:
			c.State = "later"
		}
		list = append(list, c)
	}
	return list, nil
}

// countFacts gives what the rule of kind stocktake looks at.
func (p *project) countFacts(ctx context.Context, rel release.Release, today string) ([]alert.Count, error) {
	remind, err := p.config.Stocktake.remind()
	if err != nil {
		return nil, err
	}
	list, err := p.countsDue(ctx, rel, today, remind)
	if err != nil {
		return nil, err
	}
	facts := make([]alert.Count, len(list))
	for i, c := range list {
		facts[i] = alert.Count{Location: c.Location, Part: c.Part, Last: c.Last, Since: c.Since, Due: c.Due, Overdue: c.Overdue}
	}
	return facts, nil
}
