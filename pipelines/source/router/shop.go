package router

import (
	"context"
	"encoding/json"
	"strings"
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

// Clock asks for the platform's clock; its answer's date stands in for a time that cannot be read.
func (g *Gateway) Clock(ctx context.Context, method string, parse func(json.RawMessage) (time.Time, error)) (time.Time, error) {
	a, err := g.Call(ctx, method, nil)
	if err != nil {
		return time.Time{}, err
	}
	var said struct {
		Time json.RawMessage `json:"time"`
	}
	if json.Unmarshal(a.Result, &said) == nil {
		if at, err := parse(said.Time); err == nil {
			return at, nil
		}
	}
	return a.Date, nil
}

// Text reads a JSON string or number as text: ids come as both.
func Text(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	return strings.TrimSpace(string(raw))
}

// Row gives what reads the key of a record, and the time in the first of some fields that holds one.
func Row(key string, fields []string, parse func(json.RawMessage) (time.Time, error)) func(json.RawMessage) (string, time.Time, error) {
	return func(row json.RawMessage) (string, time.Time, error) {
		var all map[string]json.RawMessage
		if err := json.Unmarshal(row, &all); err != nil || all[key] == nil {
			return "", time.Time{}, fault.New(fault.Unavailable, "field_missing", key, "check the permission: the platform leaves out what it does not allow", "a record has no %s", key)
		}
		id := Text(all[key])
		for _, field := range fields {
			if at, err := parse(all[field]); err == nil {
				return id, at, nil
			}
		}
		return id, time.Time{}, fault.New(fault.Unavailable, "field_unreadable", fields[0], "report this with the platform's version", "%s of %s is not a time", fields[0], id)
	}
}
