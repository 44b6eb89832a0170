package report

import (
	"context"
	"slices"
)

// part makes one section; it returns a section without blocks when its data is not there.
type part struct {
	id, title string
	needs     []string // streams
	make      func(r *reader, ctx context.Context) (section, error)
}

// compose reads a release and makes the document.
func compose(ctx context.Context, src Source, req Request) (*document, error) {
	p, err := parsePeriod(req.Period)
	if err != nil {
		return nil, err
	}
	if err := req.Kind.check(p); err != nil {
		return nil, err
	}
	r, err := newReader(ctx, src, req.Kind, p)
	if err != nil {
		return nil, err
	}
	doc := &document{Kind: req.Kind, Period: p}
	deliveries, err := r.rows(ctx, r.prefix+".completeness", r.now())
	if err != nil {
		return nil, err
	}
	doc.Header = r.header(deliveries)
	doc.Header.Version = req.Version
	parts := jointParts(deliveries)
	switch req.Kind {
	case Quarterly:
		parts = quarterParts(deliveries)
	case Supervision:
		parts = supervisionParts(deliveries)
	}
	for _, one := range parts {
		made := section{}
		if one.make != nil {
			if made, err = one.make(r, ctx); err != nil {
				return nil, err
			}
		}
		made.ID, made.Title = one.id, one.title
		if len(made.Blocks)+len(made.Lead) == 0 {
			made.Needs = one.needs
		}
		doc.Sections = append(doc.Sections, made)
	}
	return doc, nil
}

// header judges whether the document is final and says why not.
func (r *reader) header(deliveries []map[string]string) header {
	h := header{Facts: r.facts, Due: whole(0), Received: whole(0)}
	missing := whole(0)
	incomplete, due := map[string]bool{}, map[string]bool{}
	for _, d := range deliveries {
		h.Due = h.Due.plus(parse(d["due_qty"]))
		h.Received = h.Received.plus(parse(d["received_qty"]))
		missing = missing.plus(parse(d["missing_qty"]))
		if loc := d["location_id"]; loc != "" && parse(d["due_qty"]).sign() > 0 {
			due[loc] = true
			if parse(d["missing_qty"]).sign() > 0 {
				incomplete[loc] = true
			}
		}
	}
	h.Locations, h.Complete = whole(int64(len(due))), whole(int64(len(due)-len(incomplete)))
	if len(r.board) == 0 || r.dates["period_end"] == "" {
		h.Reasons = append(h.Reasons, say("why_no_figures"))
	}
	if h.Due.sign() == 0 {
		h.Reasons = append(h.Reasons, say("why_no_expectation"))
	}
	if missing.sign() > 0 {
		h.Reasons = append(h.Reasons, say("why_missing", num(count, missing), num(count, h.Due)))
	}
	if last := r.facts.LastBusinessDate; last < r.period.end() {
		if last == "" {
			last = "–"
		}
		h.Reasons = append(h.Reasons, say("why_not_over", txt(r.period.end()), txt(last)))
	}
	for _, c := range r.facts.Conservation {
		if !c.Balanced {
			h.Reasons = append(h.Reasons, say("why_unbalanced", txt(c.Subject)))
		}
	}
	for _, c := range r.facts.Coverage {
		h.Reasons = append(h.Reasons, c.missing(r.period)...)
	}
	h.Final = len(h.Reasons) == 0
	return h
}

// missing says what of a period could not be read.
func (c Coverage) missing(p period) (reasons []cell) {
	if c.From > p.start() {
		reasons = append(reasons, say("why_not_covered", txt(c.Stream), txt(c.From)))
	}
	for _, gap := range c.Gaps {
		if gap[0] <= p.end() && gap[1] >= p.start() {
			reasons = append(reasons, say("why_gap", txt(c.Stream), txt(gap[0]), txt(gap[1])))
		}
	}
	return reasons
}

// notFed lists the sections that have nothing to show. One that says that nothing was found has its data.
func (d *document) notFed() []section {
	return slices.DeleteFunc(slices.Clone(d.Sections), func(s section) bool { return len(s.Blocks)+len(s.Lead) > 0 })
}

// failedChecks gives the checks of the release that found rows.
func (r *reader) failedChecks() []Check {
	var list []Check
	for _, c := range r.facts.Checks {
		if c.Status != "ok" && c.Status != "pass" && c.Status != "passed" && (c.Rows > 0 || c.Status != "") {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Check) int {
		if a.Rows != b.Rows {
			return int(min(1, max(-1, b.Rows-a.Rows)))
		}
		return compareText(a.Model+a.Name, b.Model+b.Name)
	})
	return list
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
