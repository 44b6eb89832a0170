package report

// factors are the figures of one channel and period that net sales are made of.
type factors struct {
	visitors, orders, units, sale, refund number
	traffic                               bool // visitors are complete
}

func readFactors(row map[string]string) factors {
	if row == nil {
		return factors{}
	}
	return factors{
		visitors: parse(row["visitor_qty"]), orders: parse(row["order_qty"]), units: parse(row["unit_qty"]),
		sale: parse(row["home_sale_net_amount"]), refund: parse(row["home_refund_net_amount"]),
		traffic: row["is_traffic_complete"] == "true",
	}
}

// effect is what one factor, or several told as one, did to net sales.
type effect struct {
	Terms  string // catalogue keys with spaces between
	Amount number // two places
}

// bridge splits the change of net sales between two periods into the effects of its factors.
//
// It is the logarithmic mean Divisia split: with L(a,b) = (a-b)/ln(a/b), a factor x contributes
// L(now, before) * ln(x now / x before). The effects add up to the change exactly and do not depend on an order
// of factors. A quantity that is zero, unknown or incomplete in either period is left out, which tells its two
// neighbouring factors as one. Rounding differences go to the largest effect; refunds are an effect of their own.
func bridge(before, now factors) []effect {
	if !before.sale.ok || !now.sale.ok {
		return nil
	}
	change := now.sale.minus(before.sale).round(2)
	list := splitSale(before, now, change)
	if before.refund.ok && now.refund.ok {
		list = append(list, effect{Terms: "factor_refunds", Amount: before.refund.minus(now.refund).round(2)})
	}
	return list
}

func splitSale(before, now factors, change number) []effect {
	if before.sale.sign() <= 0 || now.sale.sign() <= 0 {
		return []effect{{Terms: "factor_sales", Amount: change}}
	}
	type link struct {
		name      string
		was, is   number
		reachable bool
	}
	chain := []link{
		{"factor_traffic", before.visitors, now.visitors, before.traffic && now.traffic},
		{"factor_conversion", before.orders, now.orders, true},
		{"factor_units", before.units, now.units, true},
		{"factor_price", before.sale, now.sale, true},
	}
	mean := now.sale
	if now.sale.cmp(before.sale) != 0 {
		mean = now.sale.minus(before.sale).over(now.sale.over(before.sale).ln())
	}
	var list []effect
	pending := ""
	was, is := whole(1), whole(1)
	for _, l := range chain {
		if pending != "" {
			pending += " "
		}
		pending += l.name
		if !l.reachable || l.was.sign() <= 0 || l.is.sign() <= 0 {
			continue
		}
		growth := l.is.over(is).over(l.was.over(was))
		list = append(list, effect{Terms: pending, Amount: mean.times(growth.ln()).round(2)})
		was, is, pending = l.was, l.is, ""
	}
	return balance(list, change)
}

// balance gives the rounding difference to the largest effect, so that the parts sum to the whole.
func balance(list []effect, change number) []effect {
	if len(list) == 0 {
		return []effect{{Terms: "factor_sales", Amount: change}}
	}
	rest, largest := change, 0
	for i, e := range list {
		rest = rest.minus(e.Amount)
		if e.Amount.abs().cmp(list[largest].Amount.abs()) > 0 {
			largest = i
		}
	}
	list[largest].Amount = list[largest].Amount.plus(rest)
	return list
}
