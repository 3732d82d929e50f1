package pagecache

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"
)

// WithMemory keeps pages in m instead of the built-in store of 64 MiB:
//
//	pagecache.New(pagecache.WithMemory(memstore.New(1 << 30)))
//
// For [New] only. Close closes m if it can be closed.
func WithMemory(m Memory) Option {
	if isNil(m) {
		panic("pagecache: WithMemory: the memory is nil; leave the option out for the built-in store, or pass memstore.New(bytes)")
	}
	return func(p *Policy) { p.memory, p.newOnly = m, "WithMemory" }
}

// WithStore keeps pages in s, which several processes may share, instead of
// in process. A store that fails or hangs costs at most [Policy.StoreBudget] a
// request and never changes a response. Keys begin with "p:", "v:", "l:", "f:"
// or "h:"; where applications share a server, the store has to keep them apart, by a
// prefix of its own. For [New] only.
func WithStore(s Store) Option {
	if isNil(s) {
		panic("pagecache: WithStore: the store is nil; leave the option out for the built-in in-process store")
	}
	return func(p *Policy) { p.store, p.newOnly = s, "WithStore" }
}

// WithObserver reports to o what the cache did with every request. For [New]
// only. Without it no event is made.
func WithObserver(o Observer) Option {
	if isNil(o) {
		panic("pagecache: WithObserver: the observer is nil; leave the option out")
	}
	return func(p *Policy) { p.observer, p.newOnly = o, "WithObserver" }
}

// WithLogger sends the cache's few log records to l: misuse at level Warn, once
// for each kind and route; store failures at level Error, at most one a second.
// Default: slog.Default(). For [New] only.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("pagecache: WithLogger: the logger is nil; use slog.New(slog.DiscardHandler) for silence")
	}
	return func(p *Policy) { p.logger, p.newOnly = l, "WithLogger" }
}

// Key replaces the default key by the parts given, joined so that no two
// requests with different parts share a page. Scheme, host and [Version] stay
// part of every key; parts that do not speak of the target ([Header], [Cookie],
// [ClientCertificate]) are added to it. A Key replaces the whole Key of the
// group around it, so repeat what should stay.
func Key(parts ...KeyPart) Option {
	if len(parts) == 0 {
		panic("pagecache: Key: no parts given; leave the option out for the default key (path and query), or use Key(Path())")
	}
	var spec keySpec
	for i, part := range parts {
		if isNil(part) {
			panic(fmt.Sprintf("pagecache: Key: part %d is nil", i+1))
		}
		part.addTo(&spec)
	}
	return func(p *Policy) { p.keys = spec }
}

// Tags gives every page of the route tags, besides those of the group and those
// that the handler adds with [Control.Tag]: names of what the pages are made
// from, to purge them by. Each is a string, or a function of the request that
// fills the page:
//
//	pagecache.Tags("books", func(r *http.Request) string { return "shelf:" + r.PathValue("shelf") })
//
// A function has the type func(*http.Request) string or func(*http.Request)
// []string, must be safe for concurrent use, and is called before the handler.
// Like a [KeyFunc] it has path values only where the router has matched already.
// An empty string is no tag. A function that panics, or returns what is no tag,
// keeps the page from being stored. A list of tags may be given as a []string.
// [Cache.Explain] shows the tags of a stored page.
func Tags(tags ...any) Option {
	names, funcs := tagSources("Tags", tags)
	return func(p *Policy) {
		p.Tags = append(slices.Clip(p.Tags), names...)
		p.TagFuncs = append(slices.Clip(p.TagFuncs), funcs...)
	}
}

// StaleWhileRevalidate lets a page be served for d after it stopped being fresh
// while it is made anew (RFC 5861 section 3): in the background where the router
// is known to allow that (see [RefreshVia]), else by one request while the others
// are served the old page. A stale-while-revalidate that the response states
// counts instead, up to d; so does the end of a page by [Cache.Expire]. A
// response with must-revalidate, proxy-revalidate or s-maxage is not served
// stale, but for s-maxage beside a stale-while-revalidate of its own. An error
// page is served stale only where it says so itself.
//
// A refresh that fails leaves the old page in place and is tried again later,
// after 1 s, 2 s, 4 s and so on, a minute at most. The default is 0: no page is
// served stale, unless its response asks for it.
func StaleWhileRevalidate(d time.Duration) Option {
	checkDuration("StaleWhileRevalidate", "window", "leave the option out to serve nothing stale", d)
	return func(p *Policy) { p.StaleWhileRevalidate = d }
}

// StaleIfError lets a page be served for d after it stopped being fresh when its
// handler fails (RFC 5861 section 4): when it answers with a status of 500 or
// above, panics (the panic is logged and goes no further), passes its
// deadline or breaks off its response. What it sent is dropped. Until the handler
// is tried again (see [StaleWhileRevalidate]) the page is served without asking
// it. What is said there of the response's own directives holds here too. Requests
// for HEAD, or for a part of the page, do not try the handler for the whole page:
// they get its own answer.
func StaleIfError(d time.Duration) Option {
	checkDuration("StaleIfError", "window", "leave the option out to serve nothing stale", d)
	return func(p *Policy) { p.StaleIfError = d }
}

// RefreshVia sends background refreshes through root, the handler that your
// server serves, so that the router routes them anew. That works with every
// router, also those that reuse their contexts between requests, for which the
// cache cannot keep a request to run it later; it knows only that chi's and
// http.ServeMux's can be kept. What stands in front of the cache sees a GET with
// the fields of the request that found the page stale, and a context of its own.
// The root may be given before it has its routes. [Cache.Refresh], and [Cache.Warm]
// without a handler, use the root of the cache that they are called on, so give
// it to [New] or [Cache.With] for them, not to a route.
func RefreshVia(root http.Handler) Option {
	if isNil(root) {
		panic("pagecache: RefreshVia: the handler is nil; pass the router that the server serves")
	}
	return func(p *Policy) { p.via = root }
}

// Skip sends requests past the cache for which skip returns true. It is asked
// before the look-up and may be given several times.
func Skip(skip func(*http.Request) bool) Option {
	if skip == nil {
		panic("pagecache: Skip: the function is nil; leave the option out")
	}
	return func(p *Policy) { p.Skip = append(slices.Clip(p.Skip), skip) }
}

// Refuse forbids storing responses for which refuse returns true. It is given
// the whole response and must neither change nor keep it.
func Refuse(refuse func(status int, header http.Header, body []byte) bool) Option {
	if refuse == nil {
		panic("pagecache: Refuse: the function is nil; leave the option out")
	}
	return func(p *Policy) { p.Refuse = append(slices.Clip(p.Refuse), refuse) }
}

// Off switches the cache, the group or the route off, or on again: in
// development, say.
func Off(off bool) Option {
	return func(p *Policy) { p.Off = off }
}

// MaxBody sets the largest body stored, in bytes. Default: 1 MiB.
func MaxBody(bytes int) Option {
	if bytes <= 0 {
		panic(fmt.Sprintf("pagecache: MaxBody: must be positive, got %d; use Off(true) to store nothing", bytes))
	}
	return func(p *Policy) { p.MaxBody = bytes }
}

// NegativeTTL stores error responses for ttl: those of the statuses given, or
// 404 and 410. Other statuses than 2xx, 301, 308, 404 and 410 deserve a second
// thought: one client's failure becomes everybody's.
func NegativeTTL(ttl time.Duration, statuses ...int) Option {
	checkTTL("NegativeTTL", "leave the option out to store no errors", ttl)
	if len(statuses) == 0 {
		statuses = []int{http.StatusNotFound, http.StatusGone}
	}
	for _, status := range statuses {
		if status < 200 || status > 599 || neverStored(status) {
			panic(fmt.Sprintf("pagecache: NegativeTTL: status %d is no complete response that could be stored", status))
		}
	}
	return func(p *Policy) {
		m := maps.Clone(p.StatusTTL)
		if m == nil {
			m = make(map[int]time.Duration, len(statuses))
		}
		for _, status := range statuses {
			m[status] = ttl
		}
		p.StatusTTL = m
	}
}

// OverrideTTL lets the route's TTL win over the lifetime that a response
// states in s-maxage, max-age or Expires. private, no-store and the like still
// forbid storing.
func OverrideTTL() Option {
	return func(p *Policy) { p.OverrideTTL = true }
}

// IgnoreCookies lets requests use the cache although they carry the cookies
// named, or any cookies if none is named. The handler does not see an ignored
// cookie while it fills the cache, so it cannot shape the page.
func IgnoreCookies(names ...string) Option {
	for _, name := range names {
		if !isToken(name) {
			panic(fmt.Sprintf("pagecache: IgnoreCookies: %q is no cookie name", name))
		}
	}
	return func(p *Policy) {
		if len(names) == 0 {
			p.IgnoreAllCookies = true
			return
		}
		p.IgnoredCookies = append(slices.Clip(p.IgnoredCookies), names...)
	}
}

// Strict hides from the handler, while it fills the cache, every request field
// that is not part of the key, so that an unkeyed field can never shape a
// shared page. Fields named here are let through; name what the handler reads
// and lists in Vary, such as Accept-Language.
func Strict(allow ...string) Option {
	for _, name := range allow {
		if !isToken(name) {
			panic(fmt.Sprintf("pagecache: Strict: %q is no field name", name))
		}
	}
	return func(p *Policy) {
		p.Strict = true
		p.AllowedFields = append(slices.Clip(p.AllowedFields), allow...)
	}
}

// ClientMaxAge tells clients to keep stored pages for d: stored responses get
// Cache-Control: max-age and Expires, unless the handler states one of them
// itself. d counts from when the page was made, as Age does; error pages get no
// more than their own lifetime, and pages with a user in the key are marked
// private. This is what Django's cache_page does with its timeout. Without the
// option clients see the handler's own fields only.
func ClientMaxAge(d time.Duration) Option {
	checkTTL("ClientMaxAge", "leave the option out to tell clients nothing", d)
	return func(p *Policy) { p.ClientMaxAge = d }
}

// Version makes v part of every key. Pages stored under another version are
// never found again: pass the build's revision to start afresh with each
// deployment.
func Version(v string) Option {
	return func(p *Policy) { p.Version = v }
}

// isNil reports whether v is nil or holds a nil pointer, map, func or the like.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Chan, reflect.Slice, reflect.Interface:
		return rv.IsNil()
	}
	return false
}
