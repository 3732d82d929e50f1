package pagecache_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestFollowersOfFailures: who waits for a run that fails is served the old page
// as well, and does not run the handler once more.
func TestFollowersOfFailures(t *testing.T) {
	for name, failure := range breakdowns {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.take(time.Second)
			k.press.do(failure.do)
			replies, took := crowd(k.root, 10, sameHome)
			led := 0
			for i, got := range replies {
				if got.body != "edition 1" || got.status != http.StatusOK || got.reason() != "stale-if-error" || took[i] != time.Second {
					k.Errorf("%s: got %d %q, %q after %v; want the old page after 1s", name, got.status, got.body, got.cacheStatus(), took[i])
				}
				if got.cacheStatus() != "pagecache; fwd=stale; collapsed=?0; ttl=-1; detail=stale-if-error" {
					led++
				}
			}
			if led != 1 {
				k.Errorf("%s: got %d answers of requests that did not wait, want 1", name, led)
			}
			k.wantRuns(name, 2)
			if s := k.cache.Stats(); s.Stale != 10 || s.Misses != 1 || s.Collapsed != 0 {
				k.Errorf("%s: got %d stale, %d misses, %d collapsed; want 10, 1, 0", name, s.Stale, s.Misses, s.Collapsed)
			}
		}, sieMinute)
	}
}

// TestFollowersKeepOuterFields: what middleware outside has set for a request that
// waited stays, whatever the handler of another did.
func TestFollowersKeepOuterFields(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		inner := k.root
		var number atomic.Int64
		k.root = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request", fmt.Sprint(number.Add(1)))
			inner.ServeHTTP(w, r)
		})
		k.ask("/")
		time.Sleep(fresh)
		k.press.take(time.Second)
		k.press.do(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request", "lost")
			w.WriteHeader(500)
		})
		replies, _ := crowd(k.root, 5, sameHome)
		seen := make(map[string]bool)
		for _, got := range replies {
			seen[got.header.Get("X-Request")] = true
		}
		if len(seen) != 5 || seen["lost"] || seen[""] {
			k.Errorf("got X-Request %v, want five different ones", seen)
		}
	}, sieMinute)
}

// TestFollowersPastTheWindow have nothing old to be served: one of them goes next.
func TestFollowersPastTheWindow(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(2*fresh - time.Second)
		k.press.take(time.Second)
		first := true
		k.press.do(func(w http.ResponseWriter, _ *http.Request) {
			if first {
				first = false
				panic("out of paper")
			}
			write(w, "edition 1")
		})
		replies, _ := crowd(k.root, 10, sameHome)
		lost := 0
		for _, got := range replies {
			if got.body == "" {
				lost++
			} else if got.body != "edition 1" || got.reason() != "" {
				k.Errorf("got %q, %q; want the page of the second run", got.body, got.cacheStatus())
			}
		}
		if lost != 1 {
			k.Errorf("got %d requests that panicked, want one", lost)
		}
		k.wantRuns("in all", 3)
	}, sieMinute)
}

// TestErrorPagesDoNotReplace a good page inside its window, although they may be
// stored; after it they are.
func TestErrorPagesDoNotReplace(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.do(response(503))
		k.want("inside", k.ask("/"), 1, "fwd=stale; fwd-status=503; ttl=0; detail=stale-if-error")
		time.Sleep(fresh)
		if got := k.ask("/"); got.status != 503 || !got.stored() {
			k.Errorf("after the window: got %d, %q; want the 503 stored", got.status, got.cacheStatus())
		}
		if got := k.ask("/"); got.status != 503 || got.cacheStatus() != "pagecache; hit; ttl=9; detail=negative" {
			k.Errorf("next: got %d, %q; want a negative hit", got.status, got.cacheStatus())
		}
		time.Sleep(9 * time.Second)
		if got := k.ask("/"); got.status != 503 || !got.stored() {
			k.Errorf("later: got %d, %q; want no window for an error page", got.status, got.cacheStatus())
		}
	}, sieMinute, pagecache.NegativeTTL(9*time.Second, 503))
}

// TestRefreshOfVariants: each is refreshed on its own, by the fields of a request
// for it.
func TestRefreshOfVariants(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		var mu sync.Mutex
		runs := make(map[string]int)
		k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			lang := r.Header.Get("Accept-Language")
			runs[lang]++
			w.Header().Set("Vary", "Accept-Language")
			fmt.Fprintf(w, "%s %d", lang, runs[lang])
		})))
		ask := func(what, lang, body, status string) {
			if got := k.ask("/", "Accept-Language", lang); got.body != body || got.cacheStatus() != "pagecache; "+status {
				k.Errorf("%s: got %q, %q; want %q, %q", what, got.body, got.cacheStatus(), body, status)
			}
		}
		ask("fill", "de", "de 1", "fwd=uri-miss; stored; ttl=60")
		ask("fill", "en", "en 1", "fwd=vary-miss; stored; ttl=60")
		time.Sleep(fresh)
		ask("stale", "de", "de 1", "hit; ttl=0; detail=stale-while-revalidate")
		ask("refreshed", "de", "de 2", "hit; ttl=60")
		if runs["en"] != 1 {
			k.Errorf("got %d runs for the other variant, want 1", runs["en"])
		}
		ask("stale still", "en", "en 1", "hit; ttl=0; detail=stale-while-revalidate")
		ask("refreshed as well", "en", "en 2", "hit; ttl=60")
		ask("untouched", "de", "de 2", "hit; ttl=60")
	}, swrMinute)
}

// TestStaleIfErrorOfVariants: each variant has a back-off of its own.
func TestStaleIfErrorOfVariants(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		broken := false
		k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Accept-Language")
			lang := r.Header.Get("Accept-Language")
			if broken && lang == "de" {
				w.WriteHeader(500)
			}
			write(w, lang)
		})))
		k.ask("/", "Accept-Language", "de")
		k.ask("/", "Accept-Language", "en")
		broken = true
		time.Sleep(fresh)
		for _, tt := range []struct{ lang, status string }{
			{"de", "fwd=stale; fwd-status=500; ttl=0; detail=stale-if-error"},
			{"de", "hit; ttl=0; detail=stale-if-error"},
			{"en", "fwd=stale; stored; ttl=60"},
			{"de", "hit; ttl=0; detail=stale-if-error"},
			{"en", "hit; ttl=60"},
		} {
			if got := k.ask("/", "Accept-Language", tt.lang); got.body != tt.lang || got.cacheStatus() != "pagecache; "+tt.status {
				k.Errorf("%s: got %q, %q; want %q", tt.lang, got.body, got.cacheStatus(), tt.status)
			}
		}
	}, sieMinute)
}

// TestStaleThenError: the first window over, the second one begins. A failure in
// the background counts for it.
func TestStaleThenError(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		k.press.do(response(500))
		time.Sleep(fresh + 10*time.Second - 1)
		k.want("refreshing", k.ask("/"), 1, "hit; ttl=-9; detail=stale-while-revalidate")
		time.Sleep(time.Nanosecond)
		k.want("left alone", k.ask("/"), 1, "hit; ttl=-10; detail=stale-if-error")
		k.wantRuns("left alone", 2)
		time.Sleep(time.Second)
		k.want("asked", k.ask("/"), 1, "fwd=stale; fwd-status=500; ttl=-11; detail=stale-if-error")
		time.Sleep(2 * time.Second)
		k.press.print()
		k.want("healed", k.ask("/"), 4, "fwd=stale; stored; ttl=60")
	}, sieHour, pagecache.StaleWhileRevalidate(10*time.Second))
}

// TestAuthorizedAndStale: under Handler, requests with Authorization may be
// served public pages, stale ones too, and have none made for others.
func TestAuthorizedAndStale(t *testing.T) {
	for control, old := range map[string]bool{
		"public, max-age=60, stale-while-revalidate=60": true,
		"max-age=60, stale-while-revalidate=60":         false,
		"public, max-age=60, stale-if-error=60":         true,
		"max-age=60, stale-if-error=60":                 false,
	} {
		inKiosk(t, func(k *kiosk) {
			k.root = muxed(k.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", control)
				k.press.ServeHTTP(w, r)
			})))
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(response(500))
			got := k.ask("/", "Authorization", "Bearer x")
			if served := got.body == "edition 1"; served != old {
				k.Errorf("%s: got %d %q, %q; want the old page %t", control, got.status, got.body, got.cacheStatus(), old)
			}
			synctest.Wait()
			if s := k.cache.Stats(); s.Refreshed != 0 || len(s.NotRefreshed) > 0 {
				k.Errorf("%s: got a refresh by a request with Authorization", control)
			}
		})
	}
}
