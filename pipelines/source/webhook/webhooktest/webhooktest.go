// Package webhooktest is the suite that every platform with webhooks passes: what is forged, repeated, late, reordered, too
// large or of another shop.
package webhooktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

// Platform is a source under test. Its events are all of one record.
type Platform struct {
	API     webhook.Hooked
	Secret  string
	Topic   string                                                           // of Body
	Body    func(version int) []byte                                         // holds Canary
	Canary  string                                                           // what no message may repeat
	Unheld  string                                                           // a topic that no stream holds
	Labels  func(h http.Header, topic, delivery string, triggered time.Time) // all headers but the signature
	Strange func(h http.Header)                                              // makes it an event of another shop; nil: events do not say
}

// inbox takes what the server commits.
type inbox struct {
	t *testing.T
	p Platform
	*webhook.Server
	now time.Time

	mutex sync.Mutex
	keys  []secret.Value
	names []string // of deliveries, as stream/name
	fail  error
	says  []string
}

func open(t *testing.T, p Platform) *inbox {
	i := &inbox{t: t, p: p, now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), keys: []secret.Value{secret.Of(p.Secret)}}
	read := func(context.Context) ([]secret.Value, error) {
		i.mutex.Lock()
		defer i.mutex.Unlock()
		return i.keys, nil
	}
	i.Server = webhook.New(webhook.Options{
		Shops: map[string]webhook.Shop{"shop": {API: p.API, Secrets: read}}, Commit: i.commit, Gather: time.Millisecond, MaxBody: 10_000,
		Now: func() time.Time { i.mutex.Lock(); defer i.mutex.Unlock(); return i.now },
		Log: func(format string, args ...any) { i.says = append(i.says, fmt.Sprintf(format, args...)) },
	})
	t.Cleanup(i.Close)
	return i
}

func (i *inbox) commit(_ context.Context, _, stream string, deliveries []source.Delivery) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, d := range deliveries {
		if d.Name == "" || (d.Fetch == nil) == (d.Hint == nil) {
			i.t.Errorf("a delivery has a name and either content or a hint: %+v", d)
		}
		if i.fail == nil {
			i.names = append(i.names, stream+"/"+d.Name)
		}
	}
	return i.fail
}

// committed gives what came since the last call.
func (i *inbox) committed() []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	names := i.names
	i.names = nil
	slices.Sort(names)
	return names
}

// send posts a body and gives the status.
func (i *inbox) send(path, topic, delivery string, triggered time.Time, body []byte, key string, change func(h http.Header)) int {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	i.p.Labels(r.Header, topic, delivery, triggered)
	r.Header.Set(i.p.API.Webhook().Signature, webhook.Sign(body, secret.Of(key)))
	if change != nil {
		change(r.Header)
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Code
}

func (i *inbox) event(version int, delivery string) int {
	return i.send("/hooks/shop", i.p.Topic, delivery, i.now, i.p.Body(version), i.p.Secret, nil)
}

func (i *inbox) want(what string, got, want, deliveries int) []string {
	i.t.Helper()
	names := i.committed()
	if got != want || (len(names) > 0) != (deliveries > 0) {
		i.t.Errorf("%s: status %d, want %d; committed %v", what, got, want, names)
	}
	return names
}

// Run runs the suite.
func Run(t *testing.T, platform func(t *testing.T) Platform) {
	for name, test := range map[string]func(i *inbox){"forged": forged, "repeated and reordered": repeated, "stale": stale, "odd": odd, "commit fails": failing} {
		t.Run(name, func(t *testing.T) { test(open(t, platform(t))) })
	}
}

func forged(i *inbox) {
	body := i.p.Body(1)
	header := i.p.API.Webhook().Signature
	post := func(body []byte, change func(h http.Header)) int {
		return i.send("/hooks/shop", i.p.Topic, "a", i.now, body, i.p.Secret, change)
	}
	i.want("signed", post(body, nil), 200, 1)
	i.want("no signature", post(body, func(h http.Header) { h.Del(header) }), 401, 0)
	i.want("another secret", i.send("/hooks/shop", i.p.Topic, "a", i.now, body, "canary-other", nil), 401, 0)
	for n := range body {
		changed := bytes.Clone(body)
		changed[n] ^= 1
		i.want(fmt.Sprintf("byte %d", n), post(changed, func(h http.Header) { h.Set(header, webhook.Sign(body, secret.Of(i.p.Secret))) }), 401, 0)
	}
	i.mutex.Lock()
	i.keys, i.now = append(i.keys, secret.Of("canary-before")), i.now.Add(2*time.Minute)
	i.mutex.Unlock()
	i.want("the secret before", i.send("/hooks/shop", i.p.Topic, "b", i.now, i.p.Body(2), "canary-before", nil), 200, 1)
	i.want("the secret now", i.event(3, "c"), 200, 1)
	i.mutex.Lock()
	i.keys, i.now = i.keys[:1], i.now.Add(2*time.Minute)
	i.mutex.Unlock()
	i.want("the secret before, after its time", i.send("/hooks/shop", i.p.Topic, "b", i.now, i.p.Body(2), "canary-before", nil), 401, 0)
}

// A repetition is known by its names; versions of a record are not taken for each other, in whatever order they come.
func repeated(i *inbox) {
	second := i.want("second version first", i.event(2, "b"), 200, 1)
	first := i.want("first version", i.event(1, "a"), 200, 1)
	if slices.Equal(first, second) {
		i.t.Errorf("two versions have one name: %v", first)
	}
	for _, c := range []struct {
		version  int
		delivery string
		want     []string
	}{{1, "a", first}, {2, "b", second}, {1, "a", first}} {
		if got := i.want("repetition", i.event(c.version, c.delivery), 200, 1); !slices.Equal(got, c.want) {
			i.t.Errorf("the repetition of %v is called %v", c.want, got)
		}
	}
}

// A platform repeats for hours what it could not deliver, with the body of the first time.
func stale(i *inbox) {
	began := i.now
	names := i.want("first try", i.event(1, "a"), 200, 1)
	later := func(d time.Duration) int {
		i.mutex.Lock()
		i.now = began.Add(d)
		i.mutex.Unlock()
		return i.send("/hooks/shop", i.p.Topic, "a", began, i.p.Body(1), i.p.Secret, nil)
	}
	if got := i.want("four hours later", later(4*time.Hour), 200, 1); !slices.Equal(got, names) {
		i.t.Errorf("the late repetition is called %v, the first %v", got, names)
	}
	if i.p.API.Webhook().Sent == "" {
		return
	}
	i.want("nine days later", later(9*24*time.Hour), 400, 0)
	i.want("of tomorrow", later(-24*time.Hour), 400, 0)
}

func odd(i *inbox) {
	key, now := i.p.Secret, i.now
	i.want("unknown source", i.send("/hooks/other", i.p.Topic, "a", now, i.p.Body(1), key, nil), 404, 0)
	if i.p.Strange != nil {
		i.want("another shop", i.send("/hooks/shop", i.p.Topic, "a", now, i.p.Body(1), key, i.p.Strange), 400, 0)
	}
	large := append(bytes.TrimSuffix(i.p.Body(1), []byte("}")), `,"note":"`+strings.Repeat("x", 10_000)+`"}`...)
	i.want("too large", i.send("/hooks/shop", i.p.Topic, "a", now, large, key, nil), 413, 0)
	for _, body := range []string{"", "[]", "null", "{}", `{"id":"x"}`, `{"id":{}}`, `{"id":1`, "<html>", string(i.p.Body(1)) + "x"} {
		i.want("signed nonsense "+body, i.send("/hooks/shop", i.p.Topic, "a", now, []byte(body), key, nil), 400, 0)
	}
	i.want("a topic that no stream holds", i.send("/hooks/shop", i.p.Unheld, "a", now, i.p.Body(1), key, nil), 200, 0)
	i.want("no topic", i.send("/hooks/shop", "", "a", now, i.p.Body(1), key, nil), 200, 0)
	if says := strings.Join(i.says, "\n"); strings.Contains(says, i.p.Canary) || strings.Contains(says, key) || says == "" {
		i.t.Errorf("what was refused is told without what it holds: %s", says)
	}
}

func failing(i *inbox) {
	i.fail = errors.New("disk full")
	i.want("failed", i.event(1, "a"), 503, 0)
	i.fail = nil
	i.want("again", i.event(1, "a"), 200, 1)
}
