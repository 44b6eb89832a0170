package odoo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// stamp is how Odoo writes a time: UTC, without zone.
const stamp = time.DateTime

// passwordMark stands in requests where the password belongs until they are sent.
const passwordMark = "{{password}}"

// server is an Odoo database, asked over /jsonrpc.
type server struct {
	client          *httpapi.Client
	auth            *password
	database, login string
	now             func() time.Time

	mutex  sync.Mutex
	uid    int64
	known  map[string]map[string]string // model -> field -> type
	latest time.Time                    // the server's clock in its last answer
}

func connect(opt httpapi.Options, s source.Settings) (*server, error) {
	o := &server{database: s.Text("database"), login: s.Text("login"), now: s.Now, known: map[string]map[string]string{}}
	if o.now == nil {
		o.now = time.Now
	}
	o.auth = &password{read: func(ctx context.Context) (secret.Value, error) { return s.Secret(ctx, "password") }}
	opt.Auth, opt.Judge = o.auth, judge
	var err error
	o.client, err = httpapi.New(opt)
	return o, err
}

// Close drops connections.
func (o *server) Close() { o.client.Close() }

// password puts the password into the body of a request when it is sent.
type password struct {
	read  func(context.Context) (secret.Value, error)
	mutex sync.Mutex
	value *secret.Value
}

// Sign replaces the mark.
func (p *password) Sign(ctx context.Context, r *http.Request) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.value == nil {
		value, err := p.read(ctx)
		if err != nil {
			return err
		}
		p.value = &value
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p.value.Reveal())
	if err != nil {
		return err
	}
	body = bytes.Replace(body, []byte(`"`+passwordMark+`"`), text, 1)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

// Refresh reads the password again: it may have been changed.
func (p *password) Refresh(ctx context.Context) (bool, error) {
	value, err := p.read(ctx)
	if err != nil {
		return false, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	changed := p.value == nil || p.value.Reveal() != value.Reveal()
	p.value = &value
	return changed, nil
}

// Secrets are what must not be seen.
func (p *password) Secrets() []secret.Value {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.value == nil {
		return nil
	}
	return []secret.Value{*p.value}
}

// judge finds the errors in answers of status 200.
func judge(a *httpapi.Response) (time.Duration, error) {
	if err := httpapi.IsJSON(a); err != nil {
		return 0, err
	}
	var said struct {
		Error *struct {
			Message string `json:"message"`
			Data    struct {
				Name    string `json:"name"`
				Message string `json:"message"`
			} `json:"data"`
		} `json:"error"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "unexpected_answer", "/jsonrpc", "check url: something else answers in Odoo's place", "the answer cannot be read")
	}
	if said.Error == nil {
		if said.Result == nil {
			return 0, fault.New(fault.Unavailable, "unexpected_answer", "/jsonrpc", "check url: something else answers in Odoo's place", "the answer holds no result")
		}
		return 0, nil
	}
	name, text := said.Error.Data.Name, said.Error.Data.Message
	switch {
	case strings.HasSuffix(name, "AccessDenied"):
		return 0, fault.New(fault.Denied, "wrong_password", "/jsonrpc", "check database, login and password; an API key stands in the password's place (Preferences > Account Security)", "Odoo does not let this user in")
	case strings.HasSuffix(name, "AccessError"):
		return 0, fault.New(fault.Denied, "no_permission", "/jsonrpc", "give the user the right Point of Sale / User and, for stock, Inventory / User", "Odoo refuses: %s", text)
	case strings.Contains(name, "OperationalError") && strings.Contains(text, "does not exist"):
		return 0, fault.New(fault.Denied, "unknown_database", "/jsonrpc", "check database: it is the name on the page /web/database/selector", "Odoo has no such database")
	case strings.Contains(name, "OperationalError") || strings.Contains(name, "SerializationFailure") || strings.Contains(name, "TooManyRequests"):
		return 0, &httpapi.Throttled{Note: name}
	}
	return 0, fault.New(fault.Unavailable, "error_in_answer", "/jsonrpc", "look for the message in Odoo's log", "Odoo refuses: %s %s", name, text)
}

// ask calls a method of a service.
func (o *server) ask(ctx context.Context, service, method string, args []any, into any) error {
	if args == nil {
		args = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": "call", "id": 1, "params": map[string]any{"service": service, "method": method, "args": args}})
	if err != nil {
		return err
	}
	got, err := o.client.Do(ctx, httpapi.Request{Method: http.MethodPost, Path: "/jsonrpc", Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
	if err != nil {
		return err
	}
	o.mutex.Lock()
	if o.latest = got.Date(); o.latest.IsZero() {
		o.latest = o.now().UTC().Truncate(time.Second)
	}
	o.mutex.Unlock()
	var said struct {
		Result json.RawMessage `json:"result"`
	}
	if err = json.Unmarshal(got.Body, &said); err == nil {
		err = json.Unmarshal(said.Result, into)
	}
	return fault.Wrap(err, fault.Unavailable, "unexpected_answer", method, "report this with the version of Odoo", "the answer is not what was asked for")
}

// user signs in and gives the number of the user.
func (o *server) user(ctx context.Context) (int64, error) {
	o.mutex.Lock()
	uid := o.uid
	o.mutex.Unlock()
	if uid != 0 {
		return uid, nil
	}
	var said any
	if err := o.ask(ctx, "common", "authenticate", []any{o.database, o.login, passwordMark, map[string]any{}}, &said); err != nil {
		return 0, err
	}
	n, ok := said.(float64)
	if _, refused := said.(bool); !ok && !refused {
		return 0, fault.New(fault.Unavailable, "unexpected_answer", "authenticate", "check url: something else answers in Odoo's place", "the answer is no number of a user")
	}
	if n < 1 {
		return 0, fault.New(fault.Denied, "wrong_password", "/jsonrpc", "check database, login and password; an API key stands in the password's place (Preferences > Account Security)", "Odoo does not let this user in")
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.uid = int64(n)
	return o.uid, nil
}

// call calls a method of a model.
func (o *server) call(ctx context.Context, model, method string, args []any, named map[string]any, into any) error {
	uid, err := o.user(ctx)
	if err != nil {
		return err
	}
	if named == nil {
		named = map[string]any{}
	}
	return o.ask(ctx, "object", "execute_kw", []any{o.database, uid, passwordMark, model, method, args, named}, into)
}

// clock is the server's time.
func (o *server) clock(ctx context.Context) (time.Time, error) {
	var said any
	if err := o.ask(ctx, "common", "version", nil, &said); err != nil {
		return time.Time{}, err
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.latest, nil
}

// record is a row of a model: values as Odoo wrote them. Empty values are absent, and a reference is {id, name}.
type record map[string]json.RawMessage

func leaf(field, operator string, value any) []any { return []any{field, operator, value} }

// types gives the fields of a model that this version of Odoo has.
func (o *server) types(ctx context.Context, model string) (map[string]string, error) {
	o.mutex.Lock()
	known := o.known[model]
	o.mutex.Unlock()
	if known != nil {
		return known, nil
	}
	var said map[string]struct {
		Type string `json:"type"`
	}
	if err := o.call(ctx, model, "fields_get", []any{[]any{}}, map[string]any{"attributes": []string{"type"}}, &said); err != nil {
		return nil, err
	}
	known = map[string]string{}
	for name, field := range said {
		known[name] = field.Type
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.known[model] = known
	return known, nil
}

// search reads rows of a model. Fields that this Odoo does not have are left out.
func (o *server) search(ctx context.Context, model string, fields []string, domain []any, order string, limit int) ([]record, error) {
	types, err := o.types(ctx, model)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, name := range fields {
		if types[name] != "" {
			asked = append(asked, name)
		}
	}
	if domain == nil {
		domain = []any{}
	}
	named := map[string]any{"fields": asked, "order": order, "context": map[string]any{"active_test": false}}
	if limit > 0 {
		named["limit"] = limit
	}
	var rows []record
	if err := o.call(ctx, model, "search_read", []any{domain}, named, &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		row.settle(types)
	}
	return rows, nil
}

// settle drops what Odoo writes as false because it is empty, and names the parts of a reference.
func (r record) settle(types map[string]string) {
	for name, value := range r {
		switch kind := types[name]; {
		case string(value) == "null", string(value) == "false" && kind != "boolean":
			delete(r, name)
		case kind == "many2one":
			var pair []json.RawMessage
			if json.Unmarshal(value, &pair) == nil && len(pair) == 2 {
				r[name] = json.RawMessage(`{"id":` + string(pair[0]) + `,"name":` + string(pair[1]) + `}`)
			}
		}
	}
}

// id is the number of a row.
func (r record) id() int64 { return number(r["id"]) }

// reference is the number of the row that a field names; 0: none.
func (r record) reference(field string) int64 {
	var to struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(r[field], &to) != nil {
		return 0
	}
	return to.ID
}

func (r record) text(field string) string {
	var text string
	_ = json.Unmarshal(r[field], &text) // what is no text is empty
	return text
}

func number(raw json.RawMessage) int64 {
	var n int64
	_ = json.Unmarshal(raw, &n) // what is no number is 0, which no row has
	return n
}
