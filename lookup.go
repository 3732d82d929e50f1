package pagecache

import (
	"net/http"
	"time"
)

// lookup is what a look-up found: an entry that may be sent, or why there is
// none.
type lookup struct {
	entry  *entry
	old    *entry  // one that is not fresh any more but may be of use
	since  int64   // when it stopped being fresh
	early  bool    // old is fresh, and to be refreshed early
	page   *marker // the page's variants, if it has any
	fwd    string  // why the handler has to run, as in RFC 9211 section 2.2
	ticket *ticket // of a Store: the fences as they stood
	wide   bool    // of a Store: read also what a handler run would need

	before *reading // of a Store: what was read for this look-up already; nil for nothing
}

const (
	uriMiss    = "uri-miss"
	varyMiss   = "vary-miss"
	stale      = "stale"
	fwdRequest = "request"
	unknown    = "miss"
)

// find looks for a fresh response that the request selects. A look-up that is
// made again goes on with what l knows of the request's spending.
func (rt *route) find(l *lookup, r *http.Request, k *key, now int64) {
	if rt.core.remote != nil {
		rt.core.remote.find(l, rt, r, k, now)
		return
	}
	rt.core.findLocal(l, k, r.Header, now)
	if e := l.found(); e != nil && !rt.policy.keys.hasPath() {
		rt.checkPaths(l, e, r, now)
	}
}

// found is the entry found, fresh or not.
func (l *lookup) found() *entry {
	if l.entry != nil {
		return l.entry
	}
	return l.old
}

// take takes the entry in: as fresh, or as old if it still has a use. It was
// expired at a time, or never. That time may be a moment ahead of the clock, see
// stamps; it has come all the same.
func (l *lookup) take(e *entry, expired, now int64) {
	ends := min(e.ends(), expired)
	if expired == never && now < ends {
		l.entry = e
		return
	}
	ends = min(ends, now)
	l.entry, l.fwd = nil, stale
	if time.Duration(now-ends) < e.stale.longest() {
		l.old, l.since = e, ends
	}
}

// checkPaths looks for purges of the path that the request has: where the key
// has none, it may differ from that of the request that filled the page.
func (rt *route) checkPaths(l *lookup, e *entry, r *http.Request, now int64) {
	s := rt.core.stamps
	if s.last.Load() == e.stamp {
		return
	}
	var lent [mostPlaces]uint32
	p := rt.placesOf(lent[:0], r)
	expired, gone := s.judge(&p, e.stamp)
	if gone {
		l.entry, l.old, l.fwd = nil, nil, uriMiss
		return
	}
	if l.old != nil {
		expired = min(expired, l.since)
	}
	l.old = nil
	l.take(e, expired, now)
}

// allows reports whether the request may have the entry that was found: one with
// credentials gets public pages only (RFC 9111 section 3.5).
func (l *lookup) allows(a admission) bool {
	if a.has(authorized) && !l.entry.public {
		l.fwd = fwdRequest
		return false
	}
	return true
}

// commit stores an entry, or says why it is not stored after all.
func (c *core) commit(x *fill, e *entry) Reason {
	if c.remote != nil {
		return c.remote.commit(x, e)
	}
	return c.commitLocal(x, e)
}
