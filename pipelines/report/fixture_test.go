package report

import (
	"context"
	"fmt"
	"strconv"
)

// fixture is a made-up release: tables of rows, filtered as a Source promises.
type fixture struct {
	tables map[string][]map[string]string
	facts  Facts
}

func (f *fixture) Rows(_ context.Context, table string, equal map[string]string) ([]map[string]string, error) {
	all, ok := f.tables[table]
	if !ok {
		return nil, fmt.Errorf("%s: %w", table, ErrNotReleased)
	}
	var out []map[string]string
	for _, row := range all {
		fits := true
		for k, v := range equal {
			fits = fits && row[k] == v
		}
		if fits {
			out = append(out, row)
		}
	}
	return out, nil
}

func (f *fixture) Facts(context.Context) (Facts, error) { return f.facts, nil }

// add appends a row given as pairs; an empty value is a null.
func (f *fixture) add(table string, pairs ...string) {
	row := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			row[pairs[i]] = pairs[i+1]
		}
	}
	f.tables[table] = append(f.tables[table], row)
}

type madeKPI struct {
	id, zh, en, unit, direction, area, now, before, lastYear, target string
}

func madeKPIs() []madeKPI {
	return []madeKPI{
		{"net_sales", "净销售额", "Net sales ex-tax", "money", "up", "sales", "4821350.25", "4512208.10", "4390001.00", "4900000"},
		{"yoy", "同比", "Year on year", "percent", "up", "sales", "0.098258", "0.051", "0.02", ""},
		{"gm_pct", "毛利率", "Margin rate", "percent", "up", "sales", "0.4182", "0.4210", "0.3981", ""},
		{"conv_online", "线上转化率", "Online conversion", "percent", "up", "conversion", "0.0312", "0.0288", "0.0301", ""},
		{"conv_store", "门店成交率", "Store conversion", "percent", "up", "conversion", "0.2214", "0.2410", "0.2391", ""},
		{"oos", "缺货率", "Out of stock", "percent", "down", "inventory", "0.0713", "0.0688", "0.0902", ""},
		{"doh", "库存周转天数", "Days on hand", "days", "down", "inventory", "61.4", "63.9", "", ""},
		{"xch_cust", "跨渠道客户占比", "Cross-channel share", "percent", "up", "customer", "0.1840", "0.1795", "0.1522", ""},
		{"return_rate_acc", "退货率(发生制)", "Returns, by refund date", "percent", "down", "sales", "0.0641", "0.0590", "0.0655", ""},
		{"atv", "客单价(单)", "Net per receipt", "money", "up", "sales", "212.48", "209.10", "205.00", ""},
		{"upt", "连带率", "Units per receipt", "ratio", "up", "sales", "1.8431", "1.8612", "1.8010", ""},
		{"active_cust", "活跃客户", "Active customers", "count", "up", "customer", "11820", "11344", "10020", ""},
		{"new_cust", "新客", "New customers", "count", "up", "customer", "2144", "2203", "1980", ""},
		{"repeat_rate", "复购率", "Repeat", "percent", "up", "customer", "0.2391", "0.2302", "", ""},
		{"match_rate", "识别率", "Matched", "percent", "up", "customer", "0.6120", "0.6004", "0.5511", ""},
		{"bopis_share", "自提占比", "Pick-up share", "percent", "up", "customer", "0.1205", "0.1180", "", ""},
		{"ira", "库存准确率", "Record accuracy", "percent", "up", "inventory", "0.8731", "0.9012", "", ""},
		{"inv_turn", "周转率", "Turns", "ratio", "up", "inventory", "1.4712", "1.4010", "", ""},
		{"gmroi", "库存毛利回报", "GMROI", "ratio", "up", "inventory", "2.81", "2.70", "", ""},
		{"shrink", "损耗率", "Shrink", "percent", "down", "inventory", "0.0152", "0.0149", "", ""},
		{"boris", "线上单门店退占比", "Online returned in store", "percent", "none", "sales", "0.2210", "0.1911", "", ""},
		{"cancel_rate", "取消率", "Cancellations", "percent", "down", "sales", "", "", "", ""},
	}
}

// made is the fixture that most tests render: a release with everything the tables can carry.
func made(prefix, kind string, starts []string, end string) *fixture {
	f := &fixture{tables: map[string][]map[string]string{}, facts: Facts{
		Company: "示例零售 Demo Retail", HomeCurrency: "CNY", Zone: "Asia/Shanghai", Calendar: "gregorian", BusinessDateRule: "04:00",
		DataAsOf: "2026-04-01 02:15", LastBusinessDate: "2026-03-31", Release: 17, ReleaseHash: "9f2ab84c77aa01",
		Checks:       []Check{{Name: "unknown_sku", Model: "sales.order_line", Severity: "warn", Status: "failed", Rows: 14}, {Name: "unique_grain", Model: "sales.order", Severity: "block", Status: "ok"}},
		Conservation: []Conservation{{Subject: "order_line", Read: 204113, Accepted: 203880, Duplicate: 190, Superseded: 212, Quarantined: 43, InTable: 203478, Balanced: true}},
	}}
	now := starts[len(starts)-1]
	previous := starts[len(starts)-2]
	for i, s := range starts {
		e, prev, ly := s, "", ""
		if i > 0 {
			prev = starts[i-1]
		}
		if s == now {
			e, ly = end, starts[0]
		}
		f.add(prefix+".period", "period_type", kind, "period_start", s, "period_end", e, "previous_start", prev, "last_year_start", ly, "day_qty", "7")
	}
	for _, k := range madeKPIs() {
		f.add("assessment.kpi", "kpi_id", k.id, "name_zh", k.zh, "name_en", k.en, "unit", k.unit, "basis", "A", "direction", k.direction, "area", k.area, "about", "see the registry")
		for i, s := range starts {
			value, before, last, target := k.before, "", "", ""
			if s == now {
				value, before, last, target = k.now, k.before, k.lastYear, k.target
			} else if v := parse(k.before); v.ok {
				value = v.times(whole(int64(90 + 7*(i%3)))).over(whole(100)).round(6).text()
			}
			f.add(prefix+".scoreboard", "period_type", kind, "period_start", s, "period_end", end, "scope_type", "company", "kpi_id", k.id, "kpi_version", "1", "basis", "A", "is_default_basis", "true",
				"area", k.area, "unit", k.unit, "direction", k.direction, "currency_code", "CNY", "value", value, "sample_qty", "22688", "previous_value", before, "last_year_value", last, "target_value", target)
		}
	}
	f.scopes(prefix, kind, now)
	f.bridges(prefix, kind, now, previous, starts[0])
	f.deliveries(prefix, kind, now)
	f.add("joint_meeting.intake", "source", "tills", "feed", "receipts", "file_qty", "1080", "refused_file_qty", "1", "superseded_file_qty", "4", "read_qty", "204113", "accepted_qty", "203880", "duplicate_qty", "190", "quarantined_qty", "43", "ignored_qty", "0")
	f.stock()
	f.customers()
	f.quarterTables(kind, now, end, starts)
	for i := 1; i <= 20; i++ {
		f.add("joint_meeting.online_hit", "period_type", kind, "period_start", now, "rank", strconv.Itoa(i), "sku", fmt.Sprintf("SKU-%04d", 7*i), "product_name", "电热水壶 Kettle", "category", "厨房 kitchen", "online_unit_qty", strconv.Itoa(200-i)+".000",
			"online_net_amount", strconv.Itoa(20000-100*i)+".5000", "store_unit_qty", "12.000", "stocked_location_qty", "12", "available_location_qty", strconv.Itoa(i%12), "available_qty", "40.000")
	}
	f.add("joint_meeting.return_reason", "period_type", kind, "period_start", now, "order_channel", "online", "channel", "store", "reason", "size", "refund_qty", "120", "unit_qty", "131.000", "home_net_amount", "20110.5000")
	f.add("joint_meeting.return_reason", "period_type", kind, "period_start", now, "order_channel", "", "channel", "store", "reason", "=HYPERLINK(\"http://x\")", "refund_qty", "1", "unit_qty", "1.000", "home_net_amount", "20.0000")
	return f
}

func (f *fixture) scopes(prefix, kind, now string) {
	scopes := []struct{ kind, id string }{{"channel", "online"}, {"channel", "store"}}
	for n := 1; n <= 12; n++ {
		scopes = append(scopes, struct{ kind, id string }{"location", fmt.Sprintf("S%02d", n)})
	}
	for i, s := range scopes {
		for _, k := range []madeKPI{{id: "net_sales", unit: "money", now: strconv.Itoa(390000 - 17000*i), before: strconv.Itoa(350000 - 9000*i)}, {id: "atv", unit: "money", now: "208.40"}, {id: "upt", unit: "ratio", now: "1.81"}, {id: "gm_pct", unit: "percent", now: "0.4111"}, {id: "conv_store", unit: "percent", now: "0.2214"}, {id: "return_rate_acc", unit: "percent", now: "0.051"}} {
			f.add(prefix+".scoreboard", "period_type", kind, "period_start", now, "scope_type", s.kind, "scope_id", s.id, "kpi_id", k.id, "kpi_version", "1", "basis", "A", "is_default_basis", "true", "unit", k.unit, "direction", "up", "currency_code", "CNY", "value", k.now, "previous_value", k.before)
		}
	}
}

func (f *fixture) bridges(prefix, kind, now, previous, lastYear string) {
	for _, b := range [][]string{{now, "online", "310000", "9650", "17310", "2210440.10", "160200.00"}, {previous, "online", "298000", "8570", "15420", "1990000.00", "140000.10"}, {lastYear, "online", "280000", "8420", "15100", "1880000.00", "120000"},
		{now, "store", "", "12100", "22400", "2880310.15", "109200.00"}, {previous, "store", "", "12500", "23300", "2760008.20", "97800.00"}, {lastYear, "store", "", "12300", "22050", "2720001.00", "90000"}} {
		complete := "true"
		if b[2] == "" {
			complete = "false"
		}
		f.add(prefix+".bridge", "period_type", kind, "period_start", b[0], "channel", b[1], "currency_code", "CNY", "visitor_qty", b[2], "is_traffic_complete", complete, "order_qty", b[3], "unit_qty", b[4],
			"home_sale_net_amount", b[5], "home_refund_net_amount", b[6], "home_net_amount", parse(b[5]).minus(parse(b[6])).text())
	}
}

func (f *fixture) deliveries(prefix, kind, now string) {
	for n := 1; n <= 12; n++ {
		missing, first := "0", ""
		if n == 3 {
			missing, first = "2", now
		}
		f.add(prefix+".completeness", "period_type", kind, "period_start", now, "source", "tills", "feed", "receipts", "location_id", fmt.Sprintf("S%02d", n), "due_qty", "7",
			"received_qty", parse("7").minus(parse(missing)).text(), "late_qty", "0", "missing_qty", missing, "unexpected_qty", "0", "record_qty", "1400", "first_missing_date", first)
	}
}

func (f *fixture) stock() {
	for _, k := range []string{"out_of_stock", "overstock", "no_sale", "negative", "phantom", "transfer"} {
		for i := 1; i <= 14; i++ {
			other := ""
			if k == "transfer" {
				other = "WH1"
			}
			f.add("joint_meeting.stock_alert", "kind", k, "rank", strconv.Itoa(i), "location_id", fmt.Sprintf("S%02d", i), "sku", fmt.Sprintf("SKU-%04d", 13*i), "counterpart_id", other, "currency_code", "CNY",
				"available_qty", "4.000", "weekly_sale_qty", "6.250000", "weeks_of_supply", "0.640000", "suggested_qty", "12.000", "value_amount", strconv.Itoa(15000/i)+".5000", "kind_qty", "214", "kind_value_amount", "182400.2500")
		}
	}
	for n := 1; n <= 14; n++ {
		f.add("joint_meeting.stock_location", "location_id", fmt.Sprintf("S%02d", n), "currency_code", "CNY", "sku_qty", "1800", "out_qty", strconv.Itoa(20*n), "negative_qty", "3", "on_hand_qty", "22110.000", "in_transit_qty", "0.000", "cost_amount", "901223.1100", "costed_qty", "1790", "evidence_age_hours", "26.500000")
	}
}

func (f *fixture) customers() {
	for _, l := range []string{"active", "at_risk", "lapsed", "new"} {
		for _, m := range []string{"both", "online", "store"} {
			f.add("joint_meeting.customer_segment", "lifecycle", l, "channel_mix", m, "currency_code", "CNY", "customer_qty", "1502", "high_value_qty", "203", "monetary_amount", "880120.5000", "as_of_date", "2026-03-31")
		}
	}
}

func (f *fixture) quarterTables(kind, now, end string, starts []string) {
	for _, m := range [][]string{{"online", "ship", "1700000"}, {"online", "pickup", "310000"}, {"online", "ship_from_store", "200440"}, {"store", "carry_out", "2880310"}} {
		f.add("quarterly.fulfilment_matrix", "period_type", kind, "period_start", now, "period_end", end, "channel", m[0], "fulfilment", m[1], "order_qty", "8000", "unit_qty", "15000.000", "home_net_amount", m[2]+".0000")
	}
	for i, c := range []string{"厨房 Kitchen", "家居 Home", "Garden", ""} {
		f.add("quarterly.category", "period_type", kind, "period_start", now, "period_end", end, "category", c, "channel", "online", "unit_qty", "1000.000", "home_net_amount", strconv.Itoa(500000-90000*i), "home_covered_net_amount", "200000", "home_margin_amount", strconv.Itoa(90000-20000*i))
		f.add("quarterly.category", "period_type", kind, "period_start", now, "period_end", end, "category", c, "channel", "store", "unit_qty", "1000.000", "home_net_amount", "300000", "home_covered_net_amount", "290000", "home_margin_amount", "70000")
	}
	for i, c := range starts {
		for j := i; j < len(starts); j++ {
			f.add("quarterly.cohort", "cohort_start", c, "period_start", starts[j], "quarter_no", strconv.Itoa(j-i), "cohort_qty", "2000", "active_qty", strconv.Itoa(2000/(1+3*(j-i))), "cross_channel_qty", "120", "home_net_amount", "400000.0000")
		}
	}
	f.add("quarterly.stock_count", "period_type", kind, "period_start", now, "location_id", "S01", "counted_qty", "1800", "exact_qty", "1571", "late_qty", "0", "surplus_amount", "1204.5000", "shortage_amount", "9911.0000")
}

func madeWeek() *fixture {
	return made("joint_meeting", "week", []string{"2025-03-24", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"}, "2026-03-29")
}

func madeQuarter() *fixture {
	return made("quarterly", "quarter", []string{"2025-01-01", "2025-04-01", "2025-07-01", "2025-10-01", "2026-01-01"}, "2026-03-31")
}
