package profile

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

// conserved checks that every record read is accepted, refused or ignored, and that what was accepted was written.
func conserved(t *testing.T, plan *Plan, data []byte) {
	outcome, _, err := convert(t, plan, data)
	var refused *RefusedFile
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%T %v", err, err)
	}
	if err == nil && outcome.Read != outcome.Accepted+outcome.Refused+outcome.Ignored {
		t.Fatalf("read %d, accepted %d, refused %d, ignored %d", outcome.Read, outcome.Accepted, outcome.Refused, outcome.Ignored)
	}
}

func FuzzCSVConservesRecords(f *testing.F) {
	for _, seed := range []string{"", "a,b\n", "1,2026-01-01,1,1,x\n", "\"1\t\",2026-01-01,1,1,\"x\"\"\ny\"\n", "1,2/3/2026,\"1,5\",($3),\r\n", "合计,,,,\n", "\"\"\n\"", "1;2;3\n\x81\xff"} {
		f.Add([]byte(seed))
	}
	plan := parse(f, testProfile)
	f.Fuzz(func(t *testing.T, data []byte) {
		conserved(t, plan, append([]byte("Receipt number,Date,Quantity,Price,Item\n"), data...))
		conserved(t, plan, data)
	})
}

func FuzzJSONConservesRecords(f *testing.F) {
	for _, seed := range []string{"{}", `{"id":1,"date_created_gmt":"2026-01-05","total":1e3,"line_items":[{"sku":"x"},3]}`, "[", "{\"id\":\n", "[{},{}]"} {
		f.Add([]byte(seed))
	}
	plan := parse(f, jsonProfile)
	f.Fuzz(func(t *testing.T, data []byte) { conserved(t, plan, data) })
}

func FuzzMoneyIsADecimal(f *testing.F) {
	for _, seed := range []string{"$1,149.00 ", "(33.62)", "1.234,56", "¥28.16", "-", "1e5", "13%", "１２", "--1", ".5", "5."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, mark := range []byte{'.', ','} {
			var e Evidence
			got, empty, why := number(nil, trim([]byte(text)), mark, 14, 4, &e)
			if why != nil || empty {
				continue
			}
			if _, ok := new(big.Rat).SetString(string(got)); !ok || strings.ContainsAny(string(got), "eE/_ ") {
				t.Fatalf("%q became %q", text, got)
			}
			again, _, why := number(nil, got, '.', 14, 4, &e)
			if why != nil || string(again) != string(got) {
				t.Fatalf("%q became %q, which becomes %q %v", text, got, again, why)
			}
		}
	})
}

func FuzzDatesAreDays(f *testing.F) {
	for _, seed := range []string{"2026-01-05", "1/2/26 3:04 PM", "2019年3月1日 下午3:05", "Jan 5, 2026", "2026-03-16T09:30:22+08:00", "0001-01-01", "::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, order := range []dateOrder{orderUnknown, orderMDY, orderDMY, orderYMD} {
			var e Evidence
			m, why := dates{order: order, formats: []string{"%d.%m.%Y %H:%M"}}.parse([]byte(text), &e)
			if why != nil {
				continue
			}
			again, ok := plainDate(m.appendTime(nil)[:19])
			if !m.valid() || !ok || again.day != m.day || again.minute != m.minute {
				t.Fatalf("%q became %+v", text, m)
			}
		}
	})
}

func FuzzProfilesParseOrSayWhere(f *testing.F) {
	f.Add(testProfile)
	f.Add(jsonProfile)
	f.Add("profile: x\nstreams: {order: {columns: {order_id: \"= txt(\"}}}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("x.yaml", []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.yaml") {
				t.Fatalf("no place in %v", err)
			}
			return
		}
		if _, err := p.Compile(nil); err != nil {
			t.Fatalf("parsed but does not compile: %v", err)
		}
	})
}
