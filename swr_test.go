package pagecache_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// press is a handler whose page says which of its runs printed it.
type press struct {
	runs  atomic.Int64
	takes atomic.Int64                     // how long a run lasts
	does  atomic.Pointer[http.HandlerFunc] // what it does instead of printing
}

func (p *press) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	run := p.runs.Add(1)
	time.Sleep(time.Duration(p.takes.Load()))
	if do := p.does.Load(); do != nil {
		(*do)(w, r)
		return
	}
	fmt.Fprintf(w, "edition %d", run)
}

func (p *press) do(h http.HandlerFunc) { p.does.Store(&h) }
func (p *press) print()                { p.does.Store(nil) }
func (p *press) take(d time.Duration)  { p.takes.Store(int64(d)) }

// kiosk is a cached route of pages that are fresh for a minute, behind a router
// whose requests can be kept for the background.
type kiosk struct {
	*testing.T
	press *press
	log   eventLog
	cache *pagecache.Cache
	root  http.Handler
}

const fresh = time.Minute

func newKiosk(t *testing.T, opts ...pagecache.Option) *kiosk {
	k := &kiosk{T: t, press: new(press)}
	k.cache = newCache(t, append([]pagecache.Option{pagecache.WithObserver(&k.log), pagecache.WithLogger(silence)}, opts...)...)
	k.root = muxed(k.cache.Page(fresh)(k.press))
	return k
}

// muxed puts a handler behind a router.
func muxed(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	return mux
}

// ask asks for a page and waits until nothing goes on in the background that
// does not take time.
func (k *kiosk) ask(target string, fields ...string) reply {
	got := call(k.root, page(target, fields...))
	synctest.Wait()
	return got
}

func (k *kiosk) want(what string, got reply, edition int, status string) {
	k.Helper()
	if body := fmt.Sprintf("edition %d", edition); got.body != body {
		k.Errorf("%s: got %q, want %q", what, got.body, body)
	}
	if got.cacheStatus() != "pagecache; "+status {
		k.Errorf("%s: got %q, want %q", what, got.cacheStatus(), status)
	}
}

func (k *kiosk) wantRuns(what string, want int64) {
	k.Helper()
	if got := k.press.runs.Load(); got != want {
		k.Errorf("%s: got %d runs of the handler, want %d", what, got, want)
	}
}

// inKiosk runs a test in a bubble with a kiosk in it.
func inKiosk(t *testing.T, test func(*kiosk), opts ...pagecache.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := newKiosk(t, opts...)
		test(k)
		time.Sleep(time.Hour) // whatever goes on in the background is over
		synctest.Wait()
		k.checkSums()
	})
}

// checkSums: every request is counted once, and reported once with the same
// result, whatever becomes of it.
func (k *kiosk) checkSums() {
	k.Helper()
	s := k.cache.Stats()
	balanced(k.T, s)
	results := make(map[pagecache.Result]uint64)
	for _, e := range k.log.of(pagecache.KindRequest) {
		results[e.Result]++
	}
	want := map[pagecache.Result]uint64{pagecache.ResultHit: s.Hits, pagecache.ResultStale: s.Stale, pagecache.ResultMiss: s.Misses, pagecache.ResultCollapsed: s.Collapsed, pagecache.ResultPass: s.Passes}
	for result, n := range want {
		if results[result] != n {
			k.Errorf("got %d events of result %v, %d in Stats", results[result], result, n)
		}
	}
	if sum := s.Hits + s.Stale + s.Misses + s.Collapsed + s.Passes; s.Requests != sum {
		k.Errorf("got %d requests in Stats, want the sum %d", s.Requests, sum)
	}
	refused := uint64(0)
	for _, n := range s.NotRefreshed {
		refused += n
	}
	if refreshes := len(k.log.of(pagecache.KindRefresh)); uint64(refreshes) != s.Refreshed+refused {
		k.Errorf("got %d events of refreshes, want %d that stored a page and %d that did not", refreshes, s.Refreshed, refused)
	}
}

var (
	swrMinute = pagecache.StaleWhileRevalidate(time.Minute)
	swrHour   = pagecache.StaleWhileRevalidate(time.Hour)
)

// TestStaleWhileRevalidate is the life of a page: who finds it stale is served
// at once and pays nothing for the new one.
func TestStaleWhileRevalidate(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.want("first", k.ask("/"), 1, "fwd=uri-miss; stored; ttl=60")
		time.Sleep(fresh)
		k.press.take(5 * time.Second)
		began := time.Now()
		got := k.ask("/")
		k.want("stale", got, 1, "hit; ttl=0; detail=stale-while-revalidate")
		if took, age := time.Since(began), got.header.Get("Age"); took != 0 || age != "60" {
			k.Errorf("got an answer of age %s after %v, want 60 at once", age, took)
		}
		k.wantRuns("stale", 2)
		time.Sleep(4 * time.Second)
		k.want("while it is made anew", k.ask("/"), 1, "hit; ttl=-4; detail=updating")
		time.Sleep(time.Second)
		synctest.Wait()
		k.want("afterwards", k.ask("/"), 2, "hit; ttl=60")
		k.wantRuns("afterwards", 2)
		s := k.cache.Stats()
		if s.Hits != 1 || s.Stale != 2 || s.Misses != 1 || s.Stored != 1 || s.Refreshed != 1 {
			k.Errorf("got Stats %+v, want 1 hit, 2 stale, 1 miss, 1 stored, 1 refreshed", s)
		}
	}, swrMinute)
}

// TestStaleWindowEnds: to the nanosecond.
func TestStaleWindowEnds(t *testing.T) {
	for _, tt := range []struct {
		age    time.Duration
		status string
	}{
		{fresh - 1, "hit; ttl=1"},
		{fresh, "hit; ttl=0; detail=stale-while-revalidate"},
		{2*fresh - 1, "hit; ttl=-59; detail=stale-while-revalidate"},
		{2 * fresh, "fwd=uri-miss; stored; ttl=60"},
		{time.Hour, "fwd=uri-miss; stored; ttl=60"},
	} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(tt.age)
			edition := 1
			if strings.HasPrefix(tt.status, "fwd") {
				edition = 2
			}
			got := k.ask("/")
			if fwd := strings.Replace(got.cacheStatus(), "fwd=stale", "fwd=uri-miss", 1); fwd != got.cacheStatus() { // a memory may keep what is over
				got.header.Set("Cache-Status", fwd)
			}
			k.want(tt.age.String(), got, edition, tt.status)
		}, swrMinute)
	}
}

// TestWindowsEndToEnd: where the windows come from, for Page, whose route has
// them, and for Handler, where the response speaks alone.
func TestWindowsEndToEnd(t *testing.T) {
	const own = "max-age=60, stale-while-revalidate=30"
	for _, tt := range []struct {
		name, control string
		opts          []pagecache.Option
		last          time.Duration // how long after its end the page is served at most; 0: not at all
		alone         bool          // by Handler
	}{
		{name: "Page without a window"},
		{name: "Page with one", opts: []pagecache.Option{swrMinute}, last: time.Minute},
		{name: "Page, by the response", control: own, last: 30 * time.Second},
		{name: "Page, by the response, bounded", control: "stale-while-revalidate=300", opts: []pagecache.Option{swrMinute}, last: time.Minute},
		{name: "Page, must-revalidate", control: "must-revalidate", opts: []pagecache.Option{swrMinute}},
		{name: "Page, s-maxage", control: "s-maxage=60", opts: []pagecache.Option{swrMinute}},
		{name: "Page, s-maxage overridden", control: "s-maxage=9", opts: []pagecache.Option{swrMinute, pagecache.OverrideTTL()}, last: time.Minute},
		{name: "Handler, by the response", control: own, last: 30 * time.Second, alone: true},
		{name: "Handler, s-maxage", control: "s-maxage=60, stale-while-revalidate=30", last: 30 * time.Second, alone: true},
		{name: "Handler, nothing said", control: "max-age=60", alone: true},
		{name: "Handler, proxy-revalidate", control: own + ", proxy-revalidate", alone: true},
		{name: "Handler, by its group", control: "max-age=60", opts: []pagecache.Option{swrMinute}, last: time.Minute, alone: true},
		{name: "Handler, for more than a day", control: "max-age=60, stale-while-revalidate=172800", last: 24 * time.Hour, alone: true},
	} {
		for _, late := range []time.Duration{tt.last - 1, tt.last} {
			inKiosk(t, func(k *kiosk) {
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Control", tt.control)
					k.press.ServeHTTP(w, r)
				})
				k.root = muxed(k.cache.Page(fresh)(h))
				if tt.alone {
					k.root = muxed(k.cache.Handler(h))
				}
				k.ask("/")
				time.Sleep(fresh + max(0, late))
				got, want := k.ask("/"), late >= 0 && late < tt.last
				if served := got.body == "edition 1"; served != want || served != (got.reason() == "stale-while-revalidate") {
					k.Errorf("%s, %v late: got %q, %q; want it stale %t", tt.name, late, got.body, got.cacheStatus(), want)
				}
			}, tt.opts...)
		}
	}
}

// TestStaleKindsOfRequests: what a stale page may be asked for, and that the new
// one is a whole page all the same. HEAD has nothing made.
func TestStaleKindsOfRequests(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		fields []string
		status int
		body   string
		runs   int64
	}{
		{"HEAD", http.MethodHead, nil, http.StatusOK, "", 1},
		{"range", http.MethodGet, []string{"Range", "bytes=0-6"}, http.StatusPartialContent, "edition", 2},
		{"range of another version", http.MethodGet, []string{"Range", "bytes=0-6", "If-Range", `"x"`}, http.StatusOK, "edition 1", 2},
		{"known by its tag", http.MethodGet, []string{"If-None-Match", `"1"`}, http.StatusNotModified, "", 2},
		{"known by its date", http.MethodGet, []string{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}, http.StatusNotModified, "", 2},
		{"known in another version", http.MethodGet, []string{"If-None-Match", `"x"`}, http.StatusOK, "edition 1", 2},
		{"HEAD of what is known", http.MethodHead, []string{"If-None-Match", `"1"`}, http.StatusNotModified, "", 1},
	} {
		inKiosk(t, func(k *kiosk) {
			var asked http.Header
			k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Header.Clone()
				w.Header().Set("Etag", fmt.Sprintf("%q", fmt.Sprint(k.press.runs.Load()+1)))
				k.press.ServeHTTP(w, r)
			})))
			k.ask("/")
			time.Sleep(fresh + time.Second)
			r := page("/", tt.fields...)
			r.Method = tt.method
			got := call(k.root, r)
			synctest.Wait()
			if got.status != tt.status || got.body != tt.body || got.cacheStatus() != "pagecache; hit; ttl=-1; detail=stale-while-revalidate" {
				k.Errorf("%s: got %d %q, %q; want %d %q", tt.name, got.status, got.body, got.cacheStatus(), tt.status, tt.body)
			}
			k.wantRuns(tt.name, tt.runs)
			for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
				if asked[name] != nil {
					k.Errorf("%s: the handler saw %s: %q", tt.name, name, asked[name])
				}
			}
			if next := k.ask("/"); tt.runs == 2 {
				k.want(tt.name+", next", next, 2, "hit; ttl=60")
			}
		}, swrMinute)
	}
}

// TestStaleWithoutRanges: a route that answers ranges with the whole page does so
// with an old one as well.
func TestStaleWithoutRanges(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.want("stale", k.ask("/", "Range", "bytes=0-1"), 1, "hit; ttl=0; detail=stale-while-revalidate")
	}, swrMinute, func(p *pagecache.Policy) { p.NoRanges = true })
}
