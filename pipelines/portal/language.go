package portal

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed messages.json
var messageFile []byte

// languages are those of the pages, as browsers name them. The first is for those who prefer another.
var languages = []language.Tag{language.English, language.MustParse("zh-CN")}

// languageCookie remembers a choice made with the switch.
const languageCookie = "omoflow-lang"

// messages are the texts of the pages, by key and language.
type messages map[string]map[string]string

func loadMessages() (messages, error) {
	var m messages
	if err := json.Unmarshal(messageFile, &m); err != nil {
		return nil, fmt.Errorf("read the messages of the portal: %w", err)
	}
	return m, nil
}

// choose gives the language of a request: the one asked for in the address, else the one chosen before, else the browser's.
func choose(r *http.Request) (lang string, asked bool) {
	known := func(name string) bool {
		for _, tag := range languages {
			if tag.String() == name {
				return true
			}
		}
		return false
	}
	if name := r.URL.Query().Get("lang"); known(name) {
		return name, true
	}
	if c, err := r.Cookie(languageCookie); err == nil && known(c.Value) {
		return c.Value, false
	}
	header := strings.Join(r.Header.Values("Accept-Language"), ",")
	if len(header) > 1000 {
		header = ""
	}
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(wanted) == 0 {
		return languages[0].String(), false
	}
	_, index, _ := language.NewMatcher(languages).Match(wanted...)
	return languages[index].String(), false
}

// speaker writes texts, numbers and times in a language and a zone.
type speaker struct {
	all  messages
	Lang string
	zone *time.Location
	now  time.Time
}

// T gives the text of a key with its {} replaced by the arguments in order. An unknown key shows itself, so that a test finds it.
func (s speaker) T(key string, args ...any) string {
	text, ok := s.all[key][s.Lang]
	if !ok {
		return "!" + key
	}
	for _, arg := range args {
		text = strings.Replace(text, "{}", fmt.Sprint(arg), 1)
	}
	return text
}

// Word gives the text of a value from outside such as a state, and the value itself when there is none.
func (s speaker) Word(group, value string) string {
	if text, ok := s.all[group+"."+value][s.Lang]; ok {
		return text
	}
	return value
}

// Count gives the text of a key for a number: that of key.one for 1 where the language has one.
func (s speaker) Count(key string, n int64) string {
	if _, ok := s.all[key+".one"][s.Lang]; ok && n == 1 {
		key += ".one"
	}
	return s.T(key, s.Number(n))
}

// Number groups the digits of a number by thousands.
func (s speaker) Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// When gives a time in the zone of the page.
func (s speaker) When(t time.Time) string { return t.In(s.zone).Format("2006-01-02 15:04") }

// Machine gives a time for programs.
func (s speaker) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Zone names the zone of all times on the page.
func (s speaker) Zone() string { return s.now.In(s.zone).Format("MST (-07:00)") }

// Ago tells how far a time is from now, roughly.
func (s speaker) Ago(t time.Time) string {
	d, key := s.now.Sub(t), "ago"
	if d < 0 {
		d, key = -d, "in"
	}
	switch {
	case d < time.Minute:
		return s.T(key + ".moment")
	case d < 90*time.Minute:
		return s.Count(key+".minutes", int64((d+30*time.Second)/time.Minute))
	case d < 48*time.Hour:
		return s.Count(key+".hours", int64((d+30*time.Minute)/time.Hour))
	}
	return s.Count(key+".days", int64((d+12*time.Hour)/(24*time.Hour)))
}

// Day gives a date without its year.
func (s speaker) Day(date string) string {
	if _, day, ok := strings.Cut(date, "-"); ok {
		return day
	}
	return date
}

// Weekday gives the short name of a date's day of the week.
func (s speaker) Weekday(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return ""
	}
	return s.T("weekday." + strconv.Itoa(int(d.Weekday())))
}

// Size gives bytes roughly.
func (s speaker) Size(n int64) string {
	switch {
	case n >= 10<<20:
		return strconv.FormatInt(n>>20, 10) + " MB"
	case n >= 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MB"
	}
	return strconv.FormatInt((n+1023)>>10, 10) + " kB"
}
