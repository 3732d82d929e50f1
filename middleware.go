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
	var found lookup
	rt.find(&found, r, k, now)
	switch {
	case found.entry != nil && found.allows(a):
		if rt.policy.NoRanges {
			a.flags &^= ranged
		}
		rt.hit(w, r, a, found.entry, now)
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

// hit sends a stored response: its fields onto the live ones, Age, Cache-Status,
// then the body, a part of it, or 304.
func (rt *route) hit(w http.ResponseWriter, r *http.Request, a admission, e *entry, now int64) {
	e.route.count(ResultHit)
	if e.pattern != "" {
		r.Pattern = e.pattern // the router has not run to its end; loggers outside want its word
	}
	age, ttl := e.ageAt(now)
	h := w.Header()
	bare := len(h) == 0 // nothing outside has set a field yet
	encoded := !bare && encodedOutside(h, e)
	replay(h, e.fields)
	h["Age"] = ageLines.line(age)
	if line := rt.lines.of(e, ttl); bare && !e.relayed || h["Cache-Status"] == nil {
		h["Cache-Status"] = line
	} else {
		appendStatusLine(h, line[0])
	}
	if rt.core.observer != nil {
		rt.observeHit(w, r, a, e, now, encoded)
		return
	}
	writeEntry(w, r, e, a, encoded)
}
