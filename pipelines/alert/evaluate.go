package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

// Finding is something wrong that a rule saw. Where names it for people and patterns; Rule and Where together are its identity.
type Finding struct {
	Rule     string    `json:"rule"`
	Kind     string    `json:"kind"`
	Severity string    `json:"severity"`
	Where    string    `json:"where"`
	Since    time.Time `json:"since,omitzero"` // zero: when it was first seen
	What     Words     `json:"what"`
	Next     Words     `json:"next"`           // what to do
	Once     bool      `json:"once,omitempty"` // it is told when it begins and when it ends, not again in between
}

// id is the identity of a finding.
func (f Finding) id() string { return f.Rule + " " + f.Where }

// verdict is what an evaluation says. Of what is unsure neither the beginning nor the end of a problem is known.
type verdict struct {
	found  []Finding
	kinds  map[string]bool // rules of these kinds are unsure altogether
	unsure map[string]bool // ids
}

func (v verdict) knows(a Alert) bool { return !v.kinds[a.Kind] && !v.unsure[a.id()] }

// Evaluate applies the rules to the facts. Findings are in the order of the rules and, of one rule, of where they are.
func (p *Plan) Evaluate(f Facts) []Finding { return p.evaluate(f).found }

func (p *Plan) evaluate(f Facts) verdict {
	v := verdict{kinds: map[string]bool{}, unsure: map[string]bool{}}
	for _, r := range p.rules {
		if _, unknown := f.Unknown[r.Kind]; unknown {
			v.kinds[r.Kind] = true
			continue
		}
		found := p.see(r, f, &v)
		slices.SortFunc(found, func(a, b Finding) int { return cmp.Compare(a.Where, b.Where) })
		for _, one := range found {
			if r.looksAt(one.Where) {
				one.Rule, one.Kind, one.Severity = r.Name, r.Kind, first(one.Severity, r.Severity)
				v.found = append(v.found, one)
			}
		}
	}
	return v
}

func (r rule) looksAt(where string) bool {
	return matches(r.Only, where) && (len(r.Except) == 0 || !matches(r.Except, where))
}

func (p *Plan) see(r rule, f Facts, v *verdict) []Finding {
	switch r.Kind {
	case Freshness:
		return silent(r, f)
	case Missing:
		return missing(r, f)
	case Volume:
		return volume(r, f)
	case Quarantine:
		return refused(r, f)
	case Release:
		return unreleased(r, f)
	case Checks:
		return failedChecks(f)
	case Jobs:
		return failedJobs(r, f, v)
	case Disk:
		return full(r, f)
	case Stocktake:
		return uncounted(f)
	}
	return undelivered(r, f)
}

// Of a feed's past, how much tells its usual pace.
const (
	paceArrivals  = 30
	leastArrivals = 5
	oneArrival    = 10 * time.Minute // what comes within this is one arrival
	leastSilence  = 26 * time.Hour
	wholeWeek     = 8 * 24 * time.Hour // of arrivals shows whether weekends are free
	freeDays      = 4 * 24 * time.Hour // may be, until that is known
)

func silent(r rule, f Facts) []Finding {
	arrivals := map[string][]time.Time{}
	for _, b := range f.Batches {
		name := b.Source + "/" + b.Feed
		if of := arrivals[name]; len(of) == 0 || b.At.Sub(of[len(of)-1]) >= oneArrival {
			arrivals[name] = append(of, b.At)
		} else if b.At.After(of[len(of)-1]) {
			of[len(of)-1] = b.At
		}
	}
	var found []Finding
	for name, of := range arrivals {
		after := r.after
		if after == 0 {
			if len(of) < leastArrivals {
				continue
			}
			after = pace(of)
		}
		if last := of[len(of)-1]; f.At.Sub(last) > after {
			found = append(found, Finding{Where: name, Since: last, What: words(
				"%[1]s 已有 %[2]s 没有新数据（通常不超过 %[3]s）", "%[1]s has brought nothing for %[2]s (usually at most %[3]s)", name, span(f.At.Sub(last)), span(after)),
				Next: words("检查该来源的导出任务、网络和账号，再运行 omoflow run --source %s", "check the source's export, network and account, then omoflow run --source %s", strings.SplitN(name, "/", 2)[0])})
		}
	}
	return found
}

// pace is how long a feed may be silent: twice its usual pause, and more than its longest lately.
func pace(arrivals []time.Time) time.Duration {
	last := arrivals[len(arrivals)-1]
	from := slices.IndexFunc(arrivals, func(at time.Time) bool { return last.Sub(at) <= 2*wholeWeek }) // weekends of a busy feed are looked at too
	arrivals = arrivals[max(min(from, len(arrivals)-paceArrivals-1), 0):]
	var gaps []time.Duration
	for i := 1; i < len(arrivals); i++ {
		gaps = append(gaps, arrivals[i].Sub(arrivals[i-1]))
	}
	slices.Sort(gaps)
	least := leastSilence
	if last.Sub(arrivals[0]) < wholeWeek {
		least = freeDays
	}
	return max(2*gaps[len(gaps)/2], gaps[len(gaps)-1]*5/4, least)
}

func missing(r rule, f Facts) []Finding {
	last := ""
	for _, d := range f.Days {
		last = max(last, d.Date)
	}
	from := daysBefore(last, r.Days-1)
	dates := map[string][]string{}
	for _, d := range f.Days {
		if d.State == "missing" && d.Date >= from {
			name := where(d)
			dates[name] = append(dates[name], d.Date)
		}
	}
	var found []Finding
	for name, of := range dates {
		slices.Sort(of)
		since, _ := time.Parse(time.DateOnly, of[0]) // a date without a time: zero is "first seen"
		found = append(found, Finding{Where: name, Since: since, What: words(
			"%[1]s 缺 %[2]d 天的文件：%[3]s", "%[1]s sent nothing for %[3]s (days: %[2]d)", name, len(of), list(of)),
			Next: words("请门店或平台补传这些日期的文件；omoflow status 显示完整情况", "ask the store or platform to send these days again; omoflow status shows the whole matrix")})
	}
	return found
}

func where(d Day) string {
	name := d.Source + "/" + d.Feed
	if d.Location != "" {
		name += "@" + d.Location
	}
	return name
}

// list names dates, the last ones when there are many.
func list(dates []string) string {
	const most = 5
	if len(dates) <= most {
		return strings.Join(dates, ", ")
	}
	return "… " + strings.Join(dates[len(dates)-most:], ", ")
}

func daysBefore(date string, n int) string {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return day.AddDate(0, 0, -n).Format(time.DateOnly)
}

func refused(r rule, f Facts) []Finding {
	type sum struct {
		read, out int64
		files     int
		since     time.Time
	}
	sums := map[string]*sum{}
	for _, b := range f.Batches {
		if f.At.Sub(b.At) > r.window {
			continue
		}
		name := b.Source + "/" + b.Feed
		if sums[name] == nil {
			sums[name] = &sum{}
		}
		s := sums[name]
		s.read, s.out, s.files = s.read+b.Read, s.out+b.Quarantined, s.files+b.Refused
		if s.since.IsZero() && (b.Quarantined > 0 || b.Refused > 0) {
			s.since = b.At
		}
	}
	var found []Finding
	for name, s := range sums {
		many := s.out >= r.AtLeast && float64(s.out) > r.over*float64(s.read)
		if !many && s.files == 0 {
			continue
		}
		share := fmt.Sprintf("%.1f%%", 100*float64(s.out)/float64(max(s.read, 1)))
		found = append(found, Finding{Where: name, Since: s.since, What: words(
			"%[1]s 近 %[2]s 读入 %[3]d 条，隔离 %[4]d 条（%[5]s），拒收 %[6]d 个文件", "%[1]s: of %[3]d records read in the last %[2]s, %[4]d (%[5]s) are in quarantine; %[6]d files were refused", name, span(r.window), s.read, s.out, share, s.files),
			Next: words("omoflow quarantine list 查看原因，修正后 omoflow quarantine replay", "omoflow quarantine list tells why; mend the cause, then omoflow quarantine replay")})
	}
	return found
}

func unreleased(r rule, f Facts) []Finding {
	if f.Waiting.Batches == 0 || f.At.Sub(f.Waiting.Since) <= r.after {
		return nil
	}
	return []Finding{{Where: "release", Since: f.Waiting.Since, What: words(
		"%[1]d 批数据已到达 %[2]s 仍未发布，报表不含这些数据", "%[1]d batches have waited %[2]s for a release; reports do not have them", f.Waiting.Batches, span(f.At.Sub(f.Waiting.Since))),
		Next: words("运行 omoflow run；omoflow schedule list 显示发布任务", "run omoflow run; omoflow schedule list shows the release job")}}
}

func failedChecks(f Facts) []Finding {
	var found []Finding
	for _, c := range f.Checks {
		one := Finding{Where: strings.TrimSpace(c.Name + " " + c.Model), What: words("检查 %[1]s 发现 %[2]d 行", "check %[1]s found %[2]d rows", c.Name, c.Rows),
			Next: words("omoflow status 显示检查结果；修正数据或规则后重新运行", "omoflow status shows the check; mend the data or the rule and run again")}
		if c.Model != "" {
			one.Where = c.Model + "/" + c.Name
		}
		if c.Block {
			one.Severity = notify.Critical
			one.What = words("检查 %[1]s 发现 %[2]d 行，新的发布被阻止", "check %[1]s found %[2]d rows and keeps the new release back", c.Name, c.Rows)
		}
		found = append(found, one)
	}
	return found
}

func failedJobs(r rule, f Facts, v *verdict) []Finding {
	var found []Finding
	for _, j := range f.Jobs {
		one := Finding{Rule: r.Name, Where: j.Name, Since: j.Tick}
		switch j.Outcome {
		case "failed":
			one.What = words("任务 %[1]s 第 %[2]d 次尝试后失败：%[3]s", "job %[1]s failed at attempt %[2]d: %[3]s", j.Name, max(j.Attempt, 1), notify.Cut(notify.Line(j.Why), 300, ""))
			one.Next = words("omoflow schedule list 显示原因；排除后 omoflow schedule run %[1]s --tick %[2]s", "omoflow schedule list tells why; then omoflow schedule run %[1]s --tick %[2]s", j.Name, j.Tick.UTC().Format(time.RFC3339))
			found = append(found, one)
		case "done":
		default: // skipped, missed or paused says nothing of whether it works
			v.unsure[one.id()] = true
		}
	}
	return found
}

func full(r rule, f Facts) []Finding {
	var found []Finding
	for _, d := range f.Disks {
		if d.Total == 0 || float64(d.Free) >= r.free*float64(d.Total) {
			continue
		}
		share, left := fmt.Sprintf("%.1f%%", 100*float64(d.Free)/float64(d.Total)), fmt.Sprintf("%.1f GiB", float64(d.Free)/(1<<30))
		found = append(found, Finding{Where: d.Name, What: words(
			"磁盘（%[1]s）只剩 %[2]s（%[3]s）", "the disk of %[1]s has only %[2]s left (%[3]s)", d.Name, left, share),
			Next: words("扩容或清理该磁盘；写满后任何任务都不能完成，已提交的数据不会损坏", "make room; when it is full no job can finish, what is committed stays whole")})
	}
	return found
}

func undelivered(r rule, f Facts) []Finding {
	type sum struct {
		failed, doubt int
		since         time.Time
	}
	sums := map[string]*sum{}
	for _, u := range f.Failed {
		if f.At.Sub(u.At) > r.window {
			continue
		}
		if sums[u.Channel] == nil {
			sums[u.Channel] = &sum{since: u.At}
		}
		s := sums[u.Channel]
		if s.since.After(u.At) {
			s.since = u.At
		}
		if u.Status == "unknown" {
			s.doubt++
		} else {
			s.failed++
		}
	}
	var found []Finding
	for name, s := range sums {
		found = append(found, Finding{Where: name, Since: s.since, What: words(
			"通道 %[1]s 有 %[2]d 条消息未送达，%[3]d 条不确定是否送达", "channel %[1]s: %[2]d messages were not delivered, of %[3]d it is not known", name, s.failed, s.doubt),
			Next: words("omoflow alert list 显示原因；用 omoflow alert test %[1]s 试发", "omoflow alert list tells why; try omoflow alert test %[1]s", name)})
	}
	return found
}
