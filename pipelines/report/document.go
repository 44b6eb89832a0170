package report

// document is a report free of any language and of any file format.
type document struct {
	Kind     Kind
	Period   period
	Header   header
	Sections []section
}

// header is what every page says about where its figures come from.
type header struct {
	Facts     Facts
	Final     bool
	Reasons   []cell // why the document is provisional
	Due       number // deliveries expected in the period
	Received  number
	Locations number // locations that were due
	Complete  number // of those, locations with everything delivered
	Version   int
	Hash      string
}

// section is one numbered part of a report.
type section struct {
	ID     string // J4, Q1
	Title  string // catalogue key
	Lead   []cell // sentences before the blocks
	Blocks []block
	Needs  []string // streams that are not fed; set only when the section has nothing to show
}

// block is one of: findings, tiles, a table, a figure.
type block struct {
	Findings []finding
	Tiles    []tile
	Table    *table
	Figure   *figure
}

// finding is a thing to decide: what, how much, who.
type finding struct {
	Text, Evidence, Owner cell
	Value                 cell
}

// tile is one KPI with its comparators and its verdict in words.
type tile struct {
	Name        cell
	Value       cell
	Comparisons []comparison
	Verdict     verdict
	Against     string   // catalogue key of the comparator that the verdict rests on
	Course      []cell   // the values of the last periods, oldest first
	Periods     []string // their names
	About       string
}

// comparison is a comparator and how far the value is from it.
type comparison struct {
	Name  string // catalogue key
	Value cell
	Delta cell
}

// verdict is a judgement in words with a mark that survives printing in grey.
type verdict string

const (
	isBetter  verdict = "verdict_better"
	isWorse   verdict = "verdict_worse"
	isSteady  verdict = "verdict_steady"
	isHigher  verdict = "verdict_higher"
	isLower   verdict = "verdict_lower"
	cannotSay verdict = "verdict_none"
)

// mark is the sign printed beside the word.
func (v verdict) mark() string {
	switch v {
	case isBetter:
		return "✓"
	case isWorse:
		return "✗"
	case isSteady:
		return "="
	case isHigher:
		return "↑"
	case isLower:
		return "↓"
	}
	return "?"
}

// table is rows of cells under titled columns; Name is its sheet in the workbook.
type table struct {
	Name    string // catalogue key
	Columns []cell
	Rows    [][]cell
	Note    *cell
	Long    bool // printed in the workbook in full, in the page only the first rows
}

// pageRows is how many rows of a long table a page shows.
const pageRows = 12

// figureKind picks the drawing.
type figureKind uint8

const (
	waterfall figureKind = iota
	bars
	lines
	heat
)

// figure is a chart with the values it draws, so that the workbook can draw them natively.
type figure struct {
	Kind   figureKind
	Title  cell
	Desc   cell
	Labels []cell // positions
	Series []figureSeries
	Totals []bool // waterfall: bars that stand on the base line
}

type figureSeries struct {
	Name   cell
	Values []cell
	Target []cell // bars: marks to compare with, or nil
}
