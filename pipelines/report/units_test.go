package report

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNumbersPrintByLanguage(t *testing.T) {
	for _, tc := range []struct {
		c      cell
		zh, en string
	}{
		{num(count, parse("1234567")), "1,234,567", "1,234,567"},
		{num(count, parse("0.5")), "1", "1"},
		{num(count, parse("-0.5")), "−1", "−1"},
		{num(count, parse("-0.4")), "0", "0"},
		{num(decimal, parse("2.25")), "2.3", "2.3"},
		{num(decimal, parse("-2.25")), "−2.3", "−2.3"},
		{num(percent, parse("0.123450")), "12.3%", "12.3%"},
		{num(percent, number{}), "无数据", "n/a"},
		{num(points, parse("0.0125")), "+1.3 个百分点", "+1.3 pp"},
		{num(change, parse("-0.0125")), "−1.3%", "−1.3%"},
		{num(quantity, parse("1200.500")), "1,200.5", "1,200.5"},
		{num(quantity, parse("1200.000")), "1,200", "1,200"},
		{cash(parse("1234.5"), "CNY"), "CNY 1,235", "CNY 1,235"},
		{num(compactMoney, parse("9999")), "9,999", "9,999"},
		{num(compactMoney, parse("12345")), "1.23万", "12.35k"},
		{num(compactMoney, parse("123456789")), "1.23亿", "123.5M"},
		{num(compactMoney, parse("-5123456789")), "−51.23亿", "−5.12B"},
		{both("净销售额", "Net sales"), "净销售额", "Net sales"},
		{both("", "Net sales"), "Net sales", "Net sales"},
		{cell{Kind: terms, Value: "factor_traffic factor_conversion"}, "客流 × 转化率", "traffic × conversion"},
		{key("life_dormant"), "dormant", "dormant"},
	} {
		if zh, en := tc.c.print(Chinese), tc.c.print(English); zh != tc.zh || en != tc.en {
			t.Errorf("%+v: %q and %q, want %q and %q", tc.c, zh, en, tc.zh, tc.en)
		}
	}
}

func TestPeriodsAreRead(t *testing.T) {
	for name, want := range map[string]string{
		"2026-W01": "2025-12-29 2026-01-04", "2026-W53": "2026-12-28 2027-01-03", "2024-02": "2024-02-01 2024-02-29", "2026-Q4": "2026-10-01 2026-12-31",
		"2025-W53": "", "2026-00": "", "2026-1": "", "2026-Q5": "", "26-01": "", "2026-WW": "", "": "", "2026-W5": "",
	} {
		p, err := parsePeriod(name)
		got := ""
		if err == nil {
			got = p.start() + " " + p.end()
			if back := periodName(p.Type, p.start()); back != name {
				t.Errorf("%s is named %s", name, back)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestJudgement(t *testing.T) {
	for _, tc := range []struct {
		value, than, unit, direction string
		want                         verdict
	}{
		{"110", "100", "money", "up", isBetter}, {"110", "100", "money", "down", isWorse}, {"100.9", "100", "money", "up", isSteady}, {"110", "100", "money", "none", isHigher},
		{"", "100", "money", "up", cannotSay}, {"110", "", "money", "up", cannotSay}, {"0.40", "0.401", "percent", "up", isSteady}, {"0.030", "0.035", "percent", "up", isWorse}, {"0", "0", "count", "up", isSteady},
	} {
		if got := judge(tc.value, tc.than, tc.unit, tc.direction); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}

func TestBridgeMergesWhatCannotBeTold(t *testing.T) {
	full := factors{visitors: whole(100), orders: whole(10), units: whole(20), sale: whole(1000), refund: whole(50), traffic: true}
	more := factors{visitors: whole(200), orders: whole(20), units: whole(40), sale: whole(2000), refund: whole(80), traffic: true}
	names := func(list []effect) string {
		var out []string
		for _, e := range list {
			out = append(out, e.Terms+"="+e.Amount.text())
		}
		return strings.Join(out, "; ")
	}
	if got, want := names(bridge(full, more)), "factor_traffic=1000.00; factor_conversion=0.00; factor_units=0.00; factor_price=0.00; factor_refunds=-30.00"; got != want {
		t.Errorf("twice the traffic: %s", got)
	}
	more.traffic = false
	if got, want := names(bridge(full, more)), "factor_traffic factor_conversion=1000.00; factor_units=0.00; factor_price=0.00; factor_refunds=-30.00"; got != want {
		t.Errorf("incomplete traffic: %s", got)
	}
	if got, want := names(bridge(factors{sale: whole(0), refund: whole(0)}, full)), "factor_sales=1000.00; factor_refunds=-50.00"; got != want {
		t.Errorf("a new channel: %s", got)
	}
	if bridge(factors{}, full) != nil {
		t.Error("an unknown past has a bridge")
	}
}

func TestBridgeAlwaysAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) factors {
			n := func(part string, high int64) number {
				return whole(rapid.Int64Range(0, high).Draw(t, name+part)).over(whole(100))
			}
			return factors{visitors: n("v", 1e9), orders: n("o", 1e7), units: n("u", 1e8), sale: n("s", 1e12), refund: n("r", 1e9), traffic: rapid.Bool().Draw(t, name+"t")}
		}
		before, now := draw("before "), draw("now ")
		sum := whole(0)
		for _, e := range bridge(before, now) {
			sum = sum.plus(e.Amount)
		}
		want := now.sale.minus(now.refund).minus(before.sale.minus(before.refund))
		if sum.minus(want).abs().cmp(parse("0.01")) > 0 {
			t.Fatalf("effects sum to %s, net sales changed by %s", sum.text(), want.text())
		}
	})
}
