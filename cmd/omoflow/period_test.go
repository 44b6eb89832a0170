package main

import "testing"

func TestPeriods(t *testing.T) {
	for text, want := range map[string][3]string{
		"2026-02-14": {"day", "2026-02-14", "2026-02-14"},
		"2026-02":    {"month", "2026-02-01", "2026-02-28"},
		"2024-02":    {"month", "2024-02-01", "2024-02-29"},
		"2026-Q1":    {"quarter", "2026-01-01", "2026-03-31"},
		"2026-Q4":    {"quarter", "2026-10-01", "2026-12-31"},
		"2026-W01":   {"week", "2025-12-29", "2026-01-04"},
		"2026-W53":   {"week", "2026-12-28", "2027-01-03"},
	} {
		p, err := parsePeriod(text)
		if err != nil || p.Kind != want[0] || p.Start.Format("2006-01-02") != want[1] || p.End.Format("2006-01-02") != want[2] {
			t.Errorf("%s: %+v %v, want %v", text, p, err, want)
		}
		if p.String() != text {
			t.Errorf("%s is written as %s", text, p)
		}
	}
	for _, text := range []string{"", "2026", "2026-13", "2026-Q5", "2025-W53", "2026-W00", "last week"} {
		if _, err := parsePeriod(text); err == nil {
			t.Errorf("%q was read as a period", text)
		}
	}
}
