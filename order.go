package pagecache

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// order is what a request without a client is for: to have a page made and
// stored. It travels in the request's context to the route that answers for it.
type order struct {
	core  *core
	force bool // also if a fresh page is stored

	awaited bool // by a program, which learns of a failure and decides itself when to try again

	key  *key   // of the page that is wanted; nil: whatever the request asks for
	slot uint64 // where the flight is filed

	// Middleware such as http.TimeoutHandler leaves its handler behind, which
	// then goes on with the order while its giver has long gone on too.
	mu     sync.Mutex
	flight *flight // that others wait for; nil: none was begun, or it was taken
	said   told
}

// told is what became of an order.
type told struct {
	reached   bool // the request came to a route of this cache
	ran       bool // its handler was run
	elsewhere bool // another process makes the page, or has made it
	fresh     bool // a fresh page was there
	stored    bool // the page was made and stored
	panicked  any  // what the handlers in front of the cache, or it, panicked with
	status    int  // that the handler sent
	why       Reason
}

func (o *order) tell(note func(*told)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	note(&o.said)
}

func (o *order) result() told {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said
}

// takeFlight hands the flight over to who will land it.
func (o *order) takeFlight() *flight {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.flight
	o.flight = nil
	return f
}

// carry sends the request for the order through h. Whatever h does, it returns.
func (c *core) carry(h http.Handler, w http.ResponseWriter, r *http.Request, o *order, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), controlKey{}, &Control{order: o}), timeout)
	defer cancel()
	defer context.AfterFunc(c.refreshes.ctx, cancel)()
	c.inside.Add(1)
	defer c.inside.Add(-1)
	defer func() {
		if p := recover(); p != nil {
			o.tell(func(t *told) { t.panicked = p })
			if p == http.ErrAbortHandler {
				return // as net/http, which does not log it either
			}
			c.logger().Error("pagecache: a refresh panicked", "url", received(r), "panic", fmt.Sprint(p))
		}
	}()
	h.ServeHTTP(w, r.WithContext(ctx))
}

// carryOut has the page made and stored that the request asks for.
func (rt *route) carryOut(w http.ResponseWriter, r *http.Request, o *order) {
	o.tell(func(t *told) { t.reached = true })
	a := rt.admit(r)
	switch {
	case rt.policy.Off:
		a = turnedAway(reasonDisabled)
	case rt.core.closed.Load():
		a = turnedAway(reasonClosed)
	case r.Method != http.MethodGet:
		a = turnedAway(reasonMethod)
	}
	var k key
	buf := new([]byte)
	if a.admitted() && !rt.plainKey(&k, r, a) && !rt.framedKey(&k, buf, r, a) {
		a = turnedAway(reasonKeyError)
	}
	if a.refusal != nil {
		o.refuse(a.refusal.why)
		if why := a.refusal.why; why == reasonDisabled || why == reasonSkip {
			rt.next.ServeHTTP(w, r) // as a client's request, which another route further in may answer
			return
		}
		decline(w)
		if o.key != nil && a.refusal.why != reasonClosed {
			rt.core.warn("refresh refused "+routeLabel(r), "a refresh of a page of "+quoteRoute(routeLabel(r))+" by RefreshVia was turned away ("+string(a.refusal.why)+"); does something in front of the cache add what keeps requests from it?")
		}
		return
	}
	if o.key != nil && !k.equal(o.key) {
		o.refuse(reasonKeyError)
		decline(w)
		rt.core.warn("refresh key "+routeLabel(r), "a refresh of a page of "+quoteRoute(routeLabel(r))+" by RefreshVia came to the cache with another key, so the page cannot be refreshed; does something in front of the cache change what is part of the key?")
		return
	}
	var found lookup
	now := rt.core.now()
	rt.find(&found, r, &k, now)
	if e := found.entry; e != nil && !o.force {
		o.tell(func(t *told) { t.fresh = true })
		replay(w.Header(), e.fields)
		writeEntry(w, r, e, a, false)
		return
	}
	if found.entry != nil {
		found.fwd = stale
		if o.awaited {
			found.fwd = fwdRequest
		}
	}
	rt.fillFor(w, r, a, &k, &found, o)
}

func (o *order) refuse(why Reason) { o.tell(func(t *told) { t.why = why }) }

// decline answers a request that nobody waits for and that is given no page:
// another cache further out must not take silence for an empty page.
func decline(w http.ResponseWriter) {
	w.Header()["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(http.StatusServiceUnavailable)
}

// fillFor runs the handler for an order. What another request is making already
// is waited for, if that is good enough.
func (rt *route) fillFor(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup, o *order) {
	c := rt.core
	x := rt.newFill(w, r, a, k, found)
	x.order = o
	if x.old == nil && found.entry != nil {
		x.old, x.since = found.entry, c.now()
	}
	if f := o.takeFlight(); f != nil {
		if !x.runFor(o, f) {
			decline(w)
		}
		return
	}
	f, wait, lead := c.flights.join(x.slot, x.places, c.stamps, c.now(), rt.policy.MaxWait)
	if !lead && !o.force && f.wait(r.Context(), wait) == made && x.stands(f.page) {
		o.tell(func(t *told) { t.fresh = true })
		decline(w)
		return
	}
	if lead {
		x.flight = f
		defer x.land(failed, nil)
	}
	if !o.force {
		if !x.claim() {
			x.run()
		}
		return
	}
	x.claimNow(o)
	x.run()
}

// runFor runs the handler for all who wait for the order's flight, unless another
// process does.
func (x *fill) runFor(o *order, f *flight) bool {
	x.slot, x.flight = o.slot, f
	defer x.land(failed, nil)
	if !x.claimNow(o) {
		o.tell(func(t *told) { t.elsewhere = true })
		x.rt.core.setbacks.pause(x.slot, x.rt.core.now())
		return false
	}
	x.run()
	return true
}

// done notes how the fill for the order ended, and reports it.
func (o *order) done(x *fill) {
	c := x.rt.core
	o.tell(func(t *told) { t.ran, t.stored, t.status, t.why = true, x.result != nil, x.rec.status, x.why })
	if x.result != nil {
		c.refreshed.Add(1)
	} else {
		c.notRefreshed.add(x.why)
	}
	if c.observer != nil {
		c.emit(x.r.Context(), x.event(KindRefresh, 0))
	}
}

// end makes sure, when all is over, that nobody waits for the order any more,
// and that a page whose handler was not reached is not tried for at once.
func (o *order) end() {
	c, t := o.core, o.result()
	if !t.ran && !t.elsewhere {
		c.setbacks.add(o.slot, c.now())
	}
	if !t.reached {
		c.warn("refresh reach", "a refresh by RefreshVia did not come to a handler that this cache wraps; is the handler given the one that the server serves, and does nothing in front of the cache turn such requests away?")
	}
	if f := o.takeFlight(); f != nil {
		c.flights.land(o.slot, f, failed, nil, nil)
	}
}

// sink is a response writer for requests that nobody waits for.
type sink struct{ header http.Header }

// newSink returns one with a copy of the fields that middleware outside has set.
func newSink(h http.Header) sink {
	if h = h.Clone(); h == nil {
		h = make(http.Header)
	}
	return sink{h}
}

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

// What handlers ask of http.ResponseController means nothing without a client.

func (s sink) FlushError() error                { return nil }
func (s sink) SetReadDeadline(time.Time) error  { return nil }
func (s sink) SetWriteDeadline(time.Time) error { return nil }
func (s sink) EnableFullDuplex() error          { return nil }
