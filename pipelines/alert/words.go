package alert

import (
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

// The languages of messages.
const (
	chinese = "zh-CN"
	english = "en"
	both    = "both"
)

func languages() []string { return []string{chinese, english, both} }

// Words is a text in both languages.
type Words struct {
	ZH string `json:"zh-CN"`
	EN string `json:"en"`
}

// words fills both texts with the same values; of a span each takes its own words.
func words(zh, en string, values ...any) Words {
	fill := func(text string, chinese bool) string {
		own := make([]any, len(values))
		for i, v := range values {
			own[i] = v
			if s, ok := v.(span); ok {
				own[i] = s.in(chinese)
			}
		}
		if len(own) == 0 {
			return text
		}
		return fmt.Sprintf(text, own...)
	}
	return Words{fill(zh, true), fill(en, false)}
}

// in gives the texts of a language, Chinese first of both.
func (w Words) in(language string) []string {
	switch language {
	case chinese:
		return []string{w.ZH}
	case english:
		return []string{w.EN}
	}
	return []string{w.ZH, w.EN}
}

// span is a length of time, for people.
type span time.Duration

func (s span) in(chinese bool) string {
	d := time.Duration(s)
	number, zh, en := int64(d/time.Minute), "分钟", "minutes"
	switch {
	case d >= 72*time.Hour:
		number, zh, en = int64(d/(24*time.Hour)), "天", "days"
	case d >= 2*time.Hour:
		number, zh, en = int64(d/time.Hour), "小时", "hours"
	}
	if chinese {
		return fmt.Sprintf("%d %s", number, zh)
	}
	return fmt.Sprintf("%d %s", number, en)
}

// severityWords names a severity.
func severityWords(severity string) Words {
	return map[string]Words{notify.Critical: {"严重", "critical"}, notify.Warning: {"警告", "warning"}, notify.Info: {"提示", "info"}}[severity]
}
