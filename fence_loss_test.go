package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestLossOfAnyKey: a store may drop any value at any time. That costs a miss,
// and the page is stored again at once.
func TestLossOfAnyKey(t *testing.T) { synctest.Test(t, lossOfAnyKey) }

func lossOfAnyKey(t *testing.T) {
	s, v := newShared(), &version{vary: "Accept", late: []string{"late"}}
	h := s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
	call(h, page("/p"))
	keys := s.written()
	if len(keys) != 7 { // page, variant; everything, mark, path, route, late
		t.Fatalf("got %d keys %q, want 7", len(keys), keys)
	}
	for _, key := range keys {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		cold := s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
		for name, h := range map[string]http.Handler{"seen before": h, "cold": cold} {
			if got := call(h, page("/p")); got.status != 200 || got.body != "version 0" {
				t.Errorf("%s, without %s: got %d, %q", name, key, got.status, got.body)
			}
			wantPage(t, "again without "+key, call(h, page("/p")), "version 0", true)
		}
	}
}

// TestPurgedPageNeverRevives: after a purge, bookkeeping is lost, made anew by
// another page with the same tags, and lost again. Counters would come back to
// an old value; nonces do not.
func TestPurgedPageNeverRevives(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgedPageNeverRevives(t, p) })
		})
	}
}

func purgedPageNeverRevives(t *testing.T, p *purge) {
	tags := []string{"route", "late", "d", "b", "of:/p", pagecache.RouteTag("/{page}")}
	fences := append(pagecache.FenceKeys("/p", tags...), pagecache.HardFenceKeys("/p", tags...)...)
	for _, lost := range append([][]string{fences, pagecache.FenceKeys("/p", tags...)}, singles(fences)...) {
		s := newShared()
		h := p.site(p.process(t, s))
		before := p.page.now.Load()
		call(h, page("/p?kept"))
		call(h, page("/p?other"))
		p.page.now.Add(1)
		if err := p.run(t.Context(), p.process(t, s)); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("version %d", before+1)
		for range 2 {
			if err := s.Delete(t.Context(), lost...); err != nil {
				t.Fatal(err)
			}
			// Makes the fences anew that both pages have.
			if got := call(h, page("/p?other")); got.body != want {
				t.Errorf("the other page without %q: got %q, want %q", lost, got.body, want)
			}
		}
		if got := call(p.site(p.process(t, s)), page("/p?kept")); got.body != want {
			t.Errorf("without %q: got %q (%s), want %q", lost, got.body, got.cacheStatus(), want)
		}
	}
}

func singles(keys []string) (lists [][]string) {
	for _, key := range keys {
		lists = append(lists, []string{key})
	}
	return lists
}

// TestMarkIsLostDuringFill: without the mark nobody can tell whether a late tag
// was purged, so the page is not stored.
func TestMarkIsLostDuringFill(t *testing.T) { synctest.Test(t, markIsLostDuringFill) }

func markIsLostDuringFill(t *testing.T) {
	s, v := newShared(), &version{late: []string{"late"}}
	h := s.process(t).Page(time.Hour)(v)
	finish := begin(v, h)
	mark := pagecache.FenceKeys("/p")[1]
	if err := s.Delete(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "mark lost", finish(), "pagecache; fwd=uri-miss; detail=invalidated")
}

// TestFencesAreLostAfterAPurge: a request that comes after a purge, and finds
// the fences gone, waits for a run that began before and made them. That both
// found none must not be taken for "nothing was purged in between".
func TestFencesAreLostAfterAPurge(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fencesAreLostAfterAPurge(t, p) })
		})
	}
}

func fencesAreLostAfterAPurge(t *testing.T, p *purge) {
	s := newShared()
	h := p.site(p.process(t, s))
	finish := begin(&p.page, h)
	p.page.now.Add(1)
	if err := p.run(t.Context(), p.process(t, s)); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), s.written()...); err != nil {
		t.Fatal(err)
	}
	var follower reply
	var wg sync.WaitGroup
	wg.Go(func() { follower = call(h, page("/p")) })
	synctest.Wait()
	finish()
	wg.Wait()
	if follower.body != "version 1" {
		t.Errorf("a request after the purge: got %q (%s), want version 1", follower.body, follower.cacheStatus())
	}
	if got := call(h, page("/p")); got.body != "version 1" {
		t.Errorf("afterwards: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}

// TestPageOutlivesItsNonce: nonces are kept for longer than pages of their route
// usually are. A page that says of itself that it lives longer, or whose nonce is
// from a purge, which knows no route, is a miss then, and stored again at once.
func TestPageOutlivesItsNonce(t *testing.T) { synctest.Test(t, pageOutlivesItsNonce) }

func pageOutlivesItsNonce(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name   string
		ttl    time.Duration
		purged bool // before the fill
		opts   []pagecache.Option
		lasts  time.Duration // at least, and a day more at most
	}{
		{"a page of its route", time.Hour, false, nil, time.Hour - day},
		{"a page of three days", 3 * day, false, nil, 3*day - 1},
		{"a page that was purged before", 3 * day, true, nil, day - 1},
		{"a page that says it lives longer", time.Hour, false, []pagecache.Option{func(p *pagecache.Policy) { p.TTL = time.Hour; p.StatusTTL = map[int]time.Duration{200: 9 * day} }}, day - 1},
	} {
		s, v := newShared(), new(version)
		c := s.process(t)
		h := c.Page(tt.ttl, tt.opts...)(v)
		if tt.purged {
			_ = c.Purge(t.Context(), "/p")
		}
		call(h, page("/p"))
		v.now.Add(1)
		var lasted time.Duration
		for got := call(h, page("/p", "Range", "bytes=0-")); got.status == 206 && got.body == "version 0" && lasted < 20*day; lasted += day / 4 {
			time.Sleep(day / 4)
			got = call(s.process(t).Page(tt.ttl, tt.opts...)(v), page("/p", "Range", "bytes=0-"))
		}
		if lasted < tt.lasts || lasted > tt.lasts+2*day {
			t.Errorf("%s: lasted %v, want %v or a bit longer", tt.name, lasted, tt.lasts)
		}
		wantPage(t, tt.name+", made anew", call(h, page("/p")), "version 1", false)
		wantPage(t, tt.name+", made anew", call(h, page("/p")), "version 1", true)
	}
}

// TestLivesOfPurgedFences: a purge knows no route, so what it writes is kept for as
// long as most pages live; what all pages have, for longer than any.
func TestLivesOfPurgedFences(t *testing.T) { synctest.Test(t, livesOfPurgedFences) }

func livesOfPurgedFences(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	s := &lives{Store: storetest.NewMap(), of: make(map[string]time.Duration)}
	c := newCache(t, pagecache.WithStore(s))
	if err := errors.Join(c.Purge(t.Context(), "/p"), c.PurgeTags(t.Context(), "tag"), c.PurgeAll(t.Context())); err != nil {
		t.Fatal(err)
	}
	for i, key := range append(pagecache.FenceKeys("/p", "tag"), pagecache.HardFenceKeys("/p", "tag")...) {
		least, most := day, 90*day
		if i < 2 || i == 4 { // everything and the mark
			least, most = year+1, 10*year
		}
		if life := s.of[key]; life < least || life > most {
			t.Errorf("key %d: got %v, want %v to %v", i, life, least, most)
		}
	}
}

// lives is a Store that remembers for how long it was told to keep what.
type lives struct {
	pagecache.Store
	of map[string]time.Duration
}

func (s *lives) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	for _, key := range keys {
		s.of[key] = ttl
	}
	return s.Store.Set(ctx, value, ttl, keys...)
}

// TestLongestLifeOverAStore: no page is kept for longer than the fences that many
// pages share.
func TestLongestLifeOverAStore(t *testing.T) { synctest.Test(t, longestLifeOverAStore) }

func longestLifeOverAStore(t *testing.T) {
	h := newShared().process(t).Page(pagecache.Forever, pagecache.Tags("route"))(new(version))
	call(h, page("/p"))
	time.Sleep(364 * 24 * time.Hour)
	wantStatus(t, "a day before a year is over", call(h, page("/p")), "pagecache; hit; ttl=86400")
	time.Sleep(24 * time.Hour)
	wantPage(t, "a year later", call(h, page("/p")), "version 0", false)
}

// TestOneOffTags: fences of pages that nobody asks for again do not stay.
func TestOneOffTags(t *testing.T) { synctest.Test(t, oneOffTags) }

func oneOffTags(t *testing.T) {
	const pages, tags = 2_000, 50
	m := storetest.NewMap()
	c := newCache(t, pagecache.WithStore(m))
	mux := http.NewServeMux()
	mux.Handle("/{page}", c.Page(time.Hour, pagecache.Tags("route"), pagecache.StaleWhileRevalidate(time.Hour))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range tags {
			pagecache.FromContext(r.Context()).Tag(fmt.Sprintf("%s:%d", r.URL.Path, i))
		}
		_, _ = w.Write([]byte("page"))
	})))
	for i := range pages {
		call(mux, page(fmt.Sprintf("/%d", i)))
		if i%2 == 0 {
			_ = c.PurgeTags(t.Context(), fmt.Sprintf("/%d:1", i), fmt.Sprintf("unused:%d", i))
		}
	}
	if got := m.Len(); got < pages*(tags+2) {
		t.Fatalf("got %d values, want the pages and their fences", got)
	}
	time.Sleep(25 * time.Hour)
	// Everything, the mark, the route and its tag, and the second ones.
	if got := m.Len(); got > 10 {
		t.Errorf("got %d values a day later, want a few", got)
	}
	call(mux, page("/0"))
	if got := call(mux, page("/0")); !got.hit() {
		t.Errorf("a page made again: got %q, want a hit", got.cacheStatus())
	}
}

// TestWindowIsNotRenewedByLoss: when a fence is lost after an expiry and made
// anew later, nobody knows any more when the page was expired. It must not be
// served as if that had been when the fence was made.
func TestWindowIsNotRenewedByLoss(t *testing.T) { synctest.Test(t, windowIsNotRenewedByLoss) }

func windowIsNotRenewedByLoss(t *testing.T) {
	s, v := newShared(), &failing{}
	c := s.process(t)
	h := c.Page(time.Hour, pagecache.StaleIfError(time.Minute))(v)
	call(h, page("/p"))
	call(h, page("/p?other"))
	if err := c.Expire(t.Context(), "/p"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Minute)
	if err := s.Delete(t.Context(), pagecache.FenceKeys("/p")[2]); err != nil {
		t.Fatal(err)
	}
	call(h, page("/p?other")) // makes the fence anew
	v.fails = true
	if got := call(h, page("/p")); got.status != 500 {
		t.Errorf("ten minutes after the expiry: got %d (%s), want the handler's 500", got.status, got.cacheStatus())
	}
}
