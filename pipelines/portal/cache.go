package portal

import (
	"context"
	"sync"
	"time"
)

// readTime bounds the reading of a snapshot.
const readTime = 15 * time.Second

// cache keeps the latest snapshot. One request reads a new one when it is old; the others see the old one meanwhile.
type cache struct {
	source Source
	now    func() time.Time
	every  time.Duration
	log    func(format string, args ...any)

	mu    sync.Mutex
	held  held
	tried time.Time
	err   error
	busy  chan struct{} // closed when the reading that is under way ends
}

// held is a snapshot with the time at which it was read.
type held struct {
	Snapshot
	At    time.Time
	Stale bool // a newer one could not be read
}

func (c *cache) get(ctx context.Context) (held, error) {
	for {
		c.mu.Lock()
		now := c.now()
		recent := !c.tried.IsZero() && now.Sub(c.tried).Abs() < c.every
		have := !c.held.At.IsZero()
		switch {
		case have && (recent || c.busy != nil):
			h := c.held
			h.Stale = c.err != nil
			c.mu.Unlock()
			return h, nil
		case recent && c.err != nil && c.busy == nil:
			err := c.err
			c.mu.Unlock()
			return held{}, err
		case c.busy != nil:
			busy := c.busy
			c.mu.Unlock()
			select {
			case <-busy:
			case <-ctx.Done():
				return held{}, ctx.Err()
			}
		default:
			c.busy = make(chan struct{})
			c.mu.Unlock()
			c.read(ctx, now)
		}
	}
}

// read asks the source. Others wait for what it gives, so it goes on when the request that asked goes away.
func (c *cache) read(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	var s Snapshot
	var err error = errDefect // unless the source returns
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.tried, c.err = c.now(), err; err == nil {
			c.held = held{Snapshot: s, At: began}
		}
		close(c.busy)
		c.busy = nil
	}()
	if s, err = c.source.Snapshot(ctx); err != nil {
		c.log("the status page cannot be brought up to date: %v", err)
	}
}
