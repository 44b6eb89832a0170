package transforms

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// uniqueGrain is the built-in check that no two rows of a table have the same grain.
const uniqueGrain = "unique_grain"

// audit reads a finished file once: it refuses rows of another partition or of none, which would be lost or counted twice,
// and notes a file whose rows all differ in their grain. Rows with the same grain stand side by side in a file that is
// ordered by it; a file ordered otherwise is left to the check.
func (b *build) audit(ctx context.Context, w warehouse.Session, t *task, path, sha256, query string) error {
	condition, err := t.m.Part.condition(t.part)
	if err != nil {
		return err
	}
	alike := "false"
	if orderedBy(query, t.m.Grain) {
		alike = "mark = mark_before"
	}
	if t.m.Part.Unit == "" && alike == "false" {
		return nil
	}
	dated := "1"
	if t.m.Part.Unit != "" {
		dated = warehouse.Identifier(t.m.Part.Column)
	}
	rows, err := w.Text(ctx, fmt.Sprintf(`SELECT count(*) FILTER (WHERE (%s) IS NOT TRUE), count(*) FILTER (WHERE %s) FROM (SELECT *, lag(mark) OVER () AS mark_before FROM (SELECT %s, hash(%s) AS mark FROM %s))`,
		condition, alike, dated, keyList(t.m), warehouse.ReadParquet(path)))
	if err != nil {
		return err
	}
	if strays := rows[0][0]; strays != "0" {
		return t.m.stray(fmt.Sprintf("%s rows outside of %s", strays, t.part))
	}
	if alike != "false" && rows[0][1] == "0" {
		b.unique.Store(sha256, true)
	}
	return nil
}

// orderedBy tells whether a query ends in an order whose first terms are the columns of the grain, in any sequence.
func orderedBy(query string, grain []string) bool {
	_, order := splitOrder(query)
	var terms []string
	term, depth := "", 0
	scan(order, func(_ int, token string, kind tokenKind) {
		switch {
		case token == "(":
			depth++
		case token == ")":
			depth--
		}
		switch {
		case kind == comment:
		case token == "," && depth == 0:
			terms, term = append(terms, term), ""
		case kind == space:
			term += " "
		default:
			term += token
		}
	})
	terms = append(terms, term)
	if len(terms) < len(grain) {
		return false
	}
	left := slices.Clone(grain)
	for i, term := range terms[:len(grain)] {
		words := strings.Fields(term)
		if i == 0 && len(words) > 2 {
			words = words[2:] // ORDER BY
		}
		if len(words) == 0 {
			return false
		}
		name := strings.Trim(words[0], `"`)
		at := slices.Index(left, name)
		if at < 0 {
			return false
		}
		left = slices.Delete(left, at, at+1)
	}
	return true
}

// repeats tells whether rows of a table may share their grain: those of the changed files among each other and with the kept
// files, which were found unique before. It compares hashes, so that yes is a suspicion and no is certain.
func (b *build) repeats(ctx context.Context, w warehouse.Session, m *Model, changed, kept []lake.Object) (bool, error) {
	apart := m.Part.Unit == "" || slices.Contains(m.Grain, m.Part.Column) // rows of two files differ in their grain anyway
	each := !slices.ContainsFunc(changed, func(f lake.Object) bool { _, known := b.unique.Load(f.SHA256); return !known })
	if apart {
		kept = nil
	}
	if each && len(kept) == 0 && (apart || len(changed) == 1) {
		return false, nil
	}
	marks := func(files []lake.Object) (string, error) {
		from, err := b.tableFrom(ctx, files, nil)
		return fmt.Sprintf("(SELECT hash(%s) AS mark FROM %s)", keyList(m), from), err
	}
	made, err := marks(changed)
	if err != nil {
		return false, err
	}
	if !each || len(changed) > 1 && !apart {
		n, err := w.Count(ctx, "SELECT count(*) FROM (SELECT mark FROM "+made+" GROUP BY mark HAVING count(*) > 1)")
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	if len(kept) == 0 {
		return false, nil
	}
	others, err := marks(kept)
	if err != nil {
		return false, err
	}
	n, err := w.Count(ctx, "SELECT count(*) FROM "+others+" AS kept SEMI JOIN "+made+" AS made ON kept.mark = made.mark")
	return n > 0, err
}
