package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
)

// Sandbox opens a database for statements of people: mount makes the views, then the session is locked so that it can
// read the named files and nothing else. Memory used inside one expression is not bounded by the engine, so run it
// in a child process with a limited address space and a deadline.
func Sandbox(ctx context.Context, opt Options, mount func(context.Context, Session) error, files []string) (*DB, error) {
	db, err := Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	if err := mount(ctx, db); err != nil {
		_ = db.Close() // mount's error is the one to tell
		return nil, err
	}
	for _, statement := range LockDown(files) {
		if err := db.Exec(ctx, statement); err != nil {
			_ = db.Close() // the statement's error is the one to tell
			return nil, fmt.Errorf("lock session: %w", err)
		}
	}
	return db, nil
}

// LockDown lists the statements that leave a session with read access to the named files only. allowed_directories
// stays empty, because it would also allow writing.
func LockDown(files []string) []string {
	quoted := make([]string, len(files))
	for i, file := range files {
		quoted[i] = Literal(file)
	}
	return []string{
		"SET allowed_paths = [" + strings.Join(quoted, ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
}

// gate walks the syntax tree of a statement.
type gate struct {
	known map[string]bool // catalogue names and the statement's own CTEs
}

// tableFunctions are the ones a person's statement may call: they make rows from their arguments alone.
var tableFunctions = map[string]bool{"range": true, "generate_series": true, "unnest": true}

// refusedFunctions reach the environment of the process or its log.
var refusedFunctions = map[string]bool{"getenv": true, "write_log": true, "nextval": true, "currval": true, "current_setting": true, "getvariable": true}

var plainName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)

// CheckSelect refuses every statement but one SELECT over the tables and views of s: no other statement, no table
// function but range, generate_series and unnest, no file name in place of a table. Its error is of kind Usage.
func CheckSelect(ctx context.Context, s Session, query string) error {
	rows, err := s.Text(ctx, "SELECT CAST(json_serialize_sql("+Literal(query)+") AS VARCHAR)")
	if err != nil {
		return err
	}
	var tree struct {
		Error    bool   `json:"error"`
		Message  string `json:"error_message"`
		Position string `json:"position"`
		Nodes    []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(rows[0][0]), &tree); err != nil {
		return fmt.Errorf("read syntax tree: %w", err)
	}
	switch {
	case tree.Error && strings.HasPrefix(tree.Message, "Only SELECT"):
		return refuse("only SELECT statements are run", "query reads a release; it changes nothing")
	case tree.Error && tree.Position != "":
		return refuse(tree.Message+" (at character "+tree.Position+")", "correct the SQL")
	case tree.Error:
		return refuse(tree.Message, "correct the SQL")
	case len(tree.Nodes) != 1:
		return refuse(fmt.Sprintf("%d statements", len(tree.Nodes)), "give one SELECT at a time")
	}
	known, err := catalogue(ctx, s)
	if err != nil {
		return err
	}
	g := gate{known: known}
	if err := g.declare(tree.Nodes[0]); err != nil {
		return err
	}
	return g.check(tree.Nodes[0])
}

func refuse(message, hint string) error {
	return fault.New(fault.Usage, "query_refused", "query", hint, "%s", message)
}

// catalogue lists what may stand in FROM: views and tables under both their short and their full names.
func catalogue(ctx context.Context, s Session) (map[string]bool, error) {
	rows, err := s.Text(ctx, `SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'pg_catalog')`)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{"information_schema.tables": true, "information_schema.columns": true}
	for _, row := range rows {
		known[strings.ToLower(row[0]+"."+row[1])] = true
		if row[0] == "main" {
			known[strings.ToLower(row[1])] = true
		}
	}
	return known, nil
}

// declare adds the names of all CTEs. A CTE named like a file is refused, so that no file can hide behind one.
func (g gate) declare(node any) error {
	return walk(node, func(object map[string]any) error {
		ctes, _ := object["cte_map"].(map[string]any)
		entries, _ := ctes["map"].([]any)
		for _, entry := range entries {
			fields, _ := entry.(map[string]any)
			name, _ := fields["key"].(string)
			if !plainName.MatchString(name) {
				return refuse(fmt.Sprintf("the name %q of a WITH query", name), "use letters, digits and underscores")
			}
			g.known[strings.ToLower(name)] = true
		}
		return nil
	})
}

// check refuses table functions, unknown tables and functions that look outside.
func (g gate) check(node any) error {
	return walk(node, func(object map[string]any) error {
		kind, _ := object["type"].(string)
		switch kind {
		case "TABLE_FUNCTION":
			function, _ := object["function"].(map[string]any)
			if name := word(function, "function_name"); !tableFunctions[name] {
				return refuse("table function "+name, "read the tables of the release; omoflow query --tables lists them")
			}
		case "BASE_TABLE":
			return g.table(object)
		case "SHOW_REF":
			if object["query"] == nil {
				return refuse("SHOW", "select from information_schema.tables, or DESCRIBE a table")
			}
		case "FUNCTION", "WINDOW_AGGREGATE":
			if name := word(object, "function_name"); refusedFunctions[name] {
				return refuse("function "+name, "query sees the tables of the release and nothing else")
			}
		}
		return nil
	})
}

// table refuses a name that is neither in the catalogue nor a CTE; the engine would look for a file of that name.
func (g gate) table(object map[string]any) error {
	name := word(object, "table_name")
	if schema := word(object, "schema_name"); schema != "" {
		name = schema + "." + name
	}
	if catalog := word(object, "catalog_name"); g.known[name] && (catalog == "" || catalog == "memory") {
		return nil
	}
	hint := "omoflow query --tables lists the tables"
	names := make([]string, 0, len(g.known))
	for known := range g.known {
		names = append(names, known)
	}
	if near := fault.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fault.New(fault.Usage, "unknown_table", "query", hint, "there is no table %s", name)
}

func word(object map[string]any, key string) string {
	s, _ := object[key].(string)
	return strings.ToLower(s)
}

// walk visits every JSON object of a tree, outer ones first.
func walk(node any, visit func(map[string]any) error) error {
	switch n := node.(type) {
	case map[string]any:
		if err := visit(n); err != nil {
			return err
		}
		for _, child := range n {
			if err := walk(child, visit); err != nil {
				return err
			}
		}
	case []any:
		for _, child := range n {
			if err := walk(child, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
