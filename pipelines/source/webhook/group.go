package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
)

// waiting is an event that waits for its commit.
type waiting struct {
	shop     string
	arrivals []Arrival
	answer   chan error // of room for one
}

// place is a stream of a source.
type place struct{ shop, stream string }

// most is how many events one commit takes.
const most = 256

// run commits what arrives, in groups: while one group is being committed the next one gathers.
func (s *Server) run() {
	defer close(s.done)
	for {
		select {
		case first := <-s.queue:
			s.commit(s.gather(first))
		case <-s.stop:
			for {
				select {
				case first := <-s.queue:
					s.commit(s.gather(first))
				default:
					return
				}
			}
		}
	}
}

func (s *Server) gather(first *waiting) []*waiting {
	group := []*waiting{first}
	timer := time.NewTimer(s.opt.Gather)
	defer timer.Stop()
	for len(group) < most {
		select {
		case one := <-s.queue:
			group = append(group, one)
		case <-timer.C:
			return group
		case <-s.stop:
			return group
		}
	}
	return group
}

// commit makes one batch per stream. An event is answered when all its streams are done, and with the first error of them.
func (s *Server) commit(group []*waiting) {
	var places []place
	deliveries := map[place][]source.Delivery{}
	for _, one := range group {
		for _, a := range one.arrivals {
			at := place{one.shop, a.Stream}
			if _, ok := deliveries[at]; !ok {
				places = append(places, at)
			}
			if !slices.ContainsFunc(deliveries[at], func(d source.Delivery) bool { return d.Name == a.Delivery.Name }) {
				deliveries[at] = append(deliveries[at], a.Delivery)
			}
		}
	}
	failed := map[place]error{}
	for _, at := range places {
		// Whoever sent it may have gone: what was received is committed all the same.
		if err := s.opt.Commit(context.Background(), at.shop, at.stream, deliveries[at]); err != nil {
			failed[at] = err
			s.opt.Log("webhooks of %s.%s: %v", at.shop, at.stream, err)
		}
	}
	for _, one := range group {
		var err error
		for _, a := range one.arrivals {
			if err == nil {
				err = failed[place{one.shop, a.Stream}]
			}
		}
		one.answer <- err
	}
}
