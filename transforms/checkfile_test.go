package transforms

import (
	"fmt"
	"reflect"
	"testing"
	"testing/fstest"
)

// TestPartitionedCheckIsIncremental delivers months one after another and all at once: a check that looks at each month on its
// own must say the same of both, whether it passed before, failed before, or a month was mended.
func TestPartitionedCheckIsIncremental(t *testing.T) {
	tree := fstest.MapFS{
		"staging/x/plain.sql": {Data: []byte("/*\nabout: Takings.\nkind: partition\npartition: month(business_date)\ngrain: [order_id]\ninputs: {staged.order: same}\nchecks: [lonely]\n*/\n" +
			"SELECT order_id, location_id, total_amount, business_date FROM {{ref \"staged.order\"}} ORDER BY order_id")},
		"checks/x/lonely.sql": {Data: []byte("/*\nabout: A month has two orders or more.\nseverity: warn\nkind: partition\npartition: month(business_date)\ninputs: {plain: same}\n*/\n" +
			"SELECT min(order_id) AS order_id, count(*) AS order_qty FROM {{ref \"plain\"}} HAVING count(*) = 1")},
	}
	one := func(id, day string) order { return order{id, "S1", "c", "1.00", day, 0} }
	steps := [][]order{
		{one("o1", "2026-01-05"), one("o2", "2026-01-06")},
		{one("o3", "2026-02-05")},
		{one("o4", "2026-03-05"), one("o5", "2026-04-05"), one("o6", "2026-05-05"), one("o7", "2026-06-05")},
		{one("o8", "2026-02-06"), one("o9", "2026-04-06")},
	}
	rows := []int64{0, 1, 5, 3}
	s := newShop(t, 2, tree)
	for i := range steps {
		s.deliver("a", fmt.Sprint("b", i), steps[i])
		got, _ := s.publish()
		whole := newShop(t, 2, tree)
		for j := range i + 1 {
			whole.deliver("a", fmt.Sprint("b", j), steps[j])
		}
		want, _ := whole.publish()
		if !reflect.DeepEqual(got.Checks, want.Checks) || got.Checks[0].Rows != rows[i] || (got.Checks[0].Status == passed) != (rows[i] == 0) {
			t.Errorf("step %d: one after another %+v, at once %+v, want %d rows", i, got.Checks, want.Checks, rows[i])
		}
	}
}

func TestPassedPartitionsAreNotLookedAtAgain(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	s.publish()
	b, err := newBuild(t.Context(), s.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close(t.Context())
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := &Model{Name: "check.x.y", Part: Partitioning{Unit: "month", Column: "business_date"}, Inputs: []Input{{Name: "stg_order", Kind: Same}}}
	b.manifests["stg_order"] = b.before["stg_order"]
	if !b.seenBefore(check, "2026-01") {
		t.Error("a month that nothing changed is looked at again")
	}
	changed := b.before["stg_order"]
	changed.Partitions = append(changed.Partitions[:0:0], changed.Partitions...)
	for i, p := range changed.Partitions {
		if p.Name == "2026-01" {
			changed.Partitions[i].Files = append(p.Files[:0:0], p.Files...)
			changed.Partitions[i].Files[0].SHA256 = "other"
		}
	}
	b.manifests["stg_order"] = changed
	if b.seenBefore(check, "2026-01") || !b.seenBefore(check, "2026-02") {
		t.Error("a changed month is passed over, or an unchanged one is not")
	}
}
