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
	last    int64  // when the last runner set out
	stamp   int64  // the last purge before it began
	places  places // where later ones of its page show

	// Set before done is closed.
	over    bool
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
	broken                     // the handler failed: who has an old page may use it
	timedOut                   // not landed within the bound
	gone                       // the waiting request's own context ended
)

// join finds or begins the flight for a place. With lead, the caller runs the
// handler and lands the flight afterwards, whatever happens; without, it waits
// and joins again when wait is over. Nobody joins a flight whose page was purged
// since it began: a new one takes its place.
func (fs *flights) join(slot uint64, p places, s *stamps, now int64, bound time.Duration) (f *flight, wait time.Duration, lead bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f = fs.m[slot]
	switch {
	case f == nil || f.overtaken(s):
		return fs.start(slot, p, s, now), 0, true
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

// begin begins a flight unless there is one.
func (fs *flights) begin(slot uint64, p places, s *stamps, now int64) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.m[slot]; f != nil && !f.overtaken(s) {
		return nil
	}
	return fs.start(slot, p, s, now)
}

func (fs *flights) start(slot uint64, p places, s *stamps, now int64) *flight {
	if fs.m == nil {
		fs.m = make(map[uint64]*flight)
	}
	f := &flight{runners: 1, last: now, stamp: s.last.Load(), places: p}
	fs.m[slot] = f
	return f
}

// overtaken reports whether the flight's page was purged or expired after it
// had begun, as far as its tags are known already.
func (f *flight) overtaken(s *stamps) bool {
	expired, _ := s.judge(&f.places, f.stamp)
	return expired != never
}

// land ends one run of the flight. The first decisive outcome wakes everybody;
// a failure does only when no other run is left to hope for.
func (fs *flights) land(slot uint64, f *flight, how outcome, page *entry, t *ticket) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.runners--
	if f.over || (how == failed || how == broken) && f.runners > 0 {
		return
	}
	f.over = true
	if fs.m[slot] == f {
		delete(fs.m, slot)
	}
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

// setbacks remembers which pages' handlers failed, and when to try again: after
// 1 s, 2 s, 4 s and so on, a minute at most. It is a table like marks.
type setbacks struct {
	at [markSlots]setback
}

type setback struct {
	mu       sync.Mutex
	hash     uint64
	failures int
	retry    int64
}

const (
	firstRetry   = time.Second
	longestRetry = time.Minute
)

// add notes a failure.
func (t *setbacks) add(hash uint64, now int64) {
	s := &t.at[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash != hash {
		s.hash, s.failures = hash, 0
	}
	s.retry = now + int64(retryAfter(s.failures))
	s.failures++
}

// pause leaves a page alone for a moment whose handler did not fail.
func (t *setbacks) pause(hash uint64, now int64) {
	s := &t.at[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash != hash {
		s.hash, s.failures = hash, 0
	}
	s.retry = max(s.retry, now+int64(firstRetry))
}

// retryAfter is how long to leave a handler alone that failed once more.
func retryAfter(failures int) time.Duration {
	return min(firstRetry<<min(failures, 30), longestRetry)
}

// clear forgets the failures of a page.
func (t *setbacks) clear(hash uint64) {
	s := &t.at[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash == hash {
		s.hash, s.failures, s.retry = 0, 0, 0
	}
}

// retry is when the handler may be tried again; 0 is at any time.
func (t *setbacks) retry(hash uint64) int64 {
	s := &t.at[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash != hash {
		return 0
	}
	return s.retry
}

// latest remembers in which turn the page of a place was begun that was stored
// last: a run that was begun before must not replace it. It is a table like marks.
type latest struct {
	at [markSlots]latestSlot
}

type latestSlot struct {
	mu   sync.Mutex
	hash uint64
	turn uint64
}

// raise notes a page, unless a later one is noted.
func (t *latest) raise(hash, turn uint64) bool {
	s := &t.at[hash%markSlots]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash == hash && s.turn > turn {
		return false
	}
	s.hash, s.turn = hash, turn
	return true
}
