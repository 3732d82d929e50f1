package pagecache

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Explanation says what the cache would do with a request.
type Explanation struct {
	Reached  bool          // the request got to a handler wrapped by this cache
	WouldHit bool          // a stored response would answer it; with a Reason and a negative TTL if it is stale
	Fwd      string        // otherwise: why the handler would run, as in RFC 9211 section 2.2
	Reason   Reason        // and why the cache would not be asked, if so
	Culprit  string        // the field or cookie behind the Reason, if there is one
	Key      string        // what selects the page; secrets in it are digests
	Vary     []string      // the request fields that select among its variants
	Route    string        // of the stored response
	Status   int           // of the stored response
	Age, TTL time.Duration // of the stored response
	Tags     []string      // of the stored response

	core *core
}

// Explain says what would become of the request if h, your router or a wrapped
// handler, got it. Nothing is run behind the cache, counted or changed; what
// stands in front of it runs, and so does the handler of a route that this
// cache does not wrap. Only GET and HEAD requests are sent; Explain answers for
// others itself. With a nil h, the policy of c alone decides.
func (c *Cache) Explain(h http.Handler, r *http.Request) Explanation {
	e := Explanation{core: c.core}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		e.Fwd, e.Reason = fwdOf(reasonMethod), reasonMethod
		return e
	}
	if h == nil {
		h = c.route("Explain", c.base, http.NotFoundHandler())
	}
	ctx := context.WithValue(r.Context(), controlKey{}, &Control{explain: &e})
	c.core.inside.Add(1)
	defer c.core.inside.Add(-1)
	h.ServeHTTP(nowhere{make(http.Header)}, r.WithContext(ctx))
	return e
}

// explain decides as ServeHTTP does, without consequences.
func (rt *route) explain(r *http.Request, e *Explanation) {
	e.Reached = true
	a := rt.admit(r)
	if rt.policy.Off {
		a = turnedAway(reasonDisabled)
	}
	if rt.core.closed.Load() {
		a = turnedAway(reasonClosed)
	}
	var k key
	buf := new([]byte)
	if a.admitted() && !rt.plainKey(&k, r, a) && !rt.framedKey(&k, buf, r, a) {
		a = turnedAway(reasonKeyError)
	}
	if no := a.refusal; no != nil {
		e.Fwd, e.Reason, e.Culprit = fwdOf(no.why), no.why, no.culprit
		return
	}
	e.Key = rt.keyText(r)
	now := rt.core.now()
	var found lookup
	rt.find(&found, r, &k, now)
	if found.page != nil {
		e.Vary = slices.Clone(found.page.names)
	}
	if found.entry != nil && found.allows(a) {
		e.describe(found.entry, now)
		return
	}
	if old := found.old; old != nil && (!a.has(authorized) || old.public) {
		if why, _ := rt.staleReason(&found, &k, r, now); why != "" {
			e.describe(old, now)
			e.Reason, e.TTL = why, time.Duration(staleTTL(found.since, now))*time.Second
			return
		}
	}
	e.Fwd = found.fwd
	switch {
	case found.fwd == unknown:
		e.Reason = reasonStoreError
	case r.Method == http.MethodHead:
		e.Reason = reasonHead
	case a.has(ranged):
		e.Reason = reasonRange
	}
}

func (e *Explanation) describe(page *entry, now int64) {
	age, ttl := page.ageAt(now)
	e.WouldHit, e.Route, e.Status, e.Tags = true, page.route.label, page.status, slices.Clone(page.ownTags())
	e.Age, e.TTL = time.Duration(age)*time.Second, time.Duration(ttl)*time.Second
}

// String is the explanation in one line.
func (e Explanation) String() string {
	switch {
	case e.WouldHit:
		if e.Reason != "" {
			return fmt.Sprintf("hit: %s, status %d, age %v, stale for %v, tags %q, key %s", e.Reason, e.Status, e.Age, -e.TTL, e.Tags, e.Key)
		}
		return fmt.Sprintf("hit: status %d, age %v, fresh for %v, tags %q, key %s", e.Status, e.Age, e.TTL, e.Tags, e.Key)
	case !e.Reached && e.Reason == "":
		return "the request does not reach a handler that this cache wraps"
	}
	var b strings.Builder
	b.WriteString("fwd=" + e.Fwd)
	if e.Reason != "" {
		b.WriteString(": " + string(e.Reason))
		if e.Culprit != "" {
			b.WriteString(" (" + e.Culprit + ")")
		}
		b.WriteString(". " + e.Reason.Explain())
	}
	if e.Key != "" {
		b.WriteString("; key " + e.Key)
	}
	return b.String()
}

// keyText shows the key of a request for people: an address, and what else is
// part of it. Secrets are digests, as they are in the key.
func (rt *route) keyText(r *http.Request) string {
	spec := &rt.policy.keys
	path, query, hasQuery := strings.Cut(received(r), "?")
	var b strings.Builder
	b.WriteString(scheme(r) + "://" + strings.ToLower(r.Host))
	switch {
	case len(spec.funcs) > 0:
		for _, f := range spec.funcs {
			fmt.Fprintf(&b, " func=%q", callKeyFunc(f, r))
		}
	case len(spec.pathValues) > 0:
		b.WriteString(r.Pattern)
		for _, name := range spec.pathValues {
			fmt.Fprintf(&b, " %s=%q", name, r.PathValue(name))
		}
	default:
		b.WriteString(path)
	}
	b.WriteString(queryText(spec, query, hasQuery))
	for _, name := range routingFields {
		if lines, ok := r.Header[name]; ok {
			fmt.Fprintf(&b, " %s=%q", name, lines)
		}
	}
	for _, name := range spec.headers {
		fmt.Fprintf(&b, " %s=%s", name, valueText(fieldClass(name) == identityField || name == "Cookie", r.Header[name]))
	}
	for _, name := range spec.cookies {
		fmt.Fprintf(&b, " cookie %s=%s", name, valueText(true, cookieValues(r.Header["Cookie"], name)))
	}
	if spec.cert {
		fmt.Fprintf(&b, " certificate=%x", appendCertificate(nil, r))
	}
	if v := rt.policy.Version; v != "" {
		fmt.Fprintf(&b, " version=%q", v)
	}
	return b.String()
}

func queryText(spec *keySpec, query string, present bool) string {
	switch {
	case spec.path, len(spec.funcs) > 0, !present:
		return ""
	case len(spec.keepQuery) > 0:
		return "?" + query + " (of it " + strings.Join(spec.keepQuery, ", ") + ")"
	case len(spec.dropQuery) > 0:
		return "?" + query + " (without " + strings.Join(spec.dropQuery, ", ") + ")"
	}
	return "?" + query
}

func valueText(secret bool, lines []string) string {
	switch {
	case len(lines) == 0:
		return "none"
	case secret:
		return fmt.Sprintf("sha256:%x", digest(lines)[:4])
	}
	return fmt.Sprintf("%q", lines)
}

// nowhere is a response writer for requests that nobody waits for.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}
