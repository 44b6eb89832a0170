package router

import (
	"context"
	"encoding/json"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Fields are the fields of every HTTP source, with the gateway's own address when none is configured.
func Fields(address string) []source.Field {
	fields := httpapi.Fields()
	for i, f := range fields {
		if f.Name == "url" {
			fields[i].Default, fields[i].Required, fields[i].Help = address, false, "address of the gateway"
		}
	}
	return fields
}

// Secrets gives what New reads, by the names that the platform gives to the application, its secret and the consent.
func Secrets(s source.Settings, names [3]string) func(context.Context) (key, password, session secret.Value, err error) {
	return func(ctx context.Context) (key, password, session secret.Value, err error) {
		for i, into := range []*secret.Value{&key, &password, &session} {
			if *into, err = s.Secret(ctx, names[i]); err != nil {
				return key, password, session, err
			}
		}
		return key, password, session, nil
	}
}

// Location is the place that sells: the configured one, else the source itself.
func Location(s source.Settings) string {
	if location := s.Text("location_id"); location != "" {
		return location
	}
	return s.Name
}

// ClockProbe compares the platform's clock, shown as at, with ours.
func (g *Gateway) ClockProbe(now time.Time, at string) source.Probe {
	probe := source.Probe{What: "clock", Note: "the platform's clock: " + at}
	if skew := g.signer.now().UTC().Sub(now); skew.Abs() > 5*time.Minute {
		probe.Err = fault.New(fault.Findings, "clock_skew", "", "", "the platform's clock is %s away from ours; cursors and signatures follow the platform's", skew.Abs().Round(time.Second))
	}
	return probe
}

// HistoryProbe says how far back the platform answers.
func (g *Gateway) HistoryProbe(s source.Settings) source.Probe {
	days := int(s.Duration("history").Hours() / 24)
	return source.Probe{What: "history", Err: fault.New(fault.Findings, "history_short", "", "", "the platform answers for the last %d days; what is older must come from its export files", days)}
}

// List reads an answer that lists records: its fields, and how many records there are by the field count.
func (a Answer) List(method, count string) (fields map[string]json.RawMessage, total int64, err error) {
	if err := json.Unmarshal(a.Result, &fields); err != nil {
		return nil, 0, Unexpected(err, method)
	}
	if err := json.Unmarshal(fields[count], &total); err != nil {
		return nil, 0, fault.New(fault.Unavailable, "field_missing", method, "report this with the platform's version", "the answer does not say how many records there are")
	}
	return fields, total, nil
}

// Unexpected is the error of an answer that is no list, or, without a cause, that says of records and shows none.
func Unexpected(err error, method string) error {
	if err == nil {
		return fault.New(fault.Unavailable, "unexpected_answer", method, "report this with the platform's version", "the answer says that there are records and shows none")
	}
	return fault.Wrap(err, fault.Unavailable, "unexpected_answer", method, "report this with the platform's version", "the answer is no list of records")
}
