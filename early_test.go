package pagecache_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

func early(beta float64) pagecache.Option {
	return func(p *pagecache.Policy) { p.EarlyRefresh = beta }
}

// firstEarly fills a page that takes a second, asks for it ten times a second
// until it is made anew, and returns how long before its end that began. It is 0
// if it did not. No hit waits, and no other is spared.
func (k *kiosk) firstEarly(target string) time.Duration {
	k.Helper()
	k.press.take(time.Second)
	before := k.press.runs.Load()
	k.ask(target)
	for at := fresh; at > 0; at -= 100 * time.Millisecond {
		began := time.Now()
		if got := k.ask(target); !got.hit() || got.reason() != "" || time.Since(began) != 0 {
			k.Errorf("%s: got %q after %v, want a plain hit at once", target, got.cacheStatus(), time.Since(began))
		}
		if k.press.runs.Load() == before+2 {
			time.Sleep(time.Second)
			synctest.Wait()
			if got := k.ask(target); got.cacheStatus() != "pagecache; hit; ttl=60" || got.body != fmt.Sprintf("edition %d", before+2) {
				k.Errorf("%s: got %q, %q after the refresh, want the new page", target, got.body, got.cacheStatus())
			}
			return at
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0
}

// TestEarlyRefresh: a page that is asked for ten times a second and takes one
// second is made anew a few seconds before its end, never more than 20.
func TestEarlyRefresh(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		var sum, first, last time.Duration = 0, 0, fresh
		const pages = 120 // the mean of so many strays by 0.12 s
		for i := range pages {
			at := k.firstEarly(fmt.Sprintf("/%d", i))
			sum, first, last = sum+at, max(first, at), min(last, at)
		}
		// With n hits a second and a run of d, the mean is d*(ln(n*d)+0.58): 2.9 s.
		if mean := sum / pages; mean < 2300*time.Millisecond || mean > 3500*time.Millisecond || first > 20*time.Second || last == 0 {
			k.Errorf("got pages refreshed %v before their end on average, %v to %v; want about 2.9s, at least 0 and at most 20s", mean, last, first)
		}
		if s := k.cache.Stats(); s.Refreshed != pages || s.Misses != pages || s.Stale != 0 {
			k.Errorf("got %d refreshed, %d misses, %d stale; want %d, %d, 0", s.Refreshed, s.Misses, s.Stale, pages, pages)
		}
	}, early(1))
}

// TestEarlyRefreshWithMoreBeta is earlier.
func TestEarlyRefreshWithMoreBeta(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		var sum time.Duration
		const pages = 100 // the mean of so many strays by 0.4 s
		for i := range pages {
			sum += k.firstEarly(fmt.Sprintf("/%d", i))
		}
		if mean := sum / pages; mean < 9900*time.Millisecond || mean > 13900*time.Millisecond {
			k.Errorf("got pages refreshed %v before their end on average, want about 11.9s", mean)
		}
	}, early(3))
}

// TestEarlyRefreshOff: by default nothing is made anew before its end.
func TestEarlyRefreshOff(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		for i := range 20 {
			if at := k.firstEarly(fmt.Sprintf("/%d", i)); at > 0 {
				k.Errorf("got a refresh %v before the end, want none", at)
			}
		}
	}, swrMinute)
}

// TestEarlyRefreshRunsOnce: of many hits that draw the lot one has the page made,
// and all are plain hits.
func TestEarlyRefreshRunsOnce(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.press.take(10 * time.Second)
		k.ask("/")
		time.Sleep(fresh - time.Second) // each hit refreshes with a chance of 0.999
		replies, took := crowd(k.root, 200, sameHome)
		for i, got := range replies {
			if got.cacheStatus() != "pagecache; hit; ttl=1" || got.body != "edition 1" || took[i] != 0 {
				k.Errorf("got %q, %q after %v; want a plain hit at once", got.body, got.cacheStatus(), took[i])
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		k.wantRuns("in all", 2)
		k.want("afterwards", k.ask("/"), 2, "hit; ttl=60")
	}, early(100))
}

// TestEarlyRefreshByHEAD: HEAD has nothing made, as elsewhere.
func TestEarlyRefreshByHEAD(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.press.take(time.Second)
		k.ask("/")
		time.Sleep(fresh - 1)
		r := page("/")
		r.Method = http.MethodHead
		for range 100 {
			if got := call(k.root, r); got.cacheStatus() != "pagecache; hit; ttl=1" {
				k.Errorf("got %q, want a plain hit", got.cacheStatus())
			}
		}
		k.wantRuns("in all", 1)
	}, early(100))
}

// TestEarlyRefreshThatFails leaves the page as it is, fresh to its end, and backs
// off; one that refuses drops it.
func TestEarlyRefreshThatFails(t *testing.T) {
	for status, kept := range map[int]bool{500: true, 404: false, 429: true} {
		inKiosk(t, func(k *kiosk) {
			k.press.take(time.Second)
			k.ask("/")
			time.Sleep(fresh - 2*time.Second)
			k.press.do(response(status))
			k.press.take(0)
			for range 50 {
				if got := k.ask("/"); got.hit() && got.body != "edition 1" || !got.hit() && kept {
					k.Errorf("%d: got %q, %q", status, got.body, got.cacheStatus())
				}
			}
			if runs := k.press.runs.Load(); status == 500 && runs != 2 {
				k.Errorf("500: got %d runs, want one try in the first second", runs-1)
			}
			if got := k.ask("/"); got.hit() != kept {
				k.Errorf("%d: got %q, want the page kept %t", status, got.cacheStatus(), kept)
			}
		}, early(100))
	}
}

// TestEarlyRefreshWhereNothingCanBeKept: the hit that draws the lot makes the
// page itself.
func TestEarlyRefreshWhereNothingCanBeKept(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.root = k.cache.Page(fresh)(k.press)
		k.press.take(time.Second)
		k.ask("/")
		time.Sleep(fresh - 1)
		k.press.take(0)
		k.want("the last hit", k.ask("/"), 2, "fwd=stale; stored; ttl=60")
		k.want("next", k.ask("/"), 2, "hit; ttl=60")
	}, early(100))
}

// TestEarlyRefreshOverStore: how long a page took to make is known to whoever finds
// it in the store.
func TestEarlyRefreshOverStore(t *testing.T) {
	inTwoKiosks(t, func(_ *shared, a, b *kiosk) {
		b.ask("/another") // so that b has seen its router
		a.press.take(time.Second)
		a.ask("/")
		time.Sleep(fresh - time.Second)
		b.want("a hit near the end", b.ask("/"), 1, "hit; ttl=1")
		b.wantRuns("made anew", 2)
		a.want("for all", a.ask("/"), 2, "hit; ttl=60")
	}, early(100))
}

func jitter(part float64) pagecache.Option {
	return func(p *pagecache.Policy) { p.Jitter = part }
}

// TestJitter: lifetimes of the route are shortened by a random part, each by
// another; those that the response or its handler states are not.
func TestJitter(t *testing.T) {
	const pages = 400
	for _, tt := range []struct {
		name      string
		part      float64
		opts      []pagecache.Option
		do        http.HandlerFunc
		low, high time.Duration
	}{
		{"none", 0, nil, response(200), 1000 * time.Second, 1000 * time.Second},
		{"a tenth", 0.1, nil, response(200), 900 * time.Second, 1000 * time.Second},
		{"a half", 0.5, nil, response(200), 500 * time.Second, 1000 * time.Second},
		{"a 404", 0.5, []pagecache.Option{pagecache.NegativeTTL(100 * time.Second)}, response(404), 50 * time.Second, 100 * time.Second},
		{"overridden", 0.5, []pagecache.Option{pagecache.OverrideTTL()}, response(200, "Cache-Control", "s-maxage=9"), 500 * time.Second, 1000 * time.Second},
		{"s-maxage", 0.5, nil, response(200, "Cache-Control", "s-maxage=100"), 100 * time.Second, 100 * time.Second},
		{"max-age", 0.5, nil, response(200, "Cache-Control", "max-age=100"), 100 * time.Second, 100 * time.Second},
		{"the handler's own", 0.5, nil, func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).TTL(100 * time.Second)
			write(w, "page")
		}, 100 * time.Second, 100 * time.Second},
	} {
		inKiosk(t, func(k *kiosk) {
			k.press.do(tt.do)
			k.root = muxed(k.cache.Page(1000*time.Second, append(tt.opts, jitter(tt.part))...)(k.press))
			low, high, sum := time.Duration(pagecache.Forever), time.Duration(0), time.Duration(0)
			for i := range pages {
				k.ask(fmt.Sprintf("/%d", i))
				ttl := k.log.last().TTL
				low, high, sum = min(low, ttl), max(high, ttl), sum+ttl
			}
			spread := (tt.high - tt.low) / 20
			mean := sum / pages
			if low < tt.low || high > tt.high || low > tt.low+spread || high < tt.high-spread || mean < (tt.low+tt.high)/2-2*spread || mean > (tt.low+tt.high)/2+2*spread {
				k.Errorf("%s: got lifetimes from %v to %v, %v on average; want %v to %v evenly", tt.name, low, high, mean, tt.low, tt.high)
			}
		})
	}
}
