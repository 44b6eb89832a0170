package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Shop is a source that webhooks may arrive for.
type Shop struct {
	API     Hooked
	Secrets func(ctx context.Context) ([]secret.Value, error)
}

// Options say what a Server does. Shops and Commit are mandatory; zero limits are the defaults.
type Options struct {
	Shops map[string]Shop // by the name of the source, the last part of the address
	// Commit makes the deliveries of one stream durable, all or none. It is called from one goroutine.
	Commit func(ctx context.Context, source, stream string, arrivals []source.Delivery) error
	Now    func() time.Time // default time.Now
	Log    func(format string, args ...any)

	MaxBody int64         // bytes of one request; default 4 MiB
	Gather  time.Duration // how long a commit waits for more deliveries; default 50 ms
	Reply   time.Duration // longest wait for a commit; default 4 s, for Shopify waits 5
	Queue   int           // deliveries that may wait; default 512
}

// Counts says what became of the requests.
type Counts struct {
	Committed int64 `json:"committed"` // known ones included
	Pings     int64 `json:"pings"`
	Ignored   int64 `json:"ignored"` // topics that no stream holds
	Forged    int64 `json:"forged"`
	Refused   int64 `json:"refused"` // too large, unknown shop, not readable, out of time
	Delayed   int64 `json:"delayed"` // asked to come again
}

// Server is the http.Handler of /hooks/<source>.
type Server struct {
	opt   Options
	queue chan *waiting
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
	keys  map[string]*keyring

	committed, pings, ignored, forged, refused, delayed atomic.Int64
}

// How far an event's own time may be off: platforms repeat for hours, and days are kept for those that repeat longer.
const (
	oldest  = 7 * 24 * time.Hour
	ahead   = 5 * time.Minute
	address = "/hooks/"
)

// New starts a server. Close ends it.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.MaxBody == 0 {
		o.MaxBody = 4 << 20
	}
	if o.Gather == 0 {
		o.Gather = 50 * time.Millisecond
	}
	if o.Reply == 0 {
		o.Reply = 4 * time.Second
	}
	if o.Queue == 0 {
		o.Queue = 512
	}
	s := &Server{opt: o, queue: make(chan *waiting, o.Queue), stop: make(chan struct{}), done: make(chan struct{}), keys: map[string]*keyring{}}
	for name, shop := range o.Shops {
		s.keys[name] = &keyring{read: shop.Secrets, now: o.Now}
	}
	go s.run()
	return s
}

// Close commits what waits and returns when that is done. Requests that come later are asked to come again.
func (s *Server) Close() {
	s.once.Do(func() { close(s.stop) })
	<-s.done
}

// Counts says what became of the requests so far.
func (s *Server) Counts() Counts {
	return Counts{Committed: s.committed.Load(), Pings: s.pings.Load(), Ignored: s.ignored.Load(), Forged: s.forged.Load(), Refused: s.refused.Load(), Delayed: s.delayed.Load()}
}

// ServeHTTP answers 200 to what is committed, known or none of our business; 401 to forgeries; 503 to what must come again.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, address)
	shop, known := s.opt.Shops[name]
	switch {
	case !ok || !known:
		s.refuse(w, http.StatusNotFound, "no such shop")
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, http.StatusMethodNotAllowed, "webhooks are posted")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opt.MaxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		s.refuse(w, http.StatusRequestEntityTooLarge, "the body is too large")
		return
	}
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "the body ended early")
		return
	}
	dialect := shop.API.Webhook()
	signature := r.Header.Get(dialect.Signature)
	if signature == "" && dialect.Ping != nil && dialect.Ping(r, body) {
		s.pings.Add(1)
		reply(w, http.StatusOK, "ping")
		return
	}
	good, err := s.keys[name].proves(r.Context(), body, signature)
	switch {
	case err != nil:
		s.opt.Log("webhooks of %s: %v", name, err)
		s.later(w)
		return
	case !good:
		s.forged.Add(1)
		reply(w, http.StatusUnauthorized, "the signature is not good")
		return
	}
	s.take(w, r, name, shop, body)
}

// take turns a proven request into deliveries and waits for their commit.
func (s *Server) take(w http.ResponseWriter, r *http.Request, name string, shop Shop, body []byte) {
	dialect, now := shop.API.Webhook(), s.opt.Now().UTC()
	if text := r.Header.Get(dialect.Sent); dialect.Sent != "" && text != "" {
		sent, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || sent.Before(now.Add(-oldest)) || sent.After(now.Add(ahead)) {
			s.refuse(w, http.StatusBadRequest, "the event is of another time")
			return
		}
	}
	arrivals, err := shop.API.Arrivals(Event{Topic: r.Header.Get(dialect.Topic), ID: r.Header.Get(dialect.ID), Header: r.Header, Body: body, Received: now})
	if err != nil {
		s.opt.Log("webhooks of %s: %v", name, err)
		s.refuse(w, http.StatusBadRequest, "the body cannot be understood")
		return
	}
	if len(arrivals) == 0 {
		s.ignored.Add(1)
		reply(w, http.StatusOK, "ignored")
		return
	}
	one := &waiting{shop: name, arrivals: arrivals, answer: make(chan error, 1)}
	select {
	case <-s.stop:
		s.later(w)
		return
	default:
	}
	select {
	case s.queue <- one:
	default:
		s.later(w)
		return
	}
	timer := time.NewTimer(s.opt.Reply)
	defer timer.Stop()
	select {
	case err = <-one.answer:
	case <-timer.C:
		err = errSlow // it may still be committed: then its repetition changes nothing
	case <-s.done:
		select {
		case err = <-one.answer:
		default:
			err = errSlow
		}
	}
	if err != nil {
		s.later(w)
		return
	}
	s.committed.Add(1)
	reply(w, http.StatusOK, "committed")
}

var errSlow = fault.New(fault.Unavailable, "slow_commit", "", "the platform sends it again", "the commit takes too long")

func (s *Server) refuse(w http.ResponseWriter, status int, why string) {
	s.refused.Add(1)
	reply(w, status, why)
}

func (s *Server) later(w http.ResponseWriter) {
	s.delayed.Add(1)
	w.Header().Set("Retry-After", "5")
	reply(w, http.StatusServiceUnavailable, "come again")
}

func reply(w http.ResponseWriter, status int, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"result": what}) // a client that went away
}

// keyring holds secrets for a while: references may be commands, and strangers must not be able to have them run at will.
type keyring struct {
	read func(ctx context.Context) ([]secret.Value, error)
	now  func() time.Time

	mutex sync.Mutex
	keys  []secret.Value
	at    time.Time
}

const (
	keysFor = time.Minute      // a changed secret is used after this time at the latest
	keysMin = 5 * time.Second  // and at once, but not more often, when a signature is not good
	keyTime = 10 * time.Second // for reading them
)

func (k *keyring) proves(ctx context.Context, body []byte, signature string) (bool, error) {
	if signature == "" {
		return false, nil
	}
	for _, age := range []time.Duration{keysFor, keysMin} {
		keys, err := k.within(ctx, age)
		if err != nil {
			return false, err
		}
		if signed(body, signature, keys) {
			return true, nil
		}
	}
	return false, nil
}

// within gives secrets that were read within an age.
func (k *keyring) within(ctx context.Context, age time.Duration) ([]secret.Value, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	now := k.now()
	if k.keys != nil && now.Sub(k.at) < age {
		return k.keys, nil
	}
	// A request that goes away must not leave the others without secrets.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTime)
	defer cancel()
	keys, err := k.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	k.keys, k.at = keys, now
	return keys, nil
}
