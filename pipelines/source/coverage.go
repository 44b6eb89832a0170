package source

import (
	"encoding/json"
	"time"
)

// Coverage is what of a stream's past cannot be read: it is missing, not zero.
type Coverage struct {
	From string // first business day of which everything could be read; "": nothing limits it
	Gaps []Gap  // what could not be read any more when its turn came
}

// Gap is a range of UTC days of which something is missing, both included.
type Gap struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// CoverageOf reads what cursors say of the past. Their other words are their source's own, these are the same for all:
// coverage is the first whole day that could be read, since the second from which on records were, gaps are ranges of seconds.
func CoverageOf(cursor json.RawMessage) Coverage {
	var said struct {
		Coverage string `json:"coverage"`
		Since    string `json:"since"`
		Gaps     []Gap  `json:"gaps"`
	}
	if json.Unmarshal(cursor, &said) != nil {
		return Coverage{} // of a source that counts otherwise
	}
	c := Coverage{From: said.Coverage}
	if at, err := time.Parse("2006-01-02T15:04:05", said.Since); err == nil && c.From == "" {
		// The first day is not whole, whatever zone counts it.
		c.From = at.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	for _, g := range said.Gaps {
		c.Gaps = append(c.Gaps, Gap{day(g.From), day(g.To)})
	}
	return c
}

func day(moment string) string { return moment[:min(len(moment), len(time.DateOnly))] }
