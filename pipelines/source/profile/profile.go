// Package profile reads files that people and tills export: a profile, written in YAML, maps one file layout to
// canonical streams. The package detects encoding and delimiter, finds the header, cuts records and turns cell text
// into exact canonical text. It is pure Go: no storage, no SQL engine.
package profile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/strictyaml"
)

// Profile maps one file layout to canonical streams. Zero values mean: detect it.
type Profile struct {
	Name      string   `yaml:"profile"`
	About     string   `yaml:"about"`
	Format    string   `yaml:"format"`    // auto, csv, xlsx, jsonl
	Encoding  string   `yaml:"encoding"`  // auto, utf-8, utf-16, gb18030, windows-1252
	Delimiter string   `yaml:"delimiter"` // auto, tab or one character
	Sheet     string   `yaml:"sheet"`     // XLSX: name or number from 1; empty is the first visible
	Records   string   `yaml:"records"`   // JSON: path of the records; several with commas, the first that is there counts
	Explode   []string `yaml:"explode"`   // JSON: arrays of a record of which each element makes one
	Whole     bool     `yaml:"whole"`     // JSON: see whole.go
	Gone      string   `yaml:"gone"`      // condition under which a whole record is the tombstone of its key
	// WholeReceipts says that a file which names an order, refund or count holds all of it: a later delivery replaces it.
	WholeReceipts bool `yaml:"whole_receipts"`

	Refuse     []Refuse          `yaml:"refuse"` // records that are refused by what they say
	Header     Header            `yaml:"header"`
	Ignore     []Rule            `yaml:"ignore"`  // rows that are not records: totals, page heads
	StopAt     []Rule            `yaml:"stop_at"` // nothing from this row on is a record
	Nulls      []string          `yaml:"nulls"`   // texts that mean empty, besides the empty text
	Columns    map[string]Column `yaml:"columns"` // name used below -> where it comes from
	Define     map[string]string `yaml:"define"`  // name -> SQL over columns and other such names, for use in expressions
	Detail     []string          `yaml:"detail"`  // columns of a second header below a record; see section.go
	Fill       Fill              `yaml:"fill"`    // cells that are written on the first row of a group only
	Dates      Dates             `yaml:"dates"`
	Numbers    Numbers           `yaml:"numbers"`
	Constants  map[string]string `yaml:"constants"`  // canonical column -> value, for every stream that has it
	Attributes string            `yaml:"attributes"` // unmapped (default), all or none
	Formulas   string            `yaml:"formulas"`   // XLSX: value (default) or text of a formula with a stored value
	Padding    string            `yaml:"padding"`    // CSV: drop (default) or keep white space around unquoted cells, in attributes
	Streams    map[string]Stream `yaml:"streams"`

	file string // for messages
	text string // the YAML, for positions and the mapping version
}

// Header says where the header row is.
type Header struct {
	SearchRows int      `yaml:"search_rows"` // default 30
	Names      []string `yaml:"names"`       // the file has no header row: these are its columns
}

// Rule matches a row by one cell, and by others that must be empty.
type Rule struct {
	Column  string   `yaml:"column"` // declared name, or position from 1
	Matches string   `yaml:"matches"`
	Empty   []string `yaml:"empty"` // declared names

	pattern *regexp.Regexp
}

// Column is a source column: its names in the file, best first.
type Column struct {
	From     []string
	Optional bool   // the file may lack it; then it is empty
	Bad      string // "null": a cell that cannot be read is quarantined alone and the row stays
	Expand   bool   // scientific: expand: codes in powers of ten are exact (4.0128e+10 is 40128000000)
	UTC      bool   // zone: UTC: times without an offset are UTC, whatever the profile's zone
}

// Dates says how the file writes days and times.
type Dates struct {
	Order   string   `yaml:"order"`   // auto, ymd, mdy, dmy
	Zone    string   `yaml:"zone"`    // IANA zone of times that carry none
	ZoneIn  string   `yaml:"zone_in"` // column that names the zone of a record's times
	Cutover string   `yaml:"cutover"` // HH:MM at which the business day changes
	Formats []string `yaml:"formats"` // strptime patterns, tried before the known forms
}

// Numbers says which mark separates decimals: auto, "." or ",".
type Numbers struct {
	Decimal string `yaml:"decimal"`
}

// Stream maps records to one canonical stream.
type Stream struct {
	Where   string             `yaml:"where"`
	OnePer  []string           `yaml:"one_per"`
	Each    map[string]string  `yaml:"each"` // word -> column of amounts: a row per column that holds one; see each and each_amount
	Event   string             `yaml:"event"`
	Version string             `yaml:"version"`
	Columns map[string]Mapping `yaml:"columns"`
}

// Mapping fills one canonical column: a bare name, $capture, "= SQL" or auto.
type Mapping struct {
	Expr string
	Agg  string // with one_per: first, sum, min, max, count
	Bad  string // "null": see Column
}

// UnmarshalYAML reads the short form (one name), a list of names, or the full form.
func (c *Column) UnmarshalYAML(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		c.From = []string{one}
		return nil
	}
	var many []string
	if decode(&many) == nil {
		c.From = many
		return nil
	}
	var full struct {
		From     names  `yaml:"from"`
		Required *bool  `yaml:"required"`
		Optional bool   `yaml:"optional"`
		Bad      string `yaml:"bad"`
		Powers   string `yaml:"scientific"`
		Zone     string `yaml:"zone"`
	}
	if err := decode(&full); err != nil {
		return err
	}
	if full.Powers != "" && full.Powers != "refuse" && full.Powers != "expand" {
		return fmt.Errorf("scientific: %q is not known; write refuse or expand", full.Powers)
	}
	if full.Zone != "" && full.Zone != "UTC" {
		return fmt.Errorf("zone: %q is not known here; write UTC, or dates.zone for the whole file", full.Zone)
	}
	c.UTC = full.Zone == "UTC"
	c.From, c.Bad, c.Expand = full.From, orNull(full.Bad, decode), full.Powers == "expand"
	c.Optional = full.Optional || full.Required != nil && !*full.Required
	return nil
}

type names []string

// UnmarshalYAML reads one name or a list.
func (n *names) UnmarshalYAML(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		*n = names{one}
		return nil
	}
	var many []string
	err := decode(&many)
	*n = many
	return err
}

// UnmarshalYAML reads the short form (an expression) or the full form.
func (m *Mapping) UnmarshalYAML(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		m.Expr = one
		return nil
	}
	var full struct {
		Expr string `yaml:"expr"`
		Agg  string `yaml:"agg"`
		Bad  string `yaml:"bad"`
	}
	if err := decode(&full); err != nil {
		return err
	}
	m.Expr, m.Agg, m.Bad = full.Expr, full.Agg, orNull(full.Bad, decode)
	return nil
}

// orNull gives "null" for `bad: null`, which YAML reads as nothing.
func orNull(value string, decode func(any) error) string {
	var keys map[string]any
	if err := decode(&keys); err == nil && value == "" {
		if _, written := keys["bad"]; written {
			return "null"
		}
	}
	return value
}

// Parse reads and checks a profile. name is the file's name in messages. Every error is a fault of kind Usage whose
// subject is file:line:column.
func Parse(name string, data []byte) (*Profile, error) {
	p := &Profile{}
	if err := strictyaml.Decode(name, 1, data, p); err != nil {
		return nil, err
	}
	p.file, p.text = name, string(data)
	p.defaults()
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// Text gives the profile as it was read; together with the feed's constants it makes the mapping version.
func (p *Profile) Text() string { return p.text }

func (p *Profile) defaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&p.Format, "auto")
	set(&p.Encoding, "auto")
	set(&p.Delimiter, "auto")
	set(&p.Dates.Order, "auto")
	set(&p.Dates.Cutover, "00:00")
	set(&p.Numbers.Decimal, "auto")
	set(&p.Attributes, "unmapped")
	set(&p.Padding, "drop")
	set(&p.Formulas, "value")
	if p.Header.SearchRows == 0 {
		p.Header.SearchRows = 30
	}
}

var cutoverPattern = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func (p *Profile) check() error {
	oneOf := func(at, value string, allowed ...string) error {
		path := strings.Split(at, ".")
		key := path[len(path)-1]
		if slices.Contains(allowed, value) {
			return nil
		}
		hint := "write one of " + strings.Join(allowed, ", ")
		if near := fault.Nearest(value, allowed); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return p.bad("invalid_value", hint, path, "%s: %q is not known", key, value)
	}
	if p.Name == "" {
		return p.bad("missing_key", "write `profile: <name>`", nil, "the profile has no name")
	}
	for _, err := range []error{
		oneOf("format", p.Format, "auto", "csv", "xlsx", "jsonl"),
		oneOf("encoding", p.Encoding, "auto", "utf-8", "utf-16", "gb18030", "windows-1252"),
		oneOf("attributes", p.Attributes, "unmapped", "all", "none"),
		oneOf("padding", p.Padding, "drop", "keep"),
		oneOf("formulas", p.Formulas, "value", "text"),
		oneOf("dates.order", p.Dates.Order, "auto", "ymd", "mdy", "dmy"),
		oneOf("numbers.decimal", p.Numbers.Decimal, "auto", ".", ","),
	} {
		if err != nil {
			return err
		}
	}
	if d := p.Delimiter; d != "auto" && d != "tab" && len(d) != 1 {
		return p.bad("invalid_value", `write auto, tab, or one character such as ";"`, []string{"delimiter"}, "delimiter: %q is not one character", d)
	}
	if p.Dates.Zone != "" {
		zone, err := retail.Zone(p.Dates.Zone)
		if err != nil {
			return p.bad("unknown_zone", "write an IANA name such as Asia/Shanghai", []string{"dates", "zone"}, "%q is not a time zone", p.Dates.Zone)
		}
		p.Dates.Zone = zone
	}
	if p.Dates.ZoneIn != "" {
		if err := p.declared(p.Dates.ZoneIn, []string{"dates", "zone_in"}); err != nil {
			return err
		}
	}
	if !cutoverPattern.MatchString(p.Dates.Cutover) {
		return p.bad("invalid_value", "write HH:MM", []string{"dates", "cutover"}, "cutover: %q is not a time of day", p.Dates.Cutover)
	}
	if len(p.Streams) == 0 {
		return p.bad("missing_key", "map at least one canonical stream under `streams`", nil, "the profile maps no stream")
	}
	for _, check := range []func() error{p.checkColumns, p.checkDefine, p.checkRules, p.checkConstants, p.checkStreams, p.checkWhole} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) checkColumns() error {
	for _, name := range slices.Sorted(maps.Keys(p.Columns)) {
		c := p.Columns[name]
		if !identifier.MatchString(name) {
			return p.bad("invalid_name", "use lower-case letters, digits and _", []string{"columns", name}, "%q is not a column name", name)
		}
		if len(c.From) == 0 {
			return p.bad("missing_key", "write the column's name in the file", []string{"columns", name}, "column %q comes from nothing", name)
		}
		if c.Bad != "" && c.Bad != "null" {
			return p.bad("invalid_value", "write `bad: null`, or leave it out to refuse the row", []string{"columns", name, "bad"}, "bad: %q is not known", c.Bad)
		}
	}
	for _, name := range append(p.Fill.names(), p.Detail...) {
		if err := p.declared(name, []string{"fill"}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) checkRules() error {
	for key, rules := range map[string][]Rule{"ignore": p.Ignore, "stop_at": p.StopAt} {
		for i := range rules {
			pattern, err := regexp.Compile(rules[i].Matches)
			if err != nil || rules[i].Matches == "" {
				return p.bad("invalid_pattern", "write a regular expression (RE2)", []string{key, rules[i].Matches}, "%s: %q is not a pattern", key, rules[i].Matches)
			}
			rules[i].pattern = pattern
			for _, name := range rules[i].Empty {
				if err := p.declared(name, []string{key}); err != nil {
					return err
				}
			}
			if n, err := strconv.Atoi(rules[i].Column); err == nil && n > 0 {
				continue
			}
			if err := p.declared(rules[i].Column, []string{key}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Profile) checkConstants() error {
	for _, column := range slices.Sorted(maps.Keys(p.Constants)) {
		var all []string
		known := false
		for name := range p.Streams {
			stream, _ := retail.StreamNamed(name)
			for _, c := range stream.Columns {
				all = append(all, c.Name)
				known = known || c.Name == column
			}
		}
		if !known {
			return p.bad("unknown_column", nearest(column, all, "the mapped streams have no such column"), []string{"constants", column}, "constant for unknown column %q", column)
		}
	}
	return nil
}

func (p *Profile) declared(name string, path []string) error {
	if _, ok := p.Columns[name]; ok {
		return nil
	}
	return p.bad("unknown_column", nearest(name, slices.Sorted(maps.Keys(p.Columns)), "declare it under `columns`"), append(path, name), "column %q is not declared under columns", name)
}

// bad makes a fault that points at the line of path in the YAML.
func (p *Profile) bad(code, hint string, path []string, format string, args ...any) error {
	line, column := locate(p.text, path)
	return fault.New(fault.Usage, code, fmt.Sprintf("%s:%d:%d", p.file, line, column), hint, format, args...)
}

// locate finds the place of a path of keys in YAML text: each key is searched after the one before it.
func locate(text string, path []string) (line, column int) {
	at := 0
	for _, key := range path {
		pattern := regexp.MustCompile(`(?m)(^|[\s{,\["'])` + regexp.QuoteMeta(key) + `($|["'\s:,\]}])`)
		if found := pattern.FindStringIndex(text[at:]); found != nil {
			at += found[0]
			for at < len(text) && !strings.HasPrefix(text[at:], key) {
				at++
			}
		} else if i := strings.Index(text[at:], key); i >= 0 {
			at += i
		}
	}
	before := text[:at]
	return strings.Count(before, "\n") + 1, at - strings.LastIndexByte(before, '\n')
}

func nearest(name string, candidates []string, otherwise string) string {
	if near := fault.Nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}

var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
