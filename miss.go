package pagecache

import (
	"context"
	"net/http"
	"time"
)

// newFill begins to have a page made.
func (rt *route) newFill(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup) *fill {
	x := &fill{rt: rt, w: w, r: r, admission: a, key: k.owned(), arrived: rt.core.turns.Add(1), places: rt.placesOf(make([]uint32, 0, mostPlaces), r)}
	if rt.core.observer != nil {
		x.begun = time.Now()
	}
	if !rt.used.Load() {
		rt.used.Store(true)
	}
	x.take(found)
	return x
}

// take takes in what a look-up found instead of a fresh page.
func (x *fill) take(found *lookup) {
	x.fwd, x.ticket, x.old, x.since, x.early = found.fwd, found.ticket, found.old, found.since, found.early
	x.slot = slotOf(x.rt.core, &x.key, found, x.r.Header)
}

// slotOf finds the place of the page that a request asks for, as far as a
// look-up told: that of a variant, if the page has any.
func slotOf(c *core, k *key, found *lookup, h http.Header) uint64 {
	if found.page == nil {
		return k.hash
	}
	return variantHash(c.seed, k.hash, found.page.names, h)
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
		f, wait, lead := c.flights.join(x.slot, x.places, c.stamps, now, bound)
		if lead {
			x.lead(f)
			return
		}
		switch f.wait(x.r.Context(), wait) {
		case made:
			if x.follow(f.page, f.ticket) {
				return
			}
		case uncacheable:
			x.collapsed = inVain
			x.run()
			return
		case timedOut:
			x.collapsed, x.note = inVain, reasonWaitTimeout
		case gone:
			x.leaveQueue()
			return
		case broken:
			if x.covered() {
				x.sendOld(0)
				return
			}
		case failed: // somebody else goes next
		}
	}
}

// leaveQueue ends a wait that the request's own context ended. A deadline is the
// handler's to answer, as it would be without a cache. One that was cancelled is
// answered with 503: the client has mostly hung up, but a server that drains
// cancels too, and an empty success would be a lie.
func (x *fill) leaveQueue() {
	if x.r.Context().Err() == context.DeadlineExceeded {
		x.rt.passOn(x.w, x.r, x.rt.lines.name+"; fwd="+x.fwd+"; collapsed=?0; detail="+string(reasonDeadline), x.fwd, reasonDeadline)
		return
	}
	x.req, x.why = x.r, reasonClientGone
	x.w.Header()["Cache-Control"] = []string{"no-store"}
	appendStatusLine(x.w.Header(), x.statusLine(x.why))
	x.rec.status = http.StatusServiceUnavailable
	x.w.WriteHeader(x.rec.status)
	x.report()
}

// lead runs the handler for all who wait, unless the page landed between the
// look-up and now.
func (x *fill) lead(f *flight) {
	x.flight = f
	defer x.land(failed, nil) // whatever happens
	if (x.ticket == nil || x.ticket.landed != x.rt.core.flights.landed.Load()) && x.lookAgain() {
		return
	}
	if !x.claim() {
		x.run()
	}
}

// lookAgain answers with the page, if it is there by now.
func (x *fill) lookAgain() (answered bool) {
	e := x.foundAgain()
	if e == nil {
		return false
	}
	x.land(made, e)
	x.letGo(false)
	if x.order != nil {
		x.order.tell(func(t *told) { t.fresh = true })
		decline(x.w)
		return true
	}
	x.share(e)
	return true
}

// foundAgain looks the page up once more, and with it what else a run of the
// handler needs to know of a Store.
func (x *fill) foundAgain() *entry {
	found := lookup{ticket: x.ticket, wide: true}
	x.rt.find(&found, x.r, &x.key, x.rt.core.now())
	x.ticket = found.ticket // what is landed was found behind these fences
	x.old, x.since = found.old, found.since
	e := found.entry
	if e != nil && x.rt.core.remote != nil {
		e.places = x.rt.core.withTags(x.places, e.ownTags(), withoutMethod(e.pattern))
	}
	return e
}

// follow answers with the page that another request filled, if it is this
// request's page too and cannot have been purged before this request came.
// Otherwise it looks again; what it does not find it waits for once more, or
// fills itself.
func (x *fill) follow(page *entry, behind *ticket) bool {
	same := x.key.equal(&page.key) && selects(page.vary, page.values, x.r.Header)
	if same && x.stands(page) && (x.arrived < page.turn || x.ticket.agrees(behind)) {
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
	if !same && x.slot == before { // another page in our place: waiting is in vain
		x.collapsed = inVain
		x.run()
		return true
	}
	return false
}

// stands reports whether the page was neither purged nor expired in this process
// since its handler run began.
func (x *fill) stands(page *entry) bool {
	expired, _ := x.rt.core.stamps.judge(&page.places, page.stamp)
	if expired == never && !x.rt.policy.keys.hasPath() { // it may have been filled by another path
		expired, _ = x.rt.core.stamps.judge(&x.places, page.stamp)
	}
	return expired == never
}

// share sends a page that another request filled while this one waited.
func (x *fill) share(e *entry) {
	c := x.rt.core
	e.route.count(ResultCollapsed)
	if e.pattern != "" {
		x.r.Pattern = e.pattern
	}
	x.collapsed = waited
	age, ttl := e.ageAt(c.now())
	h := x.w.Header()
	encoded := encodedOutside(h, e)
	replay(h, e.fields)
	x.rt.policy.hideTags(h)
	h["Age"] = ageLines.line(age)
	appendStatusLine(h, x.sharedLine(ttl))
	status := e.status
	if c.observer != nil {
		defer func() {
			c.emit(x.r.Context(), Event{Kind: KindRequest, Result: ResultCollapsed, Fwd: x.fwd, Route: e.route.label, Status: status,
				Bytes: int64(len(e.body)), TTL: e.fresh, Duration: time.Since(x.begun), Request: x.r})
		}()
	}
	status = writeEntry(x.w, x.r, e, x.admission, encoded)
}
