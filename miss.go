package pagecache

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// newFill begins to have a page made.
func (rt *route) newFill(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup) *fill {
	x := &fill{rt: rt, w: w, r: r, admission: a, key: k.owned()}
	if rt.core.observer != nil {
		x.begun = time.Now()
	}
	x.take(found)
	return x
}

// take takes in what a look-up found instead of the page.
func (x *fill) take(found *lookup) {
	x.fwd, x.ticket, x.slot = found.fwd, found.ticket, x.key.hash
	if found.page != nil {
		x.slot = variantHash(x.rt.core.seed, x.key.hash, found.page.names, x.r.Header)
	}
}

// answer runs the handler, or waits for an equal request that does. A page
// known not to be storable is waited for by nobody.
func (x *fill) answer() {
	c, bound := x.rt.core, x.rt.policy.MaxWait
	for {
		now := c.now()
		if c.marks.has(x.slot, now) {
			x.note = reasonHitForMiss
			x.run()
			return
		}
		f, wait, lead := c.flights.join(x.slot, now, bound)
		if lead {
			x.lead(f)
			return
		}
		switch f.wait(x.r.Context(), wait) {
		case stored:
			if x.follow(f.page) {
				return
			}
		case uncacheable:
			x.collapsed = inVain
			x.run()
			return
		case timedOut:
			x.collapsed, x.note = inVain, reasonWaitTimeout
		case gone:
			x.req, x.why = x.r, reasonClientGone
			x.report()
			return
		case failed: // somebody else goes next
		}
	}
}

// lead runs the handler for all who wait, unless the page landed between the
// look-up and now.
func (x *fill) lead(f *flight) {
	x.flight = f
	if x.ticket == nil || x.ticket.landed != x.rt.core.flights.landed.Load() {
		found := lookup{ticket: x.ticket}
		x.rt.find(&found, x.r, &x.key, x.rt.core.now())
		if found.entry != nil {
			x.land(stored, found.entry)
			x.share(found.entry)
			return
		}
		x.ticket = found.ticket
	}
	x.run()
}

// follow answers with the page that another request filled, if it is this
// request's page too. Otherwise it looks again: the page may have variants. A
// page in a Store is looked up in any case, for it may be purged by now.
func (x *fill) follow(page *entry) bool {
	if x.rt.core.remote == nil && x.key.equal(&page.key) && selects(page.vary, page.values, x.r.Header) {
		x.share(page)
		return true
	}
	found := lookup{ticket: x.ticket}
	x.rt.find(&found, x.r, &x.key, x.rt.core.now())
	if found.entry != nil {
		x.share(found.entry)
		return true
	}
	before := x.slot
	x.take(&found)
	if x.slot == before { // dropped at once: do not wait for it again
		x.collapsed = inVain
		x.run()
		return true
	}
	return false
}

// share sends a page that another request filled while this one waited.
func (x *fill) share(e *entry) {
	c := x.rt.core
	e.route.count(ResultCollapsed)
	if x.r.Pattern == "" {
		x.r.Pattern = e.pattern
	}
	x.collapsed = waited
	age, ttl := e.ageAt(c.now())
	h := x.w.Header()
	replay(h, e.fields)
	h["Age"] = ageLines.line(age)
	appendStatusLine(h, x.sharedLine(ttl))
	if c.observer != nil {
		defer func() {
			c.emit(x.r.Context(), Event{Kind: KindRequest, Result: ResultCollapsed, Fwd: x.fwd, Route: e.route.label, Status: e.status,
				Bytes: int64(len(e.body)), TTL: e.fresh, Duration: time.Since(x.begun), Request: x.r})
		}()
	}
	writeEntry(x.w, x.r, e, x.admission)
}

// pass runs the handler past the cache, with the request and the writer as they
// are but for Cache-Status.
func (rt *route) pass(w http.ResponseWriter, r *http.Request, a admission) {
	rt.passOn(w, r, rt.lines.pass(a.refusal.why), fwdOf(a.refusal.why), a.refusal.why)
}

// passMiss passes a request on that found nothing and may not fill.
func (rt *route) passMiss(w http.ResponseWriter, r *http.Request, found *lookup, why Reason) {
	line := rt.lines.name + "; fwd=" + found.fwd + "; detail=" + string(why)
	rt.passOn(w, r, line, found.fwd, why)
}

func (rt *route) passOn(w http.ResponseWriter, r *http.Request, line, fwd string, why Reason) {
	rec := &recorder{w: w, line: line, core: rt.core}
	var begun time.Time
	if rt.core.observer != nil {
		begun = time.Now()
	}
	defer func() {
		if rec.lent {
			return
		}
		if rec.state == fresh {
			appendStatusLine(w.Header(), line)
		}
		rt.reportPass(r, rec, fwd, why, begun)
	}()
	rt.next.ServeHTTP(rec, r)
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

// cookieWarning is after how many requests a route is reported on which no
// request could use the cache because of cookies.
const cookieWarning = 100

func (rt *route) noteCookie(s *routeStats, r *http.Request) {
	if s.admitted.Load() || s.cookiePasses.Add(1) != cookieWarning {
		return
	}
	var names []string
	for name := range cookies(r.Header["Cookie"]) {
		if !isAnalyticsCookie(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	rt.core.warn("cookie "+s.label, "every request to "+quoteRoute(s.label)+" so far went past the cache because of cookies ("+
		strings.Join(names, ", ")+"); use IgnoreCookies for those that do not shape the page, Key(Cookie(name)) for those that do")
}

// fwdOf translates a bypass into the words of RFC 9211 section 2.2.
func fwdOf(why Reason) string {
	if why == reasonMethod {
		return "method"
	}
	return "bypass"
}

// stepsAside handles requests that this route has no business with: it is
// switched off, the cache is closed, somebody only asks for an explanation, or
// the same cache answers the request further out.
func (rt *route) stepsAside(w http.ResponseWriter, r *http.Request) bool {
	c := rt.core
	if outer, ok := r.Context().Value(controlKey{}).(*Control); ok {
		switch {
		case outer.explain != nil && outer.explain.core == c:
			rt.explain(r, outer.explain)
			return true
		case outer.fill != nil && outer.fill.rt.core == c:
			c.warn("nested "+routeLabel(r), "the same cache is mounted twice on "+quoteRoute(routeLabel(r))+"; the inner one is ignored")
			rt.next.ServeHTTP(w, r)
			return true
		}
	}
	takeOver(w, c)
	switch {
	case rt.policy.Off:
		rt.pass(w, r, turnedAway(reasonDisabled))
	case c.closed.Load():
		rt.pass(w, r, turnedAway(reasonClosed))
	default:
		return false
	}
	return true
}

// takeOver finds out whether the same cache, further out, passed this request
// on. The inner one then answers it, counts it and reports it, alone.
func takeOver(w http.ResponseWriter, c *core) {
	for {
		if rec, ok := w.(*recorder); ok && rec.fill == nil && rec.core == c {
			rec.lent = true
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = u.Unwrap()
	}
}

// observeHit sends a hit and reports it, however the writing ends.
func (rt *route) observeHit(w http.ResponseWriter, r *http.Request, a admission, e *entry, began int64) {
	defer func() {
		age, ttl := e.ageAt(began)
		ev := Event{Kind: KindRequest, Result: ResultHit, Route: e.route.label, Status: e.status, Bytes: int64(len(e.body)),
			TTL: time.Duration(ttl) * time.Second, Age: time.Duration(age) * time.Second, Duration: time.Duration(rt.core.now() - began), Request: r}
		if e.status >= 400 {
			ev.Reason = reasonNegative
		}
		rt.core.emit(r.Context(), ev)
	}()
	writeEntry(w, r, e, a)
}
