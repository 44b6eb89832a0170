package schedules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/schedules/calendar"
)

var (
	jobName = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,62}$`)
	clock   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

func badJob(name, job, key, hint, format string, args ...any) error {
	return fault.New(fault.Usage, "invalid_schedule", fmt.Sprintf("%s: job %s: %s", name, job, key), hint, format, args...)
}

// compile checks a spec, fills in its defaults and makes a job of it.
func compile(name string, spec, fallback Spec, calendars map[string]*calendar.Calendar) (*Job, error) {
	bad := func(key, hint, format string, args ...any) error {
		return badJob(name, spec.Name, key, hint, format, args...)
	}
	if !jobName.MatchString(spec.Name) {
		return nil, fault.New(fault.Usage, "invalid_schedule", name+": jobs", "use lower-case letters, digits, dots, _ and -, a letter first", "%q is not a job name", spec.Name)
	}
	if strings.TrimSpace(spec.Do) == "" {
		return nil, bad("do", "write an omoflow command such as `run`", "the job does nothing")
	}
	spec.Zone, spec.Calendar = first(spec.Zone, fallback.Zone), first(spec.Calendar, fallback.Calendar)
	job := &Job{Spec: spec}
	choices := []struct {
		key     string
		value   *string
		allowed []string // the first is the default
	}{
		{"days", &job.Days, []string{"any", "working", "off"}},
		{"roll", &job.Roll, []string{"none", "next", "previous"}},
		{"overlap", &job.Overlap, []string{Queue, Skip, Replace}},
		{"catch_up", &job.CatchUp, []string{Latest, All, None}},
	}
	for _, c := range choices {
		if *c.value = first(*c.value, c.allowed[0]); !slices.Contains(c.allowed, *c.value) {
			return nil, bad(c.key, nearest(*c.value, c.allowed), "%q is not known", *c.value)
		}
	}
	var err error
	if job.loc, err = time.LoadLocation(spec.Zone); err != nil || spec.Zone == "Local" {
		return nil, bad("zone", nearestZone(spec.Zone), "%q is not a time zone", spec.Zone)
	}
	if job.calendar = calendars[spec.Calendar]; job.calendar == nil {
		return nil, bad("calendar", nearest(spec.Calendar, slices.Sorted(maps.Keys(calendars))), "%q is not a calendar", spec.Calendar)
	}
	if _, err := job.Arguments(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), false); err != nil {
		return nil, bad("do", fault.HintOf(err), "%v", err)
	}
	if err := job.setLimits(bad); err != nil {
		return nil, err
	}
	if err := job.setTicks(bad); err != nil {
		return nil, err
	}
	if job.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, bad(job.rule(), "correct the days: no date matches all of them", "the job never fires")
	}
	return job, nil
}

func (j *Job) rule() string {
	if j.Nth != nil {
		return "nth"
	}
	return "cron"
}

func nearest(text string, known []string) string {
	if near := fault.Nearest(strings.ToLower(text), known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "write one of " + strings.Join(known, ", ")
}

// nearestZone knows the zones that people misspell; the whole list is not in the library.
func nearestZone(text string) string {
	known := []string{
		"Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Macau", "Asia/Urumqi", "Asia/Tokyo", "Asia/Seoul", "Asia/Singapore", "Asia/Kolkata", "Asia/Dubai",
		"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto", "America/Sao_Paulo", "America/Mexico_City",
		"Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Madrid", "Europe/Rome", "Europe/Moscow", "Europe/Istanbul",
		"Australia/Sydney", "Australia/Melbourne", "Australia/Brisbane", "Australia/Lord_Howe", "Pacific/Auckland", "Africa/Johannesburg", "Africa/Cairo", "UTC",
	}
	if near := fault.Nearest(text, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "write an IANA zone such as Asia/Shanghai"
}

type badFunc = func(key, hint, format string, args ...any) error

// setLimits reads the durations and counts.
func (j *Job) setLimits(bad badFunc) error {
	fields := []struct {
		key         string
		text        *string
		into        *time.Duration
		fallback    string
		least, most time.Duration
	}{
		{"start_within", &j.StartWithin, &j.dur.startWithin, "5m", time.Minute, 366 * 24 * time.Hour},
		{"jitter", &j.Jitter, &j.dur.jitter, "", 0, 24 * time.Hour},
		{"timeout", &j.Timeout, &j.dur.timeout, "1h", time.Second, 7 * 24 * time.Hour},
		{"grace", &j.Grace, &j.dur.grace, "", 0, 366 * 24 * time.Hour},
		{"retries.backoff", &j.Retries.Backoff, &j.dur.backoff, "1m", time.Second, 24 * time.Hour},
		{"retries.max_backoff", &j.Retries.MaxBackoff, &j.dur.maxBackoff, "1h", time.Second, 24 * time.Hour},
	}
	for _, f := range fields {
		*f.text = first(*f.text, f.fallback)
		if *f.text == "" {
			continue
		}
		d, err := time.ParseDuration(*f.text)
		if err != nil {
			return bad(f.key, "write a duration such as 30s, 10m or 2h", "%q is not a duration", *f.text)
		}
		if d < f.least || d > f.most {
			return bad(f.key, fmt.Sprintf("write a duration from %s to %s", f.least, f.most), "%s is out of range", *f.text)
		}
		*f.into = d
	}
	if j.Cap == 0 {
		j.Cap = 100
	}
	if j.Cap < 0 || j.Cap > 1000 {
		return bad("cap", "write a number from 1 to 1000", "%d is out of range", j.Cap)
	}
	if j.Retries.Max < 0 || j.Retries.Max > 100 {
		return bad("retries.max", "write a number from 0 to 100", "%d is out of range", j.Retries.Max)
	}
	if j.Grace != "" && len(j.After) == 0 {
		return bad("grace", "name the jobs it waits for in `after`, or remove it", "the job waits for nothing")
	}
	return nil
}

// setTicks compiles the rule that makes ticks.
func (j *Job) setTicks(bad badFunc) error {
	switch {
	case j.Cron != "" && j.Nth != nil:
		return bad("nth", "remove one of them", "a job has either cron or nth")
	case j.Nth != nil:
		return j.setNth(bad)
	case strings.TrimSpace(j.Cron) == "":
		return bad("cron", "write five fields such as \"0 6 * * *\" (minute hour day month weekday)", "is missing")
	case strings.HasPrefix(j.Cron, "@every"):
		return bad("cron", "write fields such as \"*/15 * * * *\"", "%q counts from whenever the program starts, so no tick could be made up for", j.Cron)
	case strings.Contains(j.Cron, "TZ="):
		return bad("cron", "write the zone under `zone`", "%q names a zone", j.Cron)
	}
	rule, err := parseCron(j.Cron)
	if err != nil {
		return bad("cron", "write five fields: minute hour day month weekday, such as \"0 6 * * 1-5\"", "%q is no cron expression: %v", j.Cron, err)
	}
	fields := strings.Fields(j.Cron)
	j.hourly = j.Cron == "@hourly" || len(fields) == 5 && fields[1] == "*"
	if j.hourly && j.Roll != "none" {
		return bad("roll", "name the hours in `cron`, or use `days: working`", "a job of every hour cannot move to another day")
	}
	j.next = rule.Next
	return nil
}

// parseCron shields from the parser's panics on text that nobody would write.
func parseCron(text string) (rule cron.Schedule, err error) {
	defer func() {
		if fell := recover(); fell != nil {
			err = fmt.Errorf("the parser gave up: %v", fell)
		}
	}()
	const longest = 1000
	if len(text) > longest {
		return nil, fmt.Errorf("it has %d characters", len(text))
	}
	return cron.ParseStandard(text)
}

func (j *Job) setNth(bad badFunc) error {
	n := *j.Nth
	if !slices.Contains([]string{"week", "month", "quarter", "year"}, n.Of) {
		return bad("nth.of", nearest(n.Of, []string{"week", "month", "quarter", "year"}), "%q is not a period", n.Of)
	}
	if !clock.MatchString(n.At) {
		return bad("nth.at", "write HH:MM, such as \"09:00\"", "%q is not a time of day", n.At)
	}
	if n.Workday == 0 || n.Workday > 366 || n.Workday < -366 {
		return bad("nth.workday", "write 1 for the first, -1 for the last", "there is no working day %d", n.Workday)
	}
	if j.Days != "any" || j.Roll != "none" {
		return bad("nth", "remove days and roll", "it falls on working days only")
	}
	at, err := time.Parse("15:04", n.At)
	if err != nil {
		return bad("nth.at", "write HH:MM, such as \"09:00\"", "%q is not a time of day", n.At)
	}
	clock := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	j.next = func(naive time.Time) time.Time {
		for start := periodStart(naive, n.Of); start.Before(naive.AddDate(6, 0, 0)); start = periodNext(start, n.Of) {
			if day := j.nthWorkday(start, periodNext(start, n.Of), n.Workday); !day.IsZero() && day.Add(clock).After(naive) {
				return day.Add(clock)
			}
		}
		return time.Time{}
	}
	return nil
}

// nthWorkday is the n-th working day from start (or, when n is negative, back from end), zero when there are not as many.
func (j *Job) nthWorkday(start, end time.Time, n int) time.Time {
	day, step := start, 1
	if n < 0 {
		day, step, n = end.AddDate(0, 0, -1), -1, -n
	}
	for ; !day.Before(start) && day.Before(end); day = day.AddDate(0, 0, step) {
		if j.calendar.Working(day) {
			if n--; n == 0 {
				return day
			}
		}
	}
	return time.Time{}
}

// checkOrder refuses jobs that wait for unknown jobs or in a circle.
func checkOrder(name string, jobs []*Job) error {
	after, names := map[string][]string{}, []string{}
	for _, job := range jobs {
		after[job.Name] = job.After
		names = append(names, job.Name)
	}
	for _, job := range jobs {
		for _, other := range job.After {
			if _, ok := after[other]; !ok {
				return badJob(name, job.Name, "after", nearest(other, names), "there is no job %q that runs", other)
			}
		}
	}
	const walking, done = 1, 2
	state := map[string]int{}
	var walk func(job string, path []string) error
	walk = func(job string, path []string) error {
		path = append(path, job)
		if state[job] == walking {
			return badJob(name, job, "after", "remove one of these dependencies", "the jobs wait for each other: %s", strings.Join(path[slices.Index(path, job):], " after "))
		}
		if state[job] == done {
			return nil
		}
		state[job] = walking
		for _, other := range after[job] {
			if err := walk(other, path); err != nil {
				return err
			}
		}
		state[job] = done
		return nil
	}
	for _, job := range jobs {
		if err := walk(job.Name, nil); err != nil {
			return err
		}
	}
	return nil
}
