package transforms

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/warehouse"
)

// Partitioning says how a table is cut. The zero value is one partition, "all".
type Partitioning struct {
	Unit   string // "" (full), day, month, quarter, year, bucket
	Column string
	Depth  int // of bucket: hex digits of its name
}

// allPartition is the name of the one partition of a full table.
const allPartition = "all"

var partitionPattern = regexp.MustCompile(`^(day|month|quarter|year|bucket)\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:,\s*([12])\s*)?\)$`)

func parsePartitioning(kind, text string, buckets int) (Partitioning, error) {
	if kind == "full" || kind == "" {
		if text != "" {
			return Partitioning{}, fmt.Errorf("a full model has no partition")
		}
		if kind == "" {
			return Partitioning{}, fmt.Errorf("kind is missing")
		}
		return Partitioning{}, nil
	}
	match := partitionPattern.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return Partitioning{}, fmt.Errorf("partition %q is not understood", text)
	}
	p := Partitioning{Unit: match[1], Column: match[2]}
	if p.Unit == "bucket" {
		p.Depth = 1
		if match[3] == "2" || buckets == 256 {
			p.Depth = 2
		}
	} else if match[3] != "" {
		return Partitioning{}, fmt.Errorf("%s takes one argument", p.Unit)
	}
	if (kind == "key") != (p.Unit == "bucket") || (kind != "key" && kind != "partition") {
		return Partitioning{}, fmt.Errorf("kind %s does not go with partition %q", kind, text)
	}
	return p, nil
}

// String writes the partitioning as a header does.
func (p Partitioning) String() string {
	switch p.Unit {
	case "":
		return ""
	case "bucket":
		return fmt.Sprintf("bucket(%s, %d)", p.Column, p.Depth)
	default:
		return p.Unit + "(" + p.Column + ")"
	}
}

// Kind gives the header's kind: full, partition or key.
func (p Partitioning) Kind() string {
	switch p.Unit {
	case "":
		return "full"
	case "bucket":
		return "key"
	default:
		return "partition"
	}
}

// timed tells whether partitions follow one another in time.
func (p Partitioning) timed() bool { return p.Unit != "" && p.Unit != "bucket" }

// buckets lists all partitions of a bucketed table.
func (p Partitioning) buckets() []string {
	const digits = "0123456789abcdef"
	names := []string{""}
	for range p.Depth {
		var longer []string
		for _, name := range names {
			for _, d := range digits {
				longer = append(longer, name+string(d))
			}
		}
		names = longer
	}
	return names
}

// bounds gives the first day of a timed partition and the first day after it.
func (p Partitioning) bounds(name string) (from, to time.Time, err error) {
	switch p.Unit {
	case "day":
		from, err = time.Parse("2006-01-02", name)
		return from, from.AddDate(0, 0, 1), err
	case "month":
		from, err = time.Parse("2006-01", name)
		return from, from.AddDate(0, 1, 0), err
	case "quarter":
		year, quarter, ok := strings.Cut(name, "-Q")
		y, errYear := strconv.Atoi(year)
		q, errQuarter := strconv.Atoi(quarter)
		if !ok || errYear != nil || errQuarter != nil || q < 1 || q > 4 {
			return from, to, fmt.Errorf("%q is not a quarter", name)
		}
		from = time.Date(y, time.Month(q*3-2), 1, 0, 0, 0, 0, time.UTC)
		return from, from.AddDate(0, 3, 0), nil
	case "year":
		from, err = time.Parse("2006", name)
		return from, from.AddDate(1, 0, 0), err
	default:
		return from, to, fmt.Errorf("partition %q has no bounds in time", name)
	}
}

// at names the timed partition that holds a day.
func (p Partitioning) at(day time.Time) string {
	switch p.Unit {
	case "day":
		return day.Format("2006-01-02")
	case "month":
		return day.Format("2006-01")
	case "quarter":
		return fmt.Sprintf("%04d-Q%d", day.Year(), (int(day.Month())+2)/3)
	default:
		return day.Format("2006")
	}
}

// shift gives the timed partition n after name; n may be negative.
func (p Partitioning) shift(name string, n int) string {
	from, _, err := p.bounds(name)
	if err != nil {
		return name
	}
	switch p.Unit {
	case "day":
		return p.at(from.AddDate(0, 0, n))
	case "month":
		return p.at(from.AddDate(0, n, 0))
	case "quarter":
		return p.at(from.AddDate(0, 3*n, 0))
	default:
		return p.at(from.AddDate(n, 0, 0))
	}
}

// parent names the partition of p in which partition name of q lies; ok is false when q's partitions do not nest in p's.
func (p Partitioning) parent(q Partitioning, name string) (string, bool) {
	switch {
	case p.Unit == "":
		return allPartition, true
	case p.Unit == "bucket":
		if q.Unit != "bucket" || q.Depth < p.Depth {
			return "", false
		}
		return name[:p.Depth], true
	case !q.timed() || rank(q.Unit) > rank(p.Unit):
		return "", false
	}
	from, _, err := q.bounds(name)
	return p.at(from), err == nil
}

func rank(unit string) int {
	return map[string]int{"day": 0, "month": 1, "quarter": 2, "year": 3}[unit]
}

// condition gives the SQL that is true for rows of the named partition.
func (p Partitioning) condition(name string) (string, error) {
	column := warehouse.Identifier(p.Column)
	switch {
	case p.Unit == "":
		return "true", nil
	case p.Unit == "bucket":
		return fmt.Sprintf("%s = %s", bucketOf(column, p.Depth), warehouse.Literal(name)), nil
	}
	from, to, err := p.bounds(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s >= DATE '%s' AND %s < DATE '%s'", column, from.Format("2006-01-02"), column, to.Format("2006-01-02")), nil
}

// nameExpression gives the SQL that names the partition of a row.
func (p Partitioning) nameExpression() string {
	column := warehouse.Identifier(p.Column)
	switch p.Unit {
	case "bucket":
		return bucketOf(column, p.Depth)
	case "day":
		return "strftime(" + column + ", '%Y-%m-%d')"
	case "month":
		return "strftime(" + column + ", '%Y-%m')"
	case "quarter":
		return "strftime(" + column + ", '%Y-Q') || quarter(" + column + ")"
	case "year":
		return "strftime(" + column + ", '%Y')"
	default:
		return "'" + allPartition + "'"
	}
}

// bucketOf names the bucket of a key; null keys lie in the bucket of the empty text.
func bucketOf(column string, depth int) string {
	return fmt.Sprintf("substr(sha256(coalesce(CAST(%s AS VARCHAR), '')), 1, %d)", column, depth)
}
