// Package identity groups records that share an exact key, such as a verified phone number, into customers.
//
// The result depends on the set of records and keys alone, never on their order: a group is named after its canonical
// member, the one registered first, ties broken by record id.
package identity

import (
	"cmp"
	"slices"
	"strings"
)

// Edge says that a record carries a key. A record without keys has one edge whose KeyType is empty.
type Edge struct {
	Record     string
	Registered string // sortable text such as 2026-01-02 15:04:05; empty sorts last
	KeyType    string
	KeyValue   string
}

// Link puts a record into a group.
type Link struct {
	Record   string
	Customer string // record id of the canonical member
	Evidence string // key types that tie the record to others, comma-separated in name order; Alone when there is none
}

// Alone is the evidence of a record that shares no key with another.
const Alone = "self"

// Group links all records, in record order. Records that share a key of one type and value are one customer, also
// through others.
func Group(edges []Edge) []Link {
	index := map[string]int{}
	var records []Edge // one per record, with its earliest registration
	for _, e := range edges {
		i, ok := index[e.Record]
		if !ok {
			index[e.Record] = len(records)
			records = append(records, Edge{Record: e.Record, Registered: e.Registered})
			continue
		}
		if earlier(e.Registered, records[i].Registered) {
			records[i].Registered = e.Registered
		}
	}
	groups := newForest(len(records))
	type key struct{ kind, value string }
	holder := map[key]int{}
	shared := map[key]bool{}
	for _, e := range edges {
		if e.KeyType == "" || e.KeyValue == "" {
			continue
		}
		k, i := key{e.KeyType, e.KeyValue}, index[e.Record]
		first, taken := holder[k]
		if !taken {
			holder[k] = i
		} else if first != i {
			shared[k] = true
			groups.union(first, i)
		}
	}
	evidence := make([][]string, len(records))
	for _, e := range edges {
		if i := index[e.Record]; shared[key{e.KeyType, e.KeyValue}] && !slices.Contains(evidence[i], e.KeyType) {
			evidence[i] = append(evidence[i], e.KeyType)
		}
	}
	return link(records, groups, evidence)
}

// link names every group after its canonical member.
func link(records []Edge, groups *forest, evidence [][]string) []Link {
	canonical := make([]int, len(records))
	for i := range canonical {
		canonical[i] = -1
	}
	for i := range records {
		root := groups.find(i)
		if best := canonical[root]; best < 0 || before(records[i], records[best]) {
			canonical[root] = i
		}
	}
	links := make([]Link, len(records))
	for i, r := range records {
		slices.Sort(evidence[i])
		links[i] = Link{Record: r.Record, Customer: records[canonical[groups.find(i)]].Record, Evidence: cmp.Or(strings.Join(evidence[i], ","), Alone)}
	}
	slices.SortFunc(links, func(a, b Link) int { return strings.Compare(a.Record, b.Record) })
	return links
}

// before orders records by registration, unknown last, then by id.
func before(a, b Edge) bool {
	if a.Registered != b.Registered {
		return earlier(a.Registered, b.Registered)
	}
	return a.Record < b.Record
}

func earlier(a, b string) bool {
	return a != "" && (b == "" || a < b)
}

// forest is a union-find with path halving and union by size.
type forest struct {
	parent []int
	size   []int
}

func newForest(n int) *forest {
	f := &forest{parent: make([]int, n), size: make([]int, n)}
	for i := range n {
		f.parent[i], f.size[i] = i, 1
	}
	return f
}

func (f *forest) find(i int) int {
	for f.parent[i] != i {
		f.parent[i] = f.parent[f.parent[i]]
		i = f.parent[i]
	}
	return i
}

func (f *forest) union(a, b int) {
	a, b = f.find(a), f.find(b)
	if a == b {
		return
	}
	if f.size[a] < f.size[b] {
		a, b = b, a
	}
	f.parent[b] = a
	f.size[a] += f.size[b]
}
