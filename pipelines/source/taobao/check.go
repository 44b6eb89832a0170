package taobao

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/window"
)

// Check asks one question of every permission, compares the clocks, and tries what the reading depends on.
func (s *shop) Check(ctx context.Context) []source.Probe {
	now, err := s.serverNow(ctx)
	if err != nil {
		return []source.Probe{{What: "clock", Err: err}}
	}
	probes := []source.Probe{s.gateway.ClockProbe(now, now.In(china).Format(time.DateTime))}
	streams := s.settings.List("streams")
	if slices.Contains(streams, "orders") {
		f := s.orders()
		probes = append(probes, s.ask(ctx, f.Forward, now), s.ask(ctx, f.Past, now), s.future(ctx, f.Forward, now))
	}
	if slices.Contains(streams, "refunds") {
		probes = append(probes, s.ask(ctx, s.refunds().Forward, now))
	}
	if slices.Contains(streams, "items") {
		probe := source.Probe{What: "taobao.items.onsale.get"}
		p, err := s.list(ctx, probe.What, "items.item", map[string]string{"fields": itemFields, "page_no": "1", "page_size": "1"})
		probe.Note, probe.Err = fmt.Sprintf("%d items", p.Total), err
		probes = append(probes, probe)
	}
	return append(probes, s.gateway.HistoryProbe(s.settings))
}

func (s *shop) ask(ctx context.Context, r *window.Reader, now time.Time) source.Probe {
	p, err := r.Ask(ctx, now.Add(-r.Width), now.Add(-s.settings.Duration("lag")), 1)
	return source.Probe{What: r.What, Note: fmt.Sprintf("%d records in the last %s", p.Total, r.Width), Err: err}
}

// future asks for records that cannot exist yet: rows mean that the range does not reach the platform.
func (s *shop) future(ctx context.Context, r *window.Reader, now time.Time) source.Probe {
	probe := source.Probe{What: "range filter", Note: "records changed in a year: none"}
	p, err := r.Ask(ctx, now.AddDate(1, 0, 0), now.AddDate(1, 0, 0).Add(r.Width), 1)
	if kind := fault.KindOf(err); err != nil && kind != fault.Unavailable {
		probe.Err = err // the platform may refuse such a range, which is as good
	}
	if len(p.Rows) > 0 {
		probe.Err = fault.New(fault.Unavailable, "filter_ignored", r.What, "something between here and the platform drops parameters; without them no cursor works", "the platform gives records changed a year from now")
	}
	return probe
}
