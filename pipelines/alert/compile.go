package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

// shipped are the rules in force when a project says nothing else.
func shipped() []Rule {
	return []Rule{
		{Name: "silent", Kind: Freshness},
		{Name: "missing", Kind: Missing},
		{Name: "volume", Kind: Volume},
		{Name: "quarantine", Kind: Quarantine},
		{Name: "unreleased", Kind: Release},
		{Name: "checks", Kind: Checks},
		{Name: "jobs", Kind: Jobs, Severity: notify.Critical},
		{Name: "disk", Kind: Disk, Severity: notify.Critical},
		{Name: "deliveries", Kind: Deliveries},
		{Name: "stocktake", Kind: Stocktake},
	}
}

// keysOf says which keys mean something to a kind.
func keysOf(kind string) []string {
	return map[string][]string{
		Freshness: {"after"}, Release: {"after"}, Missing: {"days"}, Volume: {"days", "z", "change"}, Quarantine: {"over", "at_least", "window"},
		Disk: {"free"}, Deliveries: {"window"},
	}[kind]
}

func (p *Plan) addRules(c Config, in place) error {
	var all []Rule
	if c.Defaults == nil || *c.Defaults {
		all = shipped()
	}
	base := all
	seen := map[string]bool{}
	for i, r := range c.Rules {
		at := in.at("rules")
		if r.Name == "" || len(r.Name) > 64 {
			return at.bad("name", "give each rule a short name of its own", "rule %d has none, or too long a one", i+1)
		}
		if seen[r.Name] {
			return at.bad(r.Name, "give each rule a name of its own", "two rules have this name")
		}
		seen[r.Name] = true
		if at := slices.IndexFunc(base, func(b Rule) bool { return b.Name == r.Name }); at >= 0 {
			all[at] = over(base[at], r)
		} else {
			all = append(all, r)
		}
	}
	for _, r := range all {
		if r.Disabled {
			continue
		}
		ready, err := compileRule(r, in.at("rules."+r.Name))
		if err != nil {
			return err
		}
		p.rules = append(p.rules, ready)
	}
	return nil
}

// over gives a shipped rule what a project's rule of its name leaves open.
func over(base, own Rule) Rule {
	own.Kind, own.Severity = first(own.Kind, base.Kind), first(own.Severity, base.Severity)
	return own
}

func compileRule(r Rule, in place) (ready rule, err error) {
	if err := in.oneOf("kind", r.Kind, Kinds()); err != nil {
		return rule{}, err
	}
	r.Severity = first(r.Severity, notify.Warning)
	if err := in.oneOf("severity", r.Severity, severities[:]); err != nil {
		return rule{}, err
	}
	for key, written := range map[string]bool{
		"after": r.After != "", "days": r.Days != 0, "z": r.Z != 0, "change": r.Change != "", "over": r.Over != "", "at_least": r.AtLeast != 0, "window": r.Window != "", "free": r.Free != "",
	} {
		if written && !slices.Contains(keysOf(r.Kind), key) {
			return rule{}, in.bad(key, "remove it", "means nothing to a rule of kind %s", r.Kind)
		}
	}
	if err := in.patterns("only", append(slices.Clone(r.Only), r.Except...)); err != nil {
		return rule{}, err
	}
	usual := map[string]int{Missing: 7, Volume: 3}[r.Kind]
	if r.Days == 0 {
		r.Days = usual
	}
	if r.Days < 0 || r.Days > MostDays-historyDays {
		return rule{}, in.bad("days", "write a small number of days", "%d is out of range", r.Days)
	}
	if r.Z == 0 {
		r.Z = 5
	}
	if r.Z < 2 || r.AtLeast < 0 {
		return rule{}, in.bad("z", "write a number from 2", "z or at_least is too small")
	}
	if r.AtLeast == 0 {
		r.AtLeast = 20
	}
	ready = rule{Rule: r}
	if r.Kind == Release || r.After != "" && r.After != "auto" {
		if ready.after, err = in.duration("after", first(r.After, "36h"), time.Minute); err != nil {
			return rule{}, err
		}
	}
	if ready.window, err = in.duration("window", first(r.Window, map[string]string{Deliveries: "24h"}[r.Kind], "48h"), time.Hour); err != nil {
		return rule{}, err
	}
	if ready.change, err = in.share("change", first(r.Change, "50%")); err != nil {
		return rule{}, err
	}
	if ready.over, err = in.share("over", first(r.Over, "2%")); err != nil {
		return rule{}, err
	}
	ready.free, err = in.share("free", first(r.Free, "10%"))
	return ready, err
}

func (p *Plan) addRoutes(c Config, in place) error {
	all := c.Routes
	if len(all) == 0 && len(p.channels) > 0 {
		all = []Route{{Name: "all", Channels: slices.Sorted(maps.Keys(p.channels))}}
	}
	var names []string
	for _, r := range p.rules {
		names = append(names, r.Name)
	}
	seen := map[string]bool{}
	for i, r := range all {
		if r.Name == "" || seen[r.Name] {
			return in.bad("routes", "give each route a name of its own", "route %d has no name, or one that another has", i+1)
		}
		seen[r.Name] = true
		ready, err := p.compileRoute(r, in.at("routes."+r.Name))
		if err != nil {
			return err
		}
		for _, pattern := range r.Rules {
			if !slices.ContainsFunc(names, func(name string) bool { return matches([]string{pattern}, name) }) {
				return in.at("routes."+r.Name).oneOf("rules", pattern, names)
			}
		}
		p.routes = append(p.routes, ready)
	}
	return nil
}

func (p *Plan) compileRoute(r Route, in place) (ready route, err error) {
	if len(r.Channels) == 0 {
		return route{}, in.bad("channels", "name at least one of alerts.channels", "is empty")
	}
	for _, name := range r.Channels {
		if err := in.oneOf("channels", name, slices.Sorted(maps.Keys(p.channels))); err != nil {
			return route{}, err
		}
	}
	r.Severity = first(r.Severity, notify.Info)
	if err := in.oneOf("severity", r.Severity, severities[:]); err != nil {
		return route{}, err
	}
	if err := in.patterns("rules", append(slices.Clone(r.Rules), r.Only...)); err != nil {
		return route{}, err
	}
	ready = route{Route: r, onFail: r.OnFail == nil || *r.OnFail, onRecover: r.OnRecover == nil || *r.OnRecover}
	if r.Renotify != "never" {
		if ready.renotify, err = in.duration("renotify", first(r.Renotify, "24h"), 5*time.Minute); err != nil {
			return route{}, err
		}
	}
	if ready.group, err = in.duration("group", first(r.Group, "10m"), 0); err != nil {
		return route{}, err
	}
	if r.Quiet != nil {
		ready.quiet, err = compileQuiet(*r.Quiet, p.zone, in.at("quiet"))
	}
	return ready, err
}

// takes tells whether a route is for an alert.
func (r route) takes(a Alert) bool {
	return weight(a.Severity) >= weight(r.Severity) && matches(r.Rules, a.Rule) && matches(r.Only, a.Where)
}
