package pagecache

import (
	"net/http"
	"time"
)

// fill is one request that nothing stored could answer: it runs the handler,
// and stores what comes of it.
type fill struct {
	rt  *route
	w   http.ResponseWriter
	r   *http.Request // as received; the handler gets a copy
	req *http.Request // the copy

	admission admission
	key       key     // at rest
	slot      uint64  // where the page's flight is filed
	ticket    *ticket // the fences of a page in a Store
	hold      *hold   // its lease, if any

	old    *entry // a page that is not fresh any more, but may be of use
	since  int64  // when it stopped being fresh
	early  bool   // old is fresh still: this run may only make it fresher
	forced bool   // the same, but the client asked for this run and gets what comes of it
	order  *order // nobody waits for the response

	fwd       string // why the request is forwarded, as in RFC 9211 section 2.2
	note      Reason // something worth saying that did not keep it from being stored
	collapsed collapse
	flight    *flight // nil: nobody waits for this run

	rec     recorder
	control Control
	ctx     fillContext
	hangUp  hangUp
	asked   *snapshot // the request's fields, before the handler could edit them
	before  *snapshot // what outer middleware had set; nil for nothing

	begun    time.Time // only when somebody observes
	arrived  uint64    // the turn in which the request came, see core.turns
	stamp    int64     // the last purge before its handler was called
	places   places    // where later ones show
	started  int64     // when its handler was called, since the cache's epoch
	turn     uint64    // and in which turn
	verdict  verdict
	extra    []field // what storing added to the handler's fields
	returned bool    // the handler returned normally
	landed   bool
	why      Reason // why the response is not stored
	route    *routeStats
	result   *entry // the page as stored
	served   bool   // the client was sent the old page instead
	learnt   bool   // the consequences of a failure are drawn
}

// collapse says whether the request waited for another one.
type collapse int8

const (
	didNotWait collapse = iota
	waited              // and was answered by the other's response
	inVain              // and had to run the handler
)

// run calls the handler on the client's own goroutine.
func (x *fill) run() {
	c := x.rt.core
	x.started, x.turn, x.stamp = c.now(), c.turns.Add(1), c.stamps.last.Load()
	x.prepare()
	c.inside.Add(1)
	defer x.end()
	x.control.tagBy(x.rt.policy.TagFuncs, x.r)
	if c.remote != nil {
		c.remote.fenceOff(x)
	}
	x.rt.next.ServeHTTP(&x.rec, x.req)
	x.returned = true
}

// prepare makes what the handler gets: a recorder, and a copy of the request
// without what must not shape the page.
func (x *fill) prepare() {
	x.rec = recorder{w: x.w, fill: x}
	x.control.fill = x
	x.control.outer, _ = x.r.Context().Value(controlKey{}).(*Control)
	x.ctx = fillContext{x.r.Context(), &x.control}
	if x.order == nil {
		x.ctx.Context = x.hangUp.detach(x.r.Context(), x.rt.policy.AfterHangUp)
	}
	if h := x.w.Header(); len(h) > 0 {
		x.before = take(h)
	}
	x.asked = take(x.r.Header)
	x.req = x.r.WithContext(&x.ctx)
	if p := &x.rt.policy; p.Strict || x.admission.flags&(conditional|cookied) != 0 {
		x.req.Header = x.r.Header.Clone()
		p.hide(x.req.Header, x.admission)
	}
}

// release gives lent memory back. Whoever kept the writer and uses it after the
// handler has returned reaches the client's writer and nothing of ours, for what
// was lent belongs to another request by then.
func (x *fill) release() {
	x.rec.state, x.rec.tee, x.rec.mute = aside, false, false
	x.free(&x.rec.body)
	for _, s := range []**snapshot{&x.before, &x.asked, &x.rec.frozen} {
		(*s).release()
		*s = nil
	}
}

// end runs on every way out of the handler: return, panic, runtime.Goexit.
func (x *fill) end() {
	x.rt.core.inside.Add(-1)
	defer x.report()
	defer x.hangUp.end()
	defer x.letGo(false)
	defer x.land(failed, nil)
	defer x.release()
	if x.req.Pattern != "" {
		x.r.Pattern = x.req.Pattern // for loggers and metrics outside
	}
	if !x.returned && x.rescues() {
		if p := recover(); p != nil {
			x.rescue(p)
			return
		}
	}
	switch {
	case !x.returned:
		x.abort()
	case x.rec.hushed:
		x.giveUp(reasonStatus)
		x.sendOld(x.rec.status)
	case x.rec.state == fresh && x.cutShort() == reasonDeadline && x.covered():
		x.giveUp(reasonDeadline)
		x.sendOld(0)
	case x.rec.state == fresh && x.cutShort() != "": // it left the answer to who set the deadline
		x.giveUp(x.cutShort())
		x.addLine()
	case x.rec.state == fresh:
		x.giveUp(reasonHandlerSilent)
		x.addLine()
		x.rt.core.warn("silent "+routeLabel(x.req), "the handler for "+quoteRoute(routeLabel(x.req))+" returned without writing; nothing is stored (does an adapter run it elsewhere?)")
	case x.rec.state == recording, x.rec.tee:
		x.conclude()
	}
}

// addLine adds Cache-Status to a response that the handler left to the server.
func (x *fill) addLine() {
	h := x.w.Header()
	appendStatusLine(h, x.statusLine(x.why))
	x.rt.policy.hideTags(h)
}

// abort lets the client of a handler that panicked see what it would see
// without a cache: the bytes written until then.
func (x *fill) abort() {
	if x.rec.state == recording {
		x.rec.stepAside(reasonHandlerPanic)
	}
	x.why = reasonHandlerPanic
	x.learn()
}

// conclude stores a response that was recorded to its end, if it may, and only
// then sends it: the client's next request must find it.
func (x *fill) conclude() {
	why := x.incomplete()
	if why == "" {
		why = x.store()
	}
	switch {
	case x.rec.tee: // the client has it already
		if why != "" {
			x.giveUp(why)
		}
	case why == "":
		x.sendPage()
	case lessonOf(x.rec.status, why) == lessonFailure && x.covered():
		x.giveUp(why)
		x.sendOld(x.rec.status)
	default:
		x.rec.stepAside(why)
	}
}

// sendPage sends the stored page to the client whose request filled it: with
// all its handler's fields, also those that are not replayed on hits.
func (x *fill) sendPage() {
	h := x.w.Header()
	x.free(&x.rec.body) // the page has its own copy, and the client may be slow
	x.rec.frozen.restore(h)
	replay(h, x.extra)
	x.rt.policy.hideTags(h)
	x.addStatusLine(h)
	x.rec.status = writeEntry(x.w, x.r, x.result, x.admission, x.before.has("Content-Encoding") && !x.result.encoded)
}

// room makes room for n more recorded bytes, or says why there is none.
func (x *fill) room(b *body, n int) Reason {
	if len(b.bytes())+n > x.rt.policy.MaxBody {
		return reasonTooLarge
	}
	if growth := b.grow(n); growth > 0 && x.rt.core.recording.Add(growth) > x.rt.core.maxRecording {
		return reasonRecordingBudget
	}
	return ""
}

// free gives the recording buffer and its share of the budget back.
func (x *fill) free(b *body) {
	x.rt.core.recording.Add(-b.reserved)
	b.reserved = 0
	b.free()
}

// giveUp records why the response is not stored and releases who waits for it.
func (x *fill) giveUp(why Reason) {
	if x.why != "" {
		return
	}
	x.why = why
	c := x.rt.core
	x.learn()
	switch {
	case why == reasonHandlerPanic, why == reasonSuperseded, why == reasonInvalidated, x.cutShort() != "", x.old != nil && lessonOf(x.rec.status, why) == lessonFailure:
		x.land(x.letDown(), nil) // it says nothing of the page
	case x.admission.has(authorized): // nobody waits, and it says nothing of what others get
	default:
		c.marks.set(x.slot, c.now()+int64(x.rt.policy.HitForMiss))
		x.land(uncacheable, nil)
		x.letGo(true)
	}
}

// reattach gives the handler's context the client's cancellation back: the
// response goes to this client alone now.
func (x *fill) reattach() { x.hangUp.attach() }

// land ends the flight that others wait for, once.
func (x *fill) land(how outcome, page *entry) {
	if x.flight == nil || x.landed {
		return
	}
	x.landed = true
	x.rt.core.flights.land(x.slot, x.flight, how, page, x.ticket)
}
