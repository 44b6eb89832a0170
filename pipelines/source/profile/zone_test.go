package profile

import (
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

// Trap 41: tills write zones by Rails' names, and a clock that is set back shows an hour twice.
func TestTimesOfZonesThatTheFileNames(t *testing.T) {
	const head = "Receipt number,Quantity,Date,Zone\n"
	plan := parse(t, strings.Replace(strings.Replace(testProfile, "{zone: Asia/Shanghai}", "{zone: Asia/Shanghai, zone_in: tz}", 1), "  item:", "  tz: {from: Zone, optional: true}\n  item:", 1))
	for cells, want := range map[string]string{
		"2026-06-01 12:10:11,Eastern Time (US & Canada)": "2026-06-01 16:10:11",
		"2026-06-01 12:10:11,Pacific Time (US & Canada)": "2026-06-01 19:10:11",
		"2026-06-01 12:10:11,Europe/Berlin":              "2026-06-01 10:10:11",
		"2026-11-01 01:30:00,America/New_York":           "2026-11-01 05:30:00", // the first of two
		"2026-03-08 02:30:00,America/New_York":           "2026-03-08 07:30:00", // never was: an hour on
		"2026-06-01 12:10:11,":                           "2026-06-01 12:10:11",
	} {
		_, got, err := convert(t, plan, []byte(head+"1,1,"+cells+"\n"))
		if err != nil || len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q %v, want %s", cells, got, err, want)
		}
	}
	outcome, _, err := convert(t, plan, []byte(head+"1,1,2026-06-01 12:10:11,EST\n"))
	if err != nil || outcome.Refused != 1 || outcome.Refusals[0].Code != "unknown_zone" {
		t.Errorf("%+v %v", outcome, err)
	}
	for name := range railsZones {
		if zoneNamed(name) == nil {
			t.Errorf("%s is no zone", name)
		}
	}
}

func TestAFeedMayNameTheZone(t *testing.T) {
	p, err := Shipped("odoo-orders")
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.InZone("Asia/Shanghai")
	if err != nil || q.Dates.Zone != "Asia/Shanghai" || p.Dates.Zone != "" || q.Text() == p.Text() {
		t.Errorf("%+v %v", q, err)
	}
	if _, err := p.InZone("Shanghai"); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
}
