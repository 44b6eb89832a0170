package identity

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestGroupNamesTheEarliestMember(t *testing.T) {
	links := Group([]Edge{
		{"b", "2026-01-02", "phone", "1"}, {"a", "2026-01-05", "phone", "1"}, {"a", "2026-01-05", "email", "x"},
		{"c", "", "email", "x"}, {"d", "2026-01-01", "", ""}, {"e", "2026-01-01", "phone", ""}, {"f", "2026-01-01", "email", "1"},
	})
	want := []Link{{"a", "b", "email,phone"}, {"b", "b", "phone"}, {"c", "b", "email"}, {"d", "d", "self"}, {"e", "e", "self"}, {"f", "f", "self"}}
	if !reflect.DeepEqual(links, want) {
		t.Errorf("got  %v\nwant %v", links, want)
	}
}

func TestGroupDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Edge {
			record := rapid.IntRange(0, 12).Draw(t, "record")
			return Edge{Record: fmt.Sprint(record), Registered: fmt.Sprintf("2026-01-%02d", record%3+1),
				KeyType: rapid.SampledFrom([]string{"", "phone", "email"}).Draw(t, "type"), KeyValue: fmt.Sprint(rapid.IntRange(0, 8).Draw(t, "value"))}
		}), 0, 30).Draw(t, "edges")
		shuffled := rapid.Permutation(edges).Draw(t, "shuffled")
		if a, b := Group(edges), Group(shuffled); !reflect.DeepEqual(a, b) {
			t.Fatalf("%v\n%v", a, b)
		}
	})
}
