package report

import "context"

func (r *reader) asBridge(ctx context.Context) (section, error) {
	s := section{}
	for _, c := range []struct{ column, title, since string }{
		{"previous_start", "t_bridge_previous", "cmp_previous"}, {"last_year_start", "t_bridge_last_year", "cmp_last_year"}} {
		start := r.dates[c.column]
		if start == "" {
			continue
		}
		blocks, err := r.bridgeBlocks(ctx, start, c.title, c.since)
		if err != nil {
			return s, err
		}
		s.Blocks = append(s.Blocks, blocks...)
	}
	if len(s.Blocks) > 0 {
		s.Lead = append(s.Lead, say("bridge_note"))
		s.Lead = append(s.Lead, r.parts...)
	}
	return s, nil
}

// bridgeBlocks tells why net sales differ from those of the period that starts at start.
func (r *reader) bridgeBlocks(ctx context.Context, start, title, since string) ([]block, error) {
	name := r.prefix + ".bridge"
	now, err := r.rows(ctx, name, r.now())
	if err != nil {
		return nil, err
	}
	before, err := r.rows(ctx, name, r.at(start))
	if err != nil || len(before) == 0 || len(now) == 0 {
		return nil, err
	}
	was, total, totalBefore := map[string]map[string]string{}, whole(0), whole(0)
	for _, b := range before {
		was[b["channel"]] = b
		totalBefore = totalBefore.plus(parse(b["home_net_amount"]))
	}
	currency := now[0]["currency_code"]
	t := &table{Name: title, Columns: []cell{key("c_scope"), key("c_factor"), key("c_effect")}}
	fig := &figure{Kind: waterfall, Title: say(title), Series: []figureSeries{{Name: key("c_effect")}}}
	add := func(label, value cell, isTotal bool) {
		fig.Labels = append(fig.Labels, label)
		fig.Series[0].Values = append(fig.Series[0].Values, value)
		fig.Totals = append(fig.Totals, isTotal)
	}
	wide := func(n number) cell { return num(compactMoney, n) }
	add(key(since), wide(totalBefore), true)
	for _, row := range now {
		total = total.plus(parse(row["home_net_amount"]))
		steps := bridge(zeroed(was[row["channel"]]), readFactors(row))
		for _, e := range steps {
			scope := scopeName(row["channel"])
			t.Rows = append(t.Rows, []cell{scope, {Kind: terms, Value: e.Terms}, num(money, e.Amount)})
			add(say("pair", scope, cell{Kind: terms, Value: e.Terms}), wide(e.Amount), false)
		}
		delete(was, row["channel"])
	}
	for _, b := range before { // channels that sold nothing this time
		if gone, ok := was[b["channel"]]; ok {
			lost := whole(0).minus(parse(gone["home_net_amount"])).round(2)
			t.Rows = append(t.Rows, []cell{scopeName(b["channel"]), key("factor_sales"), num(money, lost)})
			add(say("pair", scopeName(b["channel"]), key("factor_sales")), wide(lost), false)
		}
	}
	add(key("cmp_now"), wide(total), true)
	t.Rows = append(t.Rows, []cell{strong(key("total")), txt(""), strong(num(money, total.minus(totalBefore).round(2)))})
	fig.Desc = say("bridge_desc", num(money, totalBefore), num(money, total), txt(currency))
	return []block{{Figure: fig}, {Table: t}}, nil
}

// zeroed reads the factors of a channel; one that did not exist before sold nothing.
func zeroed(row map[string]string) factors {
	if row == nil {
		return factors{sale: whole(0), refund: whole(0)}
	}
	return readFactors(row)
}

func strong(c cell) cell {
	c.Strong = true
	return c
}
