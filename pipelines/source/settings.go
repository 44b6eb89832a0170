package source

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
)

// Platform is a kind of source that is reached over its API: one folder, and one line where the program lists them.
type Platform struct {
	Declaration Declaration
	Open        func(ctx context.Context, s Settings) (API, error)
}

// Settings are the checked values of a configured source.
type Settings struct {
	Name     string // of the source in the configuration
	Zone     string // of the company
	Secrets  secret.Resolver
	Now      func() time.Time                           // nil: the system's clock
	RecordTo string                                     // folder that every exchange is recorded to; "": none
	Sleep    func(context.Context, time.Duration) error // nil: really
	RootCAs  *x509.CertPool                             // nil: the system's
	values   map[string]any
	streams  []string // as declared
}

// Parse checks the configured values against the declaration: unknown names, missing ones, wrong types, values out of range,
// streams that are not the source's, and secrets that are no references. key is the place in the configuration, for messages.
func (d Declaration) Parse(key string, values map[string]any) (Settings, error) {
	s := Settings{values: map[string]any{}}
	for _, one := range d.Streams {
		s.streams = append(s.streams, one.Name)
	}
	names := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		names[i] = f.Name
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			hint := d.Name + " knows " + strings.Join(names, ", ")
			if near := fault.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return s, fault.New(fault.Usage, "unknown_key", key+"."+name, hint, "unknown key %q", name)
		}
	}
	for _, f := range d.Fields {
		value, ok := values[f.Name]
		if !ok || value == nil {
			if f.Required {
				return s, fault.New(fault.Usage, "missing_key", key+"."+f.Name, f.Help, "is missing")
			}
			if value = f.Default; f.Default == "" {
				continue
			}
		}
		if err := f.check(key+"."+f.Name, value); err != nil {
			return s, err
		}
		s.values[f.Name] = value
	}
	for _, name := range s.List("streams") {
		if len(s.streams) > 0 && !slices.Contains(s.streams, name) {
			return s, fault.New(fault.Usage, "unknown_stream", key+".streams", "the streams are "+strings.Join(s.streams, ", "), "%q is not a stream", name)
		}
	}
	return s, nil
}

func (f Field) check(key string, value any) error {
	if f.Secret {
		return secret.Check(key, fmt.Sprint(value))
	}
	bad := func(want string) error {
		return fault.New(fault.Usage, "invalid_config", key, want+" ("+f.Help+")", "%q is not a value of type %s", fmt.Sprint(value), f.Type)
	}
	text := fmt.Sprint(value)
	switch f.Type {
	case "list":
		if _, ok := value.([]any); !ok && text != f.Default {
			return bad("write a list, as in [a, b]")
		}
		return nil
	case "map":
		if _, ok := value.(map[string]any); !ok {
			return bad("write keys with values, as in {a: b}")
		}
		return nil
	}
	var err error
	switch f.Type {
	case "number", "duration":
		var size float64
		if size, err = f.measure(text); err == nil && !f.within(size) {
			return fault.New(fault.Usage, "invalid_config", key, "write "+f.Range()+" ("+f.Help+")", "%s is out of range", text)
		}
	case "url":
		var u *url.URL
		if u, err = url.Parse(text); err == nil && u.Host == "" {
			err = strconv.ErrSyntax
		}
	case "zone":
		_, err = time.LoadLocation(text)
	case "bool":
		_, err = strconv.ParseBool(text)
	}
	if err != nil {
		return bad(map[string]string{"url": "write https://host", "zone": "write an IANA zone such as Asia/Shanghai", "duration": "write a duration such as 10m", "number": "write a number", "bool": "write true or false"}[f.Type])
	}
	return nil
}

// measure reads a number, or a duration in nanoseconds. What is no number, and no end of a range, is refused.
func (f Field) measure(text string) (float64, error) {
	if f.Type == "duration" {
		d, err := time.ParseDuration(text)
		return float64(d), err
	}
	n, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(n) || math.IsInf(n, 0)) {
		err = strconv.ErrRange
	}
	return n, err
}

// within compares a value with the bounds. A bound that cannot be read admits nothing, so that no source with one opens.
func (f Field) within(size float64) bool {
	least, most := size, size
	var low, high error
	if f.Least != "" {
		least, low = f.measure(f.Least)
	}
	if f.Most != "" {
		most, high = f.measure(f.Most)
	}
	return low == nil && high == nil && least <= size && size <= most
}

// Range says in words what Least and Most admit; "" when every value is good.
func (f Field) Range() string {
	switch {
	case f.Least != "" && f.Most != "":
		return f.Least + " to " + f.Most
	case f.Least != "":
		return f.Least + " or more"
	case f.Most != "":
		return "at most " + f.Most
	}
	return ""
}

// Text gives a value, "" when it is not set.
func (s Settings) Text(name string) string {
	if value, ok := s.values[name]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// Bool gives a value of type bool.
func (s Settings) Bool(name string) bool { b, _ := strconv.ParseBool(s.Text(name)); return b } // checked by Parse

// Number gives a value of type number.
func (s Settings) Number(name string) float64 {
	n, _ := strconv.ParseFloat(s.Text(name), 64) // checked by Parse
	return n
}

// Duration gives a value of type duration.
func (s Settings) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(s.Text(name)) // checked by Parse
	return d
}

// List gives a value of type list; a default is written with commas.
func (s Settings) List(name string) []string {
	var all []string
	switch v := s.values[name].(type) {
	case []any:
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
	case string:
		for _, one := range strings.Split(v, ",") {
			all = append(all, strings.TrimSpace(one))
		}
	}
	return all
}

// Map gives a value of type map.
func (s Settings) Map(name string) map[string]string {
	all := map[string]string{}
	if v, ok := s.values[name].(map[string]any); ok {
		for key, one := range v {
			all[key] = fmt.Sprint(one)
		}
	}
	return all
}

// Secret reads the secret behind a value.
func (s Settings) Secret(ctx context.Context, name string) (secret.Value, error) {
	return s.Secrets.Read(ctx, "sources."+s.Name+"."+name, s.Text(name))
}

// Feeds makes the feeds of the configured streams, in the order of the declaration.
func (s Settings) Feeds(open func(stream string) Feed) []Feed {
	wanted := s.List("streams")
	var feeds []Feed
	for _, name := range s.streams {
		if !slices.Contains(wanted, name) {
			continue
		}
		feed := open(name)
		feed.Stream = name
		feeds = append(feeds, feed)
	}
	return feeds
}

// Location is the place that sells: location_id, else the source itself.
func (s Settings) Location() string {
	if location := s.Text("location_id"); location != "" {
		return location
	}
	return s.Name
}

// LocalZone is the zone by which days are counted: that of the setting zone, else the company's.
func (s Settings) LocalZone() string {
	if zone := s.Text("zone"); zone != "" {
		return zone
	}
	return s.Zone
}
