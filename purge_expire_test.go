package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// expiring is a site in a bubble whose pages may be served stale, and whose
// handler can be made to fail.
type expiring struct {
	*testing.T
	cache  *pagecache.Cache
	site   http.Handler
	oracle *oracle
	fails  bool
}

func inExpiring(t *testing.T, opts []pagecache.Option, test func(*expiring)) {
	synctest.Test(t, func(t *testing.T) {
		e := &expiring{T: t, cache: newCache(t)}
		e.oracle = &oracle{first: func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag("late")
			if e.fails {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}}
		mux := http.NewServeMux()
		mux.Handle("GET /{name}", e.cache.Page(time.Hour, opts...)(e.oracle))
		e.site = mux
		time.Sleep(time.Second) // so that the first expiry is not at the beginning of time
		test(e)
	})
}

// wants asks for a page and compares Cache-Status without the cache's name.
func (e *expiring) wants(target, status string) {
	e.Helper()
	got := call(e.site, page(target))
	if s := strings.TrimPrefix(got.cacheStatus(), "pagecache; "); s != status {
		e.Errorf("%s at %v: got %q, want %q", target, time.Since(beginning), s, status)
	}
	synctest.Wait() // for the refresh, if there is one
}

// beginning is when time begins in a bubble.
var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (e *expiring) do(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func tenMinutes() []pagecache.Option {
	return []pagecache.Option{pagecache.StaleWhileRevalidate(10 * time.Minute)}
}

// TestExpire: an expired page is served stale within its window, which counts
// from the expiry, and is refreshed by that.
func TestExpire(t *testing.T) {
	for _, f := range []struct{ kind, name string }{
		{"address", "/a"}, {"address", "/a?"}, {"address", "http://example.com/a"}, {"tag", "late"}, {"prefix", "/"}, {"route", "/{name}"}, {"all", ""},
	} {
		t.Run(f.kind+" "+f.name, func(t *testing.T) {
			inExpiring(t, tenMinutes(), func(e *expiring) {
				e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
				time.Sleep(time.Minute)
				e.do(strikes[f.kind][1](e.cache, t.Context(), f.name))
				time.Sleep(5 * time.Second)
				e.wants("/a", "hit; ttl=-5; detail=stale-while-revalidate")
				e.wants("/a", "hit; ttl=3600")
				if runs := e.oracle.runs.Load(); runs != 2 {
					t.Errorf("got %d runs, want 2", runs)
				}
				time.Sleep(time.Minute)
				e.wants("/a", "hit; ttl=3540")
			})
		})
	}
}

// TestExpireAtOnce: also when other purges were at the very same moment, and at
// the first moment of a cache.
func TestExpireAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := newCache(t), new(oracle)
		h := c.Page(time.Hour, pagecache.StaleIfError(time.Hour))(o)
		for i := range 3 {
			call(h, page("/"))
			for range i * 5 {
				if err := c.Purge(t.Context(), "/other"); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Expire(t.Context(), "/"); err != nil {
				t.Fatal(err)
			}
			if got := call(h, page("/")); got.hit() {
				t.Errorf("after %d other purges: got %q, want the handler asked", i*5, got.cacheStatus())
			}
			time.Sleep(time.Second)
		}
	})
}

// TestExpireWindow: the window begins with the expiry.
func TestExpireWindow(t *testing.T) {
	inExpiring(t, tenMinutes(), func(e *expiring) {
		for _, target := range []string{"/a", "/b", "/c"} {
			e.wants(target, "fwd=uri-miss; stored; ttl=3600")
		}
		time.Sleep(time.Minute)
		e.do(e.cache.ExpireAll(t.Context()))
		e.wants("/c", "hit; ttl=0; detail=stale-while-revalidate")
		time.Sleep(10*time.Minute - time.Second)
		e.wants("/a", "hit; ttl=-599; detail=stale-while-revalidate")
		time.Sleep(time.Second)
		e.wants("/b", "fwd=stale; stored; ttl=3600")
	})
}

// TestExpireWithoutWindow: the page is gone, as after a purge.
func TestExpireWithoutWindow(t *testing.T) {
	inExpiring(t, nil, func(e *expiring) {
		e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
		e.do(e.cache.Expire(t.Context(), "/a"))
		e.fails = true
		e.wants("/a", "fwd=stale; detail=status")
		e.fails = false
		e.wants("/a", "fwd=stale; stored; ttl=3600; detail=hit-for-miss")
	})
}

// TestExpireNeverProlongs: expiring a page that is stale already does not begin
// its window again, and expiring a page again and again lets it be served no
// longer than if it had lived to its end.
func TestExpireNeverProlongs(t *testing.T) {
	inExpiring(t, tenMinutes(), func(e *expiring) {
		e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
		e.wants("/b", "fwd=uri-miss; stored; ttl=3600")
		e.fails = true
		for range 13 { // the last at 65 minutes, 5 after its end
			time.Sleep(5 * time.Minute)
			e.do(e.cache.Expire(t.Context(), "/a"))
		}
		time.Sleep(5*time.Minute - time.Second)
		e.wants("/a", "hit; ttl=-599; detail=stale-while-revalidate")
		e.wants("/b", "hit; ttl=-599; detail=stale-while-revalidate")
		time.Sleep(time.Second)
		for _, target := range []string{"/a", "/b"} { // the memory may have dropped them by now
			if got := call(e.site, page(target)); got.status != http.StatusInternalServerError {
				t.Errorf("%s: got %q after its window, want the handler's error", target, got.cacheStatus())
			}
		}
	})
}

// TestExpireAndPurge: of the two the purge counts, in either order.
func TestExpireAndPurge(t *testing.T) {
	inExpiring(t, tenMinutes(), func(e *expiring) {
		for range 2 {
			e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
			e.do(e.cache.Expire(t.Context(), "/a"))
			e.do(e.cache.PurgeTags(t.Context(), "late"))
			e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
			e.do(e.cache.PurgePrefix(t.Context(), "/"))
			e.do(e.cache.ExpireAll(t.Context()))
		}
	})
}

// TestExpireIfError: an expired page is not served before its handler is asked
// where it may be served for an error only.
func TestExpireIfError(t *testing.T) {
	inExpiring(t, []pagecache.Option{pagecache.StaleIfError(10 * time.Minute)}, func(e *expiring) {
		e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
		e.do(e.cache.Expire(t.Context(), "/a"))
		time.Sleep(time.Second)
		e.fails = true
		e.wants("/a", "fwd=stale; fwd-status=500; ttl=-1; detail=stale-if-error")
		time.Sleep(10*time.Minute - time.Second)
		e.wants("/a", "fwd=stale; detail=status") // kept for its whole life, but of no use
	})
}

// TestExpireSparesOthers, their lifetimes among others.
func TestExpireSparesOthers(t *testing.T) {
	sparing(t, func() (lost []string) {
		inExpiring(t, tenMinutes(), func(e *expiring) {
			e.wants("/a", "fwd=uri-miss; stored; ttl=3600")
			e.wants("/b", "fwd=uri-miss; stored; ttl=3600")
			time.Sleep(time.Minute)
			e.do(e.cache.Expire(t.Context(), "/a"))
			if got := call(e.site, page("/b")); got.cacheStatus() != "pagecache; hit; ttl=3540" {
				lost = append(lost, got.cacheStatus())
			}
		})
		return lost
	})
}
