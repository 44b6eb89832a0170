package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

func (a *app) statusCommand() *cobra.Command {
	var days int
	var asOf, at string
	command := &cobra.Command{
		Use:   "status",
		Short: "What arrived, what is missing, what is released",
		Long: `Shows every feed with its deliveries, the matrix of stores and business days with what was expected, received,
late and missing, and the latest release with its checks. Where a due time is configured, a day without a delivery is awaited until then and
missing afterwards, and a delivery that came in after it is late; elsewhere a day is awaited until the feed's late_after has
passed, by the last day shown. Store-days whose till reports state another total than their receipts are blocked.`,
		Example: "  omoflow status --days 7\n  omoflow status --at 2026-03-02T06:30:00+08:00\n  omoflow status --json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			now := time.Now()
			if at != "" {
				var err error
				if now, err = time.Parse(time.RFC3339, at); err != nil {
					return fault.Wrap(err, fault.Usage, "bad_moment", "--at="+at, "write it as 2026-03-02T06:30:00+08:00", "is no moment")
				}
			}
			return a.status(command.Context(), days, asOf, now)
		},
	}
	command.Flags().IntVar(&days, "days", 14, "business days to show")
	command.Flags().StringVar(&asOf, "as-of", "", "last business day to show, YYYY-MM-DD (default: the latest in the data)")
	command.Flags().StringVar(&at, "at", "", "moment that due times are compared with (default: now)")
	return command
}

// feedStatus is one feed's line of omoflow status.
type feedStatus struct {
	Source      string      `json:"source"`
	Feed        string      `json:"feed"`
	Batches     int         `json:"batches"`
	Files       int         `json:"files"`
	Refused     int         `json:"refused_files"`
	Counts      lake.Counts `json:"counts"`
	LastDate    string      `json:"last_business_date"`
	LastArrival time.Time   `json:"last_arrival"`
	coverage
}

// cell is one square of the completeness matrix.
type cell struct {
	Source   string `json:"source"`
	Feed     string `json:"feed"`
	Location string `json:"location_id"`
	Date     string `json:"business_date"`
	State    string `json:"state"`
	Records  string `json:"record_qty"`
	Due      string `json:"due_at,omitempty"` // by the location's clock
}

// statusData is the JSON form of omoflow status.
type statusData struct {
	Lake    string          `json:"lake"`
	Release int64           `json:"release"`
	At      *time.Time      `json:"released_at,omitempty"`
	Pending int64           `json:"batches_not_released"`
	Feeds   []feedStatus    `json:"feeds"`
	Matrix  []cell          `json:"matrix"`
	Tills   []tillDay       `json:"tills_blocked,omitempty"`
	Failed  []release.Check `json:"failed_checks"`
}

func (a *app) status(ctx context.Context, days int, asOf string, now time.Time) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	data := statusData{Lake: p.lake.Bucket.URL()}
	batches, err := p.lake.Batches(ctx)
	if err != nil {
		return err
	}
	data.Feeds = p.feeds(batches)
	rel, ok, err := release.Latest(ctx, p.lake)
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if batch.Seq > rel.Streams[batch.Log] {
			data.Pending++
		}
	}
	if ok {
		data.Release, data.At = rel.Seq, &rel.At
		for _, check := range rel.Checks {
			if check.Status != "passed" {
				data.Failed = append(data.Failed, check)
			}
		}
		if data.Matrix, err = p.matrix(ctx, rel, days, asOf, judge{now, arrivals(batches)}); err != nil {
			return err
		}
		if data.Tills, err = p.tills(ctx, rel, days, asOf); err != nil {
			return err
		}
	}
	missing := 0
	for _, c := range data.Matrix {
		if c.State == "missing" {
			missing++
		}
	}
	var next []string
	if data.Pending > 0 || !ok {
		next = append(next, "omoflow run")
	}
	for _, feed := range data.Feeds {
		if feed.Counts.Quarantined > 0 || feed.Refused > 0 {
			next = append(next, "omoflow quarantine list")
			break
		}
	}
	return a.result("status", data, data.Failed, next, func() error {
		a.printStatus(data, missing)
		return nil
	})
}

// feeds sums up the batches of every configured feed, and of feeds that are in the lake but no longer configured.
func (p *project) feeds(batches []lake.BatchEntry) []feedStatus {
	byName := map[string]*feedStatus{}
	for source, config := range p.config.Sources {
		for feed := range config.Feeds {
			byName[source+"/"+feed] = &feedStatus{Source: source, Feed: feed}
		}
	}
	for _, batch := range batches {
		key := batch.Source + "/" + batch.Feed
		if byName[key] == nil {
			byName[key] = &feedStatus{Source: batch.Source, Feed: batch.Feed}
		}
		byName[key].add(batch)
	}
	ends := map[string]int64{}
	for _, batch := range batches {
		ends[batch.Log] = max(ends[batch.Log], batch.Seq)
	}
	for feed, c := range coverages(batches, ends) {
		byName[feed[0]+"/"+feed[1]].coverage = c
	}
	var all []feedStatus
	for _, key := range sortedKeys(byName) {
		all = append(all, *byName[key])
	}
	return all
}

// add counts a batch.
func (f *feedStatus) add(batch lake.BatchEntry) {
	f.Batches++
	f.Files += len(batch.Files)
	f.Counts = f.Counts.Add(batch.Counts)
	for _, file := range batch.Files {
		if file.Refused {
			f.Refused++
		}
	}
	for _, staged := range batch.Staged {
		f.LastDate = max(f.LastDate, staged.MaxDate)
	}
	if batch.At.After(f.LastArrival) {
		f.LastArrival = batch.At
	}
}

// mounted opens a database with views over the named tables of a release.
func (p *project) mounted(ctx context.Context, rel release.Release, tables ...string) (*warehouse.DB, error) {
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return nil, err
	}
	if err := release.Mount(ctx, db, p.lake, p.cache, rel, tables...); err != nil {
		_ = db.Close() // the mount's error is the one to tell
		return nil, err
	}
	return db, nil
}

const completenessTable = "assessment.completeness"

// judge says what a day's state is at a moment.
type judge struct {
	now     time.Time
	arrived map[string]time.Time // batch -> when it came in
}

func arrivals(batches []lake.BatchEntry) map[string]time.Time {
	at := map[string]time.Time{}
	for _, b := range batches {
		at[b.ID] = b.At
	}
	return at
}

// state settles a cell by the due time, where there is one.
func (j judge) state(c *cell, due DueOn, zone *time.Location, firstBatch string) {
	at, ok := due.moment(c.Date, zone)
	if !ok {
		return
	}
	c.Due = at.Format(time.RFC3339)
	switch c.State {
	case "received", "late":
		if c.State = "received"; j.arrived[firstBatch].After(at) {
			c.State = "late"
		}
	case "missing":
		if j.now.Before(at) {
			c.State = "awaited"
		}
	}
}

// matrix reads the completeness of the last days up to asOf, or up to the latest day with data.
func (p *project) matrix(ctx context.Context, rel release.Release, days int, asOf string, by judge) ([]cell, error) {
	if _, ok := rel.Tables[completenessTable]; !ok {
		return nil, nil
	}
	db, err := p.mounted(ctx, rel, completenessTable)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Text(ctx, `
		WITH bound AS (SELECT coalesce(try_cast(? AS DATE), max(business_date) FILTER (WHERE received_qty > 0)) AS last FROM assessment.completeness)
		SELECT source, feed, location_id, business_date, state, record_qty, date_diff('day', business_date, last), first_batch
		FROM assessment.completeness, bound
		WHERE business_date BETWEEN last - CAST(? AS INTEGER) + 1 AND last
		ORDER BY source, feed, location_id, business_date`, asOf, days)
	if err != nil {
		return nil, err
	}
	var cells []cell
	asked := map[[3]string]int{} // stream and day of an API -> its cell
	for _, row := range rows {
		feed, configured := p.config.Sources[row[0]].Feeds[row[1]]
		if configured && feed.Expect == nil {
			continue // nothing is due from it, so nothing can be missing
		}
		c := cell{Source: row[0], Feed: row[1], Location: row[2], Date: row[3], State: row[4], Records: row[5]}
		if configured {
			if c.State == "missing" && feed.Expect.awaits(row[6]) {
				c.State = "awaited"
			}
			by.state(&c, feed.Expect.of(c.Location), p.config.zone(c.Location), row[7])
		}
		if _, api := platform(p.config.Sources[c.Source].Kind); api {
			c.Location = "" // nothing is due by location, and only orders name theirs
			at, seen := asked[[3]string{c.Source, c.Feed, c.Date}]
			if seen {
				cells[at].Records = added(cells[at].Records, c.Records)
				continue
			}
			asked[[3]string{c.Source, c.Feed, c.Date}] = len(cells)
		}
		cells = append(cells, c)
	}
	return cells, nil
}

// added gives the sum of two counts.
func added(a, b string) string {
	n, _ := strconv.ParseInt(a, 10, 64) // BIGINT
	m, _ := strconv.ParseInt(b, 10, 64)
	return strconv.FormatInt(n+m, 10)
}

// tillDay is a store-day whose till reports state another total than its receipts.
type tillDay struct {
	Location   string `json:"location_id"`
	Date       string `json:"business_date"`
	Currency   string `json:"currency_code"`
	Stated     string `json:"stated_amount"`
	Found      string `json:"found_amount"`
	Difference string `json:"difference_amount"`
}

const tillTable = "finance.till_day"

// tills reads the store-days of the last days that are blocked.
func (p *project) tills(ctx context.Context, rel release.Release, days int, asOf string) ([]tillDay, error) {
	if ref, ok := rel.Tables[tillTable]; !ok || ref.Rows == 0 {
		return nil, nil
	}
	db, err := p.mounted(ctx, rel, tillTable)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Text(ctx, `
		WITH bound AS (SELECT coalesce(try_cast(? AS DATE), max(business_date)) AS last FROM finance.till_day)
		SELECT location_id, business_date, currency_code, stated_amount, found_amount, difference_amount
		FROM finance.till_day, bound
		WHERE tender = '' AND state = 'beyond_tolerance' AND business_date BETWEEN last - CAST(? AS INTEGER) + 1 AND last
		ORDER BY location_id, business_date, currency_code`, asOf, days)
	var all []tillDay
	for _, r := range rows {
		all = append(all, tillDay{r[0], r[1], r[2], r[3], r[4], r[5]})
	}
	return all, err
}

// awaits tells whether a delivery may still come so many days after its business day.
func (e *Expectation) awaits(passed string) bool {
	days, err := strconv.Atoi(passed)
	patience, _ := e.patience() // validated
	return err == nil && days < patience
}

// marks are the letters of the matrix; a letter, not a colour, carries the state.
var marks = map[string]string{"received": "+", "late": "L", "missing": "-", "awaited": ".", "unexpected": "?"}

func (a *app) printStatus(data statusData, missing int) {
	if data.At == nil {
		a.print("lake %s: nothing released yet", data.Lake)
	} else {
		a.print("lake %s: release %d of %s, %d batches not released yet", data.Lake, data.Release, data.At.Format("2006-01-02 15:04 MST"), data.Pending)
	}
	var rows [][]string
	for _, f := range data.Feeds {
		arrival := "never"
		if !f.LastArrival.IsZero() {
			arrival = f.LastArrival.Format("2006-01-02 15:04")
		}
		rows = append(rows, []string{f.Source, f.Feed, fmt.Sprint(f.Files), fmt.Sprint(f.Counts.Read), fmt.Sprint(f.Counts.Accepted),
			fmt.Sprint(f.Counts.Duplicate), fmt.Sprint(f.Counts.Quarantined), fmt.Sprint(f.Counts.Ignored), fmt.Sprint(f.Refused), f.LastDate, arrival})
	}
	a.table([]string{"source", "feed", "files", "read", "accepted", "duplicate", "quarantined", "ignored", "refused files", "last business day", "last arrival"}, rows)
	if len(data.Matrix) > 0 {
		a.print("")
		a.printMatrix(data.Matrix)
		a.print("+ received   L late   - missing (%d)   . awaited   ? not expected   blank: not due", missing)
	}
	for _, t := range data.Tills {
		a.print("blocked: store %s on %s: the tills state %s %s, the receipts give %s, difference %s", t.Location, t.Date, t.Stated, t.Currency, t.Found, t.Difference)
	}
	for _, f := range data.Feeds {
		for _, line := range f.coverage.lines() {
			a.print("%s.%s: %s", f.Source, f.Feed, line)
		}
	}
	for _, check := range data.Failed {
		a.print("check %s (%s): %d rows %s", check.Name, check.Severity, check.Rows, check.Sample)
	}
}

func (a *app) printMatrix(cells []cell) {
	var dates, lines []string
	states := map[string]map[string]string{}
	for _, c := range cells {
		line := strings.Join([]string{c.Source, c.Feed, c.Location}, "\x00")
		if states[line] == nil {
			states[line] = map[string]string{}
			lines = append(lines, line)
		}
		states[line][c.Date] = marks[c.State]
		if !slices.Contains(dates, c.Date) {
			dates = append(dates, c.Date)
		}
	}
	slices.Sort(dates)
	header := []string{"source", "feed", "location"}
	for _, date := range dates {
		header = append(header, date[5:])
	}
	var rows [][]string
	for _, line := range lines {
		row := strings.Split(line, "\x00")
		for _, date := range dates {
			row = append(row, states[line][date])
		}
		rows = append(rows, row)
	}
	a.table(header, rows)
}
