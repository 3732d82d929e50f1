package pagecache

import (
	"net/http"
	"time"
)

// Page returns middleware that stores pages for ttl and answers requests with
// them. A shorter lifetime that a response states counts instead; what must
// not be shared is never stored. ttl is at least 1 ms; [Forever] exists.
//
//	r.With(cache.Page(15*time.Minute)).Get("/books/{id}", showBook) // chi
func (c *Cache) Page(ttl time.Duration, opts ...Option) func(http.Handler) http.Handler {
	checkTTL("Page", pageWayOut, ttl)
	p := c.base
	p.TTL, p.ShareAuthorized = ttl, false
	p = p.derive("Page", opts)
	return func(next http.Handler) http.Handler { return c.route("Page", p, next) }
}

const pageWayOut = "use Handler to obey response headers only, or Forever"

// PageFunc decorates one handler as [Cache.Page] does:
//
//	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))
func (c *Cache) PageFunc(ttl time.Duration, h http.HandlerFunc, opts ...Option) http.HandlerFunc {
	checkTTL("PageFunc", pageWayOut, ttl)
	p := c.base
	p.TTL, p.ShareAuthorized = ttl, false
	return c.route("PageFunc", p.derive("PageFunc", opts), h).ServeHTTP
}

// Handler is middleware that stores only responses that state a lifetime: in
// s-maxage, max-age, Expires or a targeted field. It fits a whole site. Requests
// with Authorization share the pages that say public, s-maxage or
// must-revalidate, see [Policy.ShareAuthorized].
func (c *Cache) Handler(next http.Handler) http.Handler {
	p := c.base
	p.TTL = 0
	return c.route("Handler", p, next)
}

// ServeHTTP answers from the cache or runs the handler: RFC 9111 section 4 from
// top to bottom.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rt.stepsAside(w, r) { // switched off, closed, or inside another Page of this cache
		return
	}
	a := rt.admit(r) // may this request use a shared cache at all?
	var k key
	if a.admitted() && rt.plainKey(&k, r, a) {
		rt.answer(w, r, a, &k)
		return
	}
	rt.serveFramed(w, r, a)
}

// serveFramed is ServeHTTP for requests that go past the cache, and for keys
// that have to be put together first.
func (rt *route) serveFramed(w http.ResponseWriter, r *http.Request, a admission) {
	if a.admitted() {
		buf := keyBuffers.Get().(*[]byte)
		defer releaseKey(buf)
		var k key
		if rt.framedKey(&k, buf, r, a) {
			rt.answer(w, r, a, &k)
			return
		}
		a = turnedAway(reasonKeyError)
		rt.core.warn("key "+routeLabel(r), "a request to "+quoteRoute(routeLabel(r))+" went past the cache, for a part of its key cannot be had: a path value that is not known here, an empty KeyFunc result, or a KeyFunc that panicked")
	}
	rt.pass(w, r, a)
}

// answer looks the page up and sends it, or has it made.
func (rt *route) answer(w http.ResponseWriter, r *http.Request, a admission, k *key) {
	now := rt.core.now()
	if rt.core.near != nil && rt.answerNear(w, r, a, k, now) {
		return
	}
	var found lookup
	if rt.core.remote != nil && rt.answerKnown(w, r, a, k, &found, now) {
		return
	}
	rt.find(&found, r, k, now)
	switch {
	case rt.policy.ForceRefresh != nil && rt.forced(r):
		rt.refill(w, r, a, k, &found)
	case found.entry != nil && found.allows(a):
		rt.hit(w, r, a, k, &found, now)
	case found.old != nil && rt.answerStale(w, r, a, k, &found, now):
	case r.Method == http.MethodHead:
		rt.passMiss(w, r, &found, reasonHead)
	case a.has(ranged):
		rt.passMiss(w, r, &found, reasonRange)
	case a.has(authorized):
		rt.newFill(w, r, a, k, &found).run() // nobody may wait for what may be one user's page
	default:
		rt.newFill(w, r, a, k, &found).answer()
	}
}

// hit sends a fresh page, and may be the one hit that has it refreshed early.
func (rt *route) hit(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup, now int64) {
	e := found.entry
	if now >= e.early && rt.refreshEarly(w, r, a, k, found, now) {
		return
	}
	e.route.count(ResultHit)
	age, ttl := e.ageAt(now)
	if rt.policy.NoRanges {
		a.flags &^= ranged
	}
	rt.send(w, r, a, e, sending{now, age, ttl, rt.lines.of(e, ttl), ResultHit, "", ""})
}

// sending is what differs between the ways in which a stored response is sent.
type sending struct {
	now    int64
	age    int64    // in seconds
	ttl    int64    // the same; negative when the response is stale
	line   []string // of Cache-Status
	result Result
	why    Reason
	fwd    string // why the handler ran before
}

// send sends a stored response: its fields onto the live ones, Age,
// Cache-Status, then the body, a part of it, or 304.
func (rt *route) send(w http.ResponseWriter, r *http.Request, a admission, e *entry, s sending) {
	if e.pattern != "" {
		r.Pattern = e.pattern // the router has not run to its end; loggers outside want its word
	}
	h := w.Header()
	bare := len(h) == 0 // nothing outside has set a field yet
	encoded := !bare && encodedOutside(h, e)
	replay(h, e.fields)
	rt.policy.hideTags(h)
	h["Age"] = ageLines.line(s.age)
	if bare && !e.relayed || h["Cache-Status"] == nil {
		h["Cache-Status"] = s.line
	} else {
		appendStatusLine(h, s.line[0])
	}
	if rt.core.observer != nil {
		rt.observeSending(w, r, a, e, s, encoded)
		return
	}
	writeEntry(w, r, e, a, encoded)
}
