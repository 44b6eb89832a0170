package portal

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"
)

// How many versions of each report the status page lists, and how many documents the other page.
const (
	recentVersions = 5
	mostDocuments  = 1000
)

// documentPolicy keeps a document in a sandbox: it was rendered from data that came from outside, so it may show itself and
// do nothing else, not even as a page of this host.
const documentPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// group is one report's documents, newest period first.
type group struct {
	Report string
	Lines  []documentLine
}

type documentLine struct {
	Document
	Superseded bool // there is a later version of the period
}

// Links gives the files with their addresses.
func (d documentLine) Links() []link {
	var links []link
	for _, f := range d.Files {
		links = append(links, link{f, "/documents/" + url.PathEscape(d.ID) + "/" + url.PathEscape(f.Name)})
	}
	return links
}

type link struct {
	File
	Path string
}

// groups sorts documents by report. With a limit only the latest versions of the newest periods are given.
func groups(documents []Document, limit int) []group {
	latest := map[string]int{}
	for _, d := range documents {
		latest[d.Report+"\x00"+d.Period] = max(latest[d.Report+"\x00"+d.Period], d.Version)
	}
	var all []group
	for _, d := range documents {
		superseded := d.Version < latest[d.Report+"\x00"+d.Period]
		i := slices.IndexFunc(all, func(g group) bool { return g.Report == d.Report })
		if i < 0 {
			all, i = append(all, group{Report: d.Report}), len(all)
		}
		if limit == 0 || !superseded && len(all[i].Lines) < limit {
			all[i].Lines = append(all[i].Lines, documentLine{d, superseded})
		}
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Lines) == 0 })
}

// documentsPage is the page at /documents.
type documentsPage struct {
	page
	Held   held
	Groups []group
	More   int // 0, or how many are listed of more
}

// Absent tells the template whether the documents could not be read.
func (p documentsPage) Absent() bool { return p.Held.absent(Documents) }

func (p *Portal) documents(w http.ResponseWriter, r *http.Request) {
	h, err := p.cache.get(r.Context())
	if err != nil {
		p.nothing(w, r)
		return
	}
	view := documentsPage{page: p.page(w, r, "documents", h.Zone), Held: h}
	list := h.Documents
	if len(list) > mostDocuments {
		list, view.More = list[:mostDocuments], mostDocuments
	}
	view.Groups = groups(list, 0)
	p.draw(w, http.StatusOK, "documents", view)
}

// document gives a file of a document. Name and file are looked up among those that there are; no path is made of them.
func (p *Portal) document(w http.ResponseWriter, r *http.Request) {
	h, err := p.cache.get(r.Context())
	if err != nil {
		p.nothing(w, r)
		return
	}
	for _, d := range h.Documents {
		if d.ID != r.PathValue("id") {
			continue
		}
		for _, f := range d.Files {
			if f.Name == r.PathValue("file") {
				p.send(w, r, d, f)
				return
			}
		}
	}
	p.notice(w, r, http.StatusNotFound, "not_found")
}

// send gives a file's bytes. HTML is shown, in the sandbox; everything else is saved.
func (p *Portal) send(w http.ResponseWriter, r *http.Request, d Document, f File) {
	head := w.Header()
	tag := strconv.Quote(f.SHA256)
	if slices.Contains(r.Header.Values("If-None-Match"), tag) {
		head.Set("ETag", tag)
		head.Set("Cache-Control", "private, no-cache")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	content, err := p.opt.Source.Content(r.Context(), d, f)
	if err != nil {
		p.opt.Log("%s of document %s cannot be given: %v", f.Name, d.ID, err)
		p.notice(w, r, http.StatusServiceUnavailable, "absent")
		return
	}
	kind := map[string]string{
		".html": "text/html; charset=utf-8", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".jsonl": "application/jsonl",
		".json": "application/json", ".pdf": "application/pdf", ".csv": "text/csv; charset=utf-8", ".png": "image/png",
	}[path.Ext(f.Name)]
	if kind == "" {
		kind = "application/octet-stream"
	}
	if path.Ext(f.Name) != ".html" {
		head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fmt.Sprintf("%s-%s-v%d-%s", d.Report, d.Period, d.Version, f.Name)}))
	}
	head.Set("Content-Type", kind)
	head.Set("Content-Security-Policy", documentPolicy)
	head.Set("Cache-Control", "private, no-cache") // kept, but asked for each time, so that it is gone after signing out
	head.Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
