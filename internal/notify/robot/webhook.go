package robot

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/secret"
)

// Headers of the generic webhook. The signature is "sha256=" and the hex HMAC-SHA256 of timestamp, a dot and the body.
const (
	HeaderKey       = "Idempotency-Key"
	HeaderTimestamp = "X-Omoflow-Timestamp"
	HeaderSignature = "X-Omoflow-Signature"
)

// payload is the body of the generic webhook. Field names are stable.
type payload struct {
	Key   string    `json:"key"`
	Level string    `json:"level"`
	Title string    `json:"title"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
	Data  any       `json:"data,omitempty"`
}

// webhook: at most 256 KiB. The receiver takes one key once, so that a repeated message is no second one.
func webhook() dialect {
	const limit = 256 << 10
	return dialect{
		idempotent: true,
		limit:      notify.Limit{Messages: 60, Per: time.Minute},
		write: func(m notify.Message, key secret.Value, now time.Time, _ *url.URL, header http.Header) ([]byte, error) {
			p := payload{Key: m.Key, Level: m.Level, Title: notify.Line(m.Title), Text: m.Text(), At: m.At.UTC(), Data: m.Data}
			if data, err := encode(p.Data); err != nil {
				return nil, err
			} else if len(data) > limit/2 {
				p.Data = nil // the text says it in short
			}
			body, err := fit(p.Text, limit, m.Tail, func(text string) any { p.Text = text; return p })
			header.Set(HeaderKey, m.Key)
			if key.Reveal() != "" {
				stamp := strconv.FormatInt(now.Unix(), 10)
				header.Set(HeaderTimestamp, stamp)
				header.Set(HeaderSignature, "sha256="+hex.EncodeToString(mac(key.Reveal(), stamp+"."+string(body))))
			}
			return body, err
		},
		read: func([]byte) *refusal { return nil },
	}
}
