// Package webhook takes what platforms send unasked: it proves who sent it, turns it into deliveries of the streams that
// ordinary pulls fill, and answers 2xx only when those are committed.
//
// A webhook makes figures young, never right: platforms lose, repeat, reorder and delay them. Whatever arrives is compared
// by record and version with what is known, so that a late or repeated one changes nothing, and the ordinary pull with its
// daily comparison stays the truth.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Dialect is how a platform signs and labels what it sends: names of headers, and what it sends without a signature.
type Dialect struct {
	Signature string // base64 of HMAC-SHA256 over the raw body
	Topic     string
	ID        string // of the delivery; not signed, and not unique
	Sent      string // moment of the event in RFC 3339; "": not told
	// Ping tells whether an unsigned request is the platform trying the address; nil: it never does.
	Ping func(r *http.Request, body []byte) bool
}

// Event is a request whose signature is good.
type Event struct {
	Topic, ID string
	Header    http.Header // not signed
	Body      []byte
	Received  time.Time
}

// Arrival is what an event delivers to one stream of its source. Its name is its identity: a name that was taken in before
// is a repetition. A Delivery with a Hint says which record of the stream must be asked for.
type Arrival struct {
	Stream   string
	Delivery source.Delivery
}

// Hooked is an API whose platform sends webhooks.
type Hooked interface {
	Webhook() Dialect
	// Arrivals gives what an event delivers; none for topics that no configured stream holds. An error says that a signed
	// body cannot be understood.
	Arrivals(e Event) ([]Arrival, error)
}

// Fields are what an API source with webhooks lets the user configure; Secrets reads them.
func Fields() []source.Field {
	return []source.Field{
		{Name: "webhook_secret", Type: "secret", Secret: true, Help: "secret that webhooks are signed with, by reference; without it `omoflow serve --webhooks` takes none of this source"},
		{Name: "webhook_secret_before", Type: "secret", Secret: true, Help: "the secret before it was changed: both are good until this is removed"},
	}
}

// Secrets gives the secrets that signatures may be made with; none when none is configured.
func Secrets(s source.Settings) func(ctx context.Context) ([]secret.Value, error) {
	var names []string
	for _, f := range Fields() {
		if s.Text(f.Name) != "" {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return func(ctx context.Context) ([]secret.Value, error) {
		var all []secret.Value
		for _, name := range names {
			one, err := s.Secret(ctx, name)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return all, nil
	}
}

// Sign gives the signature that a platform would send.
func Sign(body []byte, key secret.Value) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write(body) // never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signed tells whether one of the secrets made the signature. Every secret is tried in constant time, so that the time
// taken does not tell which one was near.
func signed(body []byte, signature string, keys []secret.Value) bool {
	given, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil || len(given) != sha256.Size {
		return false
	}
	good := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write(body) // never fails
		good = hmac.Equal(mac.Sum(nil), given) || good
	}
	return good
}
