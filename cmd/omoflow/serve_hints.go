package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// hinted is which inboxes hold hints that are not answered.
type hinted struct {
	mutex sync.Mutex
	boxes map[string]bool
	more  chan struct{}
}

func (h *hinted) add(box string) {
	h.mutex.Lock()
	h.boxes[box] = true
	h.mutex.Unlock()
	select {
	case h.more <- struct{}{}:
	default: // whoever answers knows already
	}
}

// take gives what waits, in order, and forgets it.
func (h *hinted) take() []string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	all := sortedKeys(h.boxes)
	clear(h.boxes)
	return all
}

// hintRetry is the pause before a hint whose record could not be read is tried again.
const hintRetry = 10 * time.Second

// answers asks for the records that webhooks named, those of before the start included. What fails stays in the lake and is
// tried again.
func (s *hookService) answers(ctx context.Context) {
	var again []string
	for {
		boxes := append(again, s.hinted.take()...)
		slices.Sort(boxes)
		again = nil
		for _, box := range slices.Compact(boxes) {
			result, err := s.boxes[box].Answer(ctx)
			if ctx.Err() != nil {
				return
			}
			if cut := strings.LastIndexByte(box, '.'); len(result.Batches) > 0 {
				s.news(box[:cut], box[cut+1:])
			}
			if err != nil {
				s.failed("hints of "+box, &s.badHints, err)
				again = append(again, box)
			}
		}
		if len(again) == 0 {
			s.badHints.Store(0)
		}
		var retry <-chan time.Time
		if len(again) > 0 {
			retry = time.After(hintRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.hinted.more:
		case <-retry:
		}
	}
}
