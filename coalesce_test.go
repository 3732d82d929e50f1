package pagecache_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// crowd sends n requests at once and returns the answers with the time each
// took. It runs inside a bubble, where time stands still while there is work.
func crowd(h http.Handler, n int, ask func(i int) *http.Request) ([]reply, []time.Duration) {
	replies, took := make([]reply, n), make([]time.Duration, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			began := time.Now()
			replies[i], _ = quietly(h, ask(i))
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	return replies, took
}

// sameHome asks for one page.
func sameHome(int) *http.Request { return page("/") }

// worker is an oracle that takes d for a page.
func worker(d time.Duration) *oracle {
	return &oracle{first: func(http.ResponseWriter, *http.Request) { time.Sleep(d) }}
}

// TestStampede: any number of equal misses run the handler once, and cost each
// client what one run costs.
func TestStampede(t *testing.T) {
	for _, n := range []int{2, 100, manyGoroutines} {
		synctest.Test(t, func(t *testing.T) {
			c, o := newCache(t), worker(time.Second)
			replies, took := crowd(c.Page(time.Minute)(o), n, sameHome)
			if runs := o.runs.Load(); runs != 1 {
				t.Errorf("%d clients: got %d runs, want 1", n, runs)
			}
			collapsed := 0
			for i, got := range replies {
				if got.status != http.StatusOK || got.saw(t).Run != 1 || took[i] != time.Second {
					t.Fatalf("%d clients: got status %d after %v, %q; want 200 after 1s", n, got.status, took[i], got.body)
				}
				if got.cacheStatus() == "pagecache; fwd=uri-miss; collapsed; ttl=60" {
					collapsed++
				}
			}
			if s := c.Stats(); collapsed != n-1 || s.Collapsed != uint64(n-1) || s.Misses != 1 || s.Stored != 1 {
				t.Errorf("%d clients: got %d collapsed, in Stats %d, %d misses, %d stored; want %d, 1, 1",
					n, collapsed, s.Collapsed, s.Misses, s.Stored, n-1)
			}
		})
	}
}

// TestStampedeOfVariants: a page that turns out to have variants is made once
// for each, although all waited for the first at first.
func TestStampedeOfVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			w.Header().Set("Vary", "Accept-Language")
		}}
		languages := []string{"de", "en", "fr"}
		replies, took := crowd(newCache(t).Page(time.Minute)(&o), 30, func(i int) *http.Request {
			return page("/", "Accept-Language", languages[i%len(languages)])
		})
		for i, got := range replies {
			if lang := got.saw(t).Header.Get("Accept-Language"); lang != languages[i%len(languages)] {
				t.Errorf("got the page for %s, want %s", lang, languages[i%len(languages)])
			}
			if took[i] > 2*time.Second {
				t.Errorf("got an answer after %v, want 2s at most", took[i])
			}
		}
		if runs := o.runs.Load(); runs != int64(len(languages)) {
			t.Errorf("got %d runs, want one for each of %d languages", runs, len(languages))
		}
	})
}

// TestPagesAreIndependent: nobody waits for another page, or on another host.
func TestPagesAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := worker(time.Second)
		targets := []string{"/a", "/b", "/a?x=1", "http://other.example/a", "https://example.com/a"}
		_, took := crowd(newCache(t).Page(time.Minute)(o), len(targets), func(i int) *http.Request { return page(targets[i]) })
		for i, d := range took {
			if d != time.Second {
				t.Errorf("%s took %v, want 1s", targets[i], d)
			}
		}
		if runs := o.runs.Load(); runs != int64(len(targets)) {
			t.Errorf("got %d runs, want %d", runs, len(targets))
		}
	})
}

// TestUncacheableReleasesAll: once the first response turns out to be one
// client's own, everybody runs the handler at the same time. A mark keeps the
// next wave from waiting at all, until it is over.
func TestUncacheableReleasesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const run = 100 * time.Millisecond
		o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(run)
			w.Header().Set("Cache-Control", "private")
		}}
		h := newCache(t).Page(time.Minute)(&o)
		for wave, limit := range []time.Duration{2 * run, run, run} {
			replies, took := crowd(h, 50, sameHome)
			pages := make(map[int64]bool)
			for i, got := range replies {
				pages[got.saw(t).Run] = true
				if took[i] > limit {
					t.Errorf("wave %d: an answer took %v, want %v at most", wave, took[i], limit)
				}
			}
			if len(pages) != 50 {
				t.Errorf("wave %d: got %d different pages, want one for each of 50 clients", wave, len(pages))
			}
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second) // the mark's life
		if _, took := crowd(h, 2, sameHome); max(took[0], took[1]) != 2*run {
			t.Errorf("after the mark: got %v, want one client to wait for the other first", took)
		}
	})
}

// TestMarkSkipsWaitingOnly: a page that was not storable a moment ago is stored
// as soon as it is.
func TestMarkSkipsWaitingOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o oracle
		o.first = func(w http.ResponseWriter, r *http.Request) {
			if o.runs.Load() == 1 {
				w.Header().Set("Set-Cookie", "a=b")
			}
		}
		h := newCache(t).Page(time.Minute)(&o)
		for i, want := range []string{
			"pagecache; fwd=uri-miss; detail=set-cookie",
			"pagecache; fwd=uri-miss; stored; ttl=60; detail=hit-for-miss",
			"pagecache; hit; ttl=60",
		} {
			if got := call(h, page("/")).cacheStatus(); got != want {
				t.Errorf("request %d: got %q, want %q", i+1, got, want)
			}
		}
	})
}

// TestOversizeReleasesAll: waiting ends as soon as the body passes MaxBody, not
// when it ends.
func TestOversizeReleasesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t, pagecache.MaxBody(10)).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			write(w, strings.Repeat("x", 11))
			time.Sleep(time.Second)
			write(w, "end")
		}))
		replies, took := crowd(h, 20, sameHome)
		for i, got := range replies {
			if got.body != "xxxxxxxxxxxend" || took[i] != time.Second {
				t.Errorf("got %q after %v, want the whole body after 1s", got.body, took[i])
			}
		}
	})
}

// TestSlowClientHoldsNobody: the page is stored before the first byte goes to
// the client whose request filled it.
func TestSlowClientHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := worker(time.Second)
		h := newCache(t).Page(time.Minute)(o)
		slow := newSlowClient()
		go h.ServeHTTP(slow, page("/"))
		synctest.Wait()
		replies, took := crowd(h, 5, sameHome)
		for i, got := range replies {
			if got.saw(t).Run != 1 || took[i] != time.Second {
				t.Errorf("follower: got %q after %v, want the page after 1s", got.body, took[i])
			}
		}
		<-slow.writing
		if got := call(h, page("/")); !got.hit() {
			t.Errorf("later: got %q, want a hit", got.cacheStatus())
		}
		close(slow.release)
		synctest.Wait()
		if slow.Body.String() != replies[0].body {
			t.Errorf("the slow client: got %q, want %q", slow.Body, replies[0].body)
		}
	})
}

// TestHeadRunsAlone: a HEAD request neither fills a page nor waits for one.
func TestHeadRunsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := worker(time.Second)
		h := newCache(t).Page(time.Minute)(o)
		replies, took := crowd(h, 3, func(int) *http.Request { return httptest.NewRequest(http.MethodHead, "/", nil) })
		for i, got := range replies {
			if got.reason() != "head" || took[i] != time.Second {
				t.Errorf("HEAD: got %q after %v, want detail=head after 1s", got.cacheStatus(), took[i])
			}
		}
		if got := call(h, page("/")); got.hit() || !got.stored() {
			t.Errorf("GET: got %q, want a miss: HEAD fills nothing", got.cacheStatus())
		}
		if got := call(h, httptest.NewRequest(http.MethodHead, "/", nil)); !got.hit() || got.header.Get("Content-Length") == "" {
			t.Errorf("HEAD: got %q, want a hit by the page of the GET", got.cacheStatus())
		}
		if runs := o.runs.Load(); runs != 4 {
			t.Errorf("got %d runs, want 4", runs)
		}
	})
}
