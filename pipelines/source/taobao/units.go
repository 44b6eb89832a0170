package taobao

import (
	"fmt"
	"slices"
	"strings"
)

// units says in what each amount of a stream is written: yuan with two decimals and whole fen stand in the same object.
// The names are those of the profile. An amount that is written otherwise is refused: it may be wrong by a hundred times.
func units(stream string) map[string]string {
	switch stream {
	case "orders":
		return map[string]string{
			"payment": "yuan", "post_fee": "yuan", "step_paid": "yuan", "line_price": "yuan", "line_discount": "yuan", "line_adjust": "yuan", "line_share": "yuan", "line_allocated": "yuan",
			"o2o_voucher": "fen",
		}
	case "refunds":
		return map[string]string{"refund_fee": "yuan"}
	case "items":
		return map[string]string{"price": "yuan", "sku_price": "yuan"}
	}
	return nil
}

// refuseYuan writes the rules that hold amounts to their units.
func (s *shop) refuseYuan(stream string) string {
	form := map[string]string{"yuan": `-?[0-9]+([.][0-9]{1,2})?`, "fen": `[0-9]+`}
	table := units(stream)
	var names []string
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	var rules []string
	for _, name := range names {
		rules = append(rules, fmt.Sprintf(`  - {when: "NOT regexp_full_match(txt(%s), '%s')", column: %s, code: unit_unclear, message: "is not an amount in %s"}`, name, form[table[name]], name, table[name]))
	}
	return strings.Join(rules, "\n")
}
