package ledger

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omoflow/omoflow/schedules"
)

type totals struct {
	jobDays, ticks, kills, stops, jumps, outages, pauses int
	outcomes                                             map[string]int
}

// judge compares a job's ledger with what the wall clock says was due, and with what was really done.
func (s *simulation) judge(j *schedules.Job, oracle func(wall, before time.Time) bool, sum *totals) {
	l := Open(s.store, "judge", time.Now)
	state, seen, err := l.State(context.Background(), j.Name)
	if err != nil || !seen {
		s.fail("%s: no state, %v", j.Name, err)
	}
	pauses, err := l.paused(context.Background(), j.Name)
	if err != nil {
		s.fail("%v", err)
	}
	outcome := map[time.Time]Ended{}
	ticks := s.due(j, oracle, state)
	err = l.History(context.Background(), j.Name, func(_ string, _ time.Time, r Record) error {
		for _, e := range r.Ended {
			n := 0
			for _, tick := range ticks {
				if tick.Before(e.From) || tick.After(e.To) {
					continue
				}
				if other, twice := outcome[tick]; twice {
					s.fail("%s: tick %s is %s and %s", j.Name, tick, other.Outcome, e.Outcome)
				}
				outcome[tick] = e
				n++
			}
			if n != e.Count {
				s.fail("%s: %s accounts for %d ticks from %s to %s, the wall clock has %d", j.Name, e.Outcome, e.Count, e.From, e.To, n)
			}
		}
		return nil
	})
	if err != nil {
		s.fail("%v", err)
	}
	for _, t := range state.Open {
		if _, twice := outcome[t.At]; twice || t.Worker != "" {
			s.fail("%s: tick %s is open and ended, or still held: %+v", j.Name, t.At, t)
		}
		outcome[t.At] = Ended{Outcome: "open"}
	}
	for _, tick := range ticks {
		e, ok := outcome[tick]
		if !ok {
			s.fail("%s: tick %s is not accounted for", j.Name, tick)
		}
		s.lawful(j, tick, e, pauses)
		sum.outcomes[e.Outcome]++
		sum.ticks++
	}
	for tick := range s.called[j.Name] {
		if _, ok := outcome[tick]; !ok {
			s.fail("%s ran at %s, which is no tick", j.Name, tick)
		}
	}
}

// due lists the ticks since the job was first seen, from the wall clock alone; the last hours' may still be early or to come.
func (s *simulation) due(j *schedules.Job, oracle func(wall, before time.Time) bool, state State) (ticks []time.Time) {
	loc, err := time.LoadLocation(s.zone)
	if err != nil {
		s.fail("%v", err)
	}
	wall := func(at time.Time) time.Time {
		_, offset := at.In(loc).Zone()
		return at.Add(time.Duration(offset) * time.Second).UTC()
	}
	const step = 15 * time.Minute
	highest := time.Time{} // what the wall has shown so far: a repeated hour shows nothing new
	for at := state.Since.Truncate(step).Add(-3 * time.Hour).UTC(); !at.After(state.Upto) || at.Before(time.Now().Add(-3*time.Hour)); at = at.Add(step) {
		shown := wall(at)
		if at.After(state.Since) && oracle(shown, highest) {
			ticks = append(ticks, at)
		}
		if shown.After(highest) {
			highest = shown
		}
	}
	if n := len(ticks); n == 0 || ticks[n-1].Before(state.Upto) && time.Since(state.Upto) > 4*time.Hour || ticks[n-1].After(state.Upto) {
		s.fail("%s: the ledger is at %s, the wall clock had %d ticks", j.Name, state.Upto, n)
	}
	return ticks
}

// lawful holds an outcome against the job's policies.
func (s *simulation) lawful(j *schedules.Job, tick time.Time, e Ended, pauses []span) {
	// A clock that is an hour ahead runs a tick before a pause begins, or counts one into a pause that ends before it.
	const wrong = time.Hour
	surely, maybe := held(pauses, tick), held(pauses, tick)
	for _, p := range pauses {
		surely = surely && !tick.Before(p.from.Add(wrong))
		maybe = maybe || span{p.from, p.to.Add(wrong)}.holds(tick)
	}
	effects, called := s.effects[j.Name][tick], s.called[j.Name][tick]
	var ok bool
	switch e.Outcome {
	case Done:
		ok = effects > 0 && !surely
	case Failed:
		ok = called && (e.Attempt > j.Retries.Max || strings.Contains(e.Why, "lost")) && !surely
	case Skipped:
		ok = j.Overlap == schedules.Skip && !called
	case Replaced:
		ok = j.Overlap == schedules.Replace
	case Missed: // one that was begun and handed back may still be pushed out by newer ones
		ok = (!called || strings.Contains(e.Why, "cap allows")) && (j.CatchUp != schedules.All || j.Cap < 100)
	case Paused:
		ok = maybe && !called
	case "open": // only what waits for another job, or is new, may be left after four quiet days
		ok = len(j.After) > 0 && j.Grace == "" || time.Since(tick) < 48*time.Hour
	}
	if !ok || e.Provisional && j.Grace == "" {
		s.fail("%s: tick %s is %+v with %d effects, called %v, in a pause %v", j.Name, tick, e, effects, called, maybe)
	}
}

// TestProofSchedules runs two schedulers over months of simulated days in zones with and without clock changes; they are killed, stopped,
// switched off for days, their clocks are set wrong, and jobs are paused. Every tick that the wall clock has is then accounted for once.
func TestProofSchedules(t *testing.T) {
	seeds, days := []uint64{1}, 260
	switch os.Getenv("OMOFLOW_PROOF") {
	case "pr":
		seeds = []uint64{1, 2}
	case "long":
		n, _ := strconv.ParseUint(os.Getenv("OMOFLOW_PROOF_SEEDS"), 10, 32) // 0 when it is not set
		seeds = nil
		for k := range max(20, n) {
			seeds = append(seeds, k+1)
		}
	}
	if k, err := strconv.ParseUint(os.Getenv("OMOFLOW_SEED"), 10, 64); err == nil {
		seeds = []uint64{k}
	}
	sum := totals{outcomes: map[string]int{}}
	for _, seed := range seeds {
		for _, zone := range zones {
			synctest.Test(t, func(t *testing.T) { simulate(t, zone, seed, days, &sum) })
		}
	}
	if t.Failed() {
		return
	}
	if sum.jobDays < 10_000*len(seeds) && days >= 260 {
		t.Errorf("only %d job-days were simulated", sum.jobDays)
	}
	o := sum.outcomes
	fmt.Printf("proof: R11 a schedule fires once per logical period: %d job-days in %d zones, %d ticks = %d done + %d failed + %d missed + %d skipped + %d replaced + %d paused + %d waiting; %d kills, %d stops, %d outages, %d clock jumps, %d pauses\n",
		sum.jobDays, len(zones), sum.ticks, o[Done], o[Failed], o[Missed], o[Skipped], o[Replaced], o[Paused], o["open"], sum.kills, sum.stops, sum.outages, sum.jumps, sum.pauses)
}
