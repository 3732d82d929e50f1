package pagecache

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// isSafe reports whether requests with this method change nothing (RFC 9110
// section 9.2.1). Unknown methods may.
func isSafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, "":
		return true
	}
	return false
}

// writing is a request that changes what pages show, if it succeeds (RFC 9111
// section 4.4). It invalidates when the handler sends its status, before the
// client can learn of the success, and again when it has returned: a page that
// was begun in between may not show all that the handler has done.
type writing struct {
	core  *core
	r     *http.Request
	exact bool      // its own query only
	spent *spending // of the request's budget for a Store
	tags  []string
	funcs []func(*http.Request) []string

	what *invalidation // once the status says success
}

// writing begins to follow an unsafe request. What else follows it further out
// shares its budget.
func (rt *route) writing(w http.ResponseWriter, r *http.Request) *writing {
	v := &writing{core: rt.core, r: r, exact: rt.policy.InvalidateExact}
	if rt.core.remote == nil {
		return v
	}
	v.spent = rt.core.remote.newSpending()
	for outer := range rt.core.recordersIn(w) {
		if outer.writing != nil {
			v.spent = outer.writing.spent
		}
	}
	return v
}

// ended is told the status that is about to be sent.
func (v *writing) ended(rec *recorder, status int) {
	if status < 200 || status >= 400 {
		return
	}
	in := v.invalidation(rec.w.Header())
	v.what = &in
	v.invalidate()
	rec.line += "; detail=" + string(reasonInvalidated)
}

// returned is told that the handler has, or that it panicked. One that wrote
// nothing has succeeded: the server sends 200 for it.
func (v *writing) returned(rec *recorder, normally bool) {
	switch {
	case v.what != nil:
		v.what.again = true
		v.invalidate()
	case normally && rec.state == fresh:
		v.ended(rec, http.StatusOK)
	}
}

func (v *writing) invalidate() {
	_ = v.core.invalidate(context.Background(), *v.what) // what the store refuses is owed, counted and logged
}

// invalidation finds out what the request has changed.
func (v *writing) invalidation(h http.Header) invalidation {
	in := invalidation{spent: v.spent, what: v.r.Method + " " + received(v.r)}
	_, query, _ := strings.Cut(received(v.r), "?")
	for path := range paths(v.r) {
		in.tags = append(in.tags, address{path: path, query: query, exact: v.exact}.tags()...)
	}
	for _, name := range [...]string{"Location", "Content-Location"} {
		if path, ok := v.samePlace(h.Get(name)); ok {
			in.tags = append(in.tags, tag{kind: pathTag, parts: [3]string{path}})
		}
	}
	tags, bad := requestTags(v.funcs, v.r)
	if bad != "" {
		v.core.warn("invalidate tags", "Invalidate cannot tell what to purge, so everything is: "+bad)
		in.all = true
		in.what += ", everything"
	}
	tags = append(tags, v.tags...)
	if len(tags) > 0 {
		in.what += ", tags " + strings.Join(tags, " ")
	}
	for _, t := range tags {
		in.tags = append(in.tags, tag{kind: userTag, parts: [3]string{t}})
	}
	return in
}

// samePlace returns the path that a reference in the response leads to, if it is
// on the same host. The scheme does not count: in front of this server may be one
// that speaks TLS for it.
func (v *writing) samePlace(reference string) (path string, ok bool) {
	if reference == "" {
		return "", false
	}
	target, err := url.Parse(reference)
	if err != nil {
		return "", false
	}
	base := &url.URL{Scheme: scheme(v.r), Host: v.r.Host, Path: receivedPath(v.r)}
	target = base.ResolveReference(target)
	if target.Path == "" {
		target.Path = "/"
	}
	return target.Path, strings.EqualFold(hostWithoutPort(target), hostWithoutPort(base))
}

// hostWithoutPort is the host, with a port that is not the scheme's usual one.
func hostWithoutPort(u *url.URL) string {
	switch port := u.Port(); {
	case port == "", port == "80" && u.Scheme == "http", port == "443" && u.Scheme == "https":
		return u.Hostname()
	}
	return u.Host
}

// Invalidate is middleware for routes that change what pages show. When a request
// with an unsafe method (any but GET, HEAD, OPTIONS and TRACE) succeeds, which is a
// status from 200 to 399, it purges before the client learns of it:
//
//   - the pages with the tags given, see [Tags] for their forms; functions are
//     called with the request when the handler sends its status;
//   - the pages of the request's own path, and of Location and Content-Location in
//     the response where they are on the same host (RFC 9111 section 4.4).
//
// It purges once more when the handler has returned. A client that was told of
// the success is never answered with an older page. (A page that the handler has
// had made by [Cache.Refresh] is purged as well.) A GET counts as safe, whatever
// a method override field says. A page that is not purged
// because the [Store] refused it is not served from there by this process. If a
// tag function panics, or returns what is no tag, everything is purged.
//
// Requests that reach a handler through [Cache.Page] and the like need it for the
// tags only: those invalidate the addresses themselves.
//
//	r.With(cache.Invalidate("books", func(r *http.Request) string { return "book:" + r.PathValue("id") })).
//		Post("/books/{id}/reviews", postReview)
func (c *Cache) Invalidate(tags ...any) func(http.Handler) http.Handler {
	names, funcs := tagSources("Invalidate", tags)
	return func(next http.Handler) http.Handler {
		rt := c.route("Invalidate", c.base, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isSafe(r.Method) || c.core.closed.Load() {
				next.ServeHTTP(w, r)
				return
			}
			rec := &recorder{w: w, rt: rt, line: rt.lines.pass(reasonMethod), writing: rt.writing(w, r)}
			rec.writing.tags, rec.writing.funcs = names, funcs
			for range c.core.recordersIn(w) {
				rec.silent = true
			}
			c.core.inside.Add(1)
			normally := false
			defer func() {
				c.core.inside.Add(-1)
				if rec.writing.returned(rec, normally); rec.state == fresh && !rec.silent && !rec.lent {
					appendStatusLine(w.Header(), rec.line)
				}
			}()
			next.ServeHTTP(rec, r)
			normally = true
		})
	}
}
