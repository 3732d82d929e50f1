package pagecache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// number is what the outer middleware of these tests puts into its fields: a
// value of its own for each request.
func number(r *http.Request) string { return r.Header.Get("X-Number") }

// TestOuterFields: what middleware outside the cache sets stays live on hits;
// what the handler did to it happens again.
func TestOuterFields(t *testing.T) {
	for _, tt := range []struct {
		name   string
		outer  func(h http.Header, n string)
		inner  func(h http.Header)
		field  string
		onMiss []string // of request 1
		onHit  []string // of request 2
	}{
		{"live", func(h http.Header, n string) { h.Set("X-Trace", n) }, func(h http.Header) {}, "X-Trace", []string{"1"}, []string{"2"}},
		{"own", func(h http.Header, n string) {}, func(h http.Header) { h.Set("X-Own", "a") }, "X-Own", []string{"a"}, []string{"a"}},
		{"replaced", func(h http.Header, n string) { h.Set("X-Trace", n) }, func(h http.Header) { h.Set("X-Trace", "mine") },
			"X-Trace", []string{"mine"}, []string{"mine"}},
		{"replaced by equal", func(h http.Header, n string) { h.Set("Server", "front") }, func(h http.Header) { h.Set("Server", "front") },
			"Server", []string{"front"}, []string{"front"}},
		{"appended", func(h http.Header, n string) { h.Add("Link", n) }, func(h http.Header) { h.Add("Link", "mine"); h.Add("Link", "too") },
			"Link", []string{"1", "mine", "too"}, []string{"2", "mine", "too"}},
		{"put in front", func(h http.Header, n string) { h.Add("Link", n) }, func(h http.Header) { h["Link"] = append([]string{"mine"}, h["Link"]...) },
			"Link", []string{"mine", "1"}, []string{"mine", "1"}},
		{"edited in place", func(h http.Header, n string) { h.Set("X-Trace", n) }, func(h http.Header) { h["X-Trace"][0] = "mine" },
			"X-Trace", []string{"mine"}, []string{"mine"}},
		{"shortened", func(h http.Header, n string) { h["Link"] = []string{n, "b"} }, func(h http.Header) { h["Link"] = h["Link"][:1] },
			"Link", []string{"1"}, []string{"1"}},
		{"deleted", func(h http.Header, n string) { h.Set("X-Powered-By", n) }, func(h http.Header) { h.Del("X-Powered-By") }, "X-Powered-By", nil, nil},
		{"emptied", func(h http.Header, n string) { h.Set("X-Trace", n) }, func(h http.Header) { h["X-Trace"] = nil }, "X-Trace", nil, nil},
		{"vary", func(h http.Header, n string) { h.Set("Vary", "Origin") }, func(h http.Header) { h.Add("Vary", "Accept") },
			"Vary", []string{"Origin", "Accept"}, []string{"Origin", "Accept"}},
		{"vary later set outside", func(h http.Header, n string) {
			if n == "2" {
				h.Set("Vary", "Origin")
			}
		}, func(h http.Header) { h.Set("Vary", "Accept") }, "Vary", []string{"Accept"}, []string{"Origin", "Accept"}},
		{"later set outside", func(h http.Header, n string) {
			if n == "2" {
				h.Set("X-Trace", n)
			}
		}, func(h http.Header) {}, "X-Trace", nil, []string{"2"}},
		{"cookie of another request", func(h http.Header, n string) {
			if n == "2" {
				h.Add("Set-Cookie", "s=2")
			}
		}, func(h http.Header) {}, "Set-Cookie", nil, []string{"s=2"}},
		{"upstream cache", func(h http.Header, n string) {}, func(h http.Header) { h.Set("Cache-Status", "origin; hit") },
			"Cache-Status", []string{"origin; hit", "pagecache; fwd=uri-miss; stored; ttl=60"}, []string{"origin; hit", "pagecache; hit; ttl=59"}},
		{"request id", func(h http.Header, n string) { h.Set("X-Request-Id", n) }, func(h http.Header) { h.Set("X-Request-Id", "mine") },
			"X-Request-Id", []string{"mine"}, []string{"2"}},
		{"rate limit", func(h http.Header, n string) {}, func(h http.Header) { h.Set("X-RateLimit-Remaining", "9") },
			"X-Ratelimit-Remaining", []string{"9"}, nil},
		{"server timing", func(h http.Header, n string) {}, func(h http.Header) { h.Set("Server-Timing", "db;dur=1") },
			"Server-Timing", []string{"db;dur=1"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inner := newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.inner(w.Header())
				write(w, "page")
			}))
			outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.outer(w.Header(), number(r))
				inner.ServeHTTP(w, r)
			})
			miss, hit := call(outer, page("/", "X-Number", "1")), call(outer, page("/", "X-Number", "2"))
			if miss.hit() || !hit.hit() {
				t.Fatalf("got %q, then %q; want a miss, then a hit", miss.cacheStatus(), hit.cacheStatus())
			}
			if got := miss.header[tt.field]; !slices.Equal(got, tt.onMiss) {
				t.Errorf("miss: got %s %q, want %q", tt.field, got, tt.onMiss)
			}
			if got := hit.header[tt.field]; !slices.Equal(ttlAside(got), ttlAside(tt.onHit)) {
				t.Errorf("hit: got %s %q, want %q", tt.field, got, tt.onHit)
			}
		})
	}
}

// ttlAside cuts what depends on the time off.
func ttlAside(lines []string) (cut []string) {
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "; ttl=")
		cut = append(cut, line)
	}
	return cut
}

// TestOuterProhibitions: what outer middleware says about the response counts.
func TestOuterProhibitions(t *testing.T) {
	for _, tt := range []struct{ name, value, reason string }{
		{"Set-Cookie", "csrf=1", "set-cookie"},
		{"Cache-Control", "private", "private"},
		{"Cache-Control", "no-store", "no-store"},
		{"Cache-Control", "no-cache", "no-cache"},
		{"Vary", "*", "vary-star"},
		{"Vary", "Cookie", "vary-unkeyed"},
		{"Content-Security-Policy", "script-src 'nonce-1'", "csp-nonce"},
	} {
		var o oracle
		inner := newCache(t).Page(time.Minute)(&o)
		outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(tt.name, tt.value)
			inner.ServeHTTP(w, r)
		})
		for range 2 {
			if got := call(outer, page("/")); got.reason() != tt.reason {
				t.Errorf("%s: %s outside: got %q, want %s", tt.name, tt.value, got.cacheStatus(), tt.reason)
			}
		}
		if runs := o.runs.Load(); runs != 2 {
			t.Errorf("%s: %s outside: got %d runs, want 2", tt.name, tt.value, runs)
		}
	}
}

// appender is an outer response writer that appends to every field when the
// header is sent.
type appender struct {
	http.ResponseWriter
	mark string
}

func (a appender) WriteHeader(status int) {
	for name := range a.Header() {
		a.Header().Add(name, a.mark)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a appender) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.ResponseWriter.Write(p)
}

// TestAppendingStaysPrivate: outer code that appends to the fields of a hit
// changes that hit alone.
func TestAppendingStaysPrivate(t *testing.T) {
	var o oracle
	inner := newCache(t, func(p *pagecache.Policy) { p.WeakETag = true }).Page(time.Minute)(&o)
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(appender{w, "mark-" + number(r)}, r)
	})
	call(inner, page("/"))
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 100 {
				mark := strconv.Itoa(worker*1000 + i)
				w := httptest.NewRecorder()
				outer.ServeHTTP(w, page("/", "X-Number", mark))
				for name, lines := range w.Result().Header {
					if want := "mark-" + mark; len(lines) != 2 || lines[1] != want {
						t.Errorf("%s: got %q, want one line and %q", name, lines, want)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if got := call(inner, page("/")); !got.hit() || strings.Contains(fmt.Sprint(got.header), "mark-") {
		t.Errorf("afterwards: got %v, want no marks", got.header)
	}
}

// TestClientMaxAgeKeepsOff: what a client may keep is no promise to the caches
// between, and errors do not outlive their page.
func TestClientMaxAgeKeepsOff(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []pagecache.Option
		r    *http.Request
		code int
		want string
	}{
		"a page for all":             {nil, page("/"), 200, "max-age=3600"},
		"of a cookie":                {[]pagecache.Option{pagecache.Key(pagecache.Cookie("session"))}, page("/", "Cookie", "session=1"), 200, "private, max-age=3600"},
		"of credentials":             {[]pagecache.Option{pagecache.Key(pagecache.Header("Authorization"))}, page("/", "Authorization", "x"), 200, "private, max-age=3600"},
		"of a harmless header":       {[]pagecache.Option{pagecache.Key(pagecache.Header("Accept-Language"))}, page("/"), 200, "max-age=3600"},
		"an error, kept for seconds": {[]pagecache.Option{pagecache.NegativeTTL(5 * time.Second)}, page("/"), 404, "max-age=5"},
	} {
		c := newCache(t)
		h := c.PageFunc(time.Minute, response(tt.code), append(tt.opts, pagecache.ClientMaxAge(time.Hour))...)
		for range 2 {
			if got := call(h, tt.r).header.Get("Cache-Control"); got != tt.want {
				t.Errorf("%s: got Cache-Control %q, want %q", name, got, tt.want)
			}
		}
	}
}

// TestNoRanges: a part of a page is not cut where it would be compressed after.
func TestNoRanges(t *testing.T) {
	c := newCache(t)
	h := c.Page(time.Minute, func(p *pagecache.Policy) { p.NoRanges = true })(response(200))
	whole := call(h, page("/"))
	if got := call(h, page("/", "Range", "bytes=0-0")); !got.hit() || got.status != 200 || got.body != whole.body {
		t.Errorf("got %d, %q, %q; want the whole page", got.status, got.body, got.cacheStatus())
	}
}
