package transforms

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/transforms/identity"
)

// edgeColumns are the columns that the SQL of a model with builder: identity must give. Further columns describe the
// record and come back unchanged; customer_id and evidence are added.
var edgeColumns = []string{"record_id", "key_type", "key_value", "registered_at"}

// identityColumns gives the columns of the built table from those of the edges.
func identityColumns(m *Model, edges []release.Column) ([]release.Column, error) {
	var columns []release.Column
	missing := slices.Clone(edgeColumns)
	for _, c := range edges {
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == c.Name })
		if c.Name != "key_type" && c.Name != "key_value" {
			columns = append(columns, c)
		}
	}
	if len(missing) > 0 {
		return nil, fault.New(fault.Usage, "identity_edges", m.where(), "the SQL of builder: identity yields "+strings.Join(edgeColumns, ", ")+" and columns of the record", "the SQL does not give %s", strings.Join(missing, ", "))
	}
	return append(columns, release.Column{Name: "customer_id", Type: "VARCHAR"}, release.Column{Name: "evidence", Type: "VARCHAR"}), nil
}

// identity runs the edges through identity.Group and gives the SQL that joins the links to the records.
func (b *build) identity(ctx context.Context, w *warehouse.Conn, m *Model, query string) (string, error) {
	body, _ := splitOrder(query)
	if err := w.Exec(ctx, `CREATE OR REPLACE TEMP TABLE "identity edge" AS `+body); err != nil {
		return "", m.located(err)
	}
	edges, err := readEdges(ctx, w)
	if err != nil {
		return "", m.located(err)
	}
	links := identity.Group(edges)
	if err := w.Exec(ctx, `CREATE OR REPLACE TEMP TABLE identity_link (record_id VARCHAR, customer_id VARCHAR, evidence VARCHAR)`); err != nil {
		return "", err
	}
	err = w.AppendText(ctx, "identity_link", func(yield func([]string) bool) {
		for _, link := range links {
			if !yield([]string{link.Record, link.Customer, link.Evidence}) {
				return
			}
		}
	})
	if err != nil {
		return "", err
	}
	described, err := w.Text(ctx, `DESCRIBE "identity edge"`)
	if err != nil {
		return "", err
	}
	var list, out []string
	for _, row := range described {
		switch name := warehouse.Identifier(row[0]); row[0] {
		case "record_id":
			list, out = append(list, "record_id"), append(out, "record.record_id AS record_id")
		case "key_type", "key_value":
		default:
			list, out = append(list, fmt.Sprintf("min(%s) AS %s", name, name)), append(out, "record."+name)
		}
	}
	return fmt.Sprintf(`SELECT %s, coalesce(identity_link.customer_id, record.record_id) AS customer_id, coalesce(identity_link.evidence, '%s') AS evidence FROM (SELECT %s FROM "identity edge" WHERE record_id IS NOT NULL GROUP BY record_id) AS record LEFT JOIN identity_link ON record.record_id = identity_link.record_id ORDER BY %s`,
		strings.Join(out, ", "), identity.Alone, strings.Join(list, ", "), strings.Join(m.Grain, ", ")), nil
}

// readEdges gives the edges by keys that several records carry; a record without one is a customer of its own. The record's
// registration is the earliest of all its edges.
func readEdges(ctx context.Context, w warehouse.Session) ([]identity.Edge, error) {
	rows, err := w.Query(ctx, `WITH edge AS (
		SELECT record_id, CAST(registered_at AS VARCHAR) AS registered_at, key_type, CAST(key_value AS VARCHAR) AS key_value FROM "identity edge" WHERE record_id IS NOT NULL
	), shared AS (
		SELECT key_type, key_value FROM edge WHERE key_type <> '' AND key_value <> '' GROUP BY key_type, key_value HAVING min(record_id) <> max(record_id)
	), tie AS (
		SELECT record_id, key_type, key_value FROM edge SEMI JOIN shared USING (key_type, key_value)
	), record AS (
		SELECT record_id, min(nullif(registered_at, '')) AS registered_at FROM edge SEMI JOIN tie USING (record_id) GROUP BY record_id
	)
	SELECT tie.record_id, coalesce(record.registered_at, ''), tie.key_type, tie.key_value FROM tie INNER JOIN record ON tie.record_id = record.record_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells what matters
	var edges []identity.Edge
	for rows.Next() {
		cells := rows.Text()
		edges = append(edges, identity.Edge{Record: cells[0], Registered: cells[1], KeyType: cells[2], KeyValue: cells[3]})
	}
	return edges, rows.Err()
}
