package transforms

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/omoflow/omoflow/internal/fault"
)

// rendering collects what a model's template asks for.
type rendering struct {
	model  *Model
	config map[string]string
	part   string // partition being built, "" outside of a build
	used   map[string]bool
	asked  map[string]bool // config values
	dated  bool            // the text differs from partition to partition
}

// relation names the view under which an input is shown to a model's SQL.
func relation(input string) string { return `"in ` + strings.ReplaceAll(input, `"`, `""`) + `"` }

// render expands a model's SQL for one partition.
func (m *Model) render(config map[string]string, part string) (string, *rendering, error) {
	return m.expand(config, part, macros())
}

// expand expands a model's template with the given macros, which it keeps.
func (m *Model) expand(config map[string]string, part string, functions template.FuncMap) (string, *rendering, error) {
	r := &rendering{model: m, config: config, part: part, used: map[string]bool{}, asked: map[string]bool{}}
	functions["ref"] = r.ref
	functions["config"] = r.configValue
	functions["period"] = r.period
	parsed, err := template.New(m.File).Funcs(functions).Option("missingkey=error").Parse(m.body)
	if err != nil {
		return "", nil, m.templateFault(err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, nil); err != nil {
		return "", nil, m.templateFault(err)
	}
	return strings.TrimSpace(out.String()), r, nil
}

func (m *Model) templateFault(err error) error {
	if fault.KindOf(err) == fault.Usage {
		return fault.Wrap(err, fault.Usage, "bad_template", m.where(), fault.HintOf(err), "the template does not expand")
	}
	return fault.Wrap(err, fault.Usage, "bad_template", m.where(), "the macros are ref, config, period, "+strings.Join(slices.Sorted(maps.Keys(macros())), ", "), "the template does not expand")
}

func (r *rendering) ref(name string) (string, error) {
	names := make([]string, 0, len(r.model.Inputs))
	for _, input := range r.model.Inputs {
		if input.Name == name {
			r.used[name] = true
			return relation(name), nil
		}
		names = append(names, input.Name)
	}
	hint := fmt.Sprintf("add %q to inputs: in the header", name)
	if near := fault.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "? Otherwise add it to inputs: in the header"
	}
	return "", fault.New(fault.Usage, "undeclared_input", r.model.where(), hint, "the SQL reads %q, which the header does not declare as an input", name)
}

func (r *rendering) configValue(name string) (string, error) {
	value, ok := r.config[name]
	if !ok {
		return "", fault.New(fault.Usage, "unknown_config", r.model.where(), "set it in omoflow.yaml", "there is no configured value %q", name)
	}
	r.asked[name] = true
	return strings.ReplaceAll(value, "'", "''"), nil
}

// period gives the condition that a date column lies in the partition being built.
func (r *rendering) period(column string) (string, error) {
	r.dated = true
	if r.part == "" || !r.model.Part.timed() {
		return "true", nil
	}
	from, to, err := r.model.Part.bounds(r.part)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(%s >= DATE '%s' AND %s < DATE '%s')", column, from.Format("2006-01-02"), column, to.Format("2006-01-02")), nil
}

// macros gives the functions with one meaning on every engine, in their DuckDB form. Each body is one line, so that
// lines of the expanded SQL are lines of the file.
func macros() template.FuncMap {
	return template.FuncMap{
		"int_div": func(a, b string) string { return fmt.Sprintf("((%s) // nullif((%s), 0))", a, b) },
		"ratio":   ratio,
		"mul":     mul,
		"money":   func(t string, s any) string { return checkedNumber(t, 18-number(s), number(s)) },
		"int_text": func(t string) string {
			return fmt.Sprintf("CASE WHEN regexp_matches(%[1]s, '^-?[0-9]{1,18}$') THEN CAST(%[1]s AS BIGINT) END", t)
		},
		"sum_int": func(x string) string { return "CAST(sum(" + x + ") AS BIGINT)" },
		"greatest2": func(a, b string) string {
			return fmt.Sprintf("CASE WHEN (%[1]s) IS NULL THEN (%[2]s) WHEN (%[2]s) IS NULL OR (%[1]s) >= (%[2]s) THEN (%[1]s) ELSE (%[2]s) END", a, b)
		},
		"least2": func(a, b string) string {
			return fmt.Sprintf("CASE WHEN (%[1]s) IS NULL THEN (%[2]s) WHEN (%[2]s) IS NULL OR (%[1]s) <= (%[2]s) THEN (%[1]s) ELSE (%[2]s) END", a, b)
		},
		"add_days":     func(d string, n any) string { return fmt.Sprintf("((%s) + CAST((%v) AS INTEGER))", d, n) },
		"days_between": func(a, b string) string { return fmt.Sprintf("date_diff('day', (%s), (%s))", a, b) },
		"trunc_date":   func(unit, d string) string { return fmt.Sprintf("CAST(date_trunc('%s', (%s)) AS DATE)", unit, d) },
		"each_day": func(from, to string) string {
			return fmt.Sprintf("generate_series(CAST((%s) AS TIMESTAMP), CAST((%s) AS TIMESTAMP), INTERVAL '1' DAY)", from, to)
		},
		"month_end": func(d string) string { return "last_day(" + d + ")" },
		"iso_dow":   func(d string) string { return "isodow(" + d + ")" },
		"join_text": func(x, separator, order string) string {
			return fmt.Sprintf("array_to_string(array_agg(%[1]s ORDER BY %[3]s) FILTER (WHERE %[1]s IS NOT NULL), %[2]s)", x, quoted(separator), order)
		},
		"re_like": func(s, p string) string { return fmt.Sprintf("regexp_matches(%s, %s)", s, quoted(p)) },
		"re_replace": func(s, p, r string) string {
			return fmt.Sprintf("regexp_replace(%s, %s, %s, 'g')", s, quoted(p), quoted(r))
		},
		"re_extract": func(s, p string, group any) string {
			return fmt.Sprintf("nullif(regexp_extract(%s, %s, %v), '')", s, quoted(p), group)
		},
		"at":           func(list string, i any) string { return fmt.Sprintf("(%s)[%v]", list, i) },
		"sha256_hex":   func(x string) string { return "sha256(" + x + ")" },
		"md5_hex":      func(x string) string { return "md5(" + x + ")" },
		"bucket":       func(x string, depth any) string { return bucketOf(x, number(depth)) },
		"latest":       latest,
		"median_exact": medianExact,
	}
}

// quoted makes an SQL text of s unless it is one already.
func quoted(s string) string {
	if len(s) >= 2 && strings.HasPrefix(s, "'") && strings.HasSuffix(s, "'") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func number(v any) int {
	n, err := strconv.Atoi(strings.TrimSpace(fmt.Sprint(v)))
	if err != nil {
		return 0
	}
	return n
}

// ratio divides exactly: k digits, half away from zero, null on a zero divisor. Both sides may have up to four decimals.
// The engine's own / goes through a double. Where both sides are small enough, 64 bits hold every step: the engine divides
// those several times faster than 128 bits.
func ratio(a, b string, digits any) (string, error) {
	k := number(digits)
	if k < 1 || k > 12 {
		return "", fmt.Errorf("ratio: digits is a number from 1 to 12, not %v", digits)
	}
	power := "1" + strings.Repeat("0", k)
	whole := func(x, integer string, width int) string {
		return fmt.Sprintf("CAST(CAST((%s) AS DECIMAL(%d,4)) * 10000 AS %s)", x, width, integer)
	}
	quotient := func(a, b string) string {
		return fmt.Sprintf("CAST(sign(%[1]s) * sign(%[2]s) * ((2 * abs(%[1]s) * %[3]s + abs(%[2]s)) // (2 * nullif(abs(%[2]s), 0))) AS DECIMAL(%[4]d,0))", a, b, power, 38-k)
	}
	// 2 * a * 10^(4+k) + b * 10^4 stays below 2^63, and both fit into thirteen digits.
	most := min(400_000_000, int64(math.Pow10(14-k))*4)
	return fmt.Sprintf("(CASE WHEN abs(%[1]s) < %[3]d AND abs(%[2]s) < 1000000000 THEN %[4]s ELSE %[5]s END * CAST(0.%[6]s1 AS DECIMAL(%[7]d,%[7]d)))",
		a, b, most, quotient(whole(a, "BIGINT", 13), whole(b, "BIGINT", 13)), quotient(whole(a, "HUGEINT", 38), whole(b, "HUGEINT", 38)), strings.Repeat("0", k-1), k), nil
}

// mul multiplies decimals without overflow and rounds once, half away from zero, to the scale asked for.
func mul(a, b string, scale any) string {
	return fmt.Sprintf("CAST(round(CAST((%s) AS DECIMAL(38,8)) * CAST((%s) AS DECIMAL(18,8)), %d) AS DECIMAL(38,%[3]d))", a, b, number(scale))
}

func checkedNumber(text string, whole, scale int) string {
	return fmt.Sprintf(`CASE WHEN regexp_matches(%[1]s, '^-?[0-9]{1,%[2]d}(\.[0-9]{1,%[3]d})?$') THEN CAST(%[1]s AS DECIMAL(18,%[3]d)) END`, text, whole, scale)
}

// latest keeps the first row of each key by an order that must be total.
func latest(rel, key, order string) string {
	return fmt.Sprintf("(SELECT * EXCLUDE (latest_rank) FROM (SELECT *, row_number() OVER (PARTITION BY %s ORDER BY %s) AS latest_rank FROM %s) WHERE latest_rank = 1)", key, order, rel)
}

// medianExact gives the median of a decimal column in a GROUP BY, the mean of the two middle values when there are two.
func medianExact(x string) string {
	values := fmt.Sprintf("list_sort(array_agg(CAST(%[1]s AS DECIMAL(38,4)) ORDER BY %[1]s) FILTER (WHERE %[1]s IS NOT NULL))", x)
	count := fmt.Sprintf("count(%s)", x)
	low := fmt.Sprintf("(%s)[(%s + 1) // 2]", values, count)
	high := fmt.Sprintf("(%s)[%s // 2 + 1]", values, count)
	return fmt.Sprintf("CAST(((%s) + (%s)) * CAST(0.5 AS DECIMAL(2,1)) AS DECIMAL(38,5))", low, high)
}
