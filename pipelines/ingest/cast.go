package ingest

import (
	"fmt"
	"strings"

	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// wideDecimal is the type of num() in profiles. The engine turns text into it a hundred times slower than into a decimal of
// 64 bits, and brings it to another scale as slowly; so what fits goes by way of the narrow one. The values are the same.
const (
	wideDecimal   = "DECIMAL(38,6)"
	narrowDecimal = "DECIMAL(18,6)"
	narrowDigits  = 12 // characters that always fit: digits before the point, or fewer of them, a sign and a point
)

// wideFromText reads the normalised text of a number.
func wideFromText(column string) string {
	return fmt.Sprintf("CASE WHEN strlen(%[1]s) <= %[2]d THEN CAST(CAST(%[1]s AS %[3]s) AS %[4]s) ELSE CAST(%[1]s AS %[4]s) END", column, narrowDigits, narrowDecimal, wideDecimal)
}

// tryCast is a column's value in its type, null when it does not fit.
func tryCast(c profile.ColumnPlan) string { return cast("TRY_CAST", c) }

// cast writes CAST or TRY_CAST of a column's expression. The engine decides by the type of the expression, once.
func cast(how string, c profile.ColumnPlan) string {
	direct := how + "((" + c.SQL + ") AS " + c.Column.Type + ")"
	if !strings.HasPrefix(c.Column.Type, "DECIMAL(18,") || !strings.ContainsRune("0123456", rune(c.Column.Type[len("DECIMAL(18,")])) {
		return direct
	}
	return fmt.Sprintf("CASE WHEN typeof((%[1]s)) = '%[2]s' THEN coalesce(TRY_CAST(TRY_CAST((%[1]s) AS %[3]s) AS %[4]s), %[5]s) ELSE %[5]s END", c.SQL, wideDecimal, narrowDecimal, c.Column.Type, direct)
}
