package pagecache

import (
	"context"
	"fmt"
	"maps"
	"sync"
)

// queue holds pages that are written to the Store after they were sent, see
// Policy.WriteBack. A goroutine that writes them exists while there are any.
type queue struct {
	mu      sync.Mutex
	waiting []*parcel
	writing bool
	closed  bool
	empty   chan struct{} // closed when closed and nothing is left to write
}

const maxQueue = 256

// put takes a page in, unless the queue is full or closed.
func (q *queue) put(s *remote, x *parcel) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= maxQueue {
		return false
	}
	size := int64(x.page.weigh())
	if s.core.recording.Add(size) > s.core.maxRecording {
		s.core.recording.Add(-size)
		return false
	}
	x.size = size
	x.nonces = maps.Clone(x.nonces) // those who wait for the page read them meanwhile
	q.waiting = append(q.waiting, x)
	if !q.writing {
		q.writing = true
		go q.write(s)
	}
	return true
}

// write writes all that waits. Errors are counted and logged where they occur.
func (q *queue) write(s *remote) {
	for x := q.next(); x != nil; x = q.next() {
		_, gone := s.core.stamps.judge(&x.page.places, x.page.stamp)
		if !gone && s.isLatest(x.page) { // a later page may have been written meanwhile
			s.deliver(x, s.newSpending())
		}
		x.hold.end()
		s.core.recording.Add(-x.size)
	}
}

func (q *queue) next() *parcel {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.writing = nil, false
		if q.closed {
			close(q.empty)
		}
		return nil
	}
	x := q.waiting[0]
	q.waiting = q.waiting[1:]
	return x
}

// drain takes nothing in any more and waits until all is written.
func (q *queue) drain(ctx context.Context) error {
	q.mu.Lock()
	q.closed, q.empty = true, make(chan struct{})
	idle, empty := !q.writing, q.empty
	q.mu.Unlock()
	if idle {
		return nil
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		lost := len(q.waiting)
		for _, x := range q.waiting {
			x.hold.end()
		}
		q.waiting = nil
		return fmt.Errorf("pagecache: Close: %d pages were not written to the store: %w", lost, ctx.Err())
	}
}
