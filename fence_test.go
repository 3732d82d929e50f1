package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// version is a page that says how often its content has changed, with what a
// purge may be about.
type version struct {
	now     atomic.Int64
	hold    chan struct{} // handler runs wait here, unless it is nil
	late    []string      // tags, added when hold is over
	soon    []string      // tags, added before
	vary    string
	field   string // of the response: Surrogate-Key
	control string // and Cache-Control
}

func (v *version) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content := v.now.Load()
	c := pagecache.FromContext(r.Context())
	c.Tag(v.soon...)
	if v.hold != nil {
		<-v.hold
	}
	c.Tag(v.late...)
	if v.vary != "" {
		w.Header().Set("Vary", v.vary)
	}
	if v.field != "" {
		w.Header().Set("Surrogate-Key", v.field)
	}
	if v.control != "" {
		w.Header().Set("Cache-Control", v.control)
	}
	fmt.Fprintf(w, "version %d", content)
}

// purge is one way to purge the page /p in another process.
type purge struct {
	name  string
	page  version
	opts  []pagecache.Option // of the route
	new   []pagecache.Option // of the caches
	mount func(cached func(http.Handler) http.Handler, h http.Handler) http.Handler
	run   func(ctx context.Context, c *pagecache.Cache) error
}

// process makes one of the caches that share a store.
func (p *purge) process(t *testing.T, s *shared, opts ...pagecache.Option) *pagecache.Cache {
	t.Helper()
	return s.process(t, append(slices.Clip(p.new), opts...)...)
}

// site is the page behind a cache.
func (p *purge) site(c *pagecache.Cache) http.Handler {
	cached := c.Page(time.Hour, p.opts...)
	if p.mount != nil {
		return p.mount(cached, &p.page)
	}
	return cached(&p.page)
}

// routed has the router know the page's route before the cache is asked, and
// routedLater only when the handler runs.
func routed(cached func(http.Handler) http.Handler, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{page}", cached(h))
	return mux
}

func routedLater(cached func(http.Handler) http.Handler, h http.Handler) http.Handler {
	return cached(routed(func(h http.Handler) http.Handler { return h }, h))
}

// isStale reports whether the response says of itself that it is stale.
func (r reply) isStale() bool {
	return strings.Contains(r.cacheStatus(), "; ttl=-") || strings.Contains(r.cacheStatus(), "; ttl=0; detail=")
}

func purgesTag(tag string) func(context.Context, *pagecache.Cache) error {
	return func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeTags(ctx, tag) }
}

func purgesPath(ctx context.Context, c *pagecache.Cache) error { return c.Purge(ctx, "/p") }

func purgesRoute(ctx context.Context, c *pagecache.Cache) error { return c.PurgeRoute(ctx, "/{page}") }

func purgesAll(ctx context.Context, c *pagecache.Cache) error { return c.PurgeAll(ctx) }

func purgesPrefix(ctx context.Context, c *pagecache.Cache) error { return c.PurgePrefix(ctx, "/") }

func withPrefixes(p *pagecache.Policy) { p.PrefixPurge = true }

// purges are all ways to purge /p.
func purges() []*purge {
	windowed := []pagecache.Option{pagecache.StaleWhileRevalidate(time.Hour), pagecache.StaleIfError(time.Hour)}
	prefixed := []pagecache.Option{withPrefixes}
	tagOfPath := pagecache.Tags(func(r *http.Request) string { return "of:" + r.URL.Path })
	return []*purge{
		{name: "path", run: purgesPath},
		{name: "path of a page with variants", page: version{vary: "Accept"}, run: purgesPath},
		{name: "path of a page with late tags", page: version{late: []string{"late"}}, run: purgesPath},
		{name: "path of a page with windows", opts: windowed, run: purgesPath},
		{name: "path with a query", run: func(ctx context.Context, c *pagecache.Cache) error { return c.Purge(ctx, "/p?") }},
		{name: "whole URL", run: func(ctx context.Context, c *pagecache.Cache) error { return c.Purge(ctx, "https://Example.com/p") }},
		{name: "one of many paths", run: func(ctx context.Context, c *pagecache.Cache) error { return c.Purge(ctx, "/a", "/p", "/b") }},
		{name: "derived cache", run: func(ctx context.Context, c *pagecache.Cache) error {
			return c.With(pagecache.Version("2")).Purge(ctx, "/p")
		}},
		{name: "prefix", new: prefixed, run: purgesPrefix},
		{name: "prefix of a page with windows", new: prefixed, opts: windowed, run: purgesPrefix},
		{name: "everything", run: purgesAll},
		{name: "everything, with variants, late tags and windows", opts: windowed, page: version{vary: "Accept", late: []string{"late"}}, run: purgesAll},
		{name: "route", mount: routed, run: purgesRoute},
		{name: "route that comes late", mount: routedLater, run: purgesRoute},
		{name: "route that comes late, of a page with windows", mount: routedLater, opts: windowed, run: purgesRoute},
		{name: "route tag", opts: []pagecache.Option{pagecache.Tags("route")}, run: purgesTag("route")},
		{name: "route tag of a page with windows", opts: append([]pagecache.Option{pagecache.Tags("route")}, windowed...), run: purgesTag("route")},
		{name: "tag of the request", opts: []pagecache.Option{tagOfPath}, run: purgesTag("of:/p")},
		{name: "tag of a response field", page: version{field: "a, b"}, run: purgesTag("b")},
		{name: "late tag", page: version{late: []string{"late"}}, run: purgesTag("late")},
		{name: "late tag, added before the purge", page: version{soon: []string{"late"}}, run: purgesTag("late")},
		{name: "one of many tags", page: version{soon: []string{"a", "b"}, late: []string{"c", "d"}}, run: purgesTag("d")},
		{name: "late tag of a page with variants", page: version{vary: "Accept", late: []string{"late"}}, run: purgesTag("late")},
		{name: "late tag of a page with windows", opts: windowed, page: version{late: []string{"late"}}, run: purgesTag("late")},
	}
}

// begin sends a request whose handler run is held up, and returns how to let it
// go on and wait for the answer.
func begin(v *version, h http.Handler) (finish func() reply) {
	v.hold = make(chan struct{})
	var got reply
	var wg sync.WaitGroup
	wg.Go(func() { got = call(h, page("/p")) })
	synctest.Wait()
	return func() reply {
		close(v.hold)
		wg.Wait()
		return got
	}
}

// TestPurgeDuringFill is the promise: a page whose handler ran before the purge
// returned is never served to a request that starts afterwards, however the
// tag came to it. Without the mark, the purge of a late tag is missed.
func TestPurgeDuringFill(t *testing.T) {
	for _, known := range []bool{false, true} {
		for _, p := range purges() {
			t.Run(fmt.Sprintf("%s, page seen before %t", p.name, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { purgeDuringFill(t, p, known) })
			})
		}
	}
}

func purgeDuringFill(t *testing.T, p *purge, known bool) {
	s := newShared()
	other := p.process(t, s)
	a, b := p.site(p.process(t, s)), p.site(other)
	if known {
		// What this process remembers makes late tags known ones.
		call(a, page("/p"))
		if err := other.Purge(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
	}
	finish := begin(&p.page, a)
	p.page.now.Add(1)
	if err := p.run(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	var follower reply
	var wg sync.WaitGroup
	wg.Go(func() { follower = call(a, page("/p")) })
	synctest.Wait()
	if got := finish(); got.body != "version 0" {
		t.Errorf("the request under way: got %q, want what its handler wrote", got.body)
	}
	wg.Wait()
	if follower.body != "version 1" {
		t.Errorf("a request after the purge that waited for the one under way: got %q (%s), want version 1", follower.body, follower.cacheStatus())
	}
	for range 2 {
		for name, h := range map[string]http.Handler{"a": a, "b": b} {
			if got := call(h, page("/p")); got.body != "version 1" {
				t.Errorf("%s, after the purge: got %q (%s), want version 1", name, got.body, got.cacheStatus())
			}
		}
	}
}

// TestPurgeOfStoredPage: what is stored is gone for every process at once.
func TestPurgeOfStoredPage(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgeOfStoredPage(t, p) })
		})
	}
}

func purgeOfStoredPage(t *testing.T, p *purge) {
	s := newShared()
	caches := [2]*pagecache.Cache{p.process(t, s), p.process(t, s)}
	a, b := p.site(caches[0]), p.site(caches[1])
	for round := range 4 {
		want := fmt.Sprintf("version %d", round)
		wantPage(t, "fill", call(a, page("/p")), want, false)
		wantPage(t, "a", call(a, page("/p")), want, true)
		wantPage(t, "b", call(b, page("/p")), want, true)
		p.page.now.Add(1)
		if err := p.run(t.Context(), caches[round%2]); err != nil {
			t.Fatal(err)
		}
		a, b = b, a // the first to ask for the page is another one each time
	}
}

// TestRouteThatGetsATag: a page stored before the route had its tag knows
// nothing of the tag's purges, so it is not served any more.
func TestRouteThatGetsATag(t *testing.T) { synctest.Test(t, routeThatGetsATag) }

func routeThatGetsATag(t *testing.T) {
	s, v := newShared(), new(version)
	before, after := s.process(t).Page(time.Hour)(v), s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
	call(before, page("/p"))
	v.now.Add(1)
	if err := s.process(t).PurgeTags(t.Context(), "route"); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "route with the tag", call(after, page("/p")), "version 1", false)
	wantPage(t, "route with the tag, again", call(after, page("/p")), "version 1", true)
}

// TestPurgeBehindStripPrefix: the path that the client sent and the path that
// the handler sees both purge the page.
func TestPurgeBehindStripPrefix(t *testing.T) { synctest.Test(t, purgeBehindStripPrefix) }

func purgeBehindStripPrefix(t *testing.T) {
	for _, path := range []string{"/a/p", "/p"} {
		s, v := newShared(), new(version)
		h := http.StripPrefix("/a", s.process(t).Page(time.Hour)(v))
		call(h, page("/a/p"))
		wantPage(t, "filled", call(h, page("/a/p")), "version 0", true)
		v.now.Add(1)
		if err := s.process(t).Purge(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		wantPage(t, "after the purge of "+path, call(h, page("/a/p")), "version 1", false)
	}
}

// TestOtherPurgesSpareThePage: a purge is not a flush.
func TestOtherPurgesSpareThePage(t *testing.T) { synctest.Test(t, otherPurgesSpareThePage) }

func otherPurgesSpareThePage(t *testing.T) {
	s, v := newShared(), &version{late: []string{"late"}}
	h := routed(s.process(t, withPrefixes).Page(time.Hour, pagecache.Tags("route")), v)
	call(h, page("/p"))
	other, ctx := s.process(t, withPrefixes), t.Context()
	for name, err := range map[string]error{
		"Purge":       other.Purge(ctx, "/", "/p/", "/P", "/p%3Fq", "/P?q"),
		"PurgeTags":   other.PurgeTags(ctx, "lat", "late1", "Late", "other", "/p", "all", "mark"),
		"PurgePrefix": other.PurgePrefix(ctx, "/p/", "//"),
		"PurgeRoute":  other.PurgeRoute(ctx, "/p", "/", "/{other}"),
		"Expire":      other.Expire(ctx, "/p/", "/P"),
	} {
		if err != nil {
			t.Errorf("%s: got error %v, want none", name, err)
		}
	}
	wantPage(t, "after purges of others", call(h, page("/p")), "version 0", true)
}
