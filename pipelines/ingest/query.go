package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// clock gives the rules of time for the batch's files.
func (b *batch) clock() clock {
	c := clock{zone: b.Profile.Dates.Zone, cutover: b.Profile.Dates.Cutover, locations: b.opt.Locations, from: 2000, to: 2001}
	if c.zone == "" {
		c.zone = b.opt.Zone
	}
	first := true
	for _, t := range b.files {
		if e := t.outcome.Evidence; e.MinYear > 0 {
			if first {
				c.from, c.to, first = e.MinYear, e.MaxYear, false
			}
			c.from, c.to = min(c.from, e.MinYear), max(c.to, e.MaxYear)
		}
	}
	c.from, c.to = c.from-1, c.to+1
	return c
}

func (b *batch) offsets() bool {
	for _, t := range b.files {
		if t.outcome.Evidence.Offset {
			return true
		}
	}
	return false
}

// query writes the SELECT that makes a stream's staged rows, in file and record order.
func (b *batch) query(s profile.StreamPlan) (string, error) {
	q := &streamQuery{batch: b, StreamPlan: s, clock: b.clock(), offsets: b.offsets(), own: map[string]profile.ColumnPlan{}}
	for _, c := range s.Columns {
		q.own[c.Column.Name] = c
	}
	inner := q.inner()
	if len(s.OnePer) > 0 {
		inner = q.grouped(inner)
	}
	outer, err := q.outer()
	if err != nil {
		return "", err
	}
	text := "SELECT\n  " + strings.Join(outer, ",\n  ") + "\nFROM (\n" + inner + "\n)"
	// Grouping and numbering lose the order of the records; the same bytes must come out of every run.
	if len(s.OnePer) > 0 || s.Each != nil || slices.ContainsFunc(s.Columns, func(c profile.ColumnPlan) bool { return c.Auto }) {
		text += "\nORDER BY _f, _r, source_record_id"
	}
	return text, nil
}

type streamQuery struct {
	*batch
	profile.StreamPlan
	clock   clock
	offsets bool
	own     map[string]profile.ColumnPlan
}

// raw tells columns that are aggregated before they are cast, so that nothing is rounded twice.
func raw(c profile.ColumnPlan) bool { return c.Agg != "first" }

// instant is the column that holds the UTC twin of a time.
func instant(name string) string { return warehouse.Identifier(name + "~u") }

// local is the column that holds a time before it is converted.
func local(name string) string { return warehouse.Identifier(name + "~l") }

// inner types the values of each record.
func (q *streamQuery) inner() string {
	list := []string{"_f", "_r", "_a"}
	times := func(c profile.ColumnPlan) {
		name := c.Column.Name
		list = append(list, "TRY_CAST(("+c.SQL+") AS TIMESTAMP) AS "+local(name))
		if q.offsets {
			twin := "CAST(NULL AS TIMESTAMP)"
			if c.Slot != "" && q.plan.IsTime(c.Slot) {
				twin = c.Slot + profile.InstantSuffix
			}
			list = append(list, twin+" AS "+instant(name))
		}
	}
	for _, c := range q.Columns {
		id := warehouse.Identifier(c.Column.Name)
		switch {
		case c.Auto:
		case c.Column.Type == "TIMESTAMP":
			times(c)
		case raw(c):
			list = append(list, "("+c.SQL+") AS "+id)
		case c.Exact:
			list = append(list, c.SQL+" AS "+id)
		case q.strict && c.Bad != "null":
			list = append(list, cast("CAST", c)+" AS "+id)
		default:
			list = append(list, tryCast(c)+" AS "+id)
		}
	}
	if q.Event != nil {
		event := *q.Event
		event.Column.Name = "event_at"
		times(event)
	}
	if q.BusinessDate != nil {
		list = append(list, tryCast(*q.BusinessDate)+` AS "business_date~x"`)
	}
	if q.Version != "" {
		list = append(list, "CAST(("+q.Version+`) AS VARCHAR) AS "source_version~x"`)
	}
	where := []string{}
	if q.Where != "" {
		where = append(where, "coalesce(("+q.Where+"), false)")
	}
	if q.plan.Gone != "" {
		where = append(where, q.notGone("true"))
	}
	if q.Profile.Whole {
		list = append(list, q.plan.HashSlot()+" AS delivered")
	}
	if q.anyRefused() {
		where = append(where, "NOT EXISTS (SELECT 1 FROM bad_record AS bad WHERE bad._f = record._f AND bad._r = record._r)")
	}
	if q.unchecked {
		for _, c := range q.Columns {
			if condition, _ := check(q.StreamPlan, c); condition != "" {
				where = append(where, "NOT ("+condition+")")
			}
		}
	}
	text := "  SELECT " + strings.Join(list, ", ") + "\n  FROM record"
	if q.Each != nil {
		var parts []string
		for i, word := range q.Each.Words {
			parts = append(parts, fmt.Sprintf("(%d, %s)", i, warehouse.Literal(word)))
		}
		text += " CROSS JOIN (VALUES " + strings.Join(parts, ", ") + ") AS part (part_no, each_name)"
		where = append(where, "coalesce("+q.Each.Amount+", 0) <> 0")
	}
	if len(where) > 0 {
		text += "\n  WHERE " + strings.Join(where, " AND ")
	}
	return text
}

// anyRefused tells whether SQL refused records: without any the filter is left out.
func (b *batch) anyRefused() bool {
	for _, t := range b.files {
		if t.DuplicateOf == nil && (t.Refused && t.outcome.Accepted > 0 || t.refused > t.outcome.Refused || t.same > 0) {
			return true
		}
	}
	return false
}

// grouped folds the records of one key into one row.
func (q *streamQuery) grouped(inner string) string {
	list := []string{"_f", "min(_r) AS _r", "arg_min(_a, _r) AS _a"}
	first := func(id string) { list = append(list, "arg_min("+id+", _r) AS "+id) }
	times := func(name string) {
		first(local(name))
		if q.offsets {
			first(instant(name))
		}
	}
	keys := []string{"_f"}
	for _, c := range q.Columns {
		id := warehouse.Identifier(c.Column.Name)
		switch {
		case c.Auto:
		case slices.Contains(q.OnePer, c.Column.Name):
			if c.Column.Type == "TIMESTAMP" {
				keys = append(keys, local(c.Column.Name))
				list = append(list, local(c.Column.Name))
				if q.offsets {
					first(instant(c.Column.Name))
				}
				continue
			}
			keys = append(keys, id)
			list = append(list, id)
		case c.Column.Type == "TIMESTAMP":
			times(c.Column.Name)
		case raw(c):
			list = append(list, fmt.Sprintf("CAST(%s(%s) AS %s) AS %s", c.Agg, id, c.Column.Type, id))
		default:
			first(id)
		}
	}
	if q.Event != nil {
		times("event_at")
	}
	if q.BusinessDate != nil {
		first(`"business_date~x"`)
	}
	if q.Version != "" {
		first(`"source_version~x"`)
	}
	if q.Profile.Whole {
		first("delivered")
	}
	return "  SELECT " + strings.Join(list, ", ") + "\n  FROM (\n" + inner + "\n  )\n  GROUP BY " + strings.Join(keys, ", ")
}

// utc writes the instant of a time column.
func (q *streamQuery) utc(name, location string) (string, error) {
	sql, err := q.clock.toUTC(local(name), location)
	if err == nil && q.offsets {
		sql = "coalesce(" + instant(name) + ", " + sql + ")"
	}
	return sql, err
}

// outer lists the staged columns.
func (q *streamQuery) outer() ([]string, error) {
	location := ""
	if _, ok := q.own["location_id"]; ok {
		location = `"location_id"`
	}
	event, day := "CAST(NULL AS TIMESTAMP)", "CAST(NULL AS DATE)"
	if q.Event != nil {
		var err error
		if event, err = q.utc("event_at", location); err != nil {
			return nil, err
		}
		here := local("event_at")
		if q.offsets {
			back, err := q.clock.toLocal(instant("event_at"), location)
			if err != nil {
				return nil, err
			}
			here = "coalesce(" + back + ", " + here + ")"
		}
		if day, err = q.clock.businessDate(here, location); err != nil {
			return nil, err
		}
	}
	if !q.Stream.Dated {
		day = "CAST(NULL AS DATE)"
	}
	if q.BusinessDate != nil {
		day = `coalesce("business_date~x", ` + day + ")"
	}
	version := "''"
	if q.Version != "" {
		version = `coalesce("source_version~x", '')`
	}
	list := []string{
		warehouse.Literal(q.batch.Source) + " AS source", q.recordID() + " AS source_record_id", version + " AS source_version",
		warehouse.Literal(q.body.ID) + " AS batch", "CAST(_f AS INTEGER) AS file_no", "CAST(_r AS BIGINT) AS source_row",
		event + " AS event_at", day + " AS business_date",
	}
	for _, c := range q.Stream.Columns {
		id := warehouse.Identifier(c.Name)
		own, ok := q.own[c.Name]
		switch {
		case !ok:
			list = append(list, "CAST(NULL AS "+c.Type+") AS "+id)
		case own.Auto:
			list = append(list, q.position(c.Type)+" AS "+id)
		case c.Type == "TIMESTAMP":
			sql, err := q.utc(c.Name, location)
			if err != nil {
				return nil, err
			}
			list = append(list, sql+" AS "+id)
		default:
			list = append(list, id)
		}
	}
	if list = append(list, "_a AS attributes"); q.Profile.Whole {
		list = append(list, "delivered")
	}
	return list, nil
}

// position numbers the rows of one owner, which the first key column names, in the order of the file.
func (q *streamQuery) position(typ string) string {
	return "CAST(row_number() OVER (PARTITION BY _f, " + warehouse.Identifier(q.Stream.Key[0]) + " ORDER BY _r) AS " + typ + ")"
}

// recordID joins the key columns that the stream has.
func (q *streamQuery) recordID() string {
	var parts []string
	for _, key := range q.Stream.Key {
		c, ok := q.own[key]
		switch {
		case !ok:
			parts = append(parts, "''")
		case c.Auto:
			parts = append(parts, q.position("VARCHAR"))
		case c.Column.Type == "TIMESTAMP":
			parts = append(parts, "coalesce(CAST("+local(key)+" AS VARCHAR), '')")
		case c.Column.Type == "VARCHAR" && c.Column.Required:
			parts = append(parts, warehouse.Identifier(key))
		default:
			parts = append(parts, "coalesce(CAST("+warehouse.Identifier(key)+" AS VARCHAR), '')")
		}
	}
	if q.strict { // one function call instead of one per part; nothing is null
		return "concat(" + strings.Join(parts, ", '|', ") + ")"
	}
	return strings.Join(parts, " || '|' || ")
}
