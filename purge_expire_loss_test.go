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
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestWindowCountsFromTheExpiry, and no further; of an expiry after the page's
// own end, from that end.
func TestWindowCountsFromTheExpiry(t *testing.T) { synctest.Test(t, windowCountsFromTheExpiry) }

func windowCountsFromTheExpiry(t *testing.T) {
	for _, tt := range []struct {
		age, since time.Duration // when it expires, and since when it is stale then
	}{
		{0, 0}, {time.Minute, 0}, {59 * time.Minute, 0}, {60*time.Minute + 30*time.Second, 30 * time.Second},
	} {
		s := newShared()
		v := &failing{}
		a, b := s.process(t), s.process(t)
		h := a.Page(time.Hour, pagecache.StaleIfError(time.Minute))(v)
		call(h, page("/p"))
		v.fails = true
		time.Sleep(tt.age)
		if err := b.Expire(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
		for _, waited := range []time.Duration{0, 29 * time.Second, 59*time.Second - tt.since, time.Minute - tt.since} {
			cold := s.process(t).Page(time.Hour, pagecache.StaleIfError(time.Minute))(v)
			time.Sleep(waited - v.waited)
			v.waited = waited
			got := call(cold, page("/p"))
			want := fmt.Sprintf("pagecache; fwd=stale; fwd-status=500; ttl=%d; detail=stale-if-error", -int((waited+tt.since)/time.Second))
			if waited+tt.since >= time.Minute {
				want = "detail=status"
			}
			if !strings.HasSuffix(got.cacheStatus(), want) {
				t.Errorf("expired after %v, %v later: got %q, want %q", tt.age, waited, got.cacheStatus(), want)
			}
		}
	}
}

// TestExpiredWhileItWasMade: the window of a page that was expired before it was
// even stored counts from then on.
func TestExpiredWhileItWasMade(t *testing.T) { synctest.Test(t, expiredWhileItWasMade) }

func expiredWhileItWasMade(t *testing.T) {
	s, v := newShared(), new(version)
	h := routed(s.process(t).Page(time.Hour, pagecache.StaleWhileRevalidate(time.Minute)), v)
	finish := begin(v, h)
	if err := s.process(t).Expire(t.Context(), "/p"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Minute)
	finish()
	time.Sleep(10 * time.Second)
	if got := call(h, page("/p")); !strings.HasPrefix(got.cacheStatus(), "pagecache; hit; ttl=-10; detail=") {
		t.Errorf("got %q, want the page as stale since 10s", got.cacheStatus())
	}
}

// failing is a page whose handler can fail.
type failing struct {
	fails  bool
	waited time.Duration
}

func (f *failing) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if f.fails {
		w.WriteHeader(500)
		return
	}
	_, _ = w.Write([]byte("page"))
}

// TestLossAfterExpiry: whatever key is lost, and made anew by another page with
// the same fences, what was expired is not taken for fresh.
func TestLossAfterExpiry(t *testing.T) {
	for _, p := range expiries() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lossAfterExpiry(t, p.windowed(time.Hour)) })
		})
	}
}

func lossAfterExpiry(t *testing.T, p *purge) {
	tags := []string{"tag", "late", pagecache.RouteTag("/{page}")}
	soft, hard := pagecache.FenceKeys("/p", tags...), pagecache.HardFenceKeys("/p", tags...)
	for _, lost := range append([][]string{append(soft, hard...), soft, hard}, singles(append(soft, hard...))...) {
		s := newShared()
		h := p.site(p.process(t, s))
		old := call(h, page("/p?kept")).body
		want := fmt.Sprintf("version %d", p.page.now.Add(1))
		if err := p.run(t.Context(), p.process(t, s)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Delete(t.Context(), lost...); err != nil {
				t.Fatal(err)
			}
			got := call(p.site(p.process(t, s)), page("/p?kept", "Range", "bytes=0-")) // does not fill
			if got.body != want && (got.body != old || !got.isStale()) {
				t.Errorf("without %q: got %q (%s), want %s, or the old page as stale", lost, got.body, got.cacheStatus(), want)
			}
			call(h, page("/p?other")) // makes the fences anew
		}
	}
}

// TestLossOfAnyFence of a page that is fresh: it is gone, or stale, and stored
// again at once. That of a tag is not even noticed while the mark stands.
func TestLossOfAnyFence(t *testing.T) { synctest.Test(t, lossOfAnyFence) }

func lossOfAnyFence(t *testing.T) {
	opts := []pagecache.Option{pagecache.Tags("route"), pagecache.StaleWhileRevalidate(time.Hour)}
	fill := func() (*shared, *version, http.Handler) {
		s, v := newShared(), &version{late: []string{"late"}}
		h := s.process(t).Page(time.Hour, opts...)(v)
		call(h, page("/p"))
		return s, v, h
	}
	s, _, _ := fill()
	keys := s.written()
	if len(keys) != 10 { // page; everything, mark, path, route, late; four second ones
		t.Fatalf("got %d keys %q, want 10", len(keys), keys)
	}
	unread := pagecache.FenceKeys("", "route", "late") // the mark, of which only the change is asked, and what it stands for
	for _, key := range keys {
		s, v, h := fill()
		v.now.Add(1)
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		got := call(h, page("/p"))
		if needed := strings.HasPrefix(key, "f:") && !slices.Contains(unread, key) || strings.HasPrefix(key, "p:"); needed != (got.body == "version 1") {
			t.Errorf("without %s: got %q (%s), want a miss: %t", key, got.body, got.cacheStatus(), needed)
		}
		v.now.Add(1)
		if err := s.process(t).Purge(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
		call(h, page("/p"))
		wantPage(t, "again without "+key, call(h, page("/p")), "version 2", true)
	}
}

// TestRefreshLandsBehindItsFences: a purge while a page that was expired is made
// anew keeps the new one from being stored, wherever it came from.
func TestRefreshLandsBehindItsFences(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refreshLandsBehindItsFences(t, p.windowed(time.Hour)) })
		})
	}
}

func refreshLandsBehindItsFences(t *testing.T, p *purge) {
	s := newShared()
	a, b := p.process(t, s), p.process(t, s)
	h, other := p.site(a), p.site(b)
	call(h, page("/p"))
	if err := b.Expire(t.Context(), "/p"); err != nil {
		t.Fatal(err)
	}
	p.page.hold = make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { call(h, page("/p")) })
	synctest.Wait()
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	if err := p.run(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	close(p.page.hold)
	wg.Wait()
	synctest.Wait()
	p.page.hold = nil
	for name, h := range map[string]http.Handler{"refreshing process": h, "purging process": other} {
		if got := call(h, page("/p")); got.body != want {
			t.Errorf("%s: got %q (%s), want %s", name, got.body, got.cacheStatus(), want)
		}
	}
}

// TestPurgeHalfDone: a purge of which only the first fence was written has failed
// and said so. Others may serve the old page until it is made good, not longer.
func TestPurgeHalfDone(t *testing.T) { synctest.Test(t, purgeHalfDone) }

func purgeHalfDone(t *testing.T) {
	s, v := newShared(), new(version)
	windows := pagecache.StaleWhileRevalidate(time.Hour)
	half := &halfWriter{Store: s}
	c := newCache(t, pagecache.WithStore(half))
	h, other := c.Page(time.Hour, windows)(v), s.process(t).Page(time.Hour, windows)(v)
	call(other, page("/p"))
	v.now.Add(1)
	half.on.Store(true)
	if err := c.Purge(t.Context(), "/p"); err == nil {
		t.Error("got no error from a purge that was half done")
	}
	if got := call(h, page("/p")); got.body != "version 1" {
		t.Errorf("purging process: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
	half.on.Store(false)
	settle(h)
	if got := call(other, page("/p")); got.body != "version 1" {
		t.Errorf("another process, afterwards: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}

// halfWriter writes the first key of several and then fails.
type halfWriter struct {
	pagecache.Store
	on atomic.Bool // the purge is settled in the background
}

func (s *halfWriter) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	if !s.on.Load() || len(keys) < 2 {
		return s.Store.Set(ctx, value, ttl, keys...)
	}
	_ = s.Store.Set(ctx, value, ttl, keys[0])
	return storetest.ErrFault
}
