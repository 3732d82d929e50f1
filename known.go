package pagecache

import (
	"bytes"
	"net/http"
	"sync/atomic"
)

// known are pages that were read from a Store of late: what was asked for, what came
// back, and what was made of it. When the same bytes come back again nothing needs
// to be decoded or worked out. It decides nothing: what is served was read a moment
// before, with its fences. It is a table of fixed size like hints.
type known struct {
	at   [hintSlots]atomic.Pointer[knownPage]
	held atomic.Int64 // bytes of all values
}

// Of larger pages, or more of them, nothing is known.
const (
	maxKnownPage = 64 << 10
	maxKnown     = 16 << 20
)

type knownPage struct {
	hash   uint64
	by     *route
	keys   []string // the page's, its marker's in front if it has variants, then its fences'
	values [][]byte
	at     int // the page's index
	page   entry
}

func (t *known) get(hash uint64) *knownPage {
	if at := t.at[hash%hintSlots].Load(); at != nil && at.hash == hash {
		return at
	}
	return nil
}

// set keeps a page in place of what was known there. If there is no room for it
// nothing is: an outdated page would cost each look-up a trip.
func (t *known) set(p *knownPage) {
	if p.size() > maxKnownPage {
		t.drop(p.hash)
		return
	}
	held := t.held.Add(p.size())
	if old := t.at[p.hash%hintSlots].Swap(p); old != nil {
		held = t.held.Add(-old.size())
	}
	if held > maxKnown {
		t.drop(p.hash)
	}
}

// drop forgets the page.
func (t *known) drop(hash uint64) {
	at := &t.at[hash%hintSlots]
	if old := at.Load(); old != nil && old.hash == hash && at.CompareAndSwap(old, nil) {
		t.held.Add(-old.size())
	}
}

func (p *knownPage) size() (n int64) {
	for _, v := range p.values {
		n += int64(len(v))
	}
	return n
}

// stands returns the page if the values of all keys are what they were.
func (p *knownPage) stands(values [][]byte) *entry {
	for i, v := range p.values {
		if !bytes.Equal(values[i], v) {
			return nil
		}
	}
	e := p.page
	return &e
}

// made returns the page if it was made of these bytes.
func (p *knownPage) made(value []byte) *entry {
	if p == nil || !bytes.Equal(p.values[p.at], value) {
		return nil
	}
	e := p.page
	return &e
}

// answerKnown answers with a page that this process knows, if it still lies in the
// Store as it did, and its fences stand. Otherwise it leaves what it has read to the
// look-up that follows.
func (rt *route) answerKnown(w http.ResponseWriter, r *http.Request, a admission, k *key, l *lookup, now int64) bool {
	c, s := rt.core, rt.core.remote
	if rt.policy.ForceRefresh != nil || a.has(authorized) {
		return false
	}
	p := s.knownPage(rt, r, k)
	if p == nil || s.owed.debts.Load() != nil || !s.plain.good(now) {
		return false
	}
	l.ticket = s.newTicket()
	values, err := s.guard.get(l.ticket.spent, p.keys)
	s.plain.ended(c.now(), err)
	l.before = &reading{p.keys, timed{values: values}, err}
	if err != nil {
		return false
	}
	e := p.stands(values)
	if e == nil || now >= e.ends() || s.owed.debts.Load() != nil {
		return false
	}
	e.stamp = l.ticket.stamp
	if e.hurry(rt.policy.EarlyRefresh); now >= e.early {
		return false
	}
	if c.near != nil {
		c.near.keep(rt, r, k.hash, e, l.ticket.era, now)
	}
	rt.hit(w, r, a, k, &lookup{entry: e}, now)
	return true
}

// knownPage finds what this process knows of the page that is asked for.
func (s *remote) knownPage(rt *route, r *http.Request, k *key) *knownPage {
	h := s.hints.get(k.hash)
	if h.moved || len(h.paths) > 0 {
		return nil
	}
	hash := k.hash
	if len(h.names) > 0 {
		hash = variantHash(s.core.seed, k.hash, h.names, r.Header)
	}
	p := s.known.get(hash)
	if p == nil || p.by != rt || !k.equal(&p.page.key) || !selects(p.page.vary, p.page.values, r.Header) {
		return nil
	}
	return p
}

// learn keeps what a look-up read in its one trip, if the page can be recognised by
// that and by its key.
func (q *query) learn(rt *route, e *entry) {
	at := min(len(e.vary), 1)
	if q.trips != 1 || len(q.first.keys) != at+1+q.reads || !q.marksAgree(e) || !rt.policy.keys.hasPath() {
		return
	}
	page := *e
	page.key.hash = q.hash
	q.remote.known.set(&knownPage{q.placeHash(e.vary), rt, q.first.keys, q.first.values, at, page})
}
