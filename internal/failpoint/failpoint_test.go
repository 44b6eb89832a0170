package failpoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAnArmedPointActsAtItsHit(t *testing.T) {
	t.Cleanup(Disarm)
	record := filepath.Join(t.TempDir(), "hits")
	if err := Arm("a.b=error@2; c=sleep:30ms;record=" + record); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false} {
		if got := Fail("a", "b") != nil; got != want {
			t.Errorf("hit %d fails: %v, want %v", i+1, got, want)
		}
	}
	began := time.Now()
	Hit("c")
	if waited := time.Since(began); waited < 30*time.Millisecond {
		t.Errorf("slept %s", waited)
	}
	hits, err := os.ReadFile(record)
	if err != nil || string(hits) != "a.b\na.b\na.b\nc\n" {
		t.Errorf("recorded %q, %v", hits, err)
	}
}

func TestEveryPointCountsForTheStar(t *testing.T) {
	t.Cleanup(Disarm)
	if err := Arm("*=error@3"); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "b", "c", "d"} {
		if got := Fail(name) != nil; got != (i == 2) {
			t.Errorf("hit %d of %s fails: %v", i+1, name, got)
		}
	}
}

func TestArmRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Cleanup(Disarm)
	for _, text := range []string{"a", "=kill", "a=explode", "a=kill@0", "a=kill@x", "a=sleep:soon", "record=/no/such/folder/x"} {
		if Arm(text) == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	if Fail("a") != nil {
		t.Error("a refused text armed something")
	}
}

func TestAPointThatIsOffAllocatesNothing(t *testing.T) {
	model := "sales.order"
	if n := testing.AllocsPerRun(100, func() { Hit("transform", model, "start") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOff(b *testing.B) {
	model := "sales.order"
	for b.Loop() {
		Hit("transform", model, "start")
	}
}
