package pagecache

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// covered reports whether an old page may be served instead of what the handler
// failed with.
func (x *fill) covered() bool { return x.order == nil && x.keeps(x.early) }

// spares reports whether an error page must not take the place of an old one:
// nobody asked for this run, and the page is good still.
func (x *fill) spares() bool { return x.order != nil && x.keeps(true) }

// keeps reports whether the old page is good still: in its window or, if that
// counts, before its end.
func (x *fill) keeps(fresh bool) bool {
	if x.old == nil {
		return false
	}
	now := x.rt.core.now()
	if inTime := fresh && now < x.old.ends(); !inTime && time.Duration(now-x.since) >= x.old.stale.longest() {
		return false
	}
	_, gone := x.rt.core.stamps.judge(&x.old.places, x.old.stamp)
	return !gone
}

// rescues reports whether a panic of the handler ends here: somebody can be
// served an old page, and has been sent nothing yet, or nobody waits.
func (x *fill) rescues() bool {
	return x.order != nil || x.rec.state != aside && x.covered()
}

// rescue answers with the old page instead of a panic, which is logged with its
// stack: it would be seen nowhere else.
func (x *fill) rescue(p any) {
	if p != http.ErrAbortHandler {
		what := "pagecache: the handler panicked; an old page is served instead"
		if x.order != nil {
			what = "pagecache: the handler panicked in a run that no client waits for"
		}
		x.rt.core.logger().Error(what, "route", routeLabel(x.req), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	x.giveUp(reasonHandlerPanic)
	if x.order != nil {
		x.order.tell(func(t *told) { t.panicked = p })
		return
	}
	x.sendOld(0)
}

// letDown is how the flight of a handler that failed ends for those who wait.
func (x *fill) letDown() outcome {
	if lessonOf(x.rec.status, x.why) == lessonFailure {
		return broken
	}
	return failed
}

// learn draws the consequences of the handler run for the old page.
func (x *fill) learn() {
	c := x.rt.core
	switch {
	case x.result != nil:
		c.setbacks.clear(x.slot)
	case x.old == nil || x.learnt || x.admission.has(authorized): // what one user is told says nothing of what others get
	default:
		x.learnt = true
		switch lessonOf(x.rec.status, x.why) {
		case lessonFailure:
			if x.order == nil || !x.order.awaited {
				c.setbacks.add(x.slot, c.now())
			}
		case lessonGone:
			c.forget(x)
		case lessonNone:
			if x.order != nil && !x.order.awaited { // every stale request would try again
				c.setbacks.add(x.slot, c.now())
			}
		}
	}
}

// forget drops an old page that is wrong by now.
func (c *core) forget(x *fill) {
	if c.remote != nil {
		c.remote.forget(x)
		return
	}
	c.drop(x.slot, x.old)
}

// sendOld sends the old page for one that the handler failed to make. What the
// handler left in the header map goes; status is what it failed with, or 0.
func (x *fill) sendOld(status int) {
	c, e := x.rt.core, x.old
	h := x.w.Header()
	switch {
	case x.req == nil: // it waited for the handler run of another request
		x.collapsed = inVain
	case x.before != nil:
		x.before.restore(h)
	default:
		clear(h)
	}
	now := c.now()
	age, _ := e.ageAt(now)
	ttl := staleTTL(x.since, now)
	if x.early || x.forced {
		_, ttl = e.ageAt(now)
	}
	line := x.rt.lines.name + "; fwd=" + x.fwd
	if status != 0 && status != e.status {
		line += "; fwd-status=" + strconv.Itoa(status)
	}
	if x.collapsed == inVain {
		line += "; collapsed=?0"
	}
	line += "; ttl=" + strconv.FormatInt(ttl, 10) + "; detail=" + string(reasonStaleIfError)
	x.served = true
	e.route.count(ResultStale)
	if c.observer != nil {
		now -= int64(time.Since(x.begun)) // the event is about the whole request
	}
	x.rt.send(x.w, x.r, x.admission, e, sending{now, age, ttl, []string{line}, ResultStale, reasonStaleIfError, x.fwd})
}

// staleTTL is the ttl of a page that is stale since a time: what is left of it,
// in seconds, which is less than nothing.
func staleTTL(since, now int64) int64 { return -int64(time.Duration(now-since) / time.Second) }
