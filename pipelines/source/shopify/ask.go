package shopify

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// verdict is what an answer says besides its data.
type verdict struct {
	Data       json.RawMessage `json:"data"`
	Errors     json.RawMessage `json:"errors"`
	Extensions struct {
		Cost struct {
			Requested float64 `json:"requestedQueryCost"`
			Throttle  struct {
				Maximum   float64 `json:"maximumAvailable"`
				Available float64 `json:"currentlyAvailable"`
				Restore   float64 `json:"restoreRate"`
			} `json:"throttleStatus"`
		} `json:"cost"`
		Search []struct {
			Query    string `json:"query"`
			Warnings []struct {
				Field   string `json:"field"`
				Message string `json:"message"`
			} `json:"warnings"`
		} `json:"search"`
	} `json:"extensions"`
}

// judge finds throttles, errors and warnings inside answers of status 200.
func judge(a *httpapi.Response) (time.Duration, error) {
	if err := httpapi.IsJSON(a); err != nil {
		return 0, err
	}
	var v verdict
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return 0, unexpected("", err)
	}
	cost := v.Extensions.Cost
	short := wait(cost.Requested-cost.Throttle.Available, cost.Throttle.Restore)
	if len(v.Errors) > 0 && string(v.Errors) != "null" && string(v.Errors) != "[]" {
		return 0, v.refusal(short)
	}
	for _, search := range v.Extensions.Search {
		if len(search.Warnings) > 0 {
			return 0, fault.New(fault.Unavailable, "search_warning", search.Query, "the API version knows another field name: set api_version to one that this source was written for",
				"the filter was not understood and would match everything: %s %s", search.Warnings[0].Field, search.Warnings[0].Message)
		}
	}
	if len(v.Data) == 0 || string(v.Data) == "null" {
		return 0, unexpected("", nil)
	}
	return short, nil
}

// wait is exactly how long points that are short take to come back.
func wait(short, restore float64) time.Duration {
	if short <= 0 || restore <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(short/restore*1000)) * time.Millisecond
}

func (v *verdict) refusal(short time.Duration) error {
	var list []struct {
		Message    string `json:"message"`
		Extensions struct {
			Code string `json:"code"`
		} `json:"extensions"`
	}
	if json.Unmarshal(v.Errors, &list) != nil || len(list) == 0 {
		return fault.New(fault.Unavailable, "error_in_answer", "", "look at the shop's status and the app's permissions", "the answer of status 200 is an error: %.300s", v.Errors)
	}
	code, says := list[0].Extensions.Code, list[0].Message
	switch {
	case code == "THROTTLED" || strings.EqualFold(says, "throttled"):
		cost := v.Extensions.Cost
		if cost.Throttle.Maximum > 0 && cost.Requested > cost.Throttle.Maximum {
			return tooDear(says)
		}
		return &httpapi.Throttled{Wait: short, Note: "THROTTLED in the answer"}
	case code == "MAX_COST_EXCEEDED":
		return tooDear(says)
	case code == "INTERNAL_SERVER_ERROR" || code == "TIMEOUT":
		return &httpapi.Throttled{Note: code + " in the answer: " + says}
	case code == "ACCESS_DENIED":
		return fault.New(fault.Denied, "no_permission", "", "give the app the scopes that the documentation of this source names, and approval for customer data, then install it again", "the app may not read this: %s", says)
	case strings.Contains(strings.ToLower(says), "invalid cursor") || code == "INVALID_CURSOR":
		return fault.New(fault.Unavailable, "cursor_ended", "", "run again", "the page token has ended: %s", says)
	}
	return fault.New(fault.Unavailable, "error_in_answer", "", "look at the shop's status and at api_version", "the answer of status 200 is an error: %s %s", code, says)
}

func tooDear(says string) error {
	return fault.New(fault.Unavailable, "query_too_expensive", "page_size", "write a smaller page_size", "one page costs more than the shop ever grants: %s", says)
}

func unexpected(what string, err error) error {
	hint := "open the address in a browser: something else answers in the API's place"
	if err == nil {
		return fault.New(fault.Unavailable, "unexpected_answer", what, hint, "the answer does not hold what was asked for")
	}
	return fault.Wrap(err, fault.Unavailable, "unexpected_answer", what, hint, "the answer does not hold what was asked for")
}

// ask sends one operation and reads its data into out; the time is the shop's clock.
func (s *shop) ask(ctx context.Context, operation, query string, variables map[string]any, out any) (time.Time, string, error) {
	body, err := json.Marshal(map[string]any{"operationName": operation, "query": query, "variables": variables})
	if err != nil {
		return time.Time{}, "", err
	}
	got, err := s.client.Do(ctx, httpapi.Request{Method: http.MethodPost, Path: "/admin/api/" + s.settings.Text("api_version") + "/graphql.json", Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
	if err != nil {
		return time.Time{}, "", err
	}
	var v verdict
	if err := json.Unmarshal(got.Body, &v); err != nil {
		return time.Time{}, "", unexpected(operation, err)
	}
	if err := json.Unmarshal(v.Data, out); err != nil {
		return time.Time{}, "", unexpected(operation, err)
	}
	at := got.Date()
	if at.IsZero() {
		at = s.now().UTC().Truncate(time.Second)
	}
	return at, got.Header.Get("X-Shopify-Api-Version"), nil
}

// node is an object of an answer, its values as the API wrote them.
type node map[string]json.RawMessage

func (n node) text(name string) string {
	var text string
	if json.Unmarshal(n[name], &text) != nil {
		return ""
	}
	return text
}

func (n node) set(name string, value any) error {
	text, err := json.Marshal(value)
	n[name] = text
	return err
}

// list is a connection of an answer.
type list struct {
	Nodes    []node `json:"nodes"`
	PageInfo *struct {
		More bool   `json:"hasNextPage"`
		End  string `json:"endCursor"`
	} `json:"pageInfo"`
}

// page asks for one page of a root connection.
func (s *shop) page(ctx context.Context, operation, root, fields, arguments, search, after string, size int) (list, time.Time, error) {
	variables := map[string]any{"first": size}
	declared, passed := "$first: Int!", "first: $first"
	if search != "" {
		variables["query"], declared, passed = search, declared+", $query: String", passed+", query: $query"
	}
	if after != "" {
		variables["after"], declared, passed = after, declared+", $after: String", passed+", after: $after"
	}
	if arguments != "" {
		passed += ", " + arguments
	}
	query := "query " + operation + "(" + declared + ") { " + root + "(" + passed + ") { nodes { " + fields + " } pageInfo { hasNextPage endCursor } } }"
	var data map[string]*list
	at, _, err := s.ask(ctx, operation, query, variables, &data)
	if err != nil {
		return list{}, at, err
	}
	got := data[root]
	if got == nil || got.PageInfo == nil || got.Nodes == nil {
		return list{}, at, unexpected(root, nil)
	}
	if got.PageInfo.More && (len(got.Nodes) == 0 || got.PageInfo.End == "" || got.PageInfo.End == after) {
		return list{}, at, endless(root)
	}
	return *got, at, nil
}

func endless(what string) error {
	return fault.New(fault.Unavailable, "endless_pages", what, "run again; report this with the API version when it stays", "the shop gives the same page again and again")
}

// connection is a list inside a record that is paged by itself.
type connection struct{ name, fields string }

func (c connection) selection(size int) string {
	return c.name + "(first: " + number(size) + ") { nodes { " + c.fields + " } pageInfo { hasNextPage endCursor } }"
}

// complete reads the connections of a record to their ends and makes plain lists of them.
func (s *shop) complete(ctx context.Context, kind string, n node, inner []connection) error {
	for _, c := range inner {
		var got list
		if err := json.Unmarshal(n[c.name], &got); err != nil || got.PageInfo == nil {
			return unexpected(kind+"."+c.name, err)
		}
		all := got.Nodes
		for after := ""; got.PageInfo.More; {
			if got.PageInfo.End == after || got.PageInfo.End == "" {
				return endless(kind + "." + c.name)
			}
			after = got.PageInfo.End
			operation := "more_" + kind + "_" + c.name
			query := "query " + operation + "($id: ID!, $first: Int!, $after: String) { node(id: $id) { ... on " + kind + " { " + c.name + "(first: $first, after: $after) { nodes { " + c.fields + " } pageInfo { hasNextPage endCursor } } } } }"
			var data struct {
				Node map[string]list `json:"node"`
			}
			if _, _, err := s.ask(ctx, operation, query, map[string]any{"id": n.text("id"), "first": 250, "after": after}, &data); err != nil {
				return err
			}
			if got = data.Node[c.name]; got.PageInfo == nil {
				return unexpected(operation, nil) // the record vanished between two questions: the next run sees that
			}
			all = append(all, got.Nodes...)
		}
		if err := n.set(c.name, all); err != nil {
			return err
		}
	}
	return nil
}
