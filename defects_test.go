package pagecache_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// The tests of these files are numbered as in the catalogue of defects that
// HTTP caches have had. A number is never used twice.

func content(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Etag", `"v1"`)
	http.ServeContent(w, r, "page.txt", time.Time{}, strings.NewReader("0123456789"))
}

// storeStatus is an option written by hand, past the checks of the others.
func storeStatus(status int) pagecache.Option {
	return func(p *pagecache.Policy) { p.StatusTTL = map[int]time.Duration{status: time.Minute} }
}

func TestDefect01_304IsNeverStored(t *testing.T) {
	conditions := [][2]string{{"If-None-Match", `"v1"`}, {"If-None-Match", "*"}, {"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}}
	for _, c := range conditions {
		srv := serve(t, newCache(t).Page(time.Minute)(http.HandlerFunc(content)))
		get(t, srv.URL+"/", c[0], c[1])
		if got := get(t, srv.URL+"/"); got.status != 200 || got.body != "0123456789" || !got.hit() {
			t.Errorf("after %s: got status %d, body %q, %q; want 200 and the page, from the cache", c[0], got.status, got.body, got.cacheStatus())
		}
		if got := get(t, srv.URL+"/", "If-None-Match", `"v1"`); got.status != 304 || got.body != "" {
			t.Errorf("after %s: got status %d for the same condition, want 304", c[0], got.status)
		}
	}
	t.Run("asked for or not", func(t *testing.T) {
		s := newSite(t, nil, pagecache.OverrideTTL(), storeStatus(304))
		s.first = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			if s.runs.Load() == 1 {
				w.WriteHeader(http.StatusNotModified)
			}
		}
		get(t, s.URL)
		if got := get(t, s.URL); got.status != 200 || got.saw(t).Run != 2 {
			t.Errorf("got status %d, body %q; want 200 from the second run", got.status, got.body)
		}
	})
}

// The one who runs the handler for all may be the only one with a condition.
func TestDefect01_304IsNotSharedWithWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			content(w, r)
		}))
		leader := make(chan reply, 1)
		go func() { leader <- call(h, page("/", "If-None-Match", `"v1"`)) }()
		synctest.Wait()
		if got := call(h, page("/")); got.status != 200 || got.body != "0123456789" {
			t.Errorf("waiter: got status %d, body %q; want 200 and the page", got.status, got.body)
		}
		if got := <-leader; got.status != 304 {
			t.Errorf("leader: got status %d, want 304", got.status)
		}
	})
}

func TestDefect02_206OnlyAnswersItsRange(t *testing.T) {
	srv := serve(t, newCache(t).Page(time.Minute)(http.HandlerFunc(content)))
	if got := get(t, srv.URL+"/", "Range", "bytes=2-3"); got.status != 206 || got.body != "23" {
		t.Errorf("range on a miss: got %d, %q; want 206, \"23\"", got.status, got.body)
	}
	miss := get(t, srv.URL+"/")
	if miss.status != 200 || miss.body != "0123456789" {
		t.Errorf("after a range: got %d, %q; want 200 and the page", miss.status, miss.body)
	}
	if got := get(t, srv.URL+"/", "Range", "bytes=4-"); got.status != 206 || got.body != "456789" {
		t.Errorf("range on a hit: got %d, %q; want 206, \"456789\"", got.status, got.body)
	}
	wantHit(t, "after a range on a hit", get(t, srv.URL+"/"), miss)

	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(http.StatusPartialContent)
	}, pagecache.OverrideTTL(), storeStatus(206))
	get(t, s.URL)
	wantReason(t, "a part that nobody asked for", get(t, s.URL), "status")

	s = newSite(t, nil)
	for range 2 {
		wantReason(t, "a range that the handler ignores", get(t, s.URL, "Range", "bytes=0-1"), "range")
	}
}

func TestDefect03_HEADNeverAnswersGET(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			srv := serve(t, newCache(t, b.with()...).Page(time.Minute)(text("the page", "X-Field", "v")))
			for range 2 {
				if got := do(t, request(t, "HEAD", srv.URL)); got.status != 200 || got.hit() || got.body != "" {
					t.Errorf("HEAD: got %d, %q, body %q; want 200 from the handler", got.status, got.cacheStatus(), got.body)
				}
			}
			miss := get(t, srv.URL)
			if miss.body != "the page" || miss.hit() {
				t.Errorf("GET after HEAD: got %q, %q; want the page, from the handler", miss.cacheStatus(), miss.body)
			}
			hit, head := get(t, srv.URL), do(t, request(t, "HEAD", srv.URL))
			wantHit(t, "HEAD after GET", head, reply{status: 200})
			head.body = hit.body
			likeBare(t, head, hit, "Content-Type", "Content-Length", "X-Field", "Etag", "Date")
		})
	}
}

func TestDefect04_UnsafeMethodsRunTheHandler(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=60") })
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND", "get", "Head"} {
		url := s.URL + "/" + method
		get(t, url)
		for range 2 {
			before := s.runs.Load()
			got := do(t, request(t, method, url))
			if s.runs.Load() != before+1 || got.saw(t).Method != method {
				t.Errorf("%s: got %d runs, page for %q; want a run of its own", method, s.runs.Load()-before, got.saw(t).Method)
			}
		}
		if got := get(t, url).saw(t); got.Method != "GET" {
			t.Errorf("GET after %s: got the page for %s", method, got.Method)
		}
	}
}

// at is a request to a host, secure one over TLS.
func at(host, target string, fields ...string) *http.Request {
	r := page(target, fields...)
	r.Host = host
	return r
}

func secure(r *http.Request) *http.Request {
	r.TLS = new(tls.ConnectionState)
	return r
}

// The method is no part of the key: GET and HEAD share a page, and nothing else
// uses it.
func TestDefect05_HostSchemeAndQueryAreInTheKey(t *testing.T) {
	var o oracle
	h := newCache(t).Page(time.Minute)(&o)
	for i, r := range []*http.Request{
		at("a.example", "/"),
		at("b.example", "/"),
		at("a.example:8080", "/"),
		at("a.example.", "/"),
		secure(at("a.example", "/")),
		at("a.example", "/?"),
		at("a.example", "/?q"),
		at("a.example", "/?q="),
		at("a.example", "/?q=1"),
		at("a.example", "/?q=1&q=2"),
		at("a.example", "/?q=2&q=1"),
		at("", "/"),
	} {
		got := call(h, r)
		if s := got.saw(t); got.hit() || s.Run != int64(i+1) || s.Host != r.Host || s.Target != r.RequestURI {
			t.Errorf("%s %s: got %q, the page of %s %s", r.Host, r.RequestURI, got.cacheStatus(), s.Host, s.Target)
		}
		wantHit(t, r.Host+" "+r.RequestURI+" again", call(h, r), got)
	}
}

// waiters answers n requests that arrive while the first of them is running.
func waiters(n int, h http.Handler, r func(i int) *http.Request) []reply {
	return gather(n, func(i int) reply { return call(h, r(i)) })
}

func TestDefect07_SetCookieIsNeitherStoredNorShared(t *testing.T) {
	for _, name := range []string{"Set-Cookie", "set-cookie", "Set-Cookie2"} {
		synctest.Test(t, func(t *testing.T) {
			var o oracle
			o.first = func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(time.Second)
				w.Header()[name] = []string{fmt.Sprintf("session=%d", o.runs.Load())}
				w.Header().Set("Cache-Control", "public, max-age=60")
			}
			h := newCache(t).Page(time.Minute)(&o)
			pages := make(map[string]bool)
			for _, got := range waiters(5, h, func(int) *http.Request { return page("/") }) {
				wantReason(t, name, got, "set-cookie")
				pages[got.body] = true
			}
			if len(pages) != 5 || o.runs.Load() != 5 {
				t.Errorf("%s: got %d pages and %d runs for 5 clients, want 5 and 5", name, len(pages), o.runs.Load())
			}
			wantReason(t, name+", later", call(h, page("/")), "set-cookie")
		})
	}
}

func TestDefect08_CredentialsAreNeitherStoredNorShared(t *testing.T) {
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
		synctest.Test(t, func(t *testing.T) {
			var o oracle
			o.first = func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }
			h := newCache(t).Page(time.Minute)(&o)
			for i, got := range waiters(5, h, func(i int) *http.Request {
				if i == 0 {
					return page("/")
				}
				return page("/", name, fmt.Sprintf("user=%d", i))
			}) {
				want := ""
				if i > 0 {
					want = fmt.Sprintf("user=%d", i)
				}
				if who := got.saw(t).Header.Get(name); who != want {
					t.Errorf("%s: client %d got the page of %q, want of %q", name, i, who, want)
				}
			}
			if o.runs.Load() != 5 {
				t.Errorf("%s: got %d runs for 5 clients, want 5", name, o.runs.Load())
			}
			if got := call(h, page("/")); got.saw(t).Header.Get(name) != "" {
				t.Errorf("%s: a client without it got the page of %q", name, got.saw(t).Header.Get(name))
			}
		})
	}
}

func TestDefect09_PrivateAndNoStoreAreHonoured(t *testing.T) {
	for _, directive := range []string{"private", "no-store", "no-cache"} {
		synctest.Test(t, func(t *testing.T) {
			o := oracle{first: func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(time.Second)
				w.Header().Set("Cache-Control", directive)
			}}
			h := newCache(t, pagecache.OverrideTTL()).Page(time.Minute)(&o)
			for range 2 {
				began := time.Now()
				for _, got := range waiters(3, h, func(int) *http.Request { return page("/") }) {
					wantReason(t, directive, got, directive)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s: took %v: the clients went one by one", directive, took)
				}
			}
			if o.runs.Load() != 6 {
				t.Errorf("%s: got %d runs for 6 requests, want 6", directive, o.runs.Load())
			}
		})
	}
}
