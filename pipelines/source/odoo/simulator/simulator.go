// Package simulator is an Odoo that does not exist: an HTTP server that answers /jsonrpc over rows in memory, recorded from
// a real one or made for a test. It keeps what Odoo keeps: errors come with status 200, empty values are false, times
// are compared to the microsecond and shown in seconds.
package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Row is a row of a model: values as the API shows them.
type Row map[string]any

// Database is the simulated database. Its exported fields are set before it is asked.
type Database struct {
	Name, Login, Password string
	Now                   func() time.Time
	// Intercept, when set, may answer a request itself.
	Intercept func(w http.ResponseWriter, service, method string) (done bool)

	mutex  sync.Mutex
	models map[string][]Row
	calls  int
}

// New makes an empty database.
func New(now func() time.Time) *Database {
	return &Database{Name: "shop", Login: "omoflow", Password: "a-key-of-odoo", Now: now, models: map[string][]Row{}}
}

// Put adds a row, or replaces the one with its number.
func (d *Database) Put(model string, row Row) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	i := slices.IndexFunc(d.models[model], func(r Row) bool { return number(r["id"]) == number(row["id"]) })
	if i < 0 {
		d.models[model] = append(d.models[model], row)
		return
	}
	d.models[model][i] = row
}

// Delete takes a row away for ever.
func (d *Database) Delete(model string, id int64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.models[model] = slices.DeleteFunc(d.models[model], func(r Row) bool { return number(r["id"]) == id })
}

// Calls counts the requests so far.
func (d *Database) Calls() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.calls
}

type question struct {
	Params struct {
		Service string            `json:"service"`
		Method  string            `json:"method"`
		Args    []json.RawMessage `json:"args"`
	} `json:"params"`
}

// ServeHTTP answers a question.
func (d *Database) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var q question
	if err != nil || json.Unmarshal(body, &q) != nil || r.URL.Path != "/jsonrpc" {
		http.Error(w, "<html>404</html>", http.StatusNotFound)
		return
	}
	d.mutex.Lock()
	d.calls++
	d.mutex.Unlock()
	w.Header().Set("Date", d.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if d.Intercept != nil && d.Intercept(w, q.Params.Service, q.Params.Method) {
		return
	}
	result, failure := d.answer(q)
	answer := map[string]any{"jsonrpc": "2.0", "id": 1, "result": result}
	if failure != nil {
		answer = map[string]any{"jsonrpc": "2.0", "id": 1, "error": map[string]any{"code": 200, "message": "Odoo Server Error", "data": failure}}
	}
	_ = json.NewEncoder(w).Encode(answer) // whoever asks sees a broken answer
}

// Failure is the data of an error as Odoo writes it.
func Failure(name, message string) map[string]any {
	return map[string]any{"name": name, "debug": "Traceback", "message": message, "arguments": []any{message}, "context": map[string]any{}}
}

func (d *Database) answer(q question) (any, map[string]any) {
	var args []any
	for _, raw := range q.Params.Args {
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil {
			return nil, Failure("builtins.ValueError", "bad argument")
		}
		args = append(args, value)
	}
	switch q.Params.Service + "." + q.Params.Method {
	case "common.version":
		return map[string]any{"server_version": "17.0"}, nil
	case "common.authenticate":
		if len(args) == 4 && args[0] == d.Name && args[1] == d.Login && args[2] == d.Password {
			return 2, nil
		}
		return false, nil
	case "object.execute_kw":
		if len(args) < 6 || args[0] != d.Name || args[2] != d.Password {
			return nil, Failure("odoo.exceptions.AccessDenied", "Access Denied")
		}
		named := map[string]any{}
		if len(args) > 6 {
			named, _ = args[6].(map[string]any) // absent when it is none
		}
		return d.execute(fmt.Sprint(args[3]), fmt.Sprint(args[4]), args[5], named)
	}
	return nil, Failure("builtins.NameError", "Method not found")
}

func (d *Database) execute(model, method string, args any, named map[string]any) (any, map[string]any) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	rows, ok := d.models[model]
	if !ok {
		return nil, Failure("odoo.exceptions.UserError", "Object "+model+" doesn't exist")
	}
	fields := fieldsOf(rows)
	list, _ := args.([]any) // none when it is none
	if method == "fields_get" {
		return fields, nil
	}
	var domain []any
	if len(list) > 0 {
		domain, _ = list[0].([]any)
	}
	var found []Row
	for _, row := range rows {
		ok, failure := matches(row, fields, domain, model)
		if failure != nil {
			return nil, failure
		}
		if ok {
			found = append(found, row)
		}
	}
	switch method {
	case "search_count":
		return len(found), nil
	case "search_read":
		return show(found, fields, model, named)
	}
	return nil, Failure("builtins.AttributeError", "The method "+method+" does not exist")
}

func show(found []Row, fields map[string]map[string]string, model string, named map[string]any) (any, map[string]any) {
	order := strings.Fields(fmt.Sprint(named["order"]))
	if len(order) == 2 {
		slices.SortStableFunc(found, func(a, b Row) int {
			n := compare(a[order[0]], b[order[0]])
			if order[1] == "desc" {
				return -n
			}
			return n
		})
	}
	if limit := number(named["limit"]); limit > 0 && int64(len(found)) > limit {
		found = found[:limit]
	}
	asked, _ := named["fields"].([]any) // all when it is none
	out := []Row{}
	for _, row := range found {
		shown := Row{"id": row["id"]}
		for _, name := range asked {
			field := fmt.Sprint(name)
			if fields[field] == nil {
				return nil, Failure("builtins.ValueError", "Invalid field '"+field+"' on model '"+model+"'")
			}
			shown[field] = shorten(row[field])
			if row[field] == nil {
				shown[field] = false
			}
		}
		out = append(out, shown)
	}
	return out, nil
}

// shorten shows a time in seconds.
func shorten(value any) any {
	if text, ok := value.(string); ok && len(text) > 19 && len(text) <= 26 && text[4] == '-' && text[10] == ' ' && text[19] == '.' {
		return text[:19]
	}
	return value
}

// fieldsOf tells the fields of a model by its rows.
func fieldsOf(rows []Row) map[string]map[string]string {
	fields := map[string]map[string]string{"id": {"type": "integer"}}
	for _, row := range rows {
		for name, value := range row {
			kind := ""
			switch v := value.(type) {
			case string:
				kind = "char"
			case json.Number, int, int64, float64:
				kind = "float"
			case []any:
				kind = "one2many"
				if len(v) == 2 {
					if _, named := v[1].(string); named {
						kind = "many2one"
					}
				}
			case bool:
				if kind = "char"; v {
					kind = "boolean"
				}
			}
			if known := fields[name]; known == nil || known["type"] == "char" && kind != "" {
				fields[name] = map[string]string{"type": kind}
			}
		}
	}
	return fields
}

// matches evaluates a domain of leaves that must all hold.
func matches(row Row, fields map[string]map[string]string, domain []any, model string) (bool, map[string]any) {
	for _, one := range domain {
		leaf, ok := one.([]any)
		if !ok || len(leaf) != 3 {
			return false, Failure("builtins.ValueError", "Invalid domain term")
		}
		field := fmt.Sprint(leaf[0])
		if strings.Contains(field, ".") { // of another model: rows are recorded with it in force
			continue
		}
		if fields[field] == nil && row[field] == nil {
			if field == "available_in_pos" || field == "customer_rank" {
				continue
			}
			return false, Failure("builtins.ValueError", "Invalid field "+model+"."+field+" in leaf")
		}
		value := row[field]
		if pair, ok := value.([]any); ok && len(pair) == 2 {
			value = pair[0]
		}
		holds := false
		n := compare(value, leaf[2])
		switch leaf[1] {
		case "=":
			holds = fmt.Sprint(value) == fmt.Sprint(leaf[2])
		case ">":
			holds = n > 0
		case ">=":
			holds = n >= 0
		case "<":
			holds = n < 0
		case "<=":
			holds = n <= 0
		case "in":
			list, _ := leaf[2].([]any) // none when it is none
			holds = slices.ContainsFunc(list, func(item any) bool { return number(item) == number(value) })
		}
		if !holds {
			return false, nil
		}
	}
	return true, nil
}

func compare(a, b any) int {
	x, isText := a.(string)
	y, also := b.(string)
	if isText && also {
		return strings.Compare(microseconds(x), microseconds(y))
	}
	return int(number(a) - number(b))
}

// microseconds writes a time to the microsecond.
func microseconds(text string) string {
	if len(text) == 19 && text[10] == ' ' {
		return text + ".000000"
	}
	return text
}

func number(value any) int64 {
	switch v := value.(type) {
	case int:
		return int64(v)
	case int64:
		return v
	case float64:
		return int64(v)
	case json.Number:
		n, _ := v.Int64() // a fraction is no number of a row
		return n
	}
	return 0
}
