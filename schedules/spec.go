// Package schedules says when jobs are due: cron expressions, or the n-th working day of a period, in a zone, on a calendar.
//
// It is a calculator: it knows no clock, starts nothing and remembers nothing. What was done is in the ledger
// (schedules/ledger); both together make "each tick once".
package schedules

import (
	_ "embed"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/strictyaml"
	"github.com/omoflow/omoflow/schedules/calendar"
)

//go:embed schedules.yaml
var shipped []byte

// What becomes of a tick that comes due while an earlier one of its job runs.
const (
	Queue   = "queue"   // it waits (the default)
	Skip    = "skip"    // it is not run
	Replace = "replace" // it takes the place of the earlier one, which is stopped
)

// What becomes of ticks that nobody was there to run.
const (
	All    = "all"    // each is run, oldest first; of more than cap the newest
	Latest = "latest" // the newest is run (the default)
	None   = "none"   // none that is older than start_within is run
)

// Spec is one job as written in YAML. Durations are Go's ("90s", "1h30m"); zero values mean the defaults named here.
type Spec struct {
	Name     string   `yaml:"name" json:"name"`
	About    string   `yaml:"about" json:"about,omitempty"`
	Do       string   `yaml:"do" json:"do"` // an omoflow command line; Run.Arguments tells what {..} in it stands for
	Cron     string   `yaml:"cron" json:"cron,omitempty"`
	Nth      *Nth     `yaml:"nth" json:"nth,omitempty"` // instead of cron
	Zone     string   `yaml:"zone" json:"zone"`         // default the file's, then the company's
	Calendar string   `yaml:"calendar" json:"calendar"` // default the file's, then weekdays
	Days     string   `yaml:"days" json:"days"`         // any (default), working or off
	Roll     string   `yaml:"roll" json:"roll"`         // where a tick on a day off goes: none (default), next or previous working day
	Overlap  string   `yaml:"overlap" json:"overlap"`
	CatchUp  string   `yaml:"catch_up" json:"catch_up"`
	Cap      int      `yaml:"cap" json:"cap"` // most ticks that wait at once; default 100
	After    []string `yaml:"after" json:"after,omitempty"`
	Disabled bool     `yaml:"disabled" json:"disabled,omitempty"`

	StartWithin string  `yaml:"start_within" json:"start_within"` // a tick older than this was missed; default 5m; only catch_up none asks
	Jitter      string  `yaml:"jitter" json:"jitter,omitempty"`   // spread starts over this time; default none
	Timeout     string  `yaml:"timeout" json:"timeout"`           // of one attempt; default 1h
	Grace       string  `yaml:"grace" json:"grace,omitempty"`     // run provisionally when `after` is still not done this long after the tick
	Retries     Retries `yaml:"retries" json:"retries"`
}

// Nth asks for the n-th working day of each period, counted from its end when negative.
type Nth struct {
	Workday int    `yaml:"workday" json:"workday"`
	Of      string `yaml:"of" json:"of"` // week, month, quarter or year
	At      string `yaml:"at" json:"at"` // HH:MM
}

// Retries says how often a failed attempt is repeated, with doubling pauses.
type Retries struct {
	Max        int    `yaml:"max" json:"max"`
	Backoff    string `yaml:"backoff" json:"backoff,omitempty"`         // first pause, default 1m
	MaxBackoff string `yaml:"max_backoff" json:"max_backoff,omitempty"` // default 1h
}

type file struct {
	Version   int      `yaml:"version"`
	Zone      string   `yaml:"zone"`
	Calendar  string   `yaml:"calendar"`
	Calendars []string `yaml:"calendars"`
	Defaults  *bool    `yaml:"defaults"`
	Jobs      []Spec   `yaml:"jobs"`
}

// Options say what a schedules file is read with.
type Options struct {
	Zone string                            // of jobs and files that name none
	Read func(path string) ([]byte, error) // reads a calendar that the file names; nil refuses them
}

// Load gives the jobs in force, in the order of the files: those that are shipped, and those of the project's own file, of which data
// is the content and name the path. Nil data means that there is no such file. Every error is a fault of kind Usage.
func Load(name string, data []byte, opt Options) ([]*Job, error) {
	own := file{Version: 1}
	if data != nil {
		if err := strictyaml.Decode(name, 1, data, &own); err != nil {
			return nil, err
		}
	}
	if own.Version != 1 {
		return nil, fault.New(fault.Usage, "invalid_schedule", name+": version", "write `version: 1`", "version %d is not known", own.Version)
	}
	var base file
	if err := strictyaml.Decode("schedules.yaml (shipped)", 1, shipped, &base); err != nil {
		return nil, err
	}
	if own.Defaults != nil && !*own.Defaults {
		base = file{}
	}
	specs, err := merge(name, base, own)
	if err != nil {
		return nil, err
	}
	calendars, err := loadCalendars(name, own.Calendars, opt.Read)
	if err != nil {
		return nil, err
	}
	fallback := Spec{Zone: first(own.Zone, opt.Zone, "UTC"), Calendar: first(own.Calendar, base.Calendar, calendar.Weekdays)}
	var jobs []*Job
	for _, spec := range specs {
		if spec.Disabled {
			continue
		}
		job, err := compile(name, spec, fallback, calendars)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, checkOrder(name, jobs)
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// merge puts the project's jobs in the place of the shipped ones of the same name.
func merge(name string, base, own file) ([]Spec, error) {
	seen := map[string]bool{}
	for _, spec := range own.Jobs {
		if seen[spec.Name] {
			return nil, badJob(name, spec.Name, "name", "give each job a name of its own", "two jobs have this name")
		}
		seen[spec.Name] = true
	}
	var specs []Spec
	for _, spec := range base.Jobs {
		if i := slices.IndexFunc(own.Jobs, func(s Spec) bool { return s.Name == spec.Name }); i >= 0 {
			spec = own.Jobs[i]
		}
		specs = append(specs, spec)
	}
	for _, spec := range own.Jobs {
		if !slices.ContainsFunc(base.Jobs, func(s Spec) bool { return s.Name == spec.Name }) {
			specs = append(specs, spec)
		}
	}
	return specs, nil
}

func loadCalendars(name string, paths []string, read func(string) ([]byte, error)) (map[string]*calendar.Calendar, error) {
	all, err := calendar.Shipped()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if read == nil {
			return nil, fault.New(fault.Usage, "invalid_schedule", name+": calendars", "remove the key", "calendars cannot be read here")
		}
		data, err := read(path)
		if err != nil {
			return nil, fault.Wrap(err, fault.Usage, "calendar_missing", path, "correct `calendars` in "+name, "the calendar cannot be read")
		}
		c, err := calendar.Parse(path, data)
		if err != nil {
			return nil, err
		}
		if _, twice := all[c.Name]; twice && c.Name != "CN" { // a project may know a later year of CN than the program
			return nil, fault.New(fault.Usage, "invalid_calendar", path+": calendar", "give it another name", "there is a calendar %q already", c.Name)
		}
		all[c.Name] = c
	}
	return all, nil
}

// Job is a Spec that was checked and can be asked.
type Job struct {
	Spec     // with every default filled in
	loc      *time.Location
	calendar *calendar.Calendar
	next     func(naive time.Time) time.Time // strictly later, zero when there is none
	hourly   bool                            // ticks follow elapsed time, not the clock on the wall
	dur      durations
}

type durations struct{ startWithin, jitter, timeout, grace, backoff, maxBackoff time.Duration }
