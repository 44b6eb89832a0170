package world

// customers works out who is whom: with everything known, and by the exact keys that the records show.
func (t *tally) customers() (c Customers, people []Person) {
	held := map[int32][]where{}
	for source, n := range t.known {
		c.Records += n
		for i := range n {
			r := t.s.people.records[source][i]
			held[r.person] = append(held[r.person], where{source, i})
			if r.phoneStyle == phoneShop {
				c.SharedShopPhone++
			}
		}
	}
	c.People = len(held)
	for person := range t.s.o.Customers {
		records := held[int32(person)]
		groups := t.link(records)
		c.Clusters += len(groups)
		var store, online bool
		for _, g := range groups {
			var s, o bool
			for _, w := range g {
				sales := t.bought[w.source][w.at]
				c.OrdersByCluster += int64(sales)
				s, o = s || sales > 0 && w.source == sourcePOS, o || sales > 0 && w.source != sourcePOS
			}
			if s || o {
				c.BuyersLinked++
			}
			if s && o {
				c.CrossLinked++
			}
			store, online = store || s, online || o
		}
		if store && online {
			c.CrossPeople++
		}
		if len(records) > 1 {
			people = append(people, t.person(records, len(groups) == 1))
		}
	}
	return c, people
}

// where is a record: its source and position.
type where struct{ source, at int }

// link groups a person's records by common keys; people never share a key that is evidence.
func (t *tally) link(records []where) (groups [][]where) {
	var keys []map[string]bool
	for _, w := range records {
		own := map[string]bool{}
		for _, k := range t.s.people.keys(t.s.people.records[w.source][w.at]) {
			own[k] = true
		}
		group := []where{w}
		var kept [][]where
		var keptKeys []map[string]bool
		for i, g := range groups {
			if !overlap(own, keys[i]) {
				kept, keptKeys = append(kept, g), append(keptKeys, keys[i])
				continue
			}
			group = append(group, g...)
			for k := range keys[i] {
				own[k] = true
			}
		}
		groups, keys = append(kept, group), append(keptKeys, own)
	}
	return groups
}

func overlap(a, b map[string]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

func (t *tally) person(records []where, linked bool) Person {
	p := Person{Linked: linked}
	for _, w := range records {
		p.Records = append(p.Records, Record{Source: sourceNames[w.source], ID: t.s.people.id(w.source, w.at), Keys: t.s.people.keys(t.s.people.records[w.source][w.at])})
	}
	return p
}
