package main

import (
	"testing"

	"github.com/omoflow/omoflow/pipelines/report"
)

func TestLastWholePeriod(t *testing.T) {
	cases := []struct {
		kind              report.Kind
		first, last, want string
	}{
		{report.JointMeeting, "2024-01-01", "2026-04-05", "2026-W14"}, // a Sunday ends its week
		{report.JointMeeting, "2024-01-01", "2026-04-04", "2026-W13"},
		{report.JointMeeting, "2024-01-01", "2026-03-31", "2026-W13"},
		{report.Quarterly, "2024-01-01", "2026-03-31", "2026-Q1"},
		{report.Supervision, "2024-01-01", "2026-03-31", "2026-03"},
		{report.Supervision, "2024-01-01", "2026-03-30", "2026-02"},
		{report.Supervision, "2024-01-01", "2026-01-05", "2025-12"},
		{report.Supervision, "2026-01-02", "2026-01-05", "2026-01"},
		{report.Supervision, "2024-01-01", "2026-05-30", "2026-04"},
		{report.Quarterly, "2024-01-01", "2026-03-30", "2025-Q4"},
		{report.Quarterly, "2024-01-01", "2026-12-31", "2026-Q4"},
		{report.Quarterly, "2024-01-01", "2026-11-30", "2026-Q3"},
		{report.Quarterly, "2024-01-01", "2026-05-31", "2026-Q1"},
		{report.Quarterly, "2026-05-01", "2026-05-31", "2026-Q2"}, // nothing was sold in the quarter before
	}
	for _, c := range cases {
		if got, err := lastPeriod(c.kind, c.first, c.last); err != nil || got != c.want {
			t.Errorf("%s up to %s: got %s %v, want %s", c.kind, c.last, got, err, c.want)
		}
	}
	if _, err := lastPeriod(report.Quarterly, "", ""); err == nil {
		t.Error("a release without sales gave a period")
	}
}
