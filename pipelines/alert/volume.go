package alert

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	historyWeeks = 12
	historyDays  = historyWeeks * 7
	leastHistory = 5 // same weekdays that a day is compared with

	// MostDays is how many business days of Facts.Days the rules look at, at most.
	MostDays = historyDays + 30
)

// volume compares each of the last whole days with the same weekdays before it. One unusual day in the past does not move a
// median, and the deviation of counts is never taken for less than their square root, so that quiet stores raise no alarm.
func volume(r rule, f Facts) []Finding {
	series := map[string]map[string]Day{}
	last := ""
	for _, d := range f.Days {
		if d.Date >= f.Today && f.Today != "" {
			continue // the day is not over
		}
		name := where(d)
		if series[name] == nil {
			series[name] = map[string]Day{}
		}
		series[name][d.Date] = d
		last = max(last, d.Date)
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(series)) {
		worst, worstZ := Finding{}, 0.0
		for back := range r.Days {
			date := daysBefore(last, back)
			day, has := series[name][date]
			if !has || day.State == "missing" || day.State == "awaited" {
				continue
			}
			usual, z, ok := deviation(series[name], date)
			if !ok || math.Abs(z) < r.Z || math.Abs(float64(day.Records)-usual) < r.change*usual || math.Abs(z) <= math.Abs(worstZ) {
				continue
			}
			worstZ = z
			since, _ := time.Parse(time.DateOnly, date) // daysBefore made it
			worst = Finding{Where: name, Since: since, What: words(
				"%[1]s 在 %[2]s 有 %[3]d 条记录，同一星期几通常约 %[4]s 条（稳健 z = %[5]s）", "%[1]s has %[3]d records on %[2]s, that weekday usually about %[4]s (robust z = %[5]s)",
				name, date, day.Records, fmt.Sprintf("%.0f", usual), fmt.Sprintf("%.1f", z)),
				Next: words("核对该店当日是否停业、促销或重复导出；若有误请重新导出", "see whether the store was closed, had a promotion or exported twice; send the file again if it is wrong")}
		}
		if worstZ != 0 {
			found = append(found, worst)
		}
	}
	return found
}

// deviation gives the median of the same weekdays before a date, and how many robust deviations the date is away from it.
func deviation(days map[string]Day, date string) (usual, z float64, ok bool) {
	var before []float64
	for week := 1; week <= historyWeeks; week++ {
		if d, has := days[daysBefore(date, 7*week)]; has && d.Records > 0 && d.State != "missing" {
			before = append(before, float64(d.Records))
		}
	}
	if len(before) < leastHistory {
		return 0, 0, false
	}
	usual = median(before)
	away := make([]float64, len(before))
	for i, x := range before {
		away[i] = math.Abs(x - usual)
	}
	scale := max(1.4826*median(away), math.Sqrt(usual), 1)
	return usual, (float64(days[date].Records) - usual) / scale, true
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
