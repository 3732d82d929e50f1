package pagecache

import (
	"bytes"
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

// A lease is the right, for all processes that share a Store, to make a page. It
// saves handler runs and nothing else: what is right to serve, the fences say. So
// whoever cannot have one in time, or whose Store is away, makes the page all the
// same. (Nishtala and others: Scaling Memcache at Facebook, NSDI 2013.)
type hold struct {
	store *remote
	key   string
	token []byte
	life  time.Duration

	mu    sync.Mutex
	timer *time.Timer // renews it
	over  bool        // given back, or used up by the page
}

// unmakeable lies where a lease would while pages from there are known not to be
// storable: nobody in the fleet waits for another then.
var unmakeable = []byte("unmakeable")

// standing is what a process learns that asks for a lease.
type standing uint8

const (
	free   standing = iota // of leases: they are off, or the store is away
	held                   // it has it
	taken                  // another process has it
	futile                 // the page is known not to be storable
)

// lease asks for the lease of the page that the request asks for.
func (s *remote) lease(x *fill) standing {
	p, t := &x.rt.policy, x.ticket
	if p.Lease == 0 || t == nil || t.failed {
		return free
	}
	h := &hold{store: s, key: x.leaseKey(), token: s.newToken(), life: p.Lease}
	values, err := s.guard.add(t.spent, h.token, p.Lease, []string{h.key})
	if err != nil {
		s.core.storeFailed("lease", err)
		return free
	}
	switch now := values[0]; {
	case bytes.Equal(now, h.token):
		h.renewLater()
	case bytes.Equal(now, unmakeable):
		return futile
	case !isNonce(now):
		s.core.storeFailed("lease", errCorrupt)
		_ = s.guard.deleteIf(t.spent, h.key, now)
		return free
	case !bytes.HasPrefix(now, s.token):
		return taken
	default: // this process has it, for a page purged meanwhile, or could not give it back
		return s.seize(x)
	}
	x.hold = h
	return held
}

// leaseKey is where the lease lies of the page that the request asks for.
func (x *fill) leaseKey() string {
	t := x.ticket
	if t.page == nil {
		return leaseKey(t.keys.page())
	}
	return leaseKey(t.keys.variant(t.page.names, valuesOf(t.page.names, x.r.Header)))
}

// newToken returns what lies under the key of a lease. It tells which cache has it.
func (s *remote) newToken() []byte { return signNonce(string(s.token) + rand.Text()) }

// seize takes the lease from whoever has it, so that an older page, which is being
// made elsewhere, cannot replace this one.
func (s *remote) seize(x *fill) standing {
	p, t := &x.rt.policy, x.ticket
	if p.Lease == 0 || t == nil || t.failed {
		return free
	}
	h := &hold{store: s, key: x.leaseKey(), token: s.newToken(), life: p.Lease}
	if err := s.guard.set(t.spent, h.token, p.Lease, h.key); err != nil {
		s.core.storeFailed("lease", err)
		return free
	}
	x.hold = h
	h.renewLater()
	return held
}

// renewLater keeps the lease while the handler runs: a process that has died, or
// stands still, loses it.
func (h *hold) renewLater() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.timer = time.AfterFunc(h.life/2, h.renew)
	}
}

func (h *hold) renew() {
	touched, err := h.store.guard.touchIf(h.store.newSpending(), h.life, h.key, h.token)
	if err != nil {
		h.store.core.storeFailed("lease", err)
	}
	if touched || err != nil {
		h.renewLater()
	}
}

// end stops renewing, and reports whether the lease was not ended before.
func (h *hold) end() bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	h.over = true
	if h.timer != nil {
		h.timer.Stop()
	}
	return true
}

// letGo gives the lease back if no page was stored with it. With futile, other
// processes learn that they need not wait for each other.
func (x *fill) letGo(futile bool) {
	h := x.hold
	if !h.end() || x.ticket.spent.left <= 0 {
		return
	}
	var err error
	if futile {
		err = h.store.guard.set(x.ticket.spent, unmakeable, x.rt.policy.HitForMiss, h.key)
	} else {
		err = h.store.guard.deleteIf(x.ticket.spent, h.key, h.token)
	}
	if err != nil {
		h.store.core.storeFailed("lease", err)
	}
}

// claim has the page made by one process alone, as far as that can be had within
// the time that a request waits. It reports whether the request was answered: with
// the page that another process made meanwhile, or because its client has gone.
func (x *fill) claim() (answered bool) {
	c := x.rt.core
	if c.remote == nil {
		return false
	}
	patience := x.rt.policy.MaxWait
	if x.note == reasonWaitTimeout {
		patience = 0 // it has waited in this process already
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), patience)
	defer cancel()
	for try := 0; ; try++ {
		switch c.remote.lease(x) {
		case free:
			return false
		case held:
			return x.lookAgain()
		case futile:
			x.note = reasonHitForMiss
			c.marks.set(x.slot, c.now()+int64(x.rt.policy.HitForMiss))
			x.land(uncacheable, nil)
			return false
		}
		for leased := true; leased; try++ {
			switch {
			case pause(ctx, try):
			case x.r.Context().Err() != nil:
				x.leaveQueue()
				return true
			default:
				x.collapsed, x.note = inVain, reasonWaitTimeout
				return false
			}
			if x.lookAgain() {
				return true
			}
			leased = x.ticket.leased
		}
	}
}

// claimNow is claim for a run that nobody waits for: if another process makes the
// page, or has made it, there is nothing to do.
func (x *fill) claimNow(o *order) (alone bool) {
	s := x.rt.core.remote
	switch {
	case s == nil:
		return true
	case o.awaited:
		s.seize(x)
		return true
	}
	switch s.lease(x) {
	case taken, futile:
		return false
	case held:
		if !x.early && x.foundAgain() != nil {
			x.letGo(false)
			return false
		}
	}
	return true
}

const (
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
)

// pause waits until it is time to look again for what another process makes:
// soon at first, then less often, and not in step with others.
func pause(ctx context.Context, try int) bool {
	d := min(firstPause<<min(try, 10), longestPause)
	timer := time.NewTimer(d*3/4 + mathrand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
