package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

// mostItems is how many alerts one message describes; of more, their number is said.
const mostItems = 40

// message says a notice in the language of a channel.
func (p *Plan) message(n Notice, language string) notify.Message {
	m := notify.Message{At: n.At, Level: notify.OK, Tail: tail(language)}
	count := map[string]int{}
	for _, item := range n.Items {
		count[item.Event]++
		if item.Event != Recovers && (m.Level == notify.OK || weight(item.Severity) > weight(m.Level)) {
			m.Level = item.Severity
		}
	}
	m.Title = p.title(n, count, m.Level, language)
	for i, item := range n.Items {
		if i == mostItems {
			more := words("另有 %[1]d 项，见 omoflow alert list", "%[1]d more: omoflow alert list", len(n.Items)-i)
			m.Blocks = append(m.Blocks, notify.Block{Title: strings.Join(more.in(language), " / ")})
			break
		}
		m.Blocks = append(m.Blocks, p.block(item, language))
	}
	m.Footer = strings.Join(Words{"由 omoflow 发送；当前全部告警：omoflow alert list", "sent by omoflow; all that fires: omoflow alert list"}.in(language), "\n")
	m.Data = data{Version: 1, Notice: n.ID, Route: n.Route, Company: p.company, Alerts: n.Items}
	return m
}

// data is the notice for programs. Field names are stable.
type data struct {
	Version int    `json:"version"`
	Notice  string `json:"notice"`
	Route   string `json:"route"`
	Company string `json:"company,omitempty"`
	Alerts  []Item `json:"alerts"`
}

func tail(language string) string {
	switch language {
	case chinese:
		return "（另有 %d 字）"
	case english:
		return "(%d more characters)"
	}
	return "（另有 %d 字 / characters more）"
}

func (p *Plan) title(n Notice, count map[string]int, level, language string) string {
	var texts []string
	only := n.Items[0]
	for i, sign := range []string{"【%s】", "[%s] "} {
		if language == chinese && i == 1 || language == english && i == 0 {
			continue
		}
		pick := func(w Words) string {
			if i == 0 {
				return w.ZH
			}
			return w.EN
		}
		state := severityWords(level)
		if level == notify.OK {
			state = Words{"已恢复", "recovered"}
		}
		text := pick(only.What)
		if only.Event == Recovers {
			text = only.Where + pick(Words{" 已恢复正常", " is well again"})
		}
		if len(n.Items) > 1 {
			var parts []string
			for _, part := range []struct {
				event string
				words Words
			}{{Fires, Words{"%d 个新问题", "%d new"}}, {Still, Words{"%d 个问题仍在", "%d not over"}}, {Recovers, Words{"%d 个已恢复", "%d recovered"}}} {
				if count[part.event] > 0 {
					parts = append(parts, fmt.Sprintf(pick(part.words), count[part.event]))
				}
			}
			text = strings.Join(parts, pick(Words{"，", ", "}))
		}
		if p.company != "" && i == 0 {
			text = p.company + "：" + text
		} else if p.company != "" && language == english {
			text = p.company + ": " + text
		}
		texts = append(texts, fmt.Sprintf(sign, pick(state))+text)
	}
	return strings.Join(texts, " / ")
}

// block is what is wrong, where, since when, and what to do next.
func (p *Plan) block(item Item, language string) notify.Block {
	event := map[string]Words{Fires: {"新问题", "new"}, Still: {"仍未恢复", "lasts"}, Recovers: {"已恢复", "recovered"}}[item.Event]
	state := severityWords(item.Severity)
	head := Words{event.ZH + " · " + state.ZH, event.EN + " · " + state.EN}
	b := notify.Block{Title: strings.Join(head.in(language), " / ") + " · " + item.Where}
	since := words("自 %[1]s 起", "since %[1]s", p.Clock(item.Since))
	if !item.Resolved.IsZero() {
		since = words("自 %[1]s 起，%[2]s 恢复", "from %[1]s to %[2]s", p.Clock(item.Since), p.Clock(item.Resolved))
	}
	b.Lines = append(b.Lines, item.What.in(language)...)
	b.Lines = append(b.Lines, strings.Join(since.in(language), " / "))
	if item.Event != Recovers {
		next := Words{"下一步：" + item.Next.ZH, "next: " + item.Next.EN}
		b.Lines = append(b.Lines, next.in(language)...)
	}
	return b
}

// Clock is an instant on the company's clock; one at midnight UTC is a business date.
func (p *Plan) Clock(at time.Time) string {
	if at.Equal(at.UTC().Truncate(24 * time.Hour)) {
		return at.UTC().Format(time.DateOnly)
	}
	return at.In(p.zone).Format("2006-01-02 15:04 -0700")
}

// TestMessage is what omoflow alert test sends.
func (p *Plan) TestMessage(channel string, at time.Time) notify.Message {
	language := p.language[channel]
	text := Words{"这是一条测试消息，没有发生任何问题。", "This is a test. Nothing is wrong."}
	return notify.Message{
		At: at, Level: notify.Info, Tail: tail(language), Title: strings.Join(Words{"【测试】omoflow 告警通道 " + channel, "[test] omoflow alert channel " + channel}.in(language), " / "),
		Blocks: []notify.Block{{Title: p.company, Lines: append(text.in(language), p.Clock(at))}}, Data: data{Version: 1, Notice: "test", Route: "", Company: p.company, Alerts: []Item{}},
	}
}
