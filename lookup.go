package pagecache

import "net/http"

// lookup is what a look-up found: an entry that may be sent, or why there is
// none.
type lookup struct {
	entry  *entry
	page   *marker // the page's variants, if it has any
	fwd    string  // why the handler has to run, as in RFC 9211 section 2.2
	ticket *ticket // of a Store: the fences as they stood
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
}

// take takes the entry in if it is fresh.
func (l *lookup) take(e *entry, now int64) {
	if now >= e.ends() {
		l.fwd = stale
		return
	}
	l.entry = e
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
