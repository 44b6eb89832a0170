package report

import (
	"context"
	"slices"
)

// decisions lists what the stock findings, the deliveries and the checks ask to be decided, by value.
func (r *reader) decisions(ctx context.Context, deliveries []map[string]string) (section, error) {
	alerts, err := r.rows(ctx, "joint_meeting.stock_alert", nil)
	if err != nil {
		return section{}, err
	}
	var list []finding
	for _, kind := range []string{"out_of_stock", "transfer", "phantom", "negative", "overstock", "no_sale"} {
		for _, a := range alerts {
			if a["kind"] == kind && a["rank"] == "1" {
				list = append(list, stockFinding(a))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b finding) int { return parseOrZero(b.Value.Value).cmp(parseOrZero(a.Value.Value)) })
	var data []finding
	if missing := missingDeliveries(deliveries); missing != nil {
		data = append(data, *missing)
	}
	refused, err := r.quarantined(ctx)
	if err != nil {
		return section{}, err
	}
	if refused != nil {
		data = append(data, *refused)
	}
	// A meeting decides at most seven things; the stock section lists every kind.
	list = append(list[:min(len(list), 7-len(data))], data...)
	s := section{}
	if len(list) == 0 {
		s.Lead = append(s.Lead, say("nothing_to_decide"))
		return s, nil
	}
	s.Lead = append(s.Lead, say("j3_lead", num(count, whole(int64(len(list))))))
	s.Blocks = append(s.Blocks, block{Findings: list})
	return s, nil
}

func stockFinding(a map[string]string) finding {
	owner := map[string]string{"overstock": "owner_both", "no_sale": "owner_marketing", "negative": "owner_stores", "phantom": "owner_stores"}[a["kind"]]
	if owner == "" {
		owner = "owner_supply"
	}
	example := say("eg_"+a["kind"], txt(a["sku"]), txt(a["location_id"]), num(quantity, parse(a["available_qty"])),
		num(decimal, parse(a["weekly_sale_qty"])), num(quantity, parse(a["suggested_qty"])), txt(dash(a["counterpart_id"])), num(decimal, parse(a["weeks_of_supply"])))
	return finding{
		Text:     say("do_"+a["kind"], num(count, parse(a["kind_qty"]))),
		Evidence: example,
		Owner:    key(owner),
		Value:    cell{Kind: compactMoney, Value: a["kind_value_amount"], Currency: a["currency_code"]},
	}
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func missingDeliveries(deliveries []map[string]string) *finding {
	missing := whole(0)
	worst := map[string]string{}
	for _, d := range deliveries {
		n := parse(d["missing_qty"])
		if n.sign() <= 0 {
			continue
		}
		missing = missing.plus(n)
		if n.cmp(parseOrZero(worst["missing_qty"])) > 0 {
			worst = d
		}
	}
	if missing.sign() == 0 {
		return nil
	}
	return &finding{
		Text: say("do_missing", num(count, missing)),
		Evidence: say("eg_missing", txt(dash(worst["location_id"])), txt(worst["source"]+"/"+worst["feed"]),
			num(count, parse(worst["missing_qty"])), txt(dash(worst["first_missing_date"]))),
		Owner: key("owner_support"),
		Value: num(money, number{}),
	}
}

// quarantined asks to correct what was refused, naming the feed with most of it.
func (r *reader) quarantined(ctx context.Context) (*finding, error) {
	rows, err := r.rows(ctx, "joint_meeting.intake", nil)
	if err != nil {
		return nil, err
	}
	total := whole(0)
	worst := map[string]string{}
	for _, row := range rows {
		n := parseOrZero(row["quarantined_qty"])
		total = total.plus(n)
		if n.cmp(parseOrZero(worst["quarantined_qty"])) > 0 {
			worst = row
		}
	}
	if total.sign() == 0 {
		return nil, nil
	}
	return &finding{
		Text: say("do_quarantined", num(count, total)),
		Evidence: say("eg_quarantined", txt(worst["source"]+"/"+worst["feed"]), num(count, parse(worst["quarantined_qty"])),
			num(count, parse(worst["read_qty"])), num(count, parse(worst["refused_file_qty"]))),
		Owner: key("owner_support"),
		Value: num(money, number{}),
	}, nil
}
