package pagecache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// flights are the handler runs under way that others may wait for, by the
// place where their page will be stored. Only misses come here.
type flights struct {
	mu     sync.Mutex
	m      map[uint64]*flight
	landed atomic.Uint64 // how many ended with a page
}

// flight is one page being made. Usually one request runs the handler; when it
// takes longer than the bound, one waiting request at a time runs it too.
type flight struct {
	done    chan struct{} // closed on landing; made for the first who waits
	runners int
	last    int64 // when the last runner set out

	// Set before done is closed.
	outcome outcome
	page    *entry
	ticket  *ticket // of a page for a Store: the fences it was made behind
}

// outcome is how a flight ended for those who wait for it.
type outcome uint8

const (
	failed      outcome = iota // nothing to learn from: one of the waiting goes next
	made                       // the page is there for those who waited
	uncacheable                // everybody runs the handler, at once
	timedOut                   // not landed within the bound
	gone                       // the waiting request's own context ended
)

// join finds or begins the flight for a place. With lead, the caller runs the
// handler and lands the flight afterwards, whatever happens; without, it waits
// and joins again when wait is over.
func (fs *flights) join(slot uint64, now int64, bound time.Duration) (f *flight, wait time.Duration, lead bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f = fs.m[slot]
	switch {
	case f == nil:
		if fs.m == nil {
			fs.m = make(map[uint64]*flight)
		}
		f = &flight{runners: 1, last: now}
		fs.m[slot] = f
		return f, 0, true
	case now-f.last >= int64(bound):
		f.runners++
		f.last = now
		return f, 0, true
	}
	if f.done == nil {
		f.done = make(chan struct{})
	}
	return f, bound - time.Duration(now-f.last), false
}

// land ends one run of the flight. The first decisive outcome wakes everybody;
// a failure does only when no other run is left to hope for.
func (fs *flights) land(slot uint64, f *flight, how outcome, page *entry, t *ticket) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.runners--
	if fs.m[slot] != f || how == failed && f.runners > 0 {
		return
	}
	delete(fs.m, slot)
	if how == made {
		fs.landed.Add(1)
	}
	f.outcome, f.page, f.ticket = how, page, t
	if f.done != nil {
		close(f.done)
	}
}

// wait waits until the flight has landed, ctx ends, or it is time to join again.
func (f *flight) wait(ctx context.Context, bound time.Duration) outcome {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.outcome
	case <-ctx.Done():
		return gone
	case <-timer.C:
		return timedOut
	}
}

// marks remembers for a moment which pages turned out not to be storable: a
// table of fixed size in which a newer mark replaces an older one.
type marks struct {
	ends [markSlots]markSlot
}

const markSlots = 4096

type markSlot struct {
	mu   sync.Mutex
	hash uint64
	ends int64
}

func (m *marks) set(hash uint64, ends int64) {
	s := &m.ends[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hash, s.ends = hash, ends
}

func (m *marks) has(hash uint64, now int64) bool {
	s := &m.ends[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hash == hash && s.ends > now
}
