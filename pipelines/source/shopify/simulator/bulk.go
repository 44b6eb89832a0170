package simulator

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

var bulkSearch = regexp.MustCompile(`orders\(query: "([^"]*)"\)`)

func (s *Shop) bulkAnswer(q request, data map[string]any) {
	const id = "gid://shopify/BulkOperation/7"
	if q.Operation == "bulk_start" && s.UserError != "" {
		data["bulkOperationRunQuery"] = map[string]any{"bulkOperation": nil, "userErrors": []any{map[string]any{"code": s.UserError, "message": "refused"}}}
		return
	}
	if q.Operation == "bulk_start" {
		list, _ := s.find("orders", bulkSearch.FindStringSubmatch(q.Variables.Search)[1], true)
		s.bulk, s.polls = Bulk{Status: "COMPLETED"}, 0
		for _, r := range list {
			plain := map[string]any{}
			for name, value := range r.Node {
				if !isConnection(name) {
					plain[name] = s.render(value)
				}
			}
			lines, _ := r.Node["lineItems"].([]any)
			if strings.Contains(q.Variables.Search, "lineItems") {
				for _, l := range lines { // children first
					child := map[string]any{"__parentId": r.Node["id"]}
					for name, value := range l.(map[string]any) {
						child[name] = value
					}
					s.bulk.add(child)
				}
			}
			s.bulk.add(plain)
			s.bulk.Roots++
		}
		s.bulk.Objects = len(s.bulk.Lines)
		if s.OnBulk != nil {
			s.OnBulk(&s.bulk)
		}
		s.file = []byte(strings.Join(append(s.bulk.Lines, ""), "\n"))
		data["bulkOperationRunQuery"] = map[string]any{"bulkOperation": map[string]any{"id": id, "status": "CREATED"}, "userErrors": []any{}}
		return
	}
	s.polls++
	state := map[string]any{"id": id, "status": "RUNNING", "objectCount": "0", "rootObjectCount": "0"}
	if s.polls > 1 {
		state = map[string]any{"id": id, "status": s.bulk.Status, "objectCount": strconv.Itoa(s.bulk.Objects), "rootObjectCount": strconv.Itoa(s.bulk.Roots), "url": nil}
		switch {
		case s.bulk.Status != "COMPLETED":
			state["errorCode"], state["partialDataUrl"] = "TIMEOUT", s.bulk.Partial
		case len(s.bulk.Lines) > 0:
			state["url"], state["fileSize"] = s.URL+"/bulk/result.jsonl", strconv.Itoa(len(s.file))
		}
	}
	data["node"] = state
}

func (b *Bulk) add(value any) {
	text, err := json.Marshal(value)
	if err == nil {
		b.Lines = append(b.Lines, string(text))
	}
}
