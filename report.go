package pagecache

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// observeSending sends a stored response and reports it, however the writing
// ends.
func (rt *route) observeSending(w http.ResponseWriter, r *http.Request, a admission, e *entry, s sending, encoded bool) {
	status := e.status
	defer func() {
		ev := Event{Kind: KindRequest, Result: s.result, Fwd: s.fwd, Reason: s.why, Route: e.route.label, Status: status, Bytes: int64(len(e.body)),
			TTL: time.Duration(s.ttl) * time.Second, Age: time.Duration(s.age) * time.Second, Duration: time.Duration(rt.core.now() - s.now), Request: r}
		if e.status >= 400 && s.why == "" {
			ev.Reason = reasonNegative
		}
		rt.core.emit(r.Context(), ev)
	}()
	status = writeEntry(w, r, e, a, encoded)
}

// stats returns the counters of the route, which is known once the handler has
// run.
func (x *fill) stats() *routeStats {
	if x.route == nil {
		x.route = x.rt.core.routeStats(routeLabel(x.req))
	}
	return x.route
}

// report counts and reports the request, unless sendOld has done so.
func (x *fill) report() {
	c := x.rt.core
	if x.result == nil && x.why == "" { // the client's writer panicked before the page was stored
		x.why = reasonHandlerPanic
	}
	if x.order != nil {
		x.order.done(x)
		return
	}
	if x.served {
		return
	}
	s := x.stats()
	s.count(ResultMiss)
	if x.result == nil {
		c.notStored.add(x.why)
	} else {
		c.stored.Add(1)
	}
	if c.observer != nil {
		c.emit(x.r.Context(), x.event(KindRequest, ResultMiss))
	}
}

// event describes the fill.
func (x *fill) event(kind Kind, result Result) Event {
	e := Event{Kind: kind, Result: result, Fwd: x.fwd, Reason: x.why, Route: x.stats().label, Status: x.rec.status,
		Bytes: x.rec.written, Stored: x.result != nil, Duration: time.Since(x.begun), Request: x.r}
	if e.Reason == "" {
		e.Reason = x.note
	}
	if x.result != nil {
		e.TTL = x.result.fresh
	}
	return e
}

func (rt *route) reportPass(r *http.Request, rec *recorder, fwd string, why Reason, begun time.Time) {
	c := rt.core
	s := c.routeStats(routeLabel(r))
	s.count(ResultPass)
	c.passed.add(why)
	if why == reasonCookie {
		rt.noteCookie(s, r)
	}
	if c.observer != nil {
		c.emit(r.Context(), Event{Kind: KindRequest, Result: ResultPass, Fwd: fwd, Reason: why, Route: s.label,
			Status: rec.status, Duration: time.Since(begun), Request: r})
	}
}

// cookieWarning: a route is looked at after each so many requests that cookies
// kept out, and reported when they are nine in ten.
const cookieWarning = 100

func (rt *route) noteCookie(s *routeStats, r *http.Request) {
	passes := s.cookiePasses.Add(1)
	if passes%cookieWarning != 0 {
		return
	}
	all := passes + s.total(ResultHit) + s.total(ResultMiss) + s.total(ResultCollapsed) + s.total(ResultStale)
	if passes*10 < all*9 {
		return
	}
	var names []string
	for name := range cookies(r.Header["Cookie"]) {
		if !isAnalyticsCookie(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	rt.core.warn("cookie "+s.label, fmt.Sprintf("%d of %d requests to ", passes, all)+quoteRoute(s.label)+" went past the cache because of cookies ("+
		strings.Join(names, ", ")+"); use IgnoreCookies for those that do not shape the page, Key(Cookie(name)) for those that do")
}

func quoteRoute(label string) string {
	if label == "" {
		return "a route without a pattern"
	}
	return `"` + label + `"`
}
