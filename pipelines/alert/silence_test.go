package alert_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/alert"
)

// TestProofSilenceIsNoticed simulates sources of every pace, looked at every quarter of an hour, of which each falls silent at some time:
// the alert comes after the silence began and within the time that the pace allows, and never before.
func TestProofSilenceIsNoticed(t *testing.T) {
	seeds, first := uint64(60), uint64(0)
	if os.Getenv("OMOFLOW_PROOF") != "" {
		seeds = 300
	}
	if n, err := strconv.ParseUint(os.Getenv("OMOFLOW_PROOF_SEEDS"), 10, 32); err == nil {
		seeds = n
	}
	if k, err := strconv.ParseUint(os.Getenv("OMOFLOW_SEED"), 10, 32); err == nil {
		first, seeds = k, 1
	}
	p := plan(t, alert.Config{Rules: []alert.Rule{{Name: "quarantine", Disabled: true}}})
	early, late, looks := 0, 0, 0
	for seed := first; seed < first+seeds; seed++ {
		random := rand.New(rand.NewPCG(seed, 19))
		arrivals, longest := paceOf(random)
		stop := 20 + random.IntN(len(arrivals)-20) // after a month or so of every pace but the fastest
		batches := make([]alert.Batch, stop)
		for i, at := range arrivals[:stop] {
			batches[i] = alert.Batch{Source: "s", Feed: "f", At: at}
		}
		silentSince := batches[stop-1].At
		deadline := silentSince.Add(2*longest + 27*time.Hour)
		if silentSince.Sub(batches[0].At) < 8*24*time.Hour { // no whole week was seen: it may rest at weekends
			deadline = silentSince.Add(max(deadline.Sub(silentSince), 97*time.Hour))
		}
		seen := 0
		fired := time.Time{}
		for now := batches[0].At; now.Before(deadline) && fired.IsZero(); now = now.Add(15 * time.Minute) {
			for seen < stop && !batches[seen].At.After(now) {
				seen++
			}
			looks++
			if see(p, alert.Facts{At: now, Batches: batches[:seen]}) == "silent s/f" {
				fired = now
			}
		}
		switch {
		case fired.IsZero():
			late++
			t.Errorf("a source silent since %s was not noticed until %s: replay with OMOFLOW_SEED=%d", silentSince, deadline, seed)
		case fired.Before(silentSince):
			early++
			t.Errorf("an alert at %s, the source fell silent at %s: replay with OMOFLOW_SEED=%d", fired, silentSince, seed)
		}
	}
	fmt.Printf("proof: R19 a source that falls silent is noticed: %d sources, %d evaluations, %d unnoticed, %d false alarms\n", seeds, looks, late, early)
}

// paceOf draws when a source delivers, over some months, and its longest usual pause.
func paceOf(random *rand.Rand) (arrivals []time.Time, longest time.Duration) {
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // a Monday
	hour := time.Duration(random.IntN(24)) * time.Hour
	jitter := func() time.Duration { return time.Duration(random.IntN(90)) * time.Minute }
	switch random.IntN(5) {
	case 0: // each day
		for d := range 60 {
			arrivals = append(arrivals, begin.AddDate(0, 0, d).Add(hour+jitter()))
		}
		return arrivals, 26 * time.Hour
	case 1: // each working day
		for d := range 90 {
			if day := begin.AddDate(0, 0, d); day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
				arrivals = append(arrivals, day.Add(hour+jitter()))
			}
		}
		return arrivals, 74 * time.Hour
	case 2: // each week
		for w := range 30 {
			arrivals = append(arrivals, begin.AddDate(0, 0, 7*w).Add(hour+jitter()))
		}
		return arrivals, 170 * time.Hour
	}
	rests := random.IntN(2) == 0
	for d := range 28 { // by the hour while the shop is open, some on working days only
		if day := begin.AddDate(0, 0, d).Weekday(); rests && (day == time.Saturday || day == time.Sunday) {
			continue
		}
		for h := 9; h < 22; h++ {
			arrivals = append(arrivals, begin.AddDate(0, 0, d).Add(time.Duration(h)*time.Hour+time.Duration(random.IntN(30))*time.Minute))
		}
	}
	if rests {
		return arrivals, 62 * time.Hour
	}
	return arrivals, 12 * time.Hour
}
