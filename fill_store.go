package pagecache

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// incomplete says why the response cannot be taken for the whole page.
func (x *fill) incomplete() Reason {
	declared := x.rec.declared
	if why := x.cutShort(); why != "" {
		return why
	}
	switch {
	case x.rec.late:
		return reasonLateError
	case x.rec.broken:
		return reasonBrokenSource
	}
	if declared >= 0 && hasBody(x.rec.status) && declared != x.rec.written {
		return reasonLengthMismatch
	}
	for name := range x.w.Header() {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return reasonTrailers
		}
	}
	return ""
}

// cutShort says why the handler's time was over before it ended, if it was.
func (x *fill) cutShort() Reason {
	switch x.ctx.Err() {
	case nil:
		return ""
	case context.DeadlineExceeded:
		return reasonDeadline
	}
	return reasonClientGone
}

// judge decides by the frozen header whether the response can be stored. It is
// asked when the handler calls WriteHeader, so that a response that cannot is
// streamed, and nobody waits for it.
func (x *fill) judge(status int, h http.Header) Reason {
	resp := response{status: status, header: h}
	p := &x.rt.policy
	x.verdict = storable(p, resp, x.control.remarks(), time.Now())
	if life := &x.verdict.life; life.byPolicy && p.Jitter > 0 {
		life.fresh -= time.Duration(rand.Float64() * p.Jitter * float64(life.fresh))
	}
	if x.verdict.why == "" && x.admission.has(authorized) && !x.verdict.public {
		x.verdict.why = reasonAuthorization
	}
	return x.verdict.why
}

// store makes the page and commits it.
func (x *fill) store() Reason {
	p := &x.rt.policy
	said := x.control.remarks()
	switch {
	case said.noStore:
		return reasonControl
	case len(p.Refuse) > 0 && x.rt.refused(response{x.rec.status, x.rec.frozen.header(), x.rec.body.bytes()}):
		return reasonRefused
	}
	tags, bad := tagsOf(p, said, x.rec.frozen)
	if bad != "" {
		x.rt.core.warn("tags "+routeLabel(x.req), "a page of "+quoteRoute(routeLabel(x.req))+" is not stored, for it could not be purged by its tags: "+bad)
		return reasonTags
	}
	e := x.entry(tags)
	switch why := x.rt.core.commit(x, e); why {
	case "":
		x.result = e
		x.learn()
		x.land(made, e)
		return ""
	case reasonStoreError: // the page is good all the same, for those who wait
		x.why = why
		x.land(made, e)
		return why
	default:
		return why
	}
}
