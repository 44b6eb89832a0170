package profile

import (
	"fmt"
	"strings"
)

func cellName(i int) string { return fmt.Sprintf("c%d", i) }

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// sql gives the columns of the file with the types to read them as, and the slots and attributes over them.
func (p *proof) sql() (columns []SlotColumn, list []string) {
	types := make([]string, len(p.header))
	for _, s := range p.slots {
		if at := s.at[0]; at >= 0 && !s.isFixed {
			if types[at] != "" && types[at] != s.typ || p.attribute[at] {
				types[at] = "VARCHAR" // several purposes: read the text once
				continue
			}
			types[at] = s.typ
		}
	}
	for i, typ := range types {
		if typ == "" {
			typ = "VARCHAR"
		}
		types[i] = typ
		columns = append(columns, SlotColumn{cellName(i), typ})
	}
	for i, s := range p.slots {
		value := "CAST(NULL AS " + s.typ + ")"
		switch at := s.at[0]; {
		case s.isFixed:
			value = text(string(s.fixed[0]))
		case at >= 0 && types[at] == s.typ:
			value = cellName(at)
		case at >= 0:
			value = "CAST(" + cellName(at) + " AS " + s.typ + ")"
		}
		list = append(list, value+" AS "+slotName(i))
	}
	return columns, append(list, p.attributesSQL()+" AS "+AttributesColumn)
}

// attributesSQL writes the JSON object of the unmapped cells, keys sorted; their texts need no escaping.
func (p *proof) attributesSQL() string {
	if len(p.attrs) == 0 {
		return "CAST(NULL AS VARCHAR)"
	}
	gap := false
	for _, a := range p.attrs {
		gap = gap || p.gaps[a.at]
	}
	var parts []string
	before := "{"
	for _, a := range p.attrs {
		if gap {
			parts = append(parts, "CASE WHEN "+cellName(a.at)+" IS NULL THEN '' ELSE concat("+text(","+string(a.prefix)+`"`)+", "+cellName(a.at)+`, '"') END`)
			continue
		}
		parts = append(parts, text(before+string(a.prefix)+`"`), cellName(a.at))
		before = `",`
	}
	if gap {
		return "nullif('{' || substr(concat(" + strings.Join(parts, ", ") + "), 2) || '}', '{}')"
	}
	return "concat(" + strings.Join(append(parts, `'"}'`), ", ") + ")"
}
