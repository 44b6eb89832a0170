package world

import (
	"strconv"
	"strings"
)

// renderProducts writes the article master; from costChangeDay a second file brings the changed costs.
func (s *sim) renderProducts(t *text, changed bool) {
	t.row("sku", "valid_from", "name", "category_path", "brand", "barcodes", "tag_price", "cost", "currency_code", "tax_rate", "is_active")
	for i, p := range s.products {
		cost, from := p.cost, ""
		if changed {
			cost, from = p.newCost, s.iso(costChangeDay)
		}
		if !changed || p.newCost != p.cost {
			t.row(p.sku, from, nameZH(p, i), categories[p.category].path, "Demo", barcode(i), money(p.price), money(cost), "CNY", "0.13", "true")
		}
	}
}

func (s *sim) changedProducts() (n int) {
	for _, p := range s.products {
		if p.newCost != p.cost {
			n++
		}
	}
	return n
}

func (s *sim) renderAliases(t *text) {
	t.row("source_sku", "sku", "alias_source")
	for i, p := range s.products {
		t.row(tmallCode(i), p.sku, sourceNames[sourceTmall])
		t.row(shopifyCode(i), p.sku, sourceNames[sourceShopify])
		t.row(tillCode(i), p.sku, sourceNames[sourcePOS])
		t.row(barcode(i), p.sku, sourceNames[sourcePOS])
	}
}

func (s *sim) renderLocations(t *text) {
	t.row("location_id", "name", "kind", "zone", "opened_on", "selling_area", "day_cutover", "city", "region", "country_code", "currency_code", "format")
	for i, u := range s.units {
		kind, area, currency, region, format := "store", strconv.Itoa(180+int(hash(s.o.Seed, "area", i, 0)%400)), "CNY", cities[i%len(cities)].region, "street"
		if u.online {
			kind, area, region, format = "online", "", "", "web"
		}
		if u.dialect == shopify {
			currency = "USD"
		}
		t.row(u.location, u.name, kind, "Asia/Shanghai", "2024-03-01", area, "00:00", string([]rune(u.name)[:2]), region, "CN", currency, format)
	}
	t.row("W01", "华东仓", "warehouse", "Asia/Shanghai", "2023-01-01", "", "00:00", "嘉兴", "华东", "CN", "CNY", "warehouse")
	t.row("W02", "华南保税仓", "warehouse", "Asia/Shanghai", "2023-01-01", "", "00:00", "深圳", "华南", "CN", "CNY", "warehouse")
}

// renderTargets writes a year of monthly net sales targets for company, channels and locations.
func (s *sim) renderTargets(t *text) {
	t.row("kpi_id", "scope_type", "scope_id", "period_start", "period_end", "amount", "currency_code", "version")
	year := s.o.Start.Year()
	for month := 1; month <= 12; month++ {
		first := s.o.Start.AddDate(year-s.o.Start.Year(), month-int(s.o.Start.Month()), 1-s.o.Start.Day())
		last := first.AddDate(0, 1, -1)
		row := func(scope, id string, amount int64) {
			t.row("net_sales", scope, id, first.Format("2006-01-02"), last.Format("2006-01-02"), money(amount), "CNY", "B1")
		}
		var all, stores int64
		for _, u := range s.units {
			amount := s.targetOf(u) * int64(last.Day())
			all += amount
			if !u.online {
				stores += amount
			}
			row("location", u.location, amount)
		}
		row("company", "", all)
		row("channel", "store", stores)
		row("channel", "online", all-stores)
	}
}

// targetOf is a day's target in fen, to the yuan: about 240 yuan net for a line.
func (s *sim) targetOf(u unit) int64 {
	return int64(s.o.LinesPerDay) * int64(u.weight) / 1000 * 240 / 100 * 100
}

func (s *sim) renderCampaigns(t *text) {
	t.row("promotion_id", "name", "kind", "channels", "locations", "skus", "starts_on", "ends_on", "published_at", "budget_amount", "currency_code", "funding")
	for _, c := range s.campaigns {
		channels := "online;store"
		if c.onlineOnly {
			channels = "online"
		}
		t.row(c.id, categories[c.categoryA].zh+" / "+categories[c.second].zh, "percent_off", channels, "", "", s.iso(c.first), s.iso(c.last), "", "50000.00", "CNY", "merchant")
	}
}

// renderRates writes the day's rates; the first file also brings the last weekday before the start.
func (s *sim) renderRates(t *text, day int) {
	t.row("currency_code", "home_currency_code", "rate_date", "rate")
	days := []int{day}
	if s.opens(day) {
		before := day - 1
		for s.isWeekend(before) {
			before--
		}
		days = []int{before}
		if !s.isWeekend(day) {
			days = append(days, day)
		}
	}
	for _, d := range days {
		for c := usd; c <= hkd; c++ {
			t.row(currencyCodes[c], "CNY", s.iso(d), money(s.rate(c, d)))
		}
	}
}

func (s *sim) rateRows(day int) int {
	switch {
	case s.opens(day) && !s.isWeekend(day):
		return 6
	case s.opens(day) || !s.isWeekend(day):
		return 3
	}
	return 0
}

// renderCustomers writes the records that a source registered on days first to last-1.
func (s *sim) renderCustomers(t *text, source, from, to int) {
	switch source {
	case sourcePOS:
		t.row("member_no", "name", "phone", "email", "gender", "registered_at", "home_store")
	case sourceShopify:
		t.row("Customer ID", "First Name", "Last Name", "Email", "Accepts Email Marketing", "Phone", "Created at")
	case sourceTmall:
		t.row("会员名", "姓名", "手机", "省份", "注册时间")
	}
	for i := from; i < to; i++ {
		c, id := s.people.records[source][i], s.people.id(source, i)
		zh, family, given := nameOf(c.person)
		person, registered := int(c.person), int(c.registered)
		at := s.stamp(registered, 9*3600+person%36_000)
		switch source {
		case sourcePOS:
			t.row(id, zh, c.phone(), c.email(source), []string{"f", "m"}[person%2], at, s.places[person%s.o.Stores])
		case sourceShopify:
			t.row(id, strings.ToUpper(given[:1])+given[1:], strings.ToUpper(family[:1])+family[1:], c.email(source), []string{"yes", "no"}[person%2], c.phone(), at+" +0800")
		case sourceTmall:
			t.row(id, zh, c.phone(), cities[person%len(cities)].region, at)
		case sourceWoo:
			t.jsonRow("customer_id", id, "name", zh, "email", c.email(source), "phone", c.phone(), "member_no", s.memberNo(c), "date_created", s.stampT(registered, 9*3600+person%36_000))
		}
	}
}
