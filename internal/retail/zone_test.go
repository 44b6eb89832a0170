package retail

import (
	"testing"
	"time"
)

func TestZonesAreKnownByBothNames(t *testing.T) {
	for name, want := range map[string]string{
		"Asia/Shanghai": "Asia/Shanghai", "Eastern Time (US & Canada)": "America/New_York", " Beijing ": "Asia/Shanghai", "UTC": "UTC", "Nuku'alofa": "Pacific/Tongatapu",
		"": "", "Local": "", "Eastern": "", "Eastern Time": "", "GMT+8": "",
	} {
		got, err := Zone(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Zone(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	for rails, iana := range railsZones() {
		if _, err := time.LoadLocation(iana); err != nil {
			t.Errorf("%s: %v", rails, err)
		}
	}
}
