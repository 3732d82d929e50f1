package pagecache_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

const home = "http://example.com/"

// TestRefreshNow: the page is made and stored when Refresh returns, fresh or not.
func TestRefreshNow(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		for i := range 3 {
			began := time.Now()
			k.press.take(time.Second)
			if err := k.cache.Refresh(k.Context(), request(k, "GET", home)); err != nil || time.Since(began) != time.Second {
				k.Errorf("got %v after %v, want nil after 1s", err, time.Since(began))
			}
			k.want(fmt.Sprint("time ", i), k.ask("/"), i+1, "hit; ttl=60")
			time.Sleep(10 * time.Second)
		}
		events := k.log.of(pagecache.KindRefresh)
		if len(events) != 3 {
			k.Fatalf("got %d events of refreshes, want 3", len(events))
		}
		if e := events[1]; e.Result != 0 || !e.Stored || e.Status != 200 || e.TTL != fresh || e.Duration != time.Second {
			k.Errorf("got the event %+v", e)
		}
		if s := k.cache.Stats(); s.Refreshed != 3 || s.Requests != 3 || s.Hits != 3 {
			k.Errorf("got %d refreshed and %d hits of %d requests, want 3 each", s.Refreshed, s.Hits, s.Requests)
		}
	})
}

// TestRefreshNowThatFails says so, and the old page stays; unless it is wrong.
func TestRefreshNowThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		do   http.HandlerFunc
		kept bool
		want string
	}{
		"error":   {response(500), true, "http://example.com/: the handler failed with status 500"},
		"panic":   {func(http.ResponseWriter, *http.Request) { panic("out of paper") }, true, "a handler panicked: out of paper"},
		"busy":    {response(429), true, "the response of status 429 was not stored"},
		"missing": {response(404), false, "the response of status 404 was not stored"},
		"private": {response(200, "Cache-Control", "private"), false, "the response of status 200 was not stored: private."},
	} {
		inAnteroom(t, muxed, func(k *kiosk) {
			k.ask("/")
			k.press.do(tt.do)
			err := k.cache.Refresh(k.Context(), request(k, "GET", home))
			if err == nil || !strings.HasPrefix(err.Error(), "pagecache: Refresh: ") || !strings.Contains(err.Error(), tt.want) {
				k.Errorf("%s: got  %v\nwant %s", name, err, tt.want)
			}
			if got := k.ask("/"); got.hit() != tt.kept {
				k.Errorf("%s: got %q afterwards, want the old page kept %t", name, got.cacheStatus(), tt.kept)
			}
		})
	}
}

// TestRefreshNowNeedsARoot, and a request that can be sent.
func TestRefreshNowNeedsARoot(t *testing.T) {
	const noRoot = "pagecache: Refresh: the cache does not know the handler that its server serves; give it with New(RefreshVia(root))"
	if err := newCache(t).Refresh(t.Context(), request(t, "GET", home)); err == nil || err.Error() != noRoot {
		t.Errorf("got  %v\nwant %s", err, noRoot)
	}
	inAnteroom(t, muxed, func(k *kiosk) {
		for want, r := range map[string]*http.Request{
			"pagecache: Refresh: the request, or its URL, is nil":                   nil,
			`pagecache: Refresh: the request's method is "HEAD"; only GET`:          request(k, "HEAD", home),
			`pagecache: Refresh: the request for "/" names no host, which is part `: request(k, "GET", "/"),
		} {
			if err := k.cache.Refresh(k.Context(), r); err == nil || !strings.HasPrefix(err.Error(), want) {
				k.Errorf("got  %v\nwant %s", err, want)
			}
		}
		k.wantRuns("in all", 0)
	})
}

// TestRefreshNowFromAHandler is the write-through strategy: a handler that has
// changed what a page shows has it made anew by the same router, whose memory of
// the handler's own request must not get in the way.
func TestRefreshNowFromAHandler(t *testing.T) {
	root := new(anteroom)
	inKiosk(t, func(k *kiosk) {
		var mu sync.Mutex
		price := 10
		r := chi.NewRouter()
		r.Route("/books/{id}", func(r chi.Router) {
			r.With(k.cache.Page(time.Hour)).Get("/", func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(w, "book %s: %d", chi.URLParam(r, "id"), price)
			})
			r.Post("/price", func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				price++
				mu.Unlock()
				id := chi.URLParam(r, "id")
				if err := k.cache.Refresh(r.Context(), request(k, "GET", "http://example.com/books/"+id+"/")); err != nil {
					k.Error(err)
				}
				write(w, "now "+chi.URLParam(r, "id"))
			})
		})
		root.Handler, k.root = r, r
		k.ask("/books/312/")
		post := page("/books/312/price")
		post.Method = http.MethodPost
		if got := call(k.root, post); got.body != "now 312" {
			k.Errorf("got %d %q, want the handler's own answer", got.status, got.body)
		}
		if got := k.ask("/books/312/"); got.body != "book 312: 11" || got.cacheStatus() != "pagecache; hit; ttl=3600" {
			k.Errorf("got %q, %q; want the new page", got.body, got.cacheStatus())
		}
	}, pagecache.RefreshVia(root))
}

// TestWarmThroughChi: the requests are routed as those of clients, also where the
// context of another request is at hand.
func TestWarmThroughChi(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		r := chi.NewRouter()
		r.With(k.cache.Page(fresh)).Get("/books/{id}", func(w http.ResponseWriter, r *http.Request) {
			k.press.runs.Add(1)
			write(w, chi.URLParam(r, "id")+" "+r.PathValue("id"))
		})
		r.Post("/warm/{id}", func(w http.ResponseWriter, r *http.Request) {
			stored, err := k.cache.Warm(r.Context(), k.root, wishes(k, "http://example.com/books/1", "http://example.com/books/2"), pagecache.WarmOptions{})
			fmt.Fprint(w, stored, err, chi.URLParam(r, "id"))
		})
		k.root = r
		warm := page("/warm/9")
		warm.Method = http.MethodPost
		if got := call(k.root, warm); got.body != "2 <nil>9" {
			k.Errorf("got %d %q, want two pages and the route kept", got.status, got.body)
		}
		synctest.Wait()
		if got := k.ask("/books/2"); got.body != "2 2" || !got.hit() {
			k.Errorf("got %q, %q; want the warmed page", got.body, got.cacheStatus())
		}
		k.wantRuns("in all", 2)
	})
}

// TestRefreshNowDuringAFill: a page that is made already may have been begun too
// early, so another run makes it. The later one stays.
func TestRefreshNowDuringAFill(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		k.press.take(4 * time.Second)
		go k.ask("/")
		synctest.Wait()
		time.Sleep(time.Second)
		k.press.take(time.Second)
		if err := k.cache.Refresh(k.Context(), request(k, "GET", home)); err != nil {
			k.Error(err)
		}
		k.want("refreshed", k.ask("/"), 2, "hit; ttl=60")
		time.Sleep(10 * time.Second)
		k.want("when the first run has ended", k.ask("/"), 2, "hit; ttl=50")
	})
}

// TestWarmDuringAFill: a page that is made already is waited for.
func TestWarmDuringAFill(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		k.press.take(2 * time.Second)
		go k.ask("/")
		synctest.Wait()
		began := time.Now()
		stored, err := k.cache.Warm(k.Context(), nil, wishes(k, home), pagecache.WarmOptions{}) // through the root that it knows
		if stored != 1 || err != nil || time.Since(began) != 2*time.Second {
			k.Errorf("got %d, %v after %v; want 1 after 2s", stored, err, time.Since(began))
		}
		k.wantRuns("in all", 1)
	})
}

// TestClientsWaitForWarm: who asks for a page that Warm has made waits for it,
// and is given it.
func TestClientsWaitForWarm(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		k.press.take(2 * time.Second)
		go func() { _, _ = k.cache.Warm(k.Context(), k.root, wishes(k, home), pagecache.WarmOptions{}) }()
		synctest.Wait()
		k.want("client", k.ask("/"), 1, "fwd=uri-miss; collapsed; ttl=60")
		k.wantRuns("in all", 1)
	})
}

// TestWarmOutlastsNoTimeout: each request has RefreshTimeout.
func TestWarmOutlastsNoTimeout(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.press.do(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		began := time.Now()
		told := progress{t: k.T}
		stored, err := k.cache.Warm(k.Context(), k.root, wishes(k, home), pagecache.WarmOptions{Progress: told.note})
		if stored != 0 || err != nil || time.Since(began) != 3*time.Second {
			k.Errorf("got %d, %v after %v; want 0, nil after 3s", stored, err, time.Since(began))
		}
		if err := told.errs[home]; err == nil || !strings.Contains(err.Error(), "deadline") {
			k.Errorf("got %v, want the deadline", err)
		}
	}, func(p *pagecache.Policy) { p.RefreshTimeout = 3 * time.Second })
}

// TestWarmAfterClose: a closed cache stores nothing and says so.
func TestWarmAfterClose(t *testing.T) {
	inAnteroom(t, muxed, func(k *kiosk) {
		if err := k.cache.Close(k.Context()); err != nil {
			k.Error(err)
		}
		told := progress{t: k.T}
		if stored, err := k.cache.Warm(k.Context(), k.root, wishes(k, home), pagecache.WarmOptions{Progress: told.note}); stored != 0 || err == nil || err.Error() != "pagecache: Warm: the cache is closed" {
			k.Errorf("Warm: got %d, %v", stored, err)
		}
		if err := k.cache.Refresh(k.Context(), request(k, "GET", home)); err == nil || err.Error() != "pagecache: Refresh: the cache is closed" {
			k.Errorf("Refresh: got %v", err)
		}
		k.wantRuns("in all", 0)
	})
}
