package robot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/secret"
)

// markdown is a message for WeCom and DingTalk, which know a part of Markdown and no way to quote.
func markdown(m notify.Message) string {
	var b strings.Builder
	for i, block := range m.Blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		if block.Title != "" {
			b.WriteString("**" + harmless(block.Title) + "**\n\n")
		}
		for _, line := range block.Lines {
			b.WriteString("> " + harmless(line) + "\n\n")
		}
	}
	if m.Footer != "" {
		b.WriteString("\n" + harmless(m.Footer) + "\n")
	}
	return b.String()
}

// harmless takes the meaning from characters of Markdown by their full-width forms: a store's or a feed's name must not
// become a link or call people.
func harmless(text string) string {
	text = strings.NewReplacer("<", "＜", ">", "＞", "[", "［", "]", "］", "`", "'", "*", "＊", "|", "｜").Replace(notify.Line(text))
	if strings.HasPrefix(text, "#") || strings.HasPrefix(text, "- ") {
		return "\u200b" + text
	}
	return text
}

// wecom: at most 4096 bytes of Markdown in UTF-8 and 20 messages a minute; errors are an errcode inside of status 200.
func wecom() dialect {
	return dialect{
		limit: notify.Limit{Messages: 20, Per: time.Minute},
		write: func(m notify.Message, _ secret.Value, _ time.Time, _ *url.URL, _ http.Header) ([]byte, error) {
			text := "## " + harmless(m.Title) + "\n\n" + markdown(m)
			return encode(map[string]any{"msgtype": "markdown", "markdown": map[string]string{"content": notify.Cut(text, 4096, m.Tail)}})
		},
		read: func(body []byte) *refusal {
			return errcode(body, "errcode", "errmsg", meaning{again: []int{-1, 45009, 45033}, wait: time.Minute, denied: []int{93000, 40001, 40014, 42001}})
		},
	}
}

// dingtalk: at most 20000 bytes in all and 20 messages a minute, or it stops listening for ten; signed in the address.
func dingtalk() dialect {
	return dialect{
		limit: notify.Limit{Messages: 20, Per: time.Minute},
		write: func(m notify.Message, key secret.Value, now time.Time, address *url.URL, _ http.Header) ([]byte, error) {
			if key.Reveal() != "" {
				stamp := strconv.FormatInt(now.UnixMilli(), 10)
				q := address.Query()
				q.Set("timestamp", stamp)
				q.Set("sign", base64.StdEncoding.EncodeToString(mac(key.Reveal(), stamp+"\n"+key.Reveal())))
				address.RawQuery = q.Encode()
			}
			title := notify.Cut(harmless(m.Title), 200, m.Tail)
			return fit("## "+harmless(m.Title)+"\n\n"+markdown(m), 20000, m.Tail, func(text string) any {
				return map[string]any{"msgtype": "markdown", "markdown": map[string]string{"title": title, "text": text}}
			})
		},
		read: func(body []byte) *refusal {
			return errcode(body, "errcode", "errmsg", meaning{again: []int{-1, 130101, 302033, 410100}, wait: 10 * time.Minute, denied: []int{310000, 300001, 300005, 40035}})
		},
	}
}

// feishu: at most 20 KB in all, 100 messages a minute; signed in the body, with the secret as a part of the key.
func feishu() dialect {
	colours := map[string]string{notify.OK: "green", notify.Info: "blue", notify.Warning: "orange", notify.Critical: "red"}
	return dialect{
		limit: notify.Limit{Messages: 100, Per: time.Minute},
		write: func(m notify.Message, key secret.Value, now time.Time, _ *url.URL, _ http.Header) ([]byte, error) {
			whole := map[string]any{"msg_type": "interactive"}
			if key.Reveal() != "" {
				stamp := strconv.FormatInt(now.Unix(), 10)
				whole["timestamp"], whole["sign"] = stamp, base64.StdEncoding.EncodeToString(mac(stamp+"\n"+key.Reveal(), ""))
			}
			plain := func(text string) map[string]string { return map[string]string{"tag": "plain_text", "content": text} }
			title := plain(notify.Cut(notify.Line(m.Title), 300, m.Tail))
			return fit(m.Text(), 20<<10, m.Tail, func(text string) any {
				whole["card"] = map[string]any{
					"config": map[string]bool{"wide_screen_mode": true}, "header": map[string]any{"template": colours[m.Level], "title": title},
					"elements": []any{map[string]any{"tag": "div", "text": plain(text)}},
				}
				return whole
			})
		},
		read: func(body []byte) *refusal {
			return errcode(body, "code", "msg", meaning{again: []int{11232, 11233, 99991400}, wait: time.Minute, denied: []int{19001, 19021, 19022, 19024}})
		},
	}
}

// slack: a header of at most 150 characters, at most 50 blocks of at most 3000 characters, one message a second.
func slack() dialect {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	return dialect{
		limit: notify.Limit{Messages: 1, Per: time.Second},
		write: func(m notify.Message, _ secret.Value, _ time.Time, _ *url.URL, _ http.Header) ([]byte, error) {
			title := notify.Line(m.Title)
			if title == "" {
				title = "omoflow" // an empty header is refused
			}
			blocks := []any{map[string]any{"type": "header", "text": map[string]any{"type": "plain_text", "text": characters(title, 150, m.Tail), "emoji": false}}}
			add := func(text string) {
				if text == "" {
					return // as an empty block is
				}
				whole, room := escape.Replace(text), 3000
				for utf8.RuneCountInString(whole) > 3000 { // quoting makes it longer, and must not be cut apart
					room -= max(min(utf8.RuneCountInString(whole)-3000, room/2), 1)
					whole = escape.Replace(characters(text, room, m.Tail))
				}
				blocks = append(blocks, map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": whole, "verbatim": true}})
			}
			for i, block := range m.Blocks {
				if len(blocks) == 48 && len(m.Blocks)-i > 1 {
					add(fmt.Sprintf("… (+%d)", len(m.Blocks)-i))
					break
				}
				add(strings.TrimSpace(block.Title + "\n" + strings.Join(block.Lines, "\n")))
			}
			if m.Footer != "" {
				add(m.Footer)
			}
			return encode(map[string]any{"text": escape.Replace(characters(title, 300, m.Tail)), "blocks": blocks})
		},
		read: func(body []byte) *refusal {
			if text := strings.TrimSpace(string(body)); text != "ok" {
				return &refusal{outcome: notify.Unknown, kind: fault.Unknown, code: "message_outcome_unknown", hint: "look into the channel whether the message is there", says: excerpt(body)}
			}
			return nil
		},
	}
}

// characters shortens a text to at most limit characters.
func characters(text string, limit int, tail string) string {
	const note = 30 // more than the remark of what is missing takes
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	bytes := 0
	for at := range text {
		if limit--; limit < note {
			bytes = at
			break
		}
	}
	return notify.Cut(text, bytes+note, tail)
}

func mac(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// meaning says what the codes of a service mean; all others are final.
type meaning struct {
	again  []int
	wait   time.Duration
	denied []int
}

// errcode reads the code inside of an answer. An answer without one is not the service's: what it means is not known.
func errcode(body []byte, code, message string, of meaning) *refusal {
	var answer map[string]json.RawMessage
	var number int
	err := json.Unmarshal(body, &answer)
	if err == nil {
		err = json.Unmarshal(answer[code], &number)
	}
	if err != nil {
		return &refusal{outcome: notify.Unknown, kind: fault.Unknown, code: "message_outcome_unknown", hint: "check the address: something else than the service answers there", says: excerpt(body)}
	}
	var text string
	_ = json.Unmarshal(answer[message], &text) // its words are a help, not a must
	says := fmt.Sprintf("%s %d: %s", code, number, notify.Cut(notify.Line(text), 200, ""))
	switch {
	case number == 0:
		return nil
	case slices.Contains(of.again, number):
		wait := of.wait
		if number == -1 {
			wait = 0 // busy, not too many
		}
		return &refusal{outcome: notify.Again, wait: wait, kind: fault.Unavailable, code: "message_throttled", hint: "nothing: it is tried again later", says: says}
	case slices.Contains(of.denied, number):
		return &refusal{outcome: notify.Never, kind: fault.Denied, code: "message_denied", hint: "check the robot's address, secret, keyword and allowed addresses", says: says}
	}
	return &refusal{outcome: notify.Never, kind: fault.Unavailable, code: "message_refused", hint: "look the code up in the service's documentation", says: says}
}
