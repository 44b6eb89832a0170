package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
)

// Exchange is a recorded request with its answer, as a file.
type Exchange struct {
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Query   string            `json:"query"`
		Headers map[string]string `json:"headers,omitempty"`
		Body    string            `json:"body,omitempty"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers,omitempty"`
		Body    json.RawMessage   `json:"body,omitempty"` // when it is JSON: the server's own text
		Text    string            `json:"body_raw,omitempty"`
	} `json:"response"`
}

// Recorder writes every exchange of a client as a numbered file. Secrets are removed; what the API says of people is not:
// a recording belongs where the data belongs. A nil Recorder keeps nothing.
type Recorder struct {
	Dir string

	mutex sync.Mutex
	count int
}

// secretNames are headers and query keys whose values are never recorded.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"authorization", "cookie", "token", "secret", "password", "signature", "consumer_key", "oauth_nonce", "session", "api-key", "api_key", "apikey"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "sign" || name == "app_key" || name == "key"
}

const removed = "[removed]"

func (r *Recorder) keep(req *http.Request, body []byte, a *Response, secrets []secret.Value) error {
	if r == nil {
		return nil
	}
	var e Exchange
	e.Request.Method, e.Request.Path = req.Method, req.URL.Path
	query := req.URL.Query()
	for name := range query {
		if secretName(name) {
			query.Set(name, removed)
		}
	}
	e.Request.Query = secret.Mask(query.Encode(), secrets...)
	e.Request.Headers = plainHeaders(req.Header, secrets)
	e.Request.Body = secret.Mask(string(body), secrets...)
	e.Response.Status, e.Response.Headers = a.Status, plainHeaders(a.Header, secrets)
	if text := secret.Mask(string(a.Body), secrets...); json.Valid([]byte(text)) {
		e.Response.Body = json.RawMessage(text)
	} else {
		e.Response.Text = text
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return fault.Wrap(err, fault.Denied, "record_unwritable", r.Dir, "name a folder that this user may write to", "the recording cannot be written")
	}
	r.count++
	err = os.WriteFile(filepath.Join(r.Dir, fmt.Sprintf("%06d.json", r.count)), data, 0o600)
	return fault.Wrap(err, fault.Exhausted, "record_unwritable", r.Dir, "free space, or record elsewhere", "the recording cannot be written")
}

func plainHeaders(h http.Header, secrets []secret.Value) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if out[name] = secret.Mask(strings.Join(values, ", "), secrets...); secretName(name) {
			out[name] = removed
		}
	}
	return out
}

// ReadExchanges reads the recordings below a folder, in the order of their names. Files that are none are left out.
func ReadExchanges(files fs.FS) ([]Exchange, error) {
	var names []string
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && path.Ext(name) == ".json" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var all []Exchange
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var e Exchange
		if json.Unmarshal(data, &e) == nil && e.Request.Method != "" && e.Response.Status != 0 {
			all = append(all, e)
		}
	}
	return all, nil
}

// Replay answers requests from recordings, matched by method, path, parsed query and body. The same request recorded
// several times is answered in that order, the last answer for ever. What was never recorded is a 501.
func Replay(exchanges []Exchange) http.Handler {
	answers := map[string][]Exchange{}
	for _, e := range exchanges {
		query, err := url.ParseQuery(e.Request.Query)
		if err != nil {
			continue
		}
		key := replayKey(e.Request.Method, e.Request.Path, query, e.Request.Body)
		answers[key] = append(answers[key], e)
	}
	var mutex sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, 16<<20)); err != nil && !errors.Is(err, http.ErrBodyReadAfterClose) {
			http.Error(w, "unreadable request", http.StatusBadRequest)
			return
		}
		key := replayKey(r.Method, r.URL.Path, r.URL.Query(), body.String())
		mutex.Lock()
		list := answers[key]
		if len(list) > 1 {
			answers[key] = list[1:]
		}
		mutex.Unlock()
		if len(list) == 0 {
			http.Error(w, "not recorded", http.StatusNotImplemented)
			return
		}
		for name, value := range list[0].Response.Headers {
			if name != "Content-Length" && name != "Content-Encoding" && name != "Transfer-Encoding" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(list[0].Response.Status)
		if list[0].Response.Body != nil {
			_, _ = w.Write(list[0].Response.Body) // the client that went away is told nothing
			return
		}
		_, _ = w.Write([]byte(list[0].Response.Text))
	})
}

// replayKey leaves out what differs between two runs of the same program: secrets, nonces and timestamps.
func replayKey(method, path string, query url.Values, body string) string {
	kept := url.Values{}
	for name, values := range query {
		if !secretName(name) && name != "oauth_timestamp" && name != "timestamp" {
			sort.Strings(values)
			kept[name] = values
		}
	}
	return method + " " + path + "?" + kept.Encode() + "\n" + body
}
