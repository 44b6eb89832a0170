package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// stockFirst bounds how long everything else may wait for a release while stock keeps arriving.
const stockFirst = 30 * time.Second

// errStockFirst is why a build was given up.
var errStockFirst = errors.New("stock has arrived")

// sortOut notes the log of a stream that brings stock and nothing else.
func (s *hookService) sortOut(name, stream string) {
	kind, _ := platform(s.project.config.Sources[name].Kind) // it was opened
	for _, one := range kind.Declaration.Streams {
		other := slices.ContainsFunc(one.Fills, func(fills string) bool { return fills != "inventory_level" && fills != "inventory_movement" })
		if one.Name == stream && !other {
			s.stock[s.project.lake.StreamLog(name, stream).Name()] = true
		}
	}
}

// news asks for a release of what a stream has brought.
func (s *hookService) news(name, stream string) {
	if !s.stock[s.project.lake.StreamLog(name, stream).Name()] {
		s.touch()
		return
	}
	s.rush()
}

func (s *hookService) rush() {
	select {
	case s.urgent <- struct{}{}:
	default: // it is known
	}
}

// releases builds a release whenever something was committed, one at a time. Stock goes first: an order of a new customer
// changes every table of customers, and nobody who looks for an article should wait for those. A release of the stock's logs
// alone is whole; the others stand where the release before left them.
func (s *hookService) releases(ctx context.Context) {
	var due time.Time // when what is not stock began to wait; zero when nothing does
	for ctx.Err() == nil {
		stock := false
		if due.IsZero() {
			select {
			case <-ctx.Done():
				return
			case <-s.dirty:
				due = time.Now()
			case <-s.urgent:
				stock = true
			}
		}
		select {
		case <-s.urgent:
			stock = true
		default:
		}
		switch {
		case stock && s.release.Load() == 0 && due.IsZero():
			due = time.Now() // there is nothing yet that everything else could stay at
		case stock && s.release.Load() > 0:
			s.publish(ctx, func(log string) bool { return s.stock[log] })
		}
		if !due.IsZero() {
			due = s.releaseAll(ctx, due)
		}
	}
}

// releaseAll releases everything. When stock arrives meanwhile it gives up, unless all else has waited for too long; it tells
// since when something waits.
func (s *hookService) releaseAll(ctx context.Context, due time.Time) time.Time {
	building, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if time.Since(due) > stockFirst {
			return
		}
		select {
		case <-building.Done():
		case <-s.urgent:
			s.rush() // for releases
			cancel(errStockFirst)
		}
	}()
	select {
	case <-s.dirty: // this is what the build is for
	default:
	}
	s.publish(building, nil)
	given := errors.Is(context.Cause(building), errStockFirst)
	cancel(nil)
	<-watched
	if given {
		return due
	}
	return time.Time{}
}

// publish builds and publishes, and says what came of it.
func (s *hookService) publish(ctx context.Context, only func(log string) bool) {
	done, err := s.project.buildOnly(ctx, s.app, only)
	if ctx.Err() != nil && err != nil {
		return // a build that was given up, or the end
	}
	if s.failed("release", &s.badReleases, err) {
		return // the next commit tries again
	}
	s.release.Store(done.Release)
	if done.Changed {
		s.app.note("release %d in %.1f s: %d partitions built, %d reused", done.Release, done.Seconds, done.Built, done.Reused)
	}
}
