package report

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

func mustArchive(t *testing.T, b objstore.Bucket, src Source) Archived {
	t.Helper()
	a, err := Archive(context.Background(), b, src, week())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSameContentMakesNoNewVersion(t *testing.T) {
	b := mem.New()
	first := mustArchive(t, b, madeWeek())
	if !first.Created || first.Manifest.Version != 1 || len(first.Manifest.Files) != 3 {
		t.Fatalf("first: %+v", first)
	}
	later := madeWeek()
	later.facts.Release, later.facts.DataAsOf = 18, "2026-04-09 02:15"
	if again := mustArchive(t, b, later); again.Created || again.Manifest.Version != 1 || again.Manifest.Release != 17 {
		t.Errorf("same content again: %+v", again)
	}
	late := madeWeek()
	late.tables["joint_meeting.bridge"][0]["order_qty"] = "9651"
	second := mustArchive(t, b, late)
	if !second.Created || second.Manifest.Version != 2 || second.Manifest.ContentHash == first.Manifest.ContentHash {
		t.Errorf("late data: %+v", second)
	}
	page, err := Read(context.Background(), b, second.Manifest.Files[0])
	if err != nil || !strings.Contains(string(page), "v2") {
		t.Errorf("version 2 cannot be read back: %v", err)
	}
	if kept, err := Versions(context.Background(), b, JointMeeting, "2026-W13"); err != nil || len(kept) != 2 {
		t.Errorf("versions: %d, %v", len(kept), err)
	}
}

func TestLeftoversOfACrashAreStepped(t *testing.T) {
	b := mem.New()
	key := lake.ReportKey("joint-meeting", "2026-W13", 1, "document.html")
	if _, err := b.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte("half")), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if a := mustArchive(t, b, madeWeek()); !a.Created || a.Manifest.Version != 2 {
		t.Errorf("after a crash: %+v", a)
	}
}

func TestManyWritersMakeOneVersion(t *testing.T) {
	b := mem.New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := Archive(context.Background(), b, madeWeek(), week()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if kept, err := Versions(context.Background(), b, JointMeeting, "2026-W13"); err != nil || len(kept) != 1 {
		t.Errorf("%d versions of one content, %v", len(kept), err)
	}
}

func TestDamagedArchiveIsNamed(t *testing.T) {
	b := mem.New()
	a := mustArchive(t, b, madeWeek())
	f := a.Manifest.Files[0]
	if err := b.Delete(context.Background(), f.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutIfAbsent(context.Background(), f.Key, objstore.Bytes([]byte("other")), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), b, f); fault.KindOf(err) != fault.Damaged {
		t.Errorf("damage is not told: %v", err)
	}
}
