package gate

import (
	"sync"
	"time"
)

// How often one address and one token may ask: a refill every so often, and so many at once.
const (
	addressEvery, addressBurst = 100 * time.Millisecond, 200
	tokenEvery, tokenBurst     = 50 * time.Millisecond, 400
)

// mostKeys bounds what a table of addresses or tokens remembers, in entries of some hundred bytes.
const mostKeys = 10_000

// sample is how many entries are weighed when one of a full table must go.
const sample = 32

// limiter allows each key a burst and then a steady rate. It is the "virtual scheduling" of GCRA: all it keeps of a key is the
// time at which the key's allowance will be whole again.
type limiter struct {
	now   func() time.Time
	every time.Duration
	burst time.Duration

	mu    sync.Mutex
	whole map[string]time.Time
}

func newLimiter(now func() time.Time, every time.Duration, burst int) *limiter {
	return &limiter{now: now, every: every, burst: every * time.Duration(burst), whole: map[string]time.Time{}}
}

// take takes one request from the key's allowance and gives 0, or how long to wait when there is none left.
func (l *limiter) take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	at, known := l.whole[key]
	if at.Before(now) || at.Sub(now) > l.burst { // past; or of a clock that was set back since
		at = now
	}
	if at = at.Add(l.every); at.Sub(now) > l.burst {
		return at.Sub(now) - l.burst
	}
	if !known {
		makeRoom(l.whole, func(t time.Time) int64 { return int64(t.Sub(now)) })
	}
	l.whole[key] = at
	return 0
}

// makeRoom keeps a table below mostKeys: of some entries it forgets those that mean nothing any more (nothing left to weigh),
// or else the one that weighs least. Who wants to be forgotten must bring others who weigh more.
func makeRoom[V any](table map[string]V, weight func(V) int64) {
	if len(table) < mostKeys {
		return
	}
	seen, least, lightest := 0, int64(0), ""
	for key, v := range table { // the order is random
		w := weight(v)
		if w <= 0 {
			delete(table, key)
		} else if lightest == "" || w < least {
			least, lightest = w, key
		}
		if seen++; seen == sample {
			break
		}
	}
	if len(table) >= mostKeys {
		delete(table, lightest)
	}
}

// Lock-out: after so many wrong tokens an address waits, twice as long after each further one.
const (
	freeTries   = 5
	firstLock   = time.Minute
	longestLock = time.Hour
	forgiven    = 2 * time.Hour // without a wrong one
)

// lockout counts wrong tokens by address.
type lockout struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[string]tries
}

type tries struct {
	wrong int
	last  time.Time
	until time.Time
}

func newLockout(now func() time.Time) *lockout {
	return &lockout{now: now, tries: map[string]tries{}}
}

// wait tells how long an address may not try; 0 when it may.
func (l *lockout) wait(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.tries[key].until.Sub(l.now())
	if left > longestLock { // of a clock that was set back since
		return longestLock
	}
	return max(0, left)
}

// fail counts a wrong token and gives how long the address is locked out for it.
func (l *lockout) fail(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	t, known := l.tries[key]
	if now.Sub(t.last).Abs() > forgiven {
		t = tries{}
	}
	if !known {
		makeRoom(l.tries, func(t tries) int64 { return int64(t.last.Add(forgiven).Sub(now)) + int64(t.wrong)*int64(forgiven) })
	}
	t.wrong++
	t.last = now
	var lock time.Duration
	if over := t.wrong - freeTries; over >= 0 {
		lock = min(longestLock, firstLock<<min(over, 10))
		t.until = now.Add(lock)
	}
	l.tries[key] = t
	return lock
}
