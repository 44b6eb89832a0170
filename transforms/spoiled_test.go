package transforms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// everyShape are single models that see staged rows, one per way of building and of seeing.
func everyShape() map[string]fstest.MapFS {
	one := func(header, from string) fstest.MapFS {
		return fstest.MapFS{"marts/x/one.sql": {Data: []byte("/*\nabout: A test.\n" + header + "\n*/\n" + from + "\n")}}
	}
	plain := `SELECT order_id, total_amount, business_date FROM {{ref "staged.order"}} WHERE business_date IS NOT NULL ORDER BY order_id NULLS LAST`
	month := "kind: partition\npartition: month(business_date)\ngrain: [order_id]\n"
	return map[string]fstest.MapFS{
		"full":             one("kind: full\ngrain: [order_id]\ninputs: {staged.order: all}", plain),
		"month by month":   one(month+"inputs: {staged.order: same}", plain),
		"cut at the end":   one(month+"inputs: {staged.order: all}", plain),
		"bucket by bucket": one("kind: key\npartition: bucket(order_id, 1)\ngrain: [order_id]\ninputs: {staged.order: key(order_id)}", plain),
		"chained": one("kind: partition\npartition: month(business_date)\ngrain: [order_id]\ninputs: {staged.order: same, x.one: previous}\ncolumns:\n  order_id: {type: VARCHAR, about: key}\n  before_qty: {type: BIGINT, about: rows of the month before}\n  business_date: {type: DATE, about: day}",
			`WITH before AS (SELECT count(*) AS before_qty FROM {{ref "x.one"}}), staged AS (SELECT * FROM {{ref "staged.order"}}) SELECT staged.order_id, before.before_qty, staged.business_date FROM staged CROSS JOIN before ORDER BY order_id NULLS LAST`),
	}
}

// A staged object that is gone, or that is not what its entry says, stops the build of whatever model reads it, in whatever way; no
// release is made of the rest, and with the object back the tables come out.
func TestNoTableIsMadeOfSpoiledObjects(t *testing.T) {
	for name, tree := range everyShape() {
		for _, splitRows := range []int64{0, 1} {
			for what, garbage := range map[string]string{"gone": "", "no rows": strings.Repeat("no parquet ", 20)} {
				t.Run(fmt.Sprintf("%s, %s, %d", name, what, splitRows), func(t *testing.T) {
					s := newShop(t, 1, tree)
					s.opt.splitRows = splitRows
					s.deliver("a", "b1", january())
					before, _ := s.publish()
					sound := s.spoil(garbage)
					s.opt.Cache = objstore.NewCache(s.lake.Bucket, t.TempDir(), 0) // else what is gone would be found there
					if _, err := Build(t.Context(), s.opt); err == nil || garbage == "" && fault.KindOf(err) != fault.Damaged {
						t.Errorf("%s %v", fault.KindOf(err), err)
					}
					if now, _, err := release.Latest(t.Context(), s.lake); err != nil || now.Seq != before.Seq {
						t.Errorf("release %d, before %d: %v", now.Seq, before.Seq, err)
					}
					if garbage != "" {
						return
					}
					s.keep(sound.key, sound.data)
					if r, _ := s.publish(); r.Seq != before.Seq+1 {
						t.Errorf("release %d after %d", r.Seq, before.Seq)
					}
				})
			}
		}
	}
}

type kept struct{ key, data string }

// spoil delivers a batch and takes its rows away, or lets another entry name garbage as its rows. It gives what was taken away.
func (s *shop) spoil(garbage string) (sound kept) {
	s.t.Helper()
	s.deliver("z", "b2", []order{{"p1", "S1", "c1", "1.00", "2026-01-07", 0}, {"p2", "S1", "c1", "1.00", "2026-02-07", 0}})
	batches, err := s.lake.Batches(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	e := batches[len(batches)-1].Batch
	o := &e.Staged[0].Object
	data, err := objstore.ReadAll(s.t.Context(), s.lake.Bucket, o.Key, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	if garbage == "" {
		if err := s.lake.Bucket.Delete(s.t.Context(), o.Key); err != nil {
			s.t.Fatal(err)
		}
		return kept{o.Key, string(data)}
	}
	sum := sha256.Sum256([]byte(garbage))
	e.ID, o.Key, o.SHA256, o.Bytes = "b3", o.Key+"-other", hex.EncodeToString(sum[:]), int64(len(garbage))
	s.keep(o.Key, garbage)
	if _, err := s.lake.StreamLog("till", "z").Append(s.t.Context(), 2, lake.KindBatch, e); err != nil {
		s.t.Fatal(err)
	}
	return kept{}
}

func (s *shop) keep(key, data string) {
	s.t.Helper()
	if _, err := s.lake.Bucket.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte(data)), objstore.PutOptions{}); err != nil {
		s.t.Fatal(err)
	}
}
