package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// inTwoKiosks runs a test with two processes that share a store. Their handlers
// tag the page.
func inTwoKiosks(t *testing.T, test func(s *shared, a, b *kiosk), opts ...pagecache.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		opts = append(opts, pagecache.WithStore(s), func(p *pagecache.Policy) { p.PrefixPurge = true })
		a, b := newKiosk(t, opts...), newKiosk(t, opts...)
		for _, k := range []*kiosk{a, b} {
			k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				pagecache.FromContext(r.Context()).Tag("late")
				k.press.ServeHTTP(w, r)
			})))
		}
		test(s, a, b)
		time.Sleep(time.Hour)
		synctest.Wait()
		a.checkSums()
		b.checkSums()
	})
}

// meanings are the ways to say which page, for purges and expiries.
var meanings = map[string]struct {
	purge, expire func(*pagecache.Cache, context.Context) error
}{
	"path": {
		func(c *pagecache.Cache, ctx context.Context) error { return c.Purge(ctx, "/a/p") },
		func(c *pagecache.Cache, ctx context.Context) error { return c.Expire(ctx, "/a/p") },
	},
	"tag": {
		func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeTags(ctx, "late") },
		func(c *pagecache.Cache, ctx context.Context) error { return c.ExpireTags(ctx, "late") },
	},
	"prefix": {
		func(c *pagecache.Cache, ctx context.Context) error { return c.PurgePrefix(ctx, "/a/") },
		func(c *pagecache.Cache, ctx context.Context) error { return c.ExpirePrefix(ctx, "/a/") },
	},
	"route": {
		func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeRoute(ctx, "/") },
		func(c *pagecache.Cache, ctx context.Context) error { return c.ExpireRoute(ctx, "/") },
	},
	"all": {
		func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeAll(ctx) },
		func(c *pagecache.Cache, ctx context.Context) error { return c.ExpireAll(ctx) },
	},
}

// TestExpireOverStore: a page that another process expired is stale here, and made
// anew in the background by who has made it before. Who never has, has not seen
// its router yet, and makes it itself.
func TestExpireOverStore(t *testing.T) {
	for name, m := range meanings {
		inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
			a.ask("/a/p")
			time.Sleep(10 * time.Second)
			if err := m.expire(b.cache, a.Context()); err != nil {
				a.Fatal(err)
			}
			time.Sleep(time.Second)
			a.want(name, a.ask("/a/p"), 1, "hit; ttl=-1; detail=stale-while-revalidate")
			a.want(name+", refreshed", a.ask("/a/p"), 2, "hit; ttl=60")
			b.want(name+", elsewhere", b.ask("/a/p"), 2, "hit; ttl=60")
			if err := m.expire(a.cache, a.Context()); err != nil {
				a.Fatal(err)
			}
			b.want(name+", elsewhere for the first time", b.ask("/a/p"), 1, "fwd=stale; stored; ttl=60")
			a.want(name+", and back", a.ask("/a/p"), 1, "hit; ttl=60")
		}, swrMinute)
	}
}

// TestExpireOverStoreEnds: the window counts from the expiry, whenever the page is
// asked for, and whatever was left of its life.
func TestExpireOverStoreEnds(t *testing.T) {
	for name, m := range meanings {
		for _, late := range []time.Duration{0, fresh - time.Millisecond, fresh} {
			inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
				a.ask("/a/p")
				time.Sleep(10 * time.Second)
				if err := m.expire(b.cache, a.Context()); err != nil {
					a.Fatal(err)
				}
				time.Sleep(late)
				got := a.ask("/a/p")
				if stale := got.body == "edition 1"; stale != (late < fresh) || stale != (got.reason() == "stale-while-revalidate") {
					a.Errorf("%s, %v after it: got %q, %q; want it stale %t", name, late, got.body, got.cacheStatus(), late < fresh)
				}
			}, swrMinute)
		}
	}
}

// TestExpireAgainAndAgain: the window counts from the last time, but no expiry
// makes a page live longer than it would have without.
func TestExpireAgainAndAgain(t *testing.T) {
	for name, opts := range map[string][]pagecache.Option{"in process": nil, "store": {pagecache.WithStore(storetest.NewMap())}} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			k.press.do(response(500)) // so that it stays stale
			for range 3 {
				if err := k.cache.Expire(k.Context(), "/"); err != nil {
					k.Fatal(err)
				}
				time.Sleep(fresh * 3 / 5)
				if got := k.ask("/"); got.body != "edition 1" {
					k.Errorf("%s: got %q, %q; want it stale", name, got.body, got.cacheStatus())
				}
			}
			time.Sleep(fresh / 5)
			if got := k.ask("/"); got.status != 500 {
				k.Errorf("%s: got %d %q, two minutes after it was made, want the handler's error", name, got.status, got.body)
			}
		}, append(opts, swrMinute)...)
	}
}

// TestExpireWithoutWindowOverStore is a purge, here as elsewhere: for pages of
// routes that have none, and for those whose window is in their response alone.
func TestExpireWithoutWindowOverStore(t *testing.T) {
	for name, m := range meanings {
		for _, control := range []string{"", "stale-while-revalidate=60", "stale-if-error=60"} {
			inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
				for _, k := range []*kiosk{a, b} {
					k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						pagecache.FromContext(r.Context()).Tag("late")
						w.Header().Set("Cache-Control", control)
						k.press.ServeHTTP(w, r)
					})))
				}
				a.ask("/a/p")
				if err := m.expire(b.cache, a.Context()); err != nil {
					a.Fatal(err)
				}
				a.press.do(response(500))
				if got := a.ask("/a/p"); got.status != 500 {
					a.Errorf("%s, %q: got %q, %q; want the page gone", name, control, got.body, got.cacheStatus())
				}
			})
		}
	}
}

// TestPurgeIsNeverStale: no window saves a page from a purge, be it before or
// after an expiry, by this process or another.
func TestPurgeIsNeverStale(t *testing.T) {
	for name, m := range meanings {
		for order, does := range map[string][]string{"purge": {"purge"}, "expire, purge": {"expire", "purge"}, "purge, expire": {"purge", "expire"}} {
			inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
				a.ask("/a/p")
				b.press.runs.Store(9)
				for i, what := range does {
					purger, do := []*kiosk{a, b}[i], m.purge
					if what == "expire" {
						do = m.expire
					}
					if err := do(purger.cache, a.Context()); err != nil {
						a.Fatal(err)
					}
				}
				for _, k := range []*kiosk{b, a} {
					k.press.do(response(500))
					if got := k.ask("/a/p"); got.status != 500 {
						k.Errorf("%s, %s: got %q, %q; want the page gone", order, name, got.body, got.cacheStatus())
					}
				}
			}, swrHour, sieHour)
		}
	}
}

// TestStaleOverStore: pages grow stale by their age as well, for all.
func TestStaleOverStore(t *testing.T) {
	inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
		a.ask("/a/p")
		b.ask("/other")
		time.Sleep(fresh + 5*time.Second)
		b.press.take(time.Second)
		b.want("elsewhere", b.ask("/a/p"), 1, "hit; ttl=-5; detail=stale-while-revalidate")
		b.want("updating", b.ask("/a/p"), 1, "hit; ttl=-5; detail=updating")
		time.Sleep(time.Second)
		synctest.Wait()
		a.want("refreshed", a.ask("/a/p"), 2, "hit; ttl=60")
		time.Sleep(2 * fresh)
		if got := a.ask("/a/p"); !got.stored() {
			a.Errorf("past the window: got %q, want it made anew", got.cacheStatus())
		}
	}, swrMinute)
}

// TestRefusalOverStore: a page that a refresh shows to be wrong is gone for all.
func TestRefusalOverStore(t *testing.T) {
	for _, accept := range []string{"", "Accept"} {
		inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
			for _, k := range []*kiosk{a, b} {
				k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Vary", accept)
					k.press.ServeHTTP(w, r)
				})))
			}
			a.ask("/a/p", "Accept", "x")
			time.Sleep(fresh)
			a.press.do(response(404))
			b.press.do(response(404))
			a.want("stale", a.ask("/a/p", "Accept", "x"), 1, "hit; ttl=0; detail=stale-while-revalidate")
			for _, k := range []*kiosk{b, a} {
				if got := k.ask("/a/p", "Accept", "x"); got.status != 404 {
					k.Errorf("got %d, %q; want the 404", got.status, got.cacheStatus())
				}
			}
		}, swrHour)
	}
}

// TestForeignClocks: a page says by the clock of who made it how old it is. One
// from the future counts as new; the store drops it in time.
func TestForeignClocks(t *testing.T) {
	for _, tt := range []struct {
		ahead, wait time.Duration
		body, line  string
	}{
		{0, 20 * time.Second, "edition 1", "hit; ttl=40"},
		{10 * time.Minute, 0, "edition 1", "hit; ttl=60"},
		{10 * time.Minute, 59 * time.Second, "edition 1", "hit; ttl=60"},
		{10 * time.Minute, 3 * time.Minute, "edition 2", "fwd=uri-miss; stored; ttl=60"},
		{-20 * time.Second, 0, "edition 1", "hit; ttl=40"},
		{-20 * time.Second, 30 * time.Second, "edition 1", "hit; ttl=10"},
		{-90 * time.Second, 0, "edition 1", "hit; ttl=-30; detail=stale-while-revalidate"},
		{-3 * time.Minute, 0, "edition 2", "fwd=stale; stored; ttl=60"},
		{-100 * 365 * 24 * time.Hour, 0, "edition 2", "fwd=stale; stored; ttl=60"},
	} {
		inTwoKiosks(t, func(s *shared, a, _ *kiosk) {
			a.ask("/a/p")
			time.Sleep(tt.wait)
			s.faults.Values(func(values [][]byte) [][]byte {
				moved := make([][]byte, len(values))
				for i, value := range values {
					moved[i] = pagecache.ForeignClock(value, tt.ahead)
				}
				return moved
			})
			if got := a.ask("/a/p"); got.body != tt.body || got.cacheStatus() != "pagecache; "+tt.line {
				a.Errorf("a clock ahead by %v, after %v: got %q, %q; want %q, %q", tt.ahead, tt.wait, got.body, got.cacheStatus(), tt.body, tt.line)
			}
			s.faults.Heal()
		}, swrMinute)
	}
}

// TestWallClockJumps: nothing that a process keeps for itself is measured by the
// wall clock. A bubble has no other, so that this test runs outside of one.
func TestWallClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{0, 30 * time.Minute, -30 * time.Minute, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		k := newKiosk(t, swrHour)
		k.root = muxed(k.cache.Page(time.Hour)(k.press))
		want := func(what, line string, edition int) {
			t.Helper()
			got := call(k.root, page("/"))
			if body := fmt.Sprint("edition ", edition); got.body != body || !strings.HasPrefix(got.cacheStatus(), "pagecache; "+line) {
				t.Errorf("%s, the clock set by %v: got %q, %q; want %q, %q", what, jump, got.body, got.cacheStatus(), body, line)
			}
		}
		runs := func(n int64) { eventually(t, "the handler to run", func() bool { return k.press.runs.Load() == n }) }
		want("fill", "fwd=uri-miss; stored; ttl=36", 1)
		if !pagecache.JumpWallClock(k.cache, jump) {
			t.Fatal("the cache counts time from an epoch without a monotonic clock reading")
		}
		want("fresh", "hit; ttl=3", 1) // 3600, or a little less
		if err := k.cache.Expire(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		want("stale", "hit; ttl=", 1)
		runs(2)
		eventually(t, "the new page", func() bool { return call(k.root, page("/")).body == "edition 2" })
		if err := k.cache.Purge(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		want("purged", "fwd=uri-miss; stored; ttl=3600", 3)
		want("next", "hit; ttl=3", 3)
	}
}
