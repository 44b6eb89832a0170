package schedules

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// Arguments gives the command line of a tick. Placeholders stand for what the tick's own time says, whenever it is run: {day},
// {week}, {month}, {quarter} and {year} for the last whole one before the tick's date in the job's zone, {part/30} for the part of
// thirty that is the date's turn, and {final} for --final unless the run is provisional.
func (j *Job) Arguments(tick time.Time, provisional bool) ([]string, error) {
	today := naive(tick, j.loc).Truncate(day)
	var arguments []string
	for _, word := range strings.Fields(j.Do) {
		if word == "{final}" {
			if !provisional {
				arguments = append(arguments, "--final")
			}
			continue
		}
		var failed error
		word = placeholder.ReplaceAllStringFunc(word, func(text string) string {
			value, err := placeholderValue(text[1:len(text)-1], today)
			if err != nil {
				failed = err
			}
			return value
		})
		if failed != nil {
			return nil, failed
		}
		arguments = append(arguments, word)
	}
	return arguments, nil
}

func placeholderValue(name string, today time.Time) (string, error) {
	before := func(of string) time.Time { return periodStart(today, of).AddDate(0, 0, -1) }
	name, parts, split := strings.Cut(name, "/")
	switch {
	case split && name == "part":
		n, err := strconv.ParseInt(parts, 10, 32)
		if err != nil || n < 1 {
			return "", fault.New(fault.Usage, "invalid_schedule", "", "write {part/30}", "%q is no number of parts", parts)
		}
		days := today.Unix() / 86400
		return fmt.Sprintf("%d/%d", (days%n+n)%n+1, n), nil
	case split:
	case name == "day":
		return today.AddDate(0, 0, -1).Format(time.DateOnly), nil
	case name == "week":
		year, week := before("week").ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week), nil
	case name == "month":
		return before("month").Format("2006-01"), nil
	case name == "quarter":
		last := before("quarter")
		return fmt.Sprintf("%04d-Q%d", last.Year(), (last.Month()+2)/3), nil
	case name == "year":
		return before("year").Format("2006"), nil
	}
	return "", fault.New(fault.Usage, "invalid_schedule", "", nearest(name, []string{"day", "week", "month", "quarter", "year", "part/30", "final"}), "{%s} is not a placeholder", name)
}
