package pagecache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"

	"github.com/go-chi/chi/v5"
)

// answerStale serves a page that is not fresh any more, where that is allowed
// before the handler is asked, and has it made anew.
func (rt *route) answerStale(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup, now int64) bool {
	if a.has(authorized) && !found.old.public {
		found.old = nil
		return false
	}
	why, due := rt.staleReason(found, k, r, now)
	if why == "" {
		return false
	}
	if due {
		switch rt.renew(w, r, a, k, found, now) {
		case renewed:
			return true
		case renewedElsewhere:
			why = reasonUpdating
		}
	}
	if rt.policy.NoRanges {
		a.flags &^= ranged
	}
	found.old.route.count(ResultStale)
	age, _ := found.old.ageAt(now)
	ttl := staleTTL(found.since, now)
	rt.send(w, r, a, found.old, sending{now, age, ttl, rt.lines.stale(why, ttl), ResultStale, why, ""})
	return true
}

// staleReason says why a page may be served that is not fresh any more, and
// whether it is due to be made anew. The reason is empty when the handler has to be
// asked first.
func (rt *route) staleReason(found *lookup, k *key, r *http.Request, now int64) (why Reason, due bool) {
	switch useStale(found.old.stale, found.since, now, rt.core.setbacks.retry(slotOf(rt.core, k, found, r.Header))) {
	case staleRefreshing:
		return reasonStaleWhileRevalidate, true
	case staleWaiting:
		return reasonStaleWhileRevalidate, false
	case staleAfterError:
		return reasonStaleIfError, false
	}
	return "", false
}

// refreshEarly draws lots whether this hit is the one that refreshes the page
// before its end. It reports whether the request was answered on the way.
func (rt *route) refreshEarly(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup, now int64) bool {
	if !found.entry.hurries(now, rand.ExpFloat64()) || now < rt.core.setbacks.retry(slotOf(rt.core, k, found, r.Header)) {
		return false
	}
	early := *found
	early.entry, early.old, early.since, early.early, early.fwd = nil, found.entry, now, true, stale
	return rt.renew(w, r, a, k, &early, now) == renewed
}

// renewal is how a page that should be made anew is.
type renewal uint8

const (
	notRenewing      renewal = iota // this request is not one to have it made
	renewing                        // in the background
	renewed                         // by this request, which is answered
	renewedElsewhere                // another request has it made, or too many have theirs made
)

// renew has a page made anew: in the background, or where the request cannot be
// kept for that, by this very request, while others are served the old page.
func (rt *route) renew(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup, now int64) renewal {
	c := rt.core
	if r.Method != http.MethodGet || a.has(authorized) {
		return notRenewing
	}
	o := &order{core: c, force: true, slot: slotOf(c, k, found, r.Header)}
	p := rt.placesOf(nil, r)
	if o.flight = c.flights.begin(o.slot, p, c.stamps, now); o.flight == nil {
		return renewedElsewhere
	}
	run := rt.background(w, r, a, k, found, o)
	if run == nil && a.has(ranged) { // it would make a part of the page only
		c.flights.land(o.slot, o.takeFlight(), failed, nil, nil)
		return notRenewing
	}
	if run == nil {
		if x := rt.newFill(w, r, a, k, found); !x.runFor(o, o.takeFlight()) {
			return renewedElsewhere
		}
		return renewed
	}
	if !c.refreshes.enter(false) {
		c.flights.land(o.slot, o.takeFlight(), failed, nil, nil)
		return renewedElsewhere
	}
	go func() {
		defer c.refreshes.leave(false)
		defer o.end()
		run()
	}()
	return renewing
}

// background prepares to run the handler after this request has been answered,
// or returns nil where that cannot be done right. Routers that reuse what they
// know of a request for the next one must have been asked again by then
// (RefreshVia), or what they know must have been copied before the request was
// answered. That is possible with chi, whose context can be cloned, and with
// http.ServeMux, which keeps it in the request. Of other routers, and of adapters
// that wrap the handler for each request anew, nothing is known.
func (rt *route) background(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup, o *order) func() {
	c := rt.core
	if root := rt.policy.via; root != nil {
		again := redispatched(r)
		if again == nil {
			return nil
		}
		at := k.owned()
		o.key = &at
		return func() { c.carry(root, newSink(nil), again, o, rt.policy.RefreshTimeout) }
	}
	if !rt.used.Load() || !rt.keepable(r) || pooledWriter(w) {
		if rt.used.Swap(true) {
			c.warn("refresh "+routeLabel(r), "pages of "+quoteRoute(routeLabel(r))+" are made anew by the requests that find them stale: in the background they can be behind chi or http.ServeMux only, or through the server's handler, given with RefreshVia(root)")
		}
		return nil
	}
	kept := detached(r)
	sink := newSink(w.Header())
	a.flags &^= ranged | conditional
	x := rt.newFill(sink, kept, a, k, found)
	return func() {
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			o.tell(func(t *told) { t.reached = true })
			x.r, x.order = r, o
			if x.ticket != nil {
				x.ticket.spent = c.remote.newSpending()
			}
			x.runFor(o, o.takeFlight())
		})
		c.carry(h, sink, kept, o, rt.policy.RefreshTimeout)
	}
}

// keepable reports whether all that a router knows of the request is in it, or
// in a chi context.
func (rt *route) keepable(r *http.Request) bool {
	if chi.RouteContext(r.Context()) != nil || r.Pattern != "" {
		return true
	}
	switch rt.next.(type) { // a router further in finds its way by the URL
	case *http.ServeMux, chi.Routes:
		return true
	}
	return false
}

// pooledWriter reports whether the writer is that of a router which takes back what it
// lent to the request, gin's or echo's, whatever router served the request first.
func pooledWriter(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case interface{ WriteHeaderNow() }: // gin
			return true
		case interface { // echo
			Before(func())
			After(func())
		}:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

// detached returns a copy of the request that may be used when the request has
// been answered: with its context's values, and without its end.
func detached(r *http.Request) *http.Request {
	ctx := context.WithoutCancel(r.Context())
	if routing := chi.RouteContext(ctx); routing != nil {
		ctx = context.WithValue(ctx, chi.RouteCtxKey, routing.Clone())
	}
	kept := r.Clone(ctx)
	unconditional(kept.Header)
	return kept
}

// redispatched returns the request as a client would send it anew, for a router
// to find its way again, or nil if its target cannot be read.
func redispatched(r *http.Request) *http.Request {
	target, err := url.ParseRequestURI(received(r))
	if err != nil {
		return nil
	}
	again := &http.Request{
		Method: http.MethodGet, URL: target, RequestURI: received(r), Host: r.Host,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: r.Header.Clone(), Body: http.NoBody, RemoteAddr: r.RemoteAddr, TLS: r.TLS,
	}
	unconditional(again.Header)
	return again
}

// unconditional makes the request one for the whole page.
func unconditional(h http.Header) {
	for _, name := range [...]string{"If-None-Match", "If-Modified-Since", "Range", "If-Range"} {
		delete(h, name)
	}
}

// refreshes are the handler runs that no client waits for.
type refreshes struct {
	mu      sync.Mutex
	limit   int // of those that nobody awaits
	running int
	awaited int // of these
	closed  bool
	none    chan struct{} // closed when closed and none runs

	ctx  context.Context // ends when Close cannot wait any longer
	stop context.CancelFunc
}

func (rs *refreshes) open(limit int) {
	rs.limit, rs.none = limit, make(chan struct{})
	rs.ctx, rs.stop = context.WithCancel(context.Background())
}

// enter counts a run in, unless the cache is closed or, where nobody waits for
// the run, there are too many.
func (rs *refreshes) enter(awaited bool) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed || !awaited && rs.running-rs.awaited >= rs.limit {
		return false
	}
	rs.running++
	rs.awaited += boolInt(awaited)
	return true
}

func (rs *refreshes) leave(awaited bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running--
	rs.awaited -= boolInt(awaited)
	if rs.closed && rs.running == 0 {
		close(rs.none)
	}
}

// close lets no further runs in and waits for those under way.
func (rs *refreshes) close(ctx context.Context) error {
	rs.mu.Lock()
	rs.closed = true
	if rs.running == 0 {
		close(rs.none)
	}
	rs.mu.Unlock()
	defer rs.stop()
	select {
	case <-rs.none:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pagecache: Close: refreshes have not ended: %w", ctx.Err())
	}
}
