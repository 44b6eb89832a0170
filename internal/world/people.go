package world

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// record is what one source knows of a person; contact data is spelled the source's way.
type record struct {
	person     int32
	registered int16 // day, negative before the start
	phoneStyle uint8 // how the source writes the phone, phoneNone when it has none
	hasEmail   bool
	hasMember  bool // an online account that names the loyalty number
}

const (
	phoneNone uint8 = iota
	phonePlain
	phonePlus86
	phoneSpaced
	phoneDashed
	phoneMasked // never a key
	phoneShop   // the clerk typed the shop's own number: on many records, so no key either
)

// people holds the records of each selling source, in order of registration: the id is the position.
type people struct {
	seed    uint64
	records [4][]record
	member  []int32 // person -> position in records[sourcePOS], -1 without
}

// sharedPhones is how many people may have the shop's own phone on their store record: enough for anybody to
// see that such a number is nobody's.
const sharedPhones = 40

// newPeople decides who is known where. About a quarter of the people are known in both worlds.
func newPeople(o Options) *people {
	p := &people{seed: o.Seed, member: make([]int32, o.Customers)}
	for i := range o.Customers {
		r := stream(o.Seed, "person", i, 0)
		kind := pick(r, 40, 35, 25) // store only, online only, both
		var known [4]bool
		known[sourcePOS] = kind != 1
		if kind != 0 {
			known[[...]int{sourceShopify, sourceTmall, sourceWoo}[pick(r, 20, 45, 35)]] = true
			if chance(r, 150) {
				known[sourceWoo] = true
			}
		}
		for source, is := range known {
			if !is {
				continue
			}
			c := record{person: int32(i), registered: int16(-1 - r.IntN(700))}
			if chance(r, 150) {
				c.registered = int16(r.IntN(365))
			}
			switch source {
			case sourcePOS:
				c.phoneStyle = []uint8{phonePlain, phoneSpaced, phoneDashed, phoneNone}[pick(r, 50, 25, 15, 10)]
				c.hasEmail, c.hasMember = chance(r, 200), true
				if i < sharedPhones && o.Customers >= 200 {
					c.phoneStyle = phoneShop
				}
			case sourceShopify:
				c.phoneStyle, c.hasEmail = []uint8{phonePlus86, phoneNone}[pick(r, 1, 1)], true
			case sourceTmall:
				c.phoneStyle = []uint8{phonePlus86, phoneMasked}[pick(r, 40, 60)]
			case sourceWoo:
				c.phoneStyle = []uint8{phonePlain, phonePlus86, phoneNone}[pick(r, 40, 30, 30)]
				c.hasEmail, c.hasMember = true, known[sourcePOS] && chance(r, 150)
			}
			p.records[source] = append(p.records[source], c)
		}
	}
	for source := range p.records {
		slices.SortStableFunc(p.records[source], func(a, b record) int { return cmp.Compare(a.registered, b.registered) })
	}
	for i := range p.member {
		p.member[i] = -1
	}
	for i, c := range p.records[sourcePOS] {
		p.member[c.person] = int32(i)
	}
	return p
}

// known counts the records that a source registered before day: the buyers that its exports have named.
func (p *people) known(source, day int) int {
	n, _ := slices.BinarySearchFunc(p.records[source], day, func(c record, day int) int { return cmp.Compare(int(c.registered), day) })
	return n
}

// id is a record's key in its source.
func (p *people) id(source, i int) string {
	switch source {
	case sourcePOS:
		return fmt.Sprintf("M%08d", 10_000_000+i)
	case sourceShopify:
		return fmt.Sprint(shopCustomerID(i))
	case sourceTmall:
		return fmt.Sprintf("tb%d_%02d", 10_000+i*7, hash(p.seed, "nick", i, 0)%100)
	}
	return fmt.Sprint(i + 1)
}

func shopCustomerID(i int) int64 { return 7_000_000_000_000 + int64(i)*32_771 }

var (
	families = [...]struct{ zh, latin string }{{"王", "wang"}, {"李", "li"}, {"张", "zhang"}, {"刘", "liu"}, {"陈", "chen"}, {"杨", "yang"}, {"赵", "zhao"}, {"黄", "huang"}, {"周", "zhou"}, {"吴", "wu"}}
	givens   = [...]struct{ zh, latin string }{{"伟", "wei"}, {"芳", "fang"}, {"娜", "na"}, {"敏", "min"}, {"静", "jing"}, {"强", "qiang"}, {"磊", "lei"}, {"洋", "yang"}, {"艳", "yan"}, {"勇", "yong"}, {"杰", "jie"}, {"娟", "juan"}}
)

func nameOf(person int32) (zh, family, given string) {
	f, g := families[int(person)%len(families)], givens[int(person)/len(families)%len(givens)]
	return f.zh + g.zh, f.latin, g.latin
}

// phoneOf is unique for each person: 7,919 has no common factor with the range.
func phoneOf(person int32) string {
	return fmt.Sprintf("1%d%08d", 30+person%10, (int64(person)*7_919+123_457)%100_000_000)
}

func emailOf(person int32) string {
	_, family, given := nameOf(person)
	return fmt.Sprintf("%s.%s%d@example.com", given, family, person)
}

// shopPhone is what lazy clerks enter.
const shopPhone = "400-800-1234"

// phone spells the record's phone the way its source has it; empty when it has none.
func (c record) phone() string {
	p := phoneOf(c.person)
	switch c.phoneStyle {
	case phonePlain:
		return p
	case phonePlus86:
		return "+86 " + p
	case phoneSpaced:
		return p[:3] + " " + p[3:7] + " " + p[7:]
	case phoneDashed:
		return "86-" + p
	case phoneMasked:
		return p[:3] + "****" + p[7:]
	case phoneShop:
		return shopPhone
	}
	return ""
}

// email spells the record's e-mail; online shops keep the customer's capitals.
func (c record) email(source int) string {
	if !c.hasEmail {
		return ""
	}
	e := emailOf(c.person)
	if source != sourcePOS && c.person%3 == 0 {
		return strings.ToUpper(e[:1]) + e[1:len(e)-11] + "Example.COM"
	}
	return e
}

// keys are the exact keys that the record shows, after normalising.
func (p *people) keys(c record) (keys []string) {
	if c.phoneStyle != phoneNone && c.phoneStyle != phoneMasked && c.phoneStyle != phoneShop {
		keys = append(keys, "phone")
	}
	if c.hasEmail {
		keys = append(keys, "email")
	}
	if c.hasMember {
		keys = append(keys, "member")
	}
	return keys
}
