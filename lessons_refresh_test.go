package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestForegroundEarlyRefreshThatFails in the foreground: the page is fresh still, so the
// client whose hit it was gets it.
func TestForegroundEarlyRefreshThatFails(t *testing.T) {
	synctest.Test(t, foregroundEarlyRefreshThatFails)
}

func foregroundEarlyRefreshThatFails(t *testing.T) {
	var bad atomic.Bool
	h := newCache(t, func(p *pagecache.Policy) { p.EarlyRefresh = 5 }).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		if bad.Load() {
			http.Error(w, "out of paper", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "good")
	}))
	call(h, page("/a"))
	bad.Store(true)
	for range 25 {
		time.Sleep(time.Second)
		if got := call(h, page("/a")); got.body != "good" {
			t.Fatalf("got %d, %q (%s)", got.status, got.body, got.cacheStatus())
		}
	}
}

// TestCacheAroundIsNotPoisoned: another cache, outside of middleware that
// buffers, must not take a request that is only warmed or explained for an empty
// page.
func TestCacheAroundIsNotPoisoned(t *testing.T) {
	for name, visit := range map[string]func(c *pagecache.Cache, h http.Handler){
		"Warm": func(c *pagecache.Cache, h http.Handler) {
			_, _ = c.Warm(t.Context(), h, slices.Values([]*http.Request{page("/a")}), pagecache.WarmOptions{})
		},
		"Warm, fresh": func(c *pagecache.Cache, h http.Handler) {
			for range 2 {
				_, _ = c.Warm(t.Context(), h, slices.Values([]*http.Request{page("/a")}), pagecache.WarmOptions{})
			}
		},
		"Warm, refused": func(c *pagecache.Cache, h http.Handler) {
			_ = c.Close(context.Background())
			_, _ = c.Warm(t.Context(), h, slices.Values([]*http.Request{page("/a")}), pagecache.WarmOptions{})
		},
		"Explain": func(c *pagecache.Cache, h http.Handler) { c.Explain(h, page("/a")) },
	} {
		outer, inner := newCache(t), newCache(t)
		root := outer.Page(time.Hour)(http.TimeoutHandler(inner.Page(time.Minute)(text("good")), time.Minute, "late"))
		visit(inner, root)
		if got := call(root, page("/a")); got.body != "good" {
			t.Errorf("%s: got %d, %q (%s)", name, got.status, got.body, got.cacheStatus())
		}
	}
}

// TestRefreshIsNotOvertaken by a run that began before it and ends after it.
func TestRefreshIsNotOvertaken(t *testing.T) {
	for name, opts := range map[string][]pagecache.Option{
		"in process":   nil,
		"over a Store": {pagecache.WithStore(storetest.NewMap())},
		"write-back":   {pagecache.WithStore(storetest.NewMap()), func(p *pagecache.Policy) { p.WriteBack = true }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refreshIsNotOvertaken(t, opts) })
		})
	}
}

func refreshIsNotOvertaken(t *testing.T, opts []pagecache.Option) {
	mux := http.NewServeMux()
	var version atomic.Int64
	c := newCache(t, append(opts, pagecache.RefreshVia(mux))...)
	mux.Handle("/a", c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := version.Load()
		if seen == 0 {
			time.Sleep(5 * time.Second)
		}
		fmt.Fprint(w, "version ", seen)
	})))
	go call(mux, page("/a"))
	synctest.Wait()
	version.Add(1)
	if err := c.Refresh(t.Context(), page("/a")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	if got := call(mux, page("/a")); got.body != "version 1" {
		t.Errorf("got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}

// TestForcedRequestWithAuthorization gets no page that is not public, also when
// the handler fails (RFC 9111 section 3.5).
func TestForcedRequestWithAuthorization(t *testing.T) {
	var bad atomic.Bool
	h := newCache(t, pagecache.StaleIfError(time.Hour), func(p *pagecache.Policy) {
		p.ForceRefresh = func(r *http.Request) bool { return r.Header.Get("X-Again") != "" }
	}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bad.Load() {
			http.Error(w, "out of paper", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "anonymous")
	}))
	call(h, page("/a"))
	bad.Store(true)
	if got := call(h, page("/a", "Authorization", "Bearer x", "X-Again", "1")); got.status != 500 {
		t.Errorf("got %d, %q (%s), want the handler's 500", got.status, got.body, got.cacheStatus())
	}
}

// TestRefreshWithRange makes the whole page all the same.
func TestRefreshWithRange(t *testing.T) {
	mux := http.NewServeMux()
	c := newCache(t, pagecache.RefreshVia(mux))
	mux.Handle("/a", c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusPartialContent)
		}
		fmt.Fprint(w, "good")
	})))
	call(mux, page("/a"))
	if err := c.Refresh(t.Context(), page("/a", "Range", "bytes=0-0")); err != nil {
		t.Error(err)
	}
	if got := call(mux, page("/a")); !got.hit() {
		t.Errorf("got %q, want a hit", got.cacheStatus())
	}
}

// TestUnsafeHijack: what a handler answered over the connection itself nobody can
// tell, so the page is purged.
func TestUnsafeHijack(t *testing.T) {
	var posts atomic.Int64
	srv := serve(t, newCache(t).Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			fmt.Fprint(w, "posts: ", posts.Load())
			return
		}
		posts.Add(1)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		_ = rw.Flush()
		_ = conn.Close()
	})))
	get(t, srv.URL+"/a")
	do(t, request(t, http.MethodPost, srv.URL+"/a"))
	if got := get(t, srv.URL+"/a"); got.body != "posts: 1" {
		t.Errorf("got %q (%s)", got.body, got.cacheStatus())
	}
}
