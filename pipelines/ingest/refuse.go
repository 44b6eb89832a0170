package ingest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// checkRecords finds the records that only SQL can refuse, and those that no stream takes.
func (b *batch) checkRecords(ctx context.Context, conn *warehouse.Conn) error {
	if !b.unchecked {
		if err := b.refuseTyped(ctx, conn); err != nil {
			return err
		}
	}
	if b.Profile.Whole {
		if err := b.leaveKnown(ctx, conn); err != nil {
			return err
		}
	}
	var out []string
	others, err := b.refuseOtherStores(ctx, conn)
	if err != nil {
		return err
	}
	for _, t := range others {
		out = append(out, strconv.Itoa(t.No))
	}
	for _, t := range b.files {
		if t.DuplicateOf == nil && !t.Refused && b.tooMany(t) {
			out = append(out, strconv.Itoa(t.No))
		}
	}
	if len(out) > 0 {
		if err := conn.Exec(ctx, "INSERT INTO bad_record SELECT _f, _r FROM record WHERE _f IN ("+strings.Join(out, ", ")+") AND (_f, _r) NOT IN (SELECT (_f, _r) FROM bad_record)"); err != nil {
			return err
		}
	}
	return b.countIgnored(ctx, conn)
}

// refuseTyped quarantines records whose mapped values are missing or do not fit.
func (b *batch) refuseTyped(ctx context.Context, conn *warehouse.Conn) error {
	var arms, conditions []string
	for i, rule := range b.plan.Refuse {
		condition := b.notGone("coalesce((" + rule.SQL + "), false)")
		conditions = append(conditions, condition)
		arms = append(arms, fmt.Sprintf("WHEN %s THEN %s", condition, warehouse.Literal("rule "+strconv.Itoa(i))))
	}
	for _, s := range b.plan.Streams {
		for _, c := range s.Columns {
			condition, code := check(s, c)
			if condition == "" {
				continue
			}
			condition = b.notGone(condition)
			if s.Where != "" {
				condition = "coalesce((" + s.Where + "), false) AND " + condition
			}
			conditions = append(conditions, "("+condition+")")
			arms = append(arms, fmt.Sprintf("WHEN %s THEN %s", condition, warehouse.Literal(code+" "+s.Stream.Name+"."+c.Column.Name)))
		}
	}
	if len(conditions) == 0 {
		return nil
	}
	rows, err := conn.Text(ctx, fmt.Sprintf("SELECT _f, _r, CASE %s END FROM record WHERE %s ORDER BY _f, _r", strings.Join(arms, " "), strings.Join(conditions, " OR ")))
	if err != nil {
		return b.expressionFault(err)
	}
	if err := b.describe(ctx, conn, rows); err != nil || !b.Profile.Whole || len(rows) == 0 {
		return err
	}
	return b.refuseParts(ctx, conn)
}

// describe gives each record that SQL refused, by file, number and reason, its line and text, and leaves it out of what is staged.
func (b *batch) describe(ctx context.Context, conn *warehouse.Conn, rows [][]string) error {
	wanted, why := map[int]map[int64]bool{}, map[[2]int64]string{}
	if err := b.eachFile(rows, func(no int, r int64, row []string) {
		if wanted[no] == nil {
			wanted[no] = map[int64]bool{}
		}
		wanted[no][r] = true
		why[[2]int64{int64(no), r}] = row[2]
	}); err != nil {
		return err
	}
	for _, t := range b.files {
		if len(wanted[t.No]) == 0 {
			continue
		}
		found, err := profile.Find(ctx, t.path, t.outcome.Layout, b.opt.Limits, wanted[t.No])
		if err != nil {
			return err
		}
		var values []string
		for _, r := range sortedRows(wanted[t.No]) {
			code, column, _ := strings.Cut(why[[2]int64{int64(t.No), r}], " ")
			message := messages[code]
			if i, err := strconv.Atoi(column); err == nil && code == "rule" {
				rule := b.plan.Refuse[i]
				code, column, message = rule.Code, rule.Column, rule.Message
			}
			t.refusals = append(t.refusals, profile.Refusal{Kind: "row", Row: r, Line: found[r].Line, Column: column, Code: code, Message: message, Raw: clip(found[r].Text)})
			t.refused++
			values = append(values, fmt.Sprintf("(%d, %d)", t.No, r))
		}
		for part := range slices.Chunk(values, 1000) {
			if err := conn.Exec(ctx, "INSERT INTO bad_record VALUES "+strings.Join(part, ", ")); err != nil {
				return err
			}
		}
	}
	return nil
}

var messages = map[string]string{"missing_value": "is empty after mapping", "does_not_fit": "does not fit the column's type", "part_refused": "belongs to a record of which another part is refused"}

// clip bounds the text kept of a refused record.
func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), 8<<10)], "?") }

// check gives the condition under which a column refuses a record; "" when reading has checked it already.
func check(s profile.StreamPlan, c profile.ColumnPlan) (condition, code string) {
	if c.Exact || c.Agg != "first" || strings.Contains(c.SQL, "part.") {
		return "", "" // what stands on its own columns is checked when it is read
	}
	typed := tryCast(c)
	isKey := len(s.OnePer) == 0
	for _, k := range s.OnePer {
		isKey = isKey || k == c.Column.Name
	}
	switch {
	case c.Column.Required && isKey:
		return "(" + typed + ") IS NULL", "missing_value"
	case c.Slot == "" && c.Column.Type != "VARCHAR" && c.Bad != "null":
		return "(" + c.SQL + ") IS NOT NULL AND (" + typed + ") IS NULL", "does_not_fit"
	}
	return "", ""
}

// countIgnored counts the records that no stream takes: the profile's conditions say that they are none of it.
func (b *batch) countIgnored(ctx context.Context, conn *warehouse.Conn) error {
	var none []string
	for _, s := range b.plan.Streams {
		if s.Where == "" {
			return nil
		}
		none = append(none, "NOT coalesce(("+s.Where+"), false)")
	}
	if b.plan.Gone != "" {
		none = append(none, b.notGone("true"))
	}
	rows, err := conn.Text(ctx, "SELECT _f, count(*) FROM record WHERE "+strings.Join(none, " AND ")+" AND (_f, _r) NOT IN (SELECT (_f, _r) FROM bad_record) GROUP BY _f")
	if err != nil {
		return b.expressionFault(err)
	}
	return b.eachFile(rows, func(no int, n int64, _ []string) {
		b.files[no].outcome.Ignored += n
		b.files[no].outcome.Accepted -= n
	})
}

// eachFile reads rows that begin with the number of a file of the batch and another number.
func (b *batch) eachFile(rows [][]string, fn func(no int, n int64, row []string)) error {
	for _, row := range rows {
		no, err1 := strconv.Atoi(row[0])
		n, err2 := strconv.ParseInt(row[1], 10, 64)
		if err1 != nil || err2 != nil || no < 0 || no >= len(b.files) {
			return fmt.Errorf("read what the engine says of the batch's files: %q", row)
		}
		fn(no, n, row)
	}
	return nil
}
