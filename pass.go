package pagecache

import (
	"net/http"
	"time"
)

// pass runs the handler past the cache, with the request and the writer as they
// are but for Cache-Status.
func (rt *route) pass(w http.ResponseWriter, r *http.Request, a admission) {
	rec := &recorder{w: w, line: rt.lines.pass(a.refusal.why), rt: rt}
	if a.refusal.why == reasonMethod && !isSafe(r.Method) {
		rec.writing = rt.writing(w, r)
	}
	rt.passThrough(rec, r, fwdOf(a.refusal.why), a.refusal.why)
}

// passMiss passes a request on that found nothing and may not fill.
func (rt *route) passMiss(w http.ResponseWriter, r *http.Request, found *lookup, why Reason) {
	line := rt.lines.name + "; fwd=" + found.fwd + "; detail=" + string(why)
	rt.passOn(w, r, line, found.fwd, why)
}

func (rt *route) passOn(w http.ResponseWriter, r *http.Request, line, fwd string, why Reason) {
	rt.passThrough(&recorder{w: w, line: line, rt: rt}, r, fwd, why)
}

func (rt *route) passThrough(rec *recorder, r *http.Request, fwd string, why Reason) {
	var begun time.Time
	if rt.core.observer != nil {
		begun = time.Now()
	}
	rt.core.inside.Add(1)
	normally := false
	defer func() {
		rt.core.inside.Add(-1)
		if rec.writing != nil {
			rec.writing.returned(rec, normally)
		}
		if rec.lent {
			return
		}
		if rec.state == fresh {
			appendStatusLine(rec.w.Header(), rec.line)
			rt.policy.hideTags(rec.w.Header())
		}
		rt.reportPass(r, rec, fwd, why, begun)
	}()
	rt.next.ServeHTTP(rec, r)
	normally = true
}

// fwdOf translates a bypass into the words of RFC 9211 section 2.2.
func fwdOf(why Reason) string {
	if why == reasonMethod {
		return "method"
	}
	return "bypass"
}

// stepsAside handles requests that take another way: the route is switched off,
// the cache is closed, somebody only asks for an explanation or has the page
// made for later, or the same cache answers the request further out.
func (rt *route) stepsAside(w http.ResponseWriter, r *http.Request) bool {
	c := rt.core
	if c.inside.Load() > 0 && rt.isInner(w, r) {
		return true
	}
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

// isInner answers a request that came here through this very cache, further out.
func (rt *route) isInner(w http.ResponseWriter, r *http.Request) bool {
	c := rt.core
	outer, _ := r.Context().Value(controlKey{}).(*Control)
	for ; outer != nil; outer = outer.outer {
		switch {
		case outer.explain != nil && outer.explain.core == c:
			rt.explain(r, outer.explain)
			decline(w)
			return true
		case outer.order != nil && outer.order.core == c:
			rt.carryOut(w, r, outer.order)
			return true
		case outer.fill != nil && outer.fill.rt.core == c:
			c.warn("nested "+routeLabel(r), "the same cache is mounted twice on "+quoteRoute(routeLabel(r))+"; the inner one is ignored")
			rt.next.ServeHTTP(w, r)
			return true
		}
	}
	takeOver(w, c)
	return false
}

// takeOver finds out whether the same cache, further out, passed this request
// on. The inner one then answers it, counts it and reports it, alone.
func takeOver(w http.ResponseWriter, c *core) {
	for rec := range c.recordersIn(w) {
		rec.lent = true
	}
}

// recordersIn yields the recorders of this cache that pass a request on to w,
// from the inside out.
func (c *core) recordersIn(w http.ResponseWriter) func(yield func(*recorder) bool) {
	return func(yield func(*recorder) bool) {
		for {
			if rec, ok := w.(*recorder); ok && rec.fill == nil && rec.rt.core == c && !yield(rec) {
				return
			}
			u, ok := w.(interface{ Unwrap() http.ResponseWriter })
			if !ok {
				return
			}
			w = u.Unwrap()
		}
	}
}
