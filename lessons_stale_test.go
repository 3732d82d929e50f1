package pagecache_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// a background refresh that answers an error status with a NegativeTTL
// replaces the good page inside its window.
func TestLessonErrorPageReplacesInBackground(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.do(response(503))
		k.want("stale", k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
		k.want("after the failed refresh", k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
	}, swrMinute, pagecache.NegativeTTL(9*time.Second, 503))
}

// and Refresh of a fresh page.
func TestLessonErrorPageReplacesByRefresh(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		k.ask("/")
		k.press.do(response(503))
		err := k.cache.Refresh(k.Context(), request(k, "GET", home))
		if got := k.ask("/"); got.status != 200 || err == nil {
			k.Errorf("got %v, then %d %q", err, got.status, got.cacheStatus())
		}
	}, swrMinute, pagecache.NegativeTTL(9*time.Second, 503))
}

// a success where nothing old was left does not end the back-off.
func TestLessonBackOffOutlivesSuccess(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.root = muxed(k.cache.Page(time.Second, pagecache.StaleWhileRevalidate(20*time.Second))(k.press))
		k.ask("/")
		time.Sleep(time.Second)
		k.press.do(response(500))
		for range 20 { // fails at 0, 1, 3, 7, 15 s; the next try is at 31 s
			k.ask("/")
			time.Sleep(time.Second)
		}
		k.press.print()
		k.ask("/") // a miss, that succeeds
		time.Sleep(time.Second)
		k.ask("/") // stale: is to be refreshed
		if got := k.ask("/"); got.reason() != "" {
			k.Errorf("got %q, %q; want the refreshed page", got.body, got.cacheStatus())
		}
	})
}

// what one user's credentials meet with drops everybody's page.
func TestLessonAuthorizedDropsSharedPage(t *testing.T) {
	for _, window := range []string{"stale-if-error=60"} {
		for _, do := range []http.HandlerFunc{response(401), response(200, "Cache-Control", "private")} {
			inKiosk(t, func(k *kiosk) {
				k.root = muxed(k.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") != "" {
						do(w, r)
						return
					}
					w.Header().Set("Cache-Control", "public, max-age=60, "+window)
					k.press.ServeHTTP(w, r)
				})))
				k.ask("/")
				time.Sleep(fresh)
				k.ask("/", "Authorization", "Bearer wrong")
				k.press.do(response(500))
				if got := k.ask("/"); got.body != "edition 1" {
					k.Errorf("got %d %q, %q; want the old page", got.status, got.body, got.cacheStatus())
				}
			})
		}
	}
}

// a refresh answered with 429 is tried again at once, by every request.
func TestLessonTooManyRequestsIsNotLeftAlone(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.do(response(429))
		for range 100 {
			k.ask("/")
		}
		k.wantRuns("within a moment", 2)
	}, swrMinute)
}

// the event of an answer after a failure leaves the handler's time out.
func TestLessonDurationOfStaleIfError(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.take(time.Second)
		k.press.do(response(500))
		k.ask("/")
		if d := k.log.last().Duration; d != time.Second {
			k.Errorf("got a duration of %v, want 1s", d)
		}
	}, sieMinute)
}

// in the foreground an early refresh that fails gives the error to a client
// whose page is fresh.
func TestLessonEarlyRefreshFailsInForeground(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.root = k.cache.Page(fresh)(k.press)
		k.press.take(time.Second)
		k.ask("/")
		time.Sleep(fresh - 1)
		k.press.take(0)
		k.press.do(response(500))
		if got := k.ask("/"); got.status != 200 {
			k.Errorf("got %d, %q; want the fresh page", got.status, got.cacheStatus())
		}
	}, early(100))
}

// a forced refresh that fails claims that the page was stale.
func TestLessonForcedFailureIsNotStale(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(10 * time.Second)
		k.press.do(response(500))
		got := k.ask("/", "X-Again", "please")
		if strings.Contains(got.cacheStatus(), "fwd=stale") || strings.Contains(got.cacheStatus(), "ttl=0") {
			k.Errorf("got %q of a page that is fresh for 50 s", got.cacheStatus())
		}
	}, force, sieMinute)
}

// Why says uri-miss where a stored page is made anew.
func TestLessonWhy(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		k.ask("/")
		var why []string
		k.press.do(func(w http.ResponseWriter, r *http.Request) {
			why = append(why, pagecache.FromContext(r.Context()).Why())
			write(w, "page")
		})
		_ = k.cache.Refresh(k.Context(), request(k, "GET", home))
		if !slices.Equal(why, []string{"request"}) {
			k.Errorf("got Why %q, want request", why)
		}
	})
}

// a refresh that the cache itself turns away is begun by every request.
func TestLessonRefreshTurnedAwayByTheCache(t *testing.T) {
	tries := 0
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Context().Value(clientKey{}) == nil {
				tries++
				r.Header.Set("X-User", "nobody")
				r.Header.Set("X-Api-Key", "nobody")
			}
			next.ServeHTTP(w, r)
		})
	}
	inAnteroom(t, outer, func(k *kiosk) {
		k.askAsClient("/")
		time.Sleep(fresh)
		for range 100 {
			k.askAsClient("/")
		}
		if tries != 1 || len(k.log.warnings()) != 1 {
			k.Errorf("got %d tries and warnings %q, want one each", tries, k.log.warnings())
		}
	}, swrMinute)
}

// a request without a URL crashes the program.
func TestLessonWarmWithoutURL(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		for _, r := range []*http.Request{{}, {Host: "shop.example"}} {
			func() {
				defer func() {
					if p := recover(); p != nil {
						k.Errorf("panic: %v", p)
					}
				}()
				if err := k.cache.Refresh(k.Context(), r); err == nil {
					k.Error("got no error")
				}
			}()
		}
	})
}

// middleware that leaves its handler behind (http.TimeoutHandler).
func TestLessonTimeoutHandlerInFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKiosk(t)
		k.press.take(2 * time.Second)
		k.root = http.TimeoutHandler(k.cache.Page(fresh)(k.press), time.Second, "late")
		stored, err := k.cache.Warm(k.Context(), k.root, wishes(k, home), pagecache.WarmOptions{})
		t.Log(stored, err)
		time.Sleep(time.Minute)
	})
}

func TestLessonTimeoutHandlerInFrontOfVia(t *testing.T) {
	inAnteroom(t, func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Second, "late") }, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.take(2 * time.Second)
		k.ask("/")
		time.Sleep(time.Minute)
	}, swrHour)
}

// errors print the password of a URL.
func TestLessonPasswordInErrors(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		k.press.do(response(500))
		if err := k.cache.Refresh(k.Context(), request(k, "GET", "http://joe:secret@example.com/")); err == nil || strings.Contains(err.Error(), "secret") {
			k.Errorf("got %v", err)
		}
	})
}

// middleware that looks at RemoteAddr.
func TestLessonWarmHasNoRemoteAddr(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		addr := "none"
		_, _ = k.cache.Warm(k.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { addr = fmt.Sprint(r.RemoteAddr, " ", r.Proto) }),
			slices.Values([]*http.Request{{URL: request(k, "GET", home).URL}}), pagecache.WarmOptions{})
		if addr == " " || strings.HasPrefix(addr, " ") || strings.HasSuffix(addr, " ") {
			k.Errorf("got address and protocol %q", addr)
		}
	})
}

// a URL with letters that clients would encode.
func TestLessonWarmedKeyInLetters(t *testing.T) {
	for _, url := range []string{"http://example.com/bücher", "http://example.com/a b", "http://example.com/a|b", "http://example.com/?q=ü"} {
		inKiosk(t, func(k *kiosk) {
			r := request(t, "GET", url)
			sent := r.URL.RequestURI()
			_, _ = k.cache.Warm(k.Context(), k.root, slices.Values([]*http.Request{r}), pagecache.WarmOptions{})
			if got := k.ask(sent); !got.hit() {
				k.Errorf("%s: got %q for %s", url, got.cacheStatus(), sent)
			}
		})
	}
}

// with NoRanges a range of a stale page is answered with the whole of it.
func TestLessonNoRanges(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		if got := k.ask("/", "Range", "bytes=0-1"); got.status != 200 {
			k.Errorf("Range: got %d, %q", got.status, got.cacheStatus())
		}
	}, swrMinute, func(p *pagecache.Policy) { p.NoRanges = true })
}

// a refresh whose handler streams for ever ends with RefreshTimeout.
func TestLessonStreamingRefreshGoesOn(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		var wrote atomic.Int64
		k.press.do(func(w http.ResponseWriter, r *http.Request) {
			for range 1000 {
				if _, err := w.Write(make([]byte, 10<<10)); err != nil || r.Context().Err() != nil {
					return
				}
				w.(http.Flusher).Flush()
				wrote.Add(1)
				time.Sleep(time.Second)
			}
		})
		k.ask("/")
		time.Sleep(time.Hour)
		if n := wrote.Load(); n > 31 {
			k.Errorf("got %d writes", n)
		}
	}, swrHour)
}

// an outer route of the same cache that skips the page keeps Warm from the inner.
func TestLessonOuterRouteThatSkips(t *testing.T) {
	for name, opt := range map[string]pagecache.Option{"skip": pagecache.Skip(func(*http.Request) bool { return true }), "off": pagecache.Off(true)} {
		inKiosk(t, func(k *kiosk) {
			k.root = k.cache.With(opt).Handler(k.cache.Page(fresh)(k.press))
			_, _ = k.cache.Warm(k.Context(), k.root, wishes(k, home), pagecache.WarmOptions{Progress: func(_ *http.Request, err error) {
				if err != nil {
					k.Errorf("%s: %v", name, err)
				}
			}})
			if got := k.ask("/"); !got.hit() {
				k.Errorf("%s: got %q after Warm, want a hit", name, got.cacheStatus())
			}
		})
	}
}
