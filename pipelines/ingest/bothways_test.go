package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/pipelines/ingest"
)

// oddCells are values of each column of plainHeader at the border of what is plain, and behind it.
var oddCells = [][]string{
	{"", "S9", `"S1"`, " S1", "'1", "Total", "合计", "门店"},
	{"", "R 1", `"R,1"`, "6.9E+12", "Page 1", "R1 ", "\"R\n1\""},
	{"", "1.0", "007", "x", "-1", "99999999999999999999", " 1", "1e3"},
	{"", "2026-01-05", "2026-01-05T10:00:00", "2026-02-30", "2026-01-05 10:00:00Z", "05.01.2026", "2026/1/5", "2026-01-05 25:00:00"},
	{"", "P\\1", `"P""1"`, "p\u3000", "红", "1E5"},
	{"", "1.5", "+5", "five", `"1,000"`, "(2)", "123456789012345", "0.0001", "N/A"},
	{"", ".5", "2.", "¥3.50", "99999999999999.9999", "2.123456789", "-0.00", "12 "},
	{"", "it's", `"a ""b"""`, "n\tm", " n", "caf\xe9", "\"two\nlines\""},
	{"", "o'x", `x\y`, `"q"`, "x "},
	{"", "汉字", "\u00a0", "-"},
}

// oddFile draws a small file of one layout: mostly plain, with deviations of every kind.
func oddFile(r *rand.Rand) string {
	header := strings.TrimSuffix(plainHeader, "\n")
	end := []string{"\n", "\n", "\r\n"}[r.IntN(3)]
	var b strings.Builder
	switch r.IntN(12) {
	case 0:
		b.WriteString("\ufeff")
	case 1:
		b.WriteString("Lines of January" + end)
	case 2:
		header = strings.Replace(header, "receipt", `"receipt"`, 1)
	}
	b.WriteString(header + end)
	odd := []int{0, 0, 1, 4, 30}[r.IntN(5)] // in a hundred rows
	for i := range 1 + r.IntN(80) {
		cells := strings.Split(strings.TrimSuffix(plainRow(i), "\n"), ",")
		if r.IntN(100) < odd {
			for range 1 + r.IntN(2) {
				c := r.IntN(len(cells))
				cells[c] = oddCells[c][r.IntN(len(oddCells[c]))]
			}
			switch r.IntN(15) {
			case 0:
				cells = cells[:len(cells)-1]
			case 1:
				cells = append(cells, "extra")
			case 2:
				cells = []string{""}
			case 3:
				cells = make([]string, len(cells))
			}
		}
		b.WriteString(strings.Join(cells, ",") + end)
	}
	switch text := b.String(); r.IntN(8) {
	case 0:
		return strings.TrimSuffix(text, end)
	case 1:
		return text + "Total,,,,,12,34.50,,," + end
	case 2:
		return text + end + "printed by till 3" + end
	case 3:
		return text + `S1,R1,"open`
	default:
		return text
	}
}

// outcome is all that an ingest of these files leaves, besides the names of batches. direct files have a batch of their own.
func outcome(t *testing.T, files []string, refuseOver, directBytes int64) (all string, direct bool) {
	t.Helper()
	s := newShop(t, plainProfile)
	s.opt.SetDirect(directBytes)
	s.feed.RefuseOver = refuseOver
	for i, text := range files {
		s.put(fmt.Sprintf("lines-%d.csv", i), text)
	}
	result := s.run()
	quarantined, err := ingest.Quarantined(context.Background(), s.opt, ingest.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, q := range quarantined {
		q.Batch, q.FileNo = "", 0
		lines = append(lines, fmt.Sprintf("%+v", q))
	}
	for _, f := range result.Findings {
		lines = append(lines, fmt.Sprintf("%+v", f))
	}
	for _, b := range result.Batches {
		for _, f := range b.Files {
			lines = append(lines, fmt.Sprintf("%s %v %q %q %d %q %v %q %s", f.Name, f.Counts, f.Encoding, f.Delimiter, f.HeaderLine, f.Header, f.Refused, f.Reason, f.Raw.SHA256))
		}
	}
	lines = append(lines, s.rows("order_line", strings.Replace(everyColumn, " batch,", "", 1))...)
	slices.Sort(lines)
	return fmt.Sprintf("%+v\n", result.Counts) + strings.Join(lines, "\n"), s.direct()
}

// TestProofBothWaysGiveTheSame takes drawn files in on the ordinary way and, where they allow it, on the direct one.
func TestProofBothWaysGiveTheSame(t *testing.T) {
	n := map[string]int{"": 12, "pr": 60, "long": 60}[os.Getenv("OMOFLOW_PROOF")]
	if more, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS")); err == nil && os.Getenv("OMOFLOW_PROOF") == "long" {
		n = more
	}
	ran, directly, wrong := 0, 0, 0
	for seed := range n {
		if only := os.Getenv("OMOFLOW_SEED"); only != "" && only != fmt.Sprint(seed) {
			continue
		}
		ran++
		r := rand.New(rand.NewPCG(uint64(seed), 0x0b07))
		files := make([]string, 1+r.IntN(3))
		for i := range files {
			files[i] = oddFile(r)
		}
		refuseOver := []int64{20_000, 200_000, 1_000_000}[r.IntN(3)]
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			ordinary, _ := outcome(t, files, refuseOver, 1<<40)
			other, direct := outcome(t, files, refuseOver, 1)
			if direct {
				directly++
			}
			if ordinary != other {
				wrong++
				t.Errorf("OMOFLOW_SEED=%d: the ordinary way leaves\n%s\nand the direct one\n%s\nof %q", seed, ordinary, other, files)
			}
		})
	}
	if os.Getenv("OMOFLOW_SEED") == "" && directly == 0 {
		t.Error("no delivery was staged directly")
	}
	fmt.Printf("proof: R9 both ways of staging a delivery give the same: %d deliveries, %d with direct files, %d wrong\n", ran, directly, wrong)
}
