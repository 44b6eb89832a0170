package alert

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/notify/channel"
)

// Config is `alerts:` of omoflow.yaml.
type Config struct {
	Language string                    `yaml:"language"` // zh-CN, en or both (the default)
	Defaults *bool                     `yaml:"defaults"` // false: only the rules named here
	Rules    []Rule                    `yaml:"rules"`    // replace shipped ones of the same name, or add
	Channels map[string]channel.Config `yaml:"channels"`
	Routes   []Route                   `yaml:"routes"` // none: everything goes to every channel
}

// Rule is one rule as written. Durations are Go's ("90m"), shares "2%"; empty means the kind's default.
type Rule struct {
	Name     string   `yaml:"name"`
	Kind     string   `yaml:"kind"`
	Severity string   `yaml:"severity"` // info, warning (default) or critical
	Only     []string `yaml:"only"`     // patterns of what it looks at, such as tills/* or tills/receipts@S0*
	Except   []string `yaml:"except"`
	Disabled bool     `yaml:"disabled"`

	After   string  `yaml:"after"`    // freshness: auto or a duration; release: a duration
	Days    int     `yaml:"days"`     // missing, volume: how many days back
	Z       float64 `yaml:"z"`        // volume: how many robust deviations
	Change  string  `yaml:"change"`   // volume: least share of the usual
	Over    string  `yaml:"over"`     // quarantine: share
	AtLeast int64   `yaml:"at_least"` // quarantine: records
	Window  string  `yaml:"window"`   // quarantine, deliveries: how long back
	Free    string  `yaml:"free"`     // disk: least share
}

// Route says who is told.
type Route struct {
	Name      string   `yaml:"name"`
	Channels  []string `yaml:"channels"`
	Severity  string   `yaml:"severity"` // least; default info
	Rules     []string `yaml:"rules"`    // patterns of rules' names; none: all
	Only      []string `yaml:"only"`     // patterns of what is wrong; none: all
	OnFail    *bool    `yaml:"on_fail"`  // default true
	OnRecover *bool    `yaml:"on_recover"`
	Renotify  string   `yaml:"renotify"` // a problem that lasts is told again after this; default 24h; never
	Group     string   `yaml:"group"`    // at most one message in this time; default 10m
	Quiet     *Quiet   `yaml:"quiet"`
}

// Quiet is when a route keeps still; what comes meanwhile is told afterwards, if it is still so.
type Quiet struct {
	From   string   `yaml:"from"` // HH:MM on the clock of the zone
	To     string   `yaml:"to"`   // earlier than from: the next day; the same: the whole day
	Zone   string   `yaml:"zone"` // default the company's
	Days   []string `yaml:"days"` // mon ... sun on which it begins; none: every day
	Except string   `yaml:"except"`
}

// Plan is a configuration that was checked.
type Plan struct {
	rules    []rule
	routes   []route
	channels map[string]notify.Channel
	language map[string]string // of each channel
	zone     *time.Location
	company  string
}

// Options are what a plan is made with besides.
type Options struct {
	Path    string // of the file, for errors
	Zone    *time.Location
	Company string
	Channel channel.Options
}

var severities = [...]string{notify.Info, notify.Warning, notify.Critical}

func weight(severity string) int { return slices.Index(severities[:], severity) }

type rule struct {
	Rule
	after, window time.Duration // after 0: auto
	change        float64
	over, free    float64
}

type route struct {
	Route
	onFail, onRecover bool
	renotify, group   time.Duration // renotify 0: never
	quiet             *hours
}

// Compile checks a configuration. Errors are of kind Usage and name the key.
func Compile(c Config, opt Options) (*Plan, error) {
	p := &Plan{channels: map[string]notify.Channel{}, language: map[string]string{}, zone: opt.Zone, company: opt.Company}
	if p.zone == nil {
		p.zone = time.UTC
	}
	in := place(opt.Path + ": alerts")
	if c.Language == "" {
		c.Language = both
	}
	if err := in.oneOf("language", c.Language, languages()); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		config, at := c.Channels[name], in.at("channels."+name)
		made, err := channel.Open(string(at), config, opt.Channel)
		if err != nil {
			return nil, err
		}
		p.channels[name], p.language[name] = made, first(config.Language, c.Language)
		if err := at.oneOf("language", p.language[name], languages()); err != nil {
			return nil, err
		}
	}
	if err := p.addRules(c, in); err != nil {
		return nil, err
	}
	return p, p.addRoutes(c, in)
}

// Channels gives the configured channels by name.
func (p *Plan) Channels() map[string]notify.Channel { return p.channels }

// place is where in the configuration something stands.
type place string

func (in place) at(key string) place { return in + "." + place(key) }

func (in place) bad(key, hint, format string, args ...any) error {
	return fault.New(fault.Usage, "invalid_alerts", string(in.at(key)), hint, format, args...)
}

func (in place) oneOf(key, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	hint := "write one of " + strings.Join(known, ", ")
	if len(known) == 0 {
		hint = "there is none yet: add it"
	}
	if near := fault.Nearest(value, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return in.bad(key, hint, "%q is not known", value)
}

func (in place) duration(key, text string, least time.Duration) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n <= 3660 {
			text = strconv.Itoa(n*24) + "h"
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least {
		return 0, in.bad(key, "write a duration such as 90m, 26h or 2d", "%q is no duration of at least %s", text, least)
	}
	return d, nil
}

func (in place) share(key, text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(number, 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 100) {
		return 0, in.bad(key, "write a share such as 2%", "%q is no share", text)
	}
	return value, nil
}

func (in place) patterns(key string, patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return in.bad(key, "write a pattern such as tills/*", "%q is no pattern", pattern)
		}
	}
	return nil
}

// matches tells whether one of the patterns fits; no patterns fit everything.
func matches(patterns []string, text string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, text) // checked
		return ok
	})
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
