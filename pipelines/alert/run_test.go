package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omoflow/omoflow/internal/delivery"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/notify/channel"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// ear is a channel that keeps what it hears.
type ear struct {
	to     []string
	answer error

	mutex sync.Mutex
	heard []notify.Message
}

func (e *ear) Recipients() []string { return e.to }
func (e *ear) Idempotent() bool     { return false }
func (e *ear) Limit() notify.Limit  { return notify.Limit{} }

func (e *ear) Send(_ context.Context, _ string, m notify.Message) (notify.Receipt, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.answer == nil {
		e.heard = append(e.heard, m)
	}
	return notify.Receipt{}, e.answer
}

func (e *ear) titles() string {
	var all []string
	for _, m := range e.heard {
		all = append(all, m.Title)
	}
	e.heard = nil
	return strings.Join(all, " | ")
}

// set makes a keeper whose channels are ears.
func set(t *testing.T, b objstore.Bucket, ears map[string]*ear, c Config) *Keeper {
	t.Helper()
	c.Channels = map[string]channel.Config{}
	for name := range ears {
		c.Channels[name] = channel.Config{Kind: "webhook", URL: "https://x.example/"}
	}
	if c.Language == "" {
		c.Language = english
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(c, Options{Path: "omoflow.yaml", Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range ears {
		if e.to == nil {
			e.to = []string{"group"}
		}
		p.channels[name] = e
	}
	return &Keeper{Plan: p, Bucket: b, Writer: "test"}
}

func disk(free ...uint64) Facts {
	f := Facts{At: time.Now()}
	for i, n := range free {
		f.Disks = append(f.Disks, Space{Name: fmt.Sprintf("disk%d", i), Free: n, Total: 100})
	}
	return f
}

func once(t *testing.T, k *Keeper, f Facts) Run {
	t.Helper()
	f.At = time.Now()
	run, err := k.Once(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestAProblemIsToldWhenItBeginsLastsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{to: []string{"wang@x.example", "li@x.example"}}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{})
		once(t, k, disk(50))
		once(t, k, disk(5))
		if len(e.heard) != 2 || e.heard[0].Level != notify.Critical || !strings.HasPrefix(e.heard[0].Title, "[critical] the disk of disk0 has only") {
			t.Fatalf("%+v", e.heard)
		}
		if e.heard[0].Key == e.heard[1].Key {
			t.Error("two recipients share a key")
		}
		text := e.heard[0].Text()
		for _, part := range []string{"new · critical · disk0", "since 2000-01-01", "next: make room"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in:\n%s", part, text)
			}
		}
		e.titles()
		for range 90 {
			time.Sleep(15 * time.Minute)
			once(t, k, disk(5))
		}
		if got := e.titles(); got != "" {
			t.Errorf("within a day: %q", got)
		}
		for range 8 {
			time.Sleep(15 * time.Minute)
			once(t, k, disk(4))
		}
		if got := e.titles(); strings.Count(got, "has only") != 2 {
			t.Errorf("after a day: %q", got)
		}
		run := once(t, k, disk(50))
		if got := e.titles(); got != "[recovered] disk0 is well again | [recovered] disk0 is well again" || len(run.Firing) != 0 {
			t.Errorf("%q, %+v", got, run)
		}
		state, seq, err := k.State(t.Context())
		if err != nil || len(state.Alerts) != 0 || seq != 3 {
			t.Errorf("%+v at %d, %v: three messages are three entries", state, seq, err)
		}
	})
}

func TestRoutesChooseAndGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := false
		loud, calm, mute := &ear{}, &ear{}, &ear{}
		k := set(t, mem.New(), map[string]*ear{"loud": loud, "calm": calm, "mute": mute}, Config{Routes: []Route{
			{Name: "critical", Channels: []string{"loud"}, Severity: notify.Critical, OnRecover: &no, Renotify: "1h"},
			{Name: "grouped", Channels: []string{"calm"}, Group: "1h", Renotify: "never", Only: []string{"disk*"}},
			{Name: "ends", Channels: []string{"mute"}, OnFail: &no},
		}})
		f := disk(5, 5)
		f.Checks = []Check{{Name: "a", Rows: 1}}
		once(t, k, f)
		if got := calm.titles(); got != "[critical] 2 new" {
			t.Errorf("grouped: %q", got)
		}
		time.Sleep(30 * time.Minute)
		once(t, k, disk(5, 50, 5))
		if got := calm.titles(); got != "" {
			t.Errorf("within the group's time: %q", got)
		}
		time.Sleep(31 * time.Minute)
		once(t, k, disk(5, 50, 5))
		if got := calm.titles(); got != "[critical] 1 new, 1 recovered" {
			t.Errorf("after the group's time: %q", got)
		}
		if got := loud.titles(); got != "[critical] 2 new | [critical] the disk of disk2 has only 0.0 GiB left (5.0%) | [critical] the disk of disk0 has only 0.0 GiB left (5.0%)" {
			t.Errorf("critical: %q", got)
		}
		if got := mute.titles(); got != "" {
			t.Errorf("told of an end without a beginning: %q", got)
		}
	})
}

func TestWhatHappensInQuietHoursIsToldAfterwardsIfItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{
			Rules:  []Rule{{Name: "disk", Severity: notify.Warning}},
			Routes: []Route{{Name: "r", Channels: []string{"ops"}, Quiet: &Quiet{From: "07:00", To: "10:00"}}}, // the bubble begins at 08:00 in Shanghai
		})
		once(t, k, disk(5, 5))
		time.Sleep(time.Hour)
		once(t, k, disk(50, 5))
		f := disk(50, 5)
		f.Jobs = []Job{{Name: "release", Outcome: "failed", Tick: time.Now()}}
		once(t, k, f)
		if got := e.titles(); !strings.Contains(got, "job release failed") || strings.Contains(got, "|") {
			t.Errorf("in quiet hours: %q", got)
		}
		time.Sleep(90 * time.Minute)
		once(t, k, f)
		if got := e.titles(); got != "[warning] the disk of disk1 has only 0.0 GiB left (5.0%)" {
			t.Errorf("afterwards: %q", got)
		}
	})
}

func TestWhatIsNotKnownNeitherBeginsNorEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{})
		f := disk(5)
		f.Jobs = []Job{{Name: "release", Outcome: "failed"}}
		once(t, k, f)
		e.titles()
		time.Sleep(time.Hour)
		run := once(t, k, Facts{Unknown: map[string]string{Disk: "statfs failed"}, Jobs: []Job{{Name: "release", Outcome: "skipped"}}})
		if got := e.titles(); got != "" || len(run.Firing) != 2 {
			t.Errorf("%q, %d fire", got, len(run.Firing))
		}
		time.Sleep(time.Hour)
		once(t, k, Facts{Jobs: []Job{{Name: "release", Outcome: "done"}}})
		if got := e.titles(); got != "[recovered] 2 recovered" {
			t.Errorf("%q", got)
		}
	})
}

func TestAnUndeliveredMessageIsAnAlertOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &ear{answer: &notify.Error{Outcome: notify.Unknown, Err: fault.New(fault.Unknown, "x", "", "", "dropped")}}
		works := &ear{}
		k := set(t, mem.New(), map[string]*ear{"broken": broken, "works": works}, Config{})
		once(t, k, disk(5))
		time.Sleep(15 * time.Minute)
		run := once(t, k, disk(5))
		if got := works.titles(); !strings.Contains(got, "channel broken: 0 messages were not delivered, of 1 it is not known") {
			t.Errorf("%q", got)
		}
		if len(run.Firing) != 2 {
			t.Errorf("%+v", run.Firing)
		}
		for range 8 {
			time.Sleep(15 * time.Minute)
			once(t, k, disk(5))
		}
		if got := works.titles(); got != "" {
			t.Errorf("it goes round: %q", got)
		}
	})
}

func TestARefusedMessageIsTriedAgainUntilTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{answer: &notify.Error{Outcome: notify.Again, Err: fault.New(fault.Unavailable, "x", "", "", "busy")}}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{})
		if run := once(t, k, disk(5)); run.Undone != 1 || run.Deliveries[0].Status != delivery.Again {
			t.Fatalf("%+v", run)
		}
		e.answer = nil
		time.Sleep(15 * time.Minute)
		if run := once(t, k, disk(5)); run.Undone != 0 || len(e.heard) != 1 {
			t.Errorf("%+v", run)
		}
	})
}

func TestATestMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{Language: both})
		for range 2 {
			if all, err := k.Test(t.Context(), "ops"); err != nil || len(all) != 1 || all[0].Status != delivery.Sent {
				t.Errorf("%+v, %v", all, err)
			}
			time.Sleep(time.Second)
		}
		if got := e.titles(); got != "【测试】omoflow 告警通道 ops / [test] omoflow alert channel ops | 【测试】omoflow 告警通道 ops / [test] omoflow alert channel ops" {
			t.Errorf("%q", got)
		}
	})
}

func TestAMessageSaysEverythingInBothLanguages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{Language: both})
		f := disk(5)
		f.Jobs = []Job{{Name: "release", Outcome: "failed", Tick: time.Now(), Attempt: 3, Why: "out of\nmemory"}}
		once(t, k, f)
		m := e.heard[0]
		if m.Title != "【严重】2 个新问题 / [critical] 2 new" {
			t.Errorf("%q", m.Title)
		}
		for _, part := range []string{"新问题 · 严重 / new · critical · release", "任务 release 第 3 次尝试后失败：out of memory", "job release failed at attempt 3", "下一步：", "next: ", "自 2000-01-01", "只剩 0.0 GiB"} {
			if !strings.Contains(m.Text(), part) {
				t.Errorf("%q is not in:\n%s", part, m.Text())
			}
		}
		encoded, err := json.Marshal(m.Data)
		if err != nil || !strings.Contains(string(encoded), `"event":"fires"`) || !strings.Contains(string(encoded), `"zh-CN":"磁盘`) {
			t.Errorf("%s, %v", encoded, err)
		}
	})
}

// Processes that evaluate at the same time, and crash between the steps, tell every problem once.
func TestProofRacingEvaluationsTellOnce(t *testing.T) {
	rounds, told, first, seeds := 0, 0, uint64(0), uint64(20)
	if os.Getenv("OMOFLOW_PROOF") != "" {
		seeds = 60
	}
	if n, err := strconv.ParseUint(os.Getenv("OMOFLOW_PROOF_SEEDS"), 10, 32); err == nil {
		seeds = n
	}
	if k, err := strconv.ParseUint(os.Getenv("OMOFLOW_SEED"), 10, 32); err == nil {
		first, seeds = k, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			bucket, e := mem.New(), &ear{}
			was, begun := map[int]bool{}, 0
			for range 12 {
				free := []uint64{50, 50, 50}
				for i := range free {
					fires := random.IntN(2) == 0
					if fires {
						free[i] = 5
					}
					if fires && !was[i] {
						begun++
					}
					was[i] = fires
				}
				var all sync.WaitGroup
				for range 3 {
					left := -1
					if random.IntN(3) == 0 {
						left = random.IntN(4)
					}
					k := set(t, &lossy{Bucket: bucket, left: left}, map[string]*ear{"ops": e}, Config{Routes: []Route{{Name: "r", Channels: []string{"ops"}, Renotify: "never", Group: "0s"}}})
					all.Go(func() { _, _ = k.Once(t.Context(), Facts{At: time.Now(), Disks: disk(free...).Disks}) }) // some crash
				}
				all.Wait()
				time.Sleep(20 * time.Minute)
				k := set(t, bucket, map[string]*ear{"ops": e}, Config{Routes: []Route{{Name: "r", Channels: []string{"ops"}, Renotify: "never", Group: "0s"}}})
				once(t, k, disk(free...))
				rounds++
			}
			fired := 0
			for _, m := range e.heard {
				for _, item := range m.Data.(data).Alerts {
					if item.Event == Fires && item.Kind == Disk {
						fired++
					}
				}
			}
			state, _, err := set(t, bucket, map[string]*ear{"ops": e}, Config{}).State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if fired != begun {
				t.Errorf("replay with OMOFLOW_SEED=%d: %d problems began, %d were told; %d alerts left", seed, begun, fired, len(state.Alerts))
			}
			told += fired
		})
	}
	fmt.Printf("proof: racing evaluations tell a problem once: %d rounds of 3 processes with crashes, %d problems told, 0 twice, 0 forgotten\n", rounds, told)
}

// lossy fails for good after some creations: a process that loses the store.
type lossy struct {
	objstore.Bucket
	mutex sync.Mutex
	left  int
}

func (l *lossy) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.left == 0 {
		return objstore.Info{}, fault.New(fault.Unavailable, "gone", key, "", "the store is gone")
	}
	l.left--
	return l.Bucket.PutIfAbsent(ctx, key, body, opt)
}

func TestACountIsRemindedOfOnceAndItsAbsenceTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		k := set(t, mem.New(), map[string]*ear{"ops": e}, Config{})
		due := func(overdue int64) Facts {
			return Facts{Counts: []Count{{Location: "S01", Last: "1999-11-01", Due: "2000-01-08", Overdue: overdue}}}
		}
		once(t, k, Facts{})
		for day := int64(-7); day <= 40; day++ {
			once(t, k, due(day))
			once(t, k, due(day))
			want := ""
			switch day {
			case -7:
				want = "[info] S01 has to count its stock by 2000-01-08: all goods (last counted on 1999-11-01)"
			case 1:
				want = "[warning] S01 has not counted its stock, which was due by 2000-01-08: all goods (last counted on 1999-11-01)"
			}
			if got := e.titles(); got != want {
				t.Errorf("day %d: %q, want %q", day, got, want)
			}
			time.Sleep(24 * time.Hour)
		}
		if run := once(t, k, Facts{}); len(run.Firing) != 0 {
			t.Errorf("counted, and still %+v", run.Firing)
		}
		if got := e.titles(); got != "[recovered] 2 recovered" {
			t.Errorf("counted: %q", got)
		}
	})
}
