package world

import (
	"fmt"
	"time"
)

// Currencies by index; CNY is home.
const (
	cny = iota
	usd
	eur
	hkd
)

var currencyCodes = [...]string{cny: "CNY", usd: "USD", eur: "EUR", hkd: "HKD"}

// taxPercent is the value-added tax inside home prices.
const taxPercent = 13

// netOf takes the tax out of a tax-inclusive amount in minor units: n = p - round(p*r/(1+r)).
func netOf(currency int, paid int64) int64 { return paid - taxOf(currency, paid) }

// taxOf is the tax inside a home amount; sales abroad carry none.
func taxOf(currency int, paid int64) int64 {
	if currency != cny {
		return 0
	}
	return divRound(paid*taxPercent, 100+taxPercent)
}

// product is an article with its prices in fen.
type product struct {
	sku      string
	category int
	price    int64
	cost     int64
	newCost  int64 // from day costChangeDay on; equal to cost when unchanged
}

// costChangeDay is when the suppliers' new prices begin.
const costChangeDay = 45

func (p product) costOn(day int) int64 {
	if day >= costChangeDay {
		return p.newCost
	}
	return p.cost
}

var categories = [...]struct{ path, zh, latin string }{
	{"服饰 > 女装", "针织衫", "Strickpullover Größe M"},
	{"服饰 > 男装", "衬衫", "Hemd weiß"},
	{"服饰 > 童装", "连帽衫", "Kapuzenpulli für Kinder"},
	{"鞋靴 > 运动", "跑鞋", "Laufschuh"},
	{"鞋靴 > 休闲", "帆布鞋", "Segeltuchschuh grün"},
	{"箱包 > 双肩", "双肩包", "Rucksack"},
	{"箱包 > 手提", "手提包", "Handtasche schön"},
	{"家居 > 床品", "四件套", "Bettwäsche"},
	{"家居 > 厨房", "保温杯", "Thermobecher"},
	{"美妆 > 护肤", "面霜", "Gesichtscreme für Tag & Nacht"},
	{"食品 > 零食", "坚果礼盒", "Nüsse, gemischt"},
	{"数码 > 配件", "耳机", "Kopfhörer"},
}

func newCatalog(o Options) []product {
	all := make([]product, o.SKUs)
	for i := range all {
		r := stream(o.Seed, "product", i, 0)
		price := int64(1900+skewed(r, 880)*100) - 10 // x8.90 and the like
		cost := price * int64(35+r.IntN(25)) / 100
		p := product{sku: fmt.Sprintf("P%05d", i+1), category: r.IntN(len(categories)), price: price, cost: cost, newCost: cost}
		if chance(r, 100) {
			p.newCost = cost * int64(103+r.IntN(8)) / 100
		}
		all[i] = p
	}
	return all
}

// priceIn is the list price in a currency's minor units, fixed once a year by the shop.
func (p product) priceIn(currency int) int64 {
	switch currency {
	case usd:
		return divRound(p.price*10, 70)/10*10 + 9
	case eur:
		return divRound(p.price*10, 78)/10*10 + 9
	case hkd:
		return divRound(p.price*100, 92)/10*10 + 8
	}
	return p.price
}

// The spellings of an article in the different systems.
func tmallCode(sku int) string   { return fmt.Sprintf("TM%06d", 100000+sku*3) }
func shopifyCode(sku int) string { return fmt.Sprintf("OM-%05d-EX", sku+1) }
func tillCode(sku int) string    { return fmt.Sprintf("%06d", 5007+sku) } // leading zeros matter
func barcode(sku int) string {
	digits := fmt.Sprintf("69012%07d", sku+1)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (1 + 2*(i%2))
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

func nameZH(p product, sku int) string {
	return fmt.Sprintf("%s %04d款", categories[p.category].zh, sku+1)
}
func nameLatin(p product, sku int) string {
	return fmt.Sprintf("%s %04d", categories[p.category].latin, sku+1)
}

// Dialects of the tills' exports.
const (
	loyverse    = iota // by item, UTF-8
	backOffice         // Chinese, GB18030, title and total rows
	semicolon16        // semicolons, decimal comma, UTF-16
	semicolon1252
	workbook // XLSX
	shopify
	tmall
	woo
)

// dialectCycle gives a small chain every dialect early.
var dialectCycle = [...]int{loyverse, backOffice, semicolon16, semicolon1252, workbook, loyverse, backOffice, loyverse, backOffice, semicolon16, loyverse, backOffice}

var platformNames = [...]string{"loyverse", "backoffice", "kassenbuch", "kassenbuch", "workbook", "shopify", "tmall", "woocommerce"}

// unit sells: a store or an online shop.
type unit struct {
	location string
	name     string
	dialect  int
	online   bool
	source   int // index into sourceNames
	place    int // its stock: index into sim.places; -1 for online shops
	weight   int // share of the lines, in 1/100,000
}

// Sources, each a folder of files.
const (
	sourcePOS = iota
	sourceShopify
	sourceTmall
	sourceWoo
	sourceERP
	sourceTraffic
	sourceCare
	sourceSettlement
)

var sourceNames = [...]string{"pos", "shopify", "tmall", "woo", "erp", "traffic", "care", "settlement"}

var cities = [...]struct{ zh, region string }{
	{"上海南京东路店", "华东"}, {"上海徐家汇店", "华东"}, {"杭州湖滨店", "华东"}, {"南京新街口店", "华东"}, {"北京王府井店", "华北"}, {"北京三里屯店", "华北"},
	{"广州天河店", "华南"}, {"深圳万象城店", "华南"}, {"成都春熙路店", "西南"}, {"重庆解放碑店", "西南"}, {"武汉江汉路店", "华中"}, {"西安钟楼店", "西北"},
}

// newUnits makes the stores, then the three online shops; places are stores, then two warehouses.
func newUnits(o Options) (units []unit, places []string) {
	shares := make([]int, o.Stores)
	sum := 0
	for i := range shares {
		shares[i] = 60 + int(hash(o.Seed, "store", i, 0)%80)
		sum += shares[i]
	}
	for i := range o.Stores {
		id := fmt.Sprintf("S%02d", i+1)
		units = append(units, unit{location: id, name: cities[i%len(cities)].zh, dialect: dialectCycle[i%len(dialectCycle)], source: sourcePOS, place: i, weight: 55_000 * shares[i] / sum})
		places = append(places, id)
	}
	units = append(units,
		unit{location: "WEB", name: "国际官网", dialect: shopify, online: true, source: sourceShopify, place: -1, weight: 9_000},
		unit{location: "TMALL", name: "天猫旗舰店", dialect: tmall, online: true, source: sourceTmall, place: -1, weight: 20_000},
		unit{location: "WOO", name: "官方商城", dialect: woo, online: true, source: sourceWoo, place: -1, weight: 16_000})
	return units, append(places, "W01", "W02")
}

// rate is the price of one foreign unit in hundredths of a yuan: home amounts come out exact at four decimals.
// Rates are published on weekdays; a weekend uses Friday's.
func (s *sim) rate(currency, day int) int64 {
	base := [...]int64{cny: 100, usd: 702, eur: 811, hkd: 90}[currency]
	if currency == cny {
		return base
	}
	for s.isWeekend(day) {
		day--
	}
	spread := uint64([...]int{cny: 1, usd: 17, eur: 21, hkd: 3}[currency])
	return base + int64(hash(s.o.Seed, "rate", currency, day)%spread)
}

func (s *sim) date(day int) time.Time { return s.o.Start.AddDate(0, 0, day) }

func (s *sim) isWeekend(day int) bool {
	w := s.date(day).Weekday()
	return w == time.Saturday || w == time.Sunday
}

// campaign is a promotion: some categories, some days, a percentage off.
type campaign struct {
	id                string
	first, last       int
	categoryA, second int
	percent           int64
	onlineOnly        bool
}

func newCampaigns() []campaign {
	all := make([]campaign, 24)
	for k := range all {
		all[k] = campaign{id: fmt.Sprintf("PR-%03d", k+1), first: 30*k + 10, last: 30*k + 16, categoryA: k % len(categories), second: (k + 5) % len(categories), percent: int64(10 + 5*(k%4)), onlineOnly: k%3 == 2}
	}
	return all
}

// campaignFor finds the campaign that discounts a category, -1 when none does.
func (s *sim) campaignFor(day, category int, online bool) int {
	k := (day - 10) / 30
	if day < 10 || k >= len(s.campaigns) {
		return -1
	}
	c := s.campaigns[k]
	if day > c.last || c.onlineOnly && !online || category != c.categoryA && category != c.second {
		return -1
	}
	return k
}
