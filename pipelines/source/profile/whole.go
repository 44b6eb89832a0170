package profile

import (
	"maps"
	"slices"

	"github.com/omoflow/omoflow/internal/retail"
)

// A whole profile reads records that hold everything of their key: an order with all its lines, a refund with its
// items. A record delivered again replaces all rows of the earlier one in every stream, also those that it no longer
// has. The record itself is the first of its rows ($part is null there), the elements of its exploded arrays follow; when
// one part is refused, all are: half an order would be a wrong order.

// Receipts lists the keys of what whole_receipts is about.
func Receipts() []string { return []string{"order_id", "refund_id", "stocktake_id"} }

// HashSlot tells which slot holds the hash of a whole record's text; "" for other profiles.
func (p *Plan) HashSlot() string { return p.hash }

// Refuse is a rule that refuses records: by an SQL condition, with the code and message that quarantine shows.
type Refuse struct {
	When    string `yaml:"when"`
	Column  string `yaml:"column"` // declared name that the message is about
	Code    string `yaml:"code"`
	Message string `yaml:"message"`
}

// RefusePlan is a compiled rule.
type RefusePlan struct {
	SQL string // over slot names
	Refuse
}

func (p *Profile) checkWhole() error {
	if p.Gone != "" && !p.Whole {
		return p.bad("invalid_value", "write whole: true too", []string{"gone"}, "gone needs whole records")
	}
	if p.Whole && p.Format != "jsonl" {
		return p.bad("invalid_value", "write format: jsonl", []string{"whole"}, "whole records are read from JSON")
	}
	if p.WholeReceipts {
		if p.Whole {
			return p.bad("invalid_value", "leave whole_receipts out: whole says it already", []string{"whole_receipts"}, "whole_receipts and whole exclude each other")
		}
		if !slices.ContainsFunc(slices.Sorted(maps.Keys(p.Streams)), func(name string) bool {
			s, _ := retail.StreamNamed(name)
			return len(s.Key) > 0 && slices.Contains(Receipts(), s.Key[0])
		}) {
			return p.bad("invalid_value", "leave it out", []string{"whole_receipts"}, "whole_receipts: no stream of the profile holds orders, refunds or counts")
		}
	}
	for _, r := range p.Refuse {
		if r.When == "" || r.Code == "" || r.Message == "" {
			return p.bad("missing_key", "write when, code and message", []string{"refuse"}, "a rule is incomplete")
		}
		if r.Column != "" {
			if err := p.declared(r.Column, []string{"refuse"}); err != nil {
				return err
			}
		}
	}
	if !p.Whole {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(p.Streams)) {
		s, _ := retail.StreamNamed(name)
		if m, ok := p.Streams[name].Columns[s.Key[0]]; !ok || m.Agg != "" {
			return p.bad("missing_column", "map "+s.Key[0], []string{"streams", name}, "a whole record needs its key in stream %s", name)
		}
	}
	return nil
}

// compileWhole adds what whole records need to a plan.
func (p *Profile) compileWhole(plan *Plan, s *slots) error {
	for _, r := range p.Refuse {
		sql, _, err := p.optional(r.When, s, []string{"refuse", r.Code})
		if err != nil {
			return err
		}
		plan.Refuse = append(plan.Refuse, RefusePlan{sql, r})
	}
	if !p.Whole {
		return nil
	}
	plan.hash = s.add(slot{kind: textSlot, typ: "VARCHAR", columns: []string{"$hash"}})
	var err error
	plan.Gone, _, err = p.optional(p.Gone, s, []string{"gone"})
	return err
}

// together converts the parts of one record; in a whole profile they are accepted or refused as one.
func (w *worker) together(rows []row) {
	p := w.part
	out, marks, hashes, refusals, first := len(p.out), len(p.marks), len(p.hashes), len(p.refusals), p.records
	for _, r := range rows {
		w.record(r)
	}
	if !w.plan.Profile.Whole || len(rows) == 1 {
		return
	}
	bad := map[int64]bool{}
	for _, r := range p.refusals[refusals:] {
		if r.Kind == "row" {
			bad[r.Row] = true
		}
	}
	if len(bad) == 0 {
		return
	}
	var accepted []int64
	for _, m := range p.marks[marks:] {
		accepted = append(accepted, m.record)
	}
	p.out, p.marks = p.out[:out], p.marks[:marks]
	if w.hash {
		p.hashes = p.hashes[:hashes]
	}
	kept := p.refusals[:refusals:refusals]
	for _, r := range p.refusals[refusals:] {
		if r.Kind == "row" {
			kept = append(kept, r)
		}
	}
	p.refusals = kept
	last := p.records
	for _, record := range accepted {
		p.records = record
		w.refuse("row", rows[record-first-1], "", rows[record-first-1].raw, &reason{"part_refused", "belongs to a record of which another part is refused"})
	}
	p.records = last
}
