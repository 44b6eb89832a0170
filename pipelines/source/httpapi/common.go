package httpapi

import (
	"github.com/omoflow/omoflow/pipelines/source"
)

// Fields are what every API source lets the user configure; Common reads them.
func Fields() []source.Field {
	return []source.Field{
		{Name: "url", Type: "url", Required: true, Help: "address of the site, https://host"},
		{Name: "allow_plain_http", Type: "bool", Default: "false", Help: "true: credentials and data may travel unencrypted"},
		{Name: "allow_private", Type: "bool", Default: "false", Help: "true: the host may be in a private network"},
		{Name: "rate", Type: "number", Default: "0", Least: "0", Help: "most requests per second; 0: as fast as answers come"},
		{Name: "timeout", Type: "duration", Default: "60s", Least: "1s", Help: "longest wait for one answer"},
		{Name: "attempts", Type: "number", Default: "6", Least: "1", Help: "how often one request is sent before the run gives up"},
		{Name: "constants", Type: "map", Help: "canonical columns with a fixed value, as {channel: online}"},
	}
}

// Common gives the options behind Fields, with the recorder that the run asked for.
func Common(s source.Settings) Options {
	o := Options{
		Base: s.Text("url"), AllowPlain: s.Bool("allow_plain_http"), AllowPrivate: s.Bool("allow_private"), Rate: s.Number("rate"),
		Timeout: s.Duration("timeout"), Attempts: int(s.Number("attempts")), Now: s.Now, Sleep: s.Sleep, RootCAs: s.RootCAs,
	}
	if s.RecordTo != "" {
		o.Recorder = &Recorder{Dir: s.RecordTo}
	}
	return o
}
