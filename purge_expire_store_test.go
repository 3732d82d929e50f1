package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// expiries are all ways to expire /p in another process.
func expiries() []*purge {
	type run = func(ctx context.Context, c *pagecache.Cache) error
	path := run(func(ctx context.Context, c *pagecache.Cache) error { return c.Expire(ctx, "/p") })
	route := run(func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireRoute(ctx, "/{page}") })
	tag := run(func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireTags(ctx, "other", "tag") })
	return []*purge{
		{name: "path", run: path},
		{name: "path of a page with variants and late tags", page: version{vary: "Accept", late: []string{"late"}}, run: path},
		{name: "whole URL", run: func(ctx context.Context, c *pagecache.Cache) error { return c.Expire(ctx, "https://example.com/p") }},
		{name: "prefix", new: []pagecache.Option{withPrefixes}, run: func(ctx context.Context, c *pagecache.Cache) error { return c.ExpirePrefix(ctx, "/") }},
		{name: "everything", run: func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireAll(ctx) }},
		{name: "route", mount: routed, run: route},
		{name: "route that comes late", mount: routedLater, run: route},
		{name: "route tag", opts: []pagecache.Option{pagecache.Tags("tag")}, run: tag},
		{name: "late tag", page: version{late: []string{"tag"}}, run: tag},
		{name: "tag of a response field", page: version{field: "tag"}, run: tag},
	}
}

// windowed gives the route of the page windows.
func (p *purge) windowed(d time.Duration) *purge {
	p.opts = append(p.opts, pagecache.StaleWhileRevalidate(d), pagecache.StaleIfError(d))
	return p
}

const freshDetail = "pagecache; hit; ttl=3600"

// TestExpireOverAStore: each process serves the page stale, and each makes it
// anew once at most.
func TestExpireOverAStore(t *testing.T) {
	for _, p := range expiries() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { expireOverAStore(t, p.windowed(time.Minute)) })
		})
	}
}

func expireOverAStore(t *testing.T, p *purge) {
	s, runs := newShared(), new(oracle)
	var caches [3]*pagecache.Cache
	var sites [3]http.Handler
	for i := range caches {
		caches[i] = p.process(t, s)
		counted := p.page.counted(runs)
		if sites[i] = caches[i].Page(time.Hour, p.opts...)(counted); p.mount != nil {
			sites[i] = p.mount(caches[i].Page(time.Hour, p.opts...), counted)
		}
		call(sites[i], page("/p?warm"))
		call(sites[i], page("/p"))
	}
	p.page.now.Add(1)
	if err := p.run(t.Context(), caches[2]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	runs.runs.Store(0)
	p.page.hold = make(chan struct{})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			got := call(sites[i%3], page("/p"))
			if old := got.body == "version 0"; old != strings.HasPrefix(got.cacheStatus(), "pagecache; hit; ttl=-10; detail=") {
				t.Errorf("after the expiry: got %q (%s), want the old page as stale since 10s, or the new one", got.body, got.cacheStatus())
			}
		})
	}
	synctest.Wait()
	if n := runs.runs.Load(); n > 3 {
		t.Errorf("got %d handler runs for a page in three processes, want one each at most", n)
	}
	close(p.page.hold)
	wg.Wait()
	synctest.Wait()
	for i, h := range sites {
		wantPage(t, fmt.Sprintf("refreshed, process %d", i), call(h, page("/p")), "version 1", true)
		wantStatus(t, "refreshed", call(h, page("/p")), freshDetail)
	}
}

// counted is the page with its runs counted.
func (v *version) counted(o *oracle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.runs.Add(1)
		v.ServeHTTP(w, r)
	})
}

// TestExpireWithoutAWindow: the page is gone in all processes, also where its
// window is only in its response's own words.
func TestExpireWithoutAWindow(t *testing.T) {
	for _, p := range expiries() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				expireWithoutAWindow(t, p, "")
				expireWithoutAWindow(t, p, "max-age=3600, stale-while-revalidate=60")
				expireWithoutAWindow(t, p.windowed(time.Minute), "max-age=3600, must-revalidate")
			})
		})
	}
}

func expireWithoutAWindow(t *testing.T, p *purge, control string) {
	s := newShared()
	p.page.control = control
	a, b := p.process(t, s), p.process(t, s)
	h, other := p.site(a), p.site(b)
	old := call(h, page("/p")).body
	wantPage(t, "before", call(other, page("/p")), old, true)
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	if err := p.run(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "another process, "+control, call(other, page("/p")), want, false)
	wantPage(t, "expiring process, "+control, call(h, page("/p")), want, true)
}

// TestExpireThenPurge: whichever comes first and from wherever, what was purged
// is not served stale.
func TestExpireThenPurge(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { expireThenPurge(t, p.windowed(time.Hour)) })
		})
	}
}

func expireThenPurge(t *testing.T, p *purge) {
	expire := func(ctx context.Context, c *pagecache.Cache) error { return c.Expire(ctx, "/p") }
	expireAll := func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireAll(ctx) }
	for i, steps := range [][]func(context.Context, *pagecache.Cache) error{
		{expire, p.run}, {p.run, expire}, {expireAll, p.run, expireAll}, {expire, expireAll, p.run}, {p.run, expireAll},
	} {
		s := newShared()
		h, other := p.site(p.process(t, s)), p.site(p.process(t, s))
		call(h, page("/p"))
		call(other, page("/p"))
		want := fmt.Sprintf("version %d", p.page.now.Add(1))
		for _, run := range steps {
			time.Sleep(time.Second)
			if err := run(t.Context(), p.process(t, s)); err != nil {
				t.Fatal(err)
			}
		}
		for name, h := range map[string]http.Handler{"filler": h, "reader": other, "cold": p.site(p.process(t, s))} {
			if got := call(h, page("/p")); got.body != want {
				t.Errorf("order %d, %s: got %q (%s), want %s", i, name, got.body, got.cacheStatus(), want)
			}
		}
	}
}

// TestPurgeRacesExpiry takes the round trips of both in every order.
func TestPurgeRacesExpiry(t *testing.T) { synctest.Test(t, purgeRacesExpiry) }

func purgeRacesExpiry(t *testing.T) {
	for order := range 1 << 4 {
		s, v := newShared(), &version{late: []string{"tag"}}
		h := s.process(t).Page(time.Hour, pagecache.StaleWhileRevalidate(time.Hour))(v)
		call(h, page("/p"))
		v.now.Add(1)
		expiring, purging := newStepper(t, s), newStepper(t, s)
		expiring.begin(func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireTags(ctx, "tag") })
		purging.begin(func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeTags(ctx, "tag") })
		for i := range 4 {
			if order>>i&1 == 0 {
				expiring.step()
			} else {
				purging.step()
			}
		}
		for range 2 {
			expiring.step()
			purging.step()
		}
		if got := call(h, page("/p")); got.body != "version 1" {
			t.Errorf("order %04b: got %q (%s), want version 1", order, got.body, got.cacheStatus())
		}
	}
}

// TestExpiryDuringFill: a page whose handler ran before the expiry returned is
// never served as fresh to a request that starts afterwards.
func TestExpiryDuringFill(t *testing.T) {
	for _, windows := range []bool{false, true} {
		for _, p := range expiries() {
			t.Run(fmt.Sprintf("%s, windows %t", p.name, windows), func(t *testing.T) {
				if windows {
					p.windowed(time.Hour)
				}
				for i := range 2 {
					for first, trips := 0, 1; first <= trips; first++ {
						for second := first; second <= trips; second++ {
							synctest.Test(t, func(t *testing.T) {
								x := &interleaving{purge: p, steps: [2]int{first, second}, soft: windows}
								x.run(t, i == 1)
								trips = max(trips, x.fill)
								if x.single {
									second = trips
								}
							})
						}
					}
				}
			})
		}
	}
}
