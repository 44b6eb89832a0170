// Package portal draws the status page: what arrived and what is missing, how fresh the data are, what ran and runs next, what
// failed, and the latest documents.
//
// Pages are rendered here and complete in one answer: no script, no file beside them, and a style that the content policy names by
// its hash. They speak English and Chinese. The figures come from a Source and are kept for some seconds, so that looking costs nothing.
package portal

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/access/gate"
)

//go:embed page.html.tmpl
var pageFile string

//go:embed style.css
var styleFile string

// Options say how a Portal works. Source is mandatory.
type Options struct {
	Source Source
	Every  time.Duration // how old figures may be; default 5 s
	Now    func() time.Time
	Log    func(format string, args ...any)
}

// Portal draws pages.
type Portal struct {
	opt      Options
	cache    *cache
	messages messages
	template *template.Template
	policy   string
}

// New makes a portal.
func New(o Options) (*Portal, error) {
	if o.Source == nil {
		return nil, errors.New("a portal needs a source")
	}
	if o.Every <= 0 {
		o.Every = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	all, err := loadMessages()
	if err != nil {
		return nil, err
	}
	t, err := template.New("portal").Parse(pageFile)
	if err != nil {
		return nil, fmt.Errorf("read the pages of the portal: %w", err)
	}
	sum := sha256.Sum256([]byte(styleFile))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return &Portal{opt: o, messages: all, template: t, policy: policy, cache: &cache{source: o.Source, now: o.Now, every: o.Every, log: o.Log}}, nil
}

// Mount gives the portal's pages to a gate. Viewers see all of them.
func (p *Portal) Mount(g *gate.Gate) {
	g.Handle("GET /{$}", access.View, http.HandlerFunc(p.status))
	g.Handle("GET /documents", access.View, http.HandlerFunc(p.documents))
	g.Handle("GET /documents/{id}/{file}", access.View, http.HandlerFunc(p.document))
	g.Handle("GET /", access.View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.notice(w, r, http.StatusNotFound, "not_found") }))
}

var errDefect = errors.New("the reading ended in a defect")

// page makes what every page knows, and remembers a language that was asked for.
func (p *Portal) page(w http.ResponseWriter, r *http.Request, title string, zone *time.Location) page {
	if zone == nil {
		zone = time.UTC
	}
	lang, asked := choose(r)
	if asked {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	h.Set("Vary", "Accept-Language, Cookie")
	return page{speaker: speaker{all: p.messages, Lang: lang, zone: zone, now: p.opt.Now()}, CSS: template.CSS(styleFile), //nolint:gosec // our own file
		Title: title, Path: r.URL.Path, Visitor: gate.Of(r), Other: []choice{{"zh-CN", "中文", lang == "zh-CN"}, {"en", "English", lang == "en"}}}
}

// draw writes a page whole or, when there is a defect in it, none of it.
func (p *Portal) draw(w http.ResponseWriter, status int, name string, view any) {
	var out bytes.Buffer
	if err := p.template.ExecuteTemplate(&out, name, view); err != nil {
		p.opt.Log("the page %s cannot be drawn: %v", name, err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a client that went away
}

func (p *Portal) status(w http.ResponseWriter, r *http.Request) {
	h, err := p.cache.get(r.Context())
	if err != nil {
		p.nothing(w, r)
		return
	}
	p.draw(w, http.StatusOK, "status", newStatusPage(p.page(w, r, "title", h.Zone), h, r.URL.Query().Get("show") == "all"))
}

// noticePage says one thing.
type noticePage struct {
	page
	Text string
	Home bool // a link to the status page makes sense
}

func (p *Portal) notice(w http.ResponseWriter, r *http.Request, status int, key string) {
	view := noticePage{page: p.page(w, r, "title", nil), Home: true}
	view.Text = view.T(key)
	p.draw(w, status, "notice", view)
}

func (p *Portal) nothing(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "10")
	p.notice(w, r, http.StatusServiceUnavailable, "nothing")
}

// loginPage is the page at /login.
type loginPage struct {
	page
	gate.Page
	Trouble string // why the last try failed
}

// GatePage draws the gate's own pages; it is for gate.Options.
func (p *Portal) GatePage(w http.ResponseWriter, r *http.Request, g gate.Page) {
	seconds := int64((g.Wait + time.Second - 1) / time.Second)
	if g.Kind == gate.PageLogin {
		view := loginPage{page: p.page(w, r, "login", nil), Page: g}
		if g.Problem != "" {
			view.Trouble = view.T("problem."+g.Problem, seconds)
		}
		p.draw(w, http.StatusOK, "login", view)
		return
	}
	view := noticePage{page: p.page(w, r, g.Kind, nil)}
	view.Text, view.Home = view.T(g.Kind+".text", seconds), g.Kind == gate.PageDenied
	p.draw(w, http.StatusOK, "notice", view)
}
