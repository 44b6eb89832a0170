package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/retail"
)

// Plan is a compiled profile: which cells to read as what, and the SQL that makes canonical columns of them.
type Plan struct {
	Profile *Profile
	Streams []StreamPlan
	Refuse  []RefusePlan
	Gone    string // SQL condition of tombstones, may be empty

	slots []slot
	hash  string
}

// StreamPlan is the SQL of one canonical stream over the typed slots.
type StreamPlan struct {
	Stream       retail.Stream
	Where        string // SQL condition, may be empty
	OnePer       []string
	Each         *EachPlan
	Columns      []ColumnPlan // the stream's own columns that are filled
	Event        *ColumnPlan
	BusinessDate *ColumnPlan
	Version      string // SQL, may be empty
}

// EachPlan makes a row of every column of a record that holds an amount, such as tenders that stand side by side.
type EachPlan struct {
	Words  []string // what the expression `each` gives, in order; the alias part has part_no and each_name
	Amount string   // SQL of the amount of the part
}

// ColumnPlan fills one canonical column.
type ColumnPlan struct {
	Column retail.Column
	SQL    string // over slot names
	Slot   string // the slot when SQL is exactly one slot
	Agg    string // first, sum, min, max, count
	Exact  bool   // every value was checked while reading: no cast can fail and none is missing
	Bad    string // "null": a failed cast makes null instead of refusing the row
	Auto   bool   // numbered by the engine: line_no, and keys that are a position in their record
}

// SlotColumn is a column of the normalised records that Convert writes.
type SlotColumn struct{ Name, Type string }

// Names of the fixed columns of normalised records.
const (
	FileColumn       = "_f"
	RowColumn        = "_r"
	AttributesColumn = "_a"
	// InstantSuffix marks the UTC twin of a time slot: set when the text carried its own offset.
	InstantSuffix = "_u"
)

func slotName(i int) string { return fmt.Sprintf("s%d", i) }

// Bind says what a feed adds to a profile.
type Bind struct {
	Constants map[string]string // of the feed; win over the profile's
	Captures  []string          // names captured from the file name; one named like a column fills it
}

// eventColumns are the columns that say when a row happened, best first.
var eventColumns = []string{"ordered_at", "refunded_at", "paid_at", "occurred_at", "counted_at", "as_of", "slot_start", "received_at", "requested_at", "due_at", "done_at", "settled_at", "closed_at"}

// Compile makes the plan. A nil bind compiles the profile alone: any capture is accepted then.
func (p *Profile) Compile(bind *Bind) (*Plan, error) {
	s := &slots{index: map[string]int{}}
	plan := &Plan{Profile: p}
	for _, name := range slices.Sorted(maps.Keys(p.Streams)) {
		stream, err := p.compileStream(name, bind, s)
		if err != nil {
			return nil, err
		}
		plan.Streams = append(plan.Streams, stream)
	}
	if err := p.inheritEvents(plan); err != nil {
		return nil, err
	}
	if err := p.compileWhole(plan, s); err != nil {
		return nil, err
	}
	plan.slots = s.all
	if bind != nil {
		for _, one := range s.all {
			for _, c := range one.columns {
				if capture, ok := strings.CutPrefix(c, "$"); ok && capture != "part" && capture != "hash" && !slices.Contains(bind.Captures, capture) {
					return nil, p.bad("unknown_capture", nearest(capture, bind.Captures, "name it in the feed's match, as in receipts-{"+capture+"}-*.csv"), []string{c}, "the feed's match captures no %q", capture)
				}
			}
		}
	}
	return plan, nil
}

func (p *Profile) compileStream(name string, bind *Bind, s *slots) (StreamPlan, error) {
	declared := p.Streams[name]
	stream, _ := retail.StreamNamed(name)
	plan := StreamPlan{Stream: stream, OnePer: declared.OnePer}
	path := []string{"streams", name}
	var err error
	if plan.Each, err = p.compileEach(declared.Each, s, path); err != nil {
		return plan, err
	}
	defer func() { s.each = nil }()
	if plan.Where, _, err = p.optional(declared.Where, s, append(path, "where")); err != nil {
		return plan, err
	}
	if plan.Version, _, err = p.optional(declared.Version, s, append(path, "version")); err != nil {
		return plan, err
	}
	own := make([]string, 0, len(stream.Columns))
	for _, c := range stream.Columns {
		own = append(own, c.Name)
	}
	for _, column := range slices.Sorted(maps.Keys(declared.Columns)) {
		if !slices.Contains(own, column) && column != "business_date" {
			return plan, p.bad("unknown_column", nearest(column, own, "columns of "+name+": "+strings.Join(own, ", ")), append(path, column), "stream %s has no column %q", name, column)
		}
	}
	direct := plan.Where == "" && len(plan.OnePer) == 0 && plan.Each == nil
	for _, c := range stream.Columns {
		filled, ok, err := p.compileColumn(name, c, bind, s, direct)
		if err != nil {
			return plan, err
		}
		if ok {
			plan.Columns = append(plan.Columns, filled)
		} else if c.Required {
			return plan, p.bad("missing_column", "map it under streams."+name+".columns", path, "stream %s needs column %s", name, c.Name)
		}
	}
	if m, ok := declared.Columns["business_date"]; ok {
		c := retail.Column{Name: "business_date", Type: "DATE"}
		filled, err := p.compileMapping(name, c, m, s, direct)
		if err != nil {
			return plan, err
		}
		plan.BusinessDate = &filled
	}
	for _, key := range plan.OnePer {
		if _, ok := plan.Column(key); !ok {
			return plan, p.bad("unknown_column", nearest(key, own, "name mapped columns of the stream"), append(path, "one_per", key), "one_per: column %q is not mapped", key)
		}
	}
	if declared.Event != "" {
		sql, single, err := p.expression(declared.Event, accessorSlots["ts"], s, append(path, "event"))
		if err != nil {
			return plan, err
		}
		plan.Event = &ColumnPlan{Column: retail.Column{Name: "event_at", Type: "TIMESTAMP"}, SQL: sql, Slot: single, Agg: "first", Exact: single != ""}
	}
	return plan, nil
}

// Column finds a filled column of the stream.
func (s *StreamPlan) Column(name string) (ColumnPlan, bool) {
	for _, c := range s.Columns {
		if c.Column.Name == name {
			return c, true
		}
	}
	return ColumnPlan{}, false
}

func (p *Profile) optional(expr string, s *slots, path []string) (sql, single string, err error) {
	if strings.TrimSpace(expr) == "" {
		return "", "", nil
	}
	return p.translate(strings.TrimPrefix(strings.TrimSpace(expr), "="), s, path)
}

// expression reads a bare name as slot n and everything else as SQL.
func (p *Profile) expression(expr string, n slot, s *slots, path []string) (sql, single string, err error) {
	expr = strings.TrimSpace(expr)
	if rest, ok := strings.CutPrefix(expr, "="); ok {
		return p.translate(rest, s, path)
	}
	c, isColumn := p.Columns[expr]
	isCapture := strings.HasPrefix(expr, "$") && identifier.MatchString(strings.ToLower(expr[1:]))
	switch {
	case isColumn:
		n.columns = []string{expr}
		n.nullBad = (c.Bad == "null" || n.nullBad) && n.required == ""
	case isCapture:
		n.columns = []string{expr}
	case p.Define[expr] != "":
		return p.translate(expr, s, path)
	case identifier.MatchString(strings.ToLower(expr)):
		return "", "", p.bad("unknown_column", nearest(expr, slices.Sorted(maps.Keys(p.Columns)), `declare it under columns; a fixed value goes under constants or is written = 'x'`), append(path, expr), "column %q is not declared under columns", expr)
	default:
		return p.translate(expr, s, path)
	}
	single = s.add(n)
	return single, single, nil
}

func (p *Profile) compileColumn(stream string, c retail.Column, bind *Bind, s *slots, direct bool) (ColumnPlan, bool, error) {
	if m, ok := p.Streams[stream].Columns[c.Name]; ok {
		m.Expr = p.otherwise(m.Expr, c, bind)
		filled, err := p.compileMapping(stream, c, m, s, direct)
		return filled, true, err
	}
	if c.Name == "line_key" {
		filled, err := p.compileMapping(stream, c, Mapping{Expr: "auto"}, s, direct)
		return filled, true, err
	}
	if bind != nil && slices.Contains(bind.Captures, c.Name) {
		filled, err := p.compileMapping(stream, c, Mapping{Expr: "$" + c.Name}, s, direct)
		return filled, true, err
	}
	value, ok := p.Constants[c.Name]
	if bind != nil {
		if own, given := bind.Constants[c.Name]; given {
			value, ok = own, true
		}
	}
	if !ok {
		return ColumnPlan{}, false, nil
	}
	sql := "CAST('" + strings.ReplaceAll(value, "'", "''") + "' AS " + c.Type + ")"
	return ColumnPlan{Column: c, SQL: sql, Agg: "first", Exact: true}, true, nil
}

func (p *Profile) compileMapping(stream string, c retail.Column, m Mapping, s *slots, direct bool) (ColumnPlan, error) {
	path := []string{"streams", stream, c.Name}
	filled := ColumnPlan{Column: c, Agg: m.Agg, Bad: m.Bad}
	if filled.Agg == "" {
		filled.Agg = "first"
	}
	if !slices.Contains([]string{"first", "sum", "min", "max", "count"}, filled.Agg) {
		return filled, p.bad("invalid_value", "write first, sum, min, max or count", append(path, "agg"), "agg: %q is not known", m.Agg)
	}
	if filled.Agg != "first" && len(p.Streams[stream].OnePer) == 0 {
		return filled, p.bad("invalid_value", "name the key under one_per, or leave agg out", append(path, "agg"), "agg without one_per")
	}
	if m.Expr == "auto" {
		key, _ := retail.StreamNamed(stream)
		switch {
		case c.Type == "VARCHAR" && slices.Contains(key.Key, c.Name):
			filled.Slot = s.add(slot{kind: hashSlot, typ: "VARCHAR"})
			filled.SQL, filled.Exact = filled.Slot, true
		case c.Name == "line_no":
			filled.Auto, filled.Exact = true, true
		default:
			return filled, p.bad("invalid_value", "name a column or an expression", path, "auto is for keys and line_no")
		}
		return filled, nil
	}
	if _, isColumn := p.Columns["position"]; m.Expr == "position" && !isColumn {
		if key, _ := retail.StreamNamed(stream); c.Type != "VARCHAR" || slices.Index(key.Key, c.Name) < 1 || len(p.Streams[stream].OnePer) > 0 {
			return filled, p.bad("invalid_value", "name a column or an expression", path, "position is for the second key column of streams that have one row per record")
		}
		filled.Auto, filled.Exact = true, true
		return filled, nil
	}
	n := slotFor(c)
	n.nullBad = m.Bad == "null"
	if c.Required && direct && !n.nullBad {
		n.required = c.Name
	}
	var err error
	filled.SQL, filled.Slot, err = p.expression(m.Expr, n, s, path)
	if err != nil {
		return filled, err
	}
	bare := !strings.HasPrefix(strings.TrimSpace(m.Expr), "=") && filled.Slot != ""
	filled.Exact = bare && (!c.Required || n.required != "") && filled.Agg == "first"
	return filled, nil
}

// inheritEvents gives each dated stream its moment: its own column, else that of a stream of the same record.
func (p *Profile) inheritEvents(plan *Plan) error {
	var shared *ColumnPlan
	for i := range plan.Streams {
		stream := &plan.Streams[i]
		for _, name := range eventColumns {
			if c, ok := stream.Column(name); ok && stream.Event == nil && stream.Stream.Dated {
				event := c
				stream.Event = &event
			}
		}
		if stream.Event != nil && (shared == nil || stream.Stream.Name == "order") {
			shared = stream.Event
		}
	}
	for i := range plan.Streams {
		if stream := &plan.Streams[i]; stream.Event == nil && stream.Stream.Dated && stream.BusinessDate == nil {
			stream.Event = shared
		}
	}
	return nil
}

// SlotColumns lists the columns of the normalised records, in order.
func (p *Plan) SlotColumns() []SlotColumn {
	columns := []SlotColumn{{FileColumn, "INTEGER"}, {RowColumn, "BIGINT"}}
	var last []SlotColumn
	for i, s := range p.slots {
		if s.kind == hashSlot {
			// The writer of a file completes it with the occurrence, so it stands behind everything else.
			last = append(last, SlotColumn{slotName(i), s.typ})
			continue
		}
		columns = append(columns, SlotColumn{slotName(i), s.typ})
		if s.kind == timeSlot {
			columns = append(columns, SlotColumn{slotName(i) + InstantSuffix, "TIMESTAMP"})
		}
	}
	return append(append(columns, SlotColumn{AttributesColumn, "VARCHAR"}), last...)
}

// IsTime tells whether a slot name is a time slot: it then has an instant twin.
func (p *Plan) IsTime(name string) bool {
	for i, s := range p.slots {
		if slotName(i) == name {
			return s.kind == timeSlot
		}
	}
	return false
}

// used lists the declared columns that any slot reads.
func (p *Plan) used() map[string]bool {
	found := map[string]bool{}
	for _, s := range p.slots {
		for _, c := range s.columns {
			found[c] = true
		}
	}
	return found
}
