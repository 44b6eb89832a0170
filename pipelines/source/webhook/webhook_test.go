package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// api delivers every topic of orders to one stream.
type api struct{ dialect webhook.Dialect }

func (a api) Webhook() webhook.Dialect { return a.dialect }

func (a api) Arrivals(e webhook.Event) ([]webhook.Arrival, error) {
	if !strings.HasPrefix(e.Topic, "order") {
		return nil, nil
	}
	var one struct{ ID json.Number }
	if err := json.Unmarshal(e.Body, &one); err != nil || one.ID == "" {
		return nil, errors.New("no id")
	}
	return []webhook.Arrival{{Stream: "orders", Delivery: source.Page(one.ID.String(), e.Body, e.Received, nil, nil)}}, nil
}

// site is a server whose commits are written down.
type site struct {
	*webhook.Server
	t     *testing.T
	keys  []secret.Value
	reads int
	now   time.Time

	mutex   sync.Mutex
	batches [][]string
	fail    error
	hold    chan struct{}
}

func newSite(t *testing.T, change func(*webhook.Options)) *site {
	t.Helper()
	s := &site{t: t, keys: []secret.Value{secret.Of("canary-new")}, now: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	read := func(context.Context) ([]secret.Value, error) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.reads++
		return s.keys, nil
	}
	o := webhook.Options{
		Shops:  map[string]webhook.Shop{"woo": {api{webhook.WooCommerce()}, read}, "shopify": {api{webhook.Shopify()}, read}},
		Commit: s.commit, Now: func() time.Time { s.mutex.Lock(); defer s.mutex.Unlock(); return s.now }, Gather: 20 * time.Millisecond, MaxBody: 1000,
	}
	if change != nil {
		change(&o)
	}
	s.Server = webhook.New(o)
	t.Cleanup(s.Close)
	return s
}

func (s *site) commit(_ context.Context, shop, stream string, arrivals []source.Delivery) error {
	if s.hold != nil {
		<-s.hold
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.fail != nil {
		return s.fail
	}
	names := []string{shop + "." + stream}
	for _, a := range arrivals {
		names = append(names, a.Name)
	}
	s.batches = append(s.batches, names)
	return nil
}

// send posts as WooCommerce does.
func (s *site) send(path, body string, headers ...string) int {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func (s *site) order(body, key string) int {
	return s.send("/hooks/woo", body, "X-WC-Webhook-Topic", "order.updated", "X-WC-Webhook-Signature", webhook.Sign([]byte(body), secret.Of(key)))
}

func (s *site) want(what string, got, want int) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: status %d, want %d", what, got, want)
	}
}

// TestProofForgedWebhooks changes every bit of a signed body and every byte of its signature.
func TestProofForgedWebhooks(t *testing.T) {
	s := newSite(t, nil)
	body := `{"id": 7, "total": "1.00"}`
	good := webhook.Sign([]byte(body), secret.Of("canary-new"))
	signed := func(body, signature string) int {
		return s.send("/hooks/woo", body, "X-WC-Webhook-Topic", "order.updated", "X-WC-Webhook-Signature", signature)
	}
	s.want("signed", signed(body, good), 200)
	s.want("the same JSON encoded anew", signed(`{"id":7,"total":"1.00"}`, good), 401)
	s.want("another secret", s.order(body, "canary-other"), 401)
	s.want("no signature", s.send("/hooks/woo", body, "X-WC-Webhook-Topic", "order.updated"), 401)
	s.want("unsigned with the ping's type", s.send("/hooks/woo", body, "Content-Type", "application/x-www-form-urlencoded"), 401)
	s.want("unsigned where no ping is known", s.send("/hooks/shopify", "webhook_id=1", "Content-Type", "application/x-www-form-urlencoded"), 401)
	flips := 0
	for i := range len(body) * 8 {
		forged := []byte(body)
		forged[i/8] ^= 1 << (i % 8)
		s.want(fmt.Sprintf("body bit %d", i), signed(string(forged), good), 401)
		flips++
	}
	for i := range good[:len(good)-1] { // the last is padding
		forged := []byte(good)
		forged[i] ^= 1
		s.want(fmt.Sprintf("signature byte %d", i), signed(body, string(forged)), 401)
		flips++
	}
	if len(s.batches) != 1 || s.Counts().Forged != int64(flips+5) {
		t.Errorf("%d batches, %+v", len(s.batches), s.Counts())
	}
	fmt.Printf("proof: X9 forged webhooks are refused: %d changes of one bit or byte, %d refused\n", flips, s.Counts().Forged-5)
}

func TestPingIsAnsweredAndNotCounted(t *testing.T) {
	s := newSite(t, nil)
	s.want("ping", s.send("/hooks/woo", "webhook_id=2", "Content-Type", "application/x-www-form-urlencoded"), 200)
	if c := s.Counts(); c.Pings != 1 || c.Forged != 0 || len(s.batches) != 0 {
		t.Errorf("%+v, %d batches", c, len(s.batches))
	}
}

func TestTwoSecretsAreGoodDuringRotation(t *testing.T) {
	s := newSite(t, nil)
	s.want("new", s.order(`{"id":1}`, "canary-new"), 200)
	s.want("old, not given yet", s.order(`{"id":2}`, "canary-old"), 401)
	s.mutex.Lock()
	s.keys = append(s.keys, secret.Of("canary-old"))
	s.now = s.now.Add(6 * time.Second)
	s.mutex.Unlock()
	s.want("old during rotation", s.order(`{"id":2}`, "canary-old"), 200)
	s.want("new during rotation", s.order(`{"id":3}`, "canary-new"), 200)
	s.mutex.Lock()
	s.keys = s.keys[:1]
	s.now = s.now.Add(2 * time.Minute)
	s.mutex.Unlock()
	s.want("old afterwards", s.order(`{"id":4}`, "canary-old"), 401)
	reads := s.reads
	for range 100 {
		s.order(`{"id":5}`, "canary-forger")
	}
	if s.reads != reads {
		t.Errorf("%d forgeries had the secrets read %d times", 100, s.reads-reads)
	}
}

func TestOddRequestsAreRefused(t *testing.T) {
	s := newSite(t, nil)
	s.want("unknown shop", s.send("/hooks/other", "{}"), 404)
	s.want("path below a shop", s.send("/hooks/woo/..", "{}"), 404)
	s.want("too large", s.order(`{"id":1,"x":"`+strings.Repeat("x", 1000)+`"}`, "canary-new"), 413)
	s.want("no record", s.order(`[1]`, "canary-new"), 400)
	s.want("half a record", s.order(`{"id":1`, "canary-new"), 400)
	body := `{"id":1}`
	signature := webhook.Sign([]byte(body), secret.Of("canary-new"))
	s.want("another topic", s.send("/hooks/woo", body, "X-WC-Webhook-Topic", "coupon.updated", "X-WC-Webhook-Signature", signature), 200)
	r := httptest.NewRequest(http.MethodGet, "/hooks/woo", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	s.want("GET", w.Code, 405)
	sent := func(at time.Time) int {
		return s.send("/hooks/shopify", body, "X-Shopify-Topic", "orders/updated", "X-Shopify-Hmac-SHA256", signature, "X-Shopify-Triggered-At", at.Format(time.RFC3339Nano))
	}
	s.want("sent now", sent(s.now), 200)
	s.want("first sent four hours ago", sent(s.now.Add(-4*time.Hour)), 200)
	s.want("sent a week ago", sent(s.now.Add(-7*24*time.Hour-time.Second)), 400)
	s.want("sent tomorrow", sent(s.now.Add(24*time.Hour)), 400)
	if len(s.batches) != 2 {
		t.Errorf("batches %v", s.batches)
	}
}

// A reply of 200 is only given for what is in a committed batch; deliveries that come together share one.
func TestRepliesWaitForTheCommitOfTheirGroup(t *testing.T) {
	s := newSite(t, nil)
	s.hold = make(chan struct{})
	const n = 40
	codes := make(chan int, n)
	for i := range n {
		go func() { codes <- s.order(fmt.Sprintf(`{"id":%d}`, i/2), "canary-new") }()
	}
	select {
	case code := <-codes:
		t.Fatalf("answered %d before the commit", code)
	case <-time.After(60 * time.Millisecond):
	}
	close(s.hold)
	for range n {
		s.want("after the commit", <-codes, 200)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	seen := map[string]bool{}
	for _, b := range s.batches {
		for _, name := range b[1:] {
			seen[name] = true
		}
		if got := slices.Compact(slices.Sorted(slices.Values(b))); len(got) != len(b) {
			t.Errorf("a delivery twice in one batch: %v", b)
		}
	}
	if len(seen) != n/2 || len(s.batches) > 4 {
		t.Errorf("%d of %d records in %d batches", len(seen), n/2, len(s.batches))
	}
}

func TestFailedAndSlowCommitsAskToComeAgain(t *testing.T) {
	s := newSite(t, func(o *webhook.Options) { o.Reply = 50 * time.Millisecond })
	s.fail = errors.New("disk full")
	s.want("failed", s.order(`{"id":1}`, "canary-new"), 503)
	s.mutex.Lock()
	s.fail, s.hold = nil, make(chan struct{})
	s.mutex.Unlock()
	s.want("slow", s.order(`{"id":2}`, "canary-new"), 503)
	close(s.hold)
	s.Close()
	s.want("stopped", s.order(`{"id":3}`, "canary-new"), 503)
	if len(s.batches) != 1 || s.batches[0][1] != "2" {
		t.Errorf("what was received is committed before the end: %v", s.batches)
	}
}

func TestFullQueueAsksToComeAgain(t *testing.T) {
	s := newSite(t, func(o *webhook.Options) { o.Queue, o.Reply = 1, 100*time.Millisecond })
	s.hold = make(chan struct{})
	codes := make(chan int, 600)
	for i := range 600 {
		go func() { codes <- s.order(fmt.Sprintf(`{"id":%d}`, i), "canary-new") }()
	}
	for range 600 {
		s.want("overload", <-codes, 503)
	}
	close(s.hold)
}

func FuzzRequests(f *testing.F) {
	f.Add("order.updated", "AAAA", []byte(`{"id":1}`))
	f.Add("", "", []byte(`webhook_id=1`))
	f.Fuzz(func(t *testing.T, topic, signature string, body []byte) {
		committed := false
		s := webhook.New(webhook.Options{Gather: time.Nanosecond, Shops: map[string]webhook.Shop{"woo": {api{webhook.WooCommerce()}, func(context.Context) ([]secret.Value, error) {
			return []secret.Value{secret.Of("canary-new")}, nil
		}}}, Commit: func(context.Context, string, string, []source.Delivery) error { committed = true; return nil }})
		r := httptest.NewRequest(http.MethodPost, "/hooks/woo", io.NopCloser(bytes.NewReader(body)))
		r.Header["X-Wc-Webhook-Topic"], r.Header["X-Wc-Webhook-Signature"] = []string{topic}, []string{signature}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		s.Close()
		if committed && signature != webhook.Sign(body, secret.Of("canary-new")) {
			t.Errorf("committed what is not signed: status %d", w.Code)
		}
	})
}
