// Package simulator is a gateway that does not exist: an HTTP server that takes signed forms and answers by a platform's
// rules over records in memory. It is for tests and the demo; nothing it says is a platform's. No recording of the real
// gateways was at hand: it does what their documentation says.
package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/router"
)

// Record is a row of a list.
type Record struct {
	ID                string
	Type              string
	Created, Modified time.Time
	Raw               []byte // the row as the lists show it
	Detail            []byte // as it is shown alone; nil: like Raw
}

// Failure is an error that an answer of status 200 holds.
type Failure struct {
	Code     int
	Message  string
	Sub, Say string
}

// Gateway is the server. Its methods may be used while it serves.
type Gateway struct {
	Dialect router.Dialect
	Key     string
	Secret  string
	Session string
	Now     func() time.Time
	Clock   func(text string) (time.Time, error) // reads a timestamp of the form
	// Before sees every request first; true means that it has answered.
	Before func(w http.ResponseWriter, method string, form url.Values) bool
	// Answer gives the name and the content of the envelope.
	Answer func(method string, form url.Values) (envelope string, result any, f *Failure)
	// Explain writes a failure as the platform does.
	Explain func(f Failure) any

	mutex sync.Mutex
	lists map[string][]*Record
	calls []string
}

// Put adds or replaces a record of a list.
func (g *Gateway) Put(list string, r Record) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.lists == nil {
		g.lists = map[string][]*Record{}
	}
	for i, old := range g.lists[list] {
		if old.ID == r.ID {
			g.lists[list][i] = &r
			return
		}
	}
	g.lists[list] = append(g.lists[list], &r)
}

// Get finds a record.
func (g *Gateway) Get(list, id string) (Record, bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, r := range g.lists[list] {
		if r.ID == id {
			return *r, true
		}
	}
	return Record{}, false
}

// Calls lists what was asked: method and page.
func (g *Gateway) Calls() []string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return slices.Clone(g.calls)
}

// Page gives a page of the records between two times, both included, newest first, and how many there are.
func (g *Gateway) Page(list string, by func(Record) time.Time, from, to time.Time, keep func(Record) bool, page, size int) (rows []json.RawMessage, total int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	var found []*Record
	for _, r := range g.lists[list] {
		if at := by(*r); !at.Before(from) && !at.After(to) && (keep == nil || keep(*r)) {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *Record) int {
		return cmp.Or(by(*b).Compare(by(*a)), len(b.ID)-len(a.ID), strings.Compare(b.ID, a.ID))
	})
	first := min(max(page-1, 0)*size, len(found))
	for _, r := range found[first:min(first+size, len(found))] {
		rows = append(rows, r.Raw)
	}
	return rows, len(found)
}

// ServeHTTP answers.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", g.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("X-Simulator", "not a real platform")
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.Path != g.Dialect.Path {
		http.NotFound(w, r)
		return
	}
	method := r.PostForm.Get(g.Dialect.Method)
	g.mutex.Lock()
	g.calls = append(g.calls, method+" "+r.PostForm.Get("page_no")+r.PostForm.Get("page"))
	g.mutex.Unlock()
	if g.Before != nil && g.Before(w, method, r.PostForm) {
		return
	}
	f := g.denied(r.PostForm)
	var envelope string
	var result any
	if f == nil {
		envelope, result, f = g.Answer(method, r.PostForm)
	}
	if f != nil {
		envelope, result = "error_response", g.Explain(*f)
	}
	g.Write(w, envelope, result)
}

// Write sends an answer.
func (g *Gateway) Write(w http.ResponseWriter, envelope string, result any) {
	_ = json.NewEncoder(w).Encode(map[string]any{envelope: result}) // a client that went away
}

// denied checks signature, time and consent, in the order of their codes at TOP.
func (g *Gateway) denied(form url.Values) *Failure {
	at, err := g.Clock(form.Get("timestamp"))
	switch {
	case err != nil || g.Now().Sub(at).Abs() > 10*time.Minute:
		return &Failure{31, "Invalid timestamp", "isv.invalid-timestamp", "the time of the request is more than ten minutes off"}
	case form.Get(g.Dialect.Key) != g.Key:
		return &Failure{29, "Invalid app Key", "isv.appkey-not-exists", "no such application"}
	case form.Get("sign") != router.Sign(form, g.Secret, g.Dialect.HMAC):
		return &Failure{25, "Invalid signature", "", fmt.Sprintf("signed %s", form.Get("sign"))}
	case form.Get(g.Dialect.Session) != g.Session:
		return &Failure{27, "Invalid session", "invalid-sessionkey", "the consent has ended"}
	}
	return nil
}
