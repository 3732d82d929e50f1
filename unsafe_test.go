package pagecache_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// desk is a handler that answers unsafe requests as it is told, and others with
// a page that has variants.
type desk struct{ answer http.HandlerFunc }

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("X-Method") == "" {
		tagged(w, r)
		return
	}
	d.answer(w, r)
}

// sending is a request with another method than GET.
func sending(method, url string) *http.Request {
	r := sent(url)
	r.Method = method
	r.Header.Set("X-Method", method)
	return r
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// writeEnds are the ways in which the handler of an unsafe request ends, and whether
// it has succeeded.
var writeEnds = []struct {
	name    string
	answer  http.HandlerFunc
	success bool
}{
	{"200", status(200), true}, {"201", status(201), true}, {"204", status(204), true}, {"226", status(226), true}, {"299", status(299), true},
	{"300", status(300), true}, {"302", status(302), true}, {"303", status(303), true}, {"304", status(304), true}, {"308", status(308), true}, {"399", status(399), true},
	{"400", status(400), false}, {"404", status(404), false}, {"409", status(409), false}, {"499", status(499), false},
	{"500", status(500), false}, {"503", status(503), false}, {"599", status(599), false},
	{"no word", func(http.ResponseWriter, *http.Request) {}, true},
	{"a field alone", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Done", "yes") }, true},
	{"a body alone", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("done")) }, true},
	{"an empty body", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }, true},
	{"a flush alone", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, true},
	{"interim, then success", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(204) }, true},
	{"interim, then failure", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(100)
		w.WriteHeader(103)
		w.WriteHeader(422)
	}, false},
	{"success, then failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) }, true},
	{"failure, then success", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(409); w.WriteHeader(200) }, false},
	{"panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	{"panic after a field", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Done", "no"); panic("x") }, false},
	{"panic after an interim", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); panic("x") }, false},
	{"panic after success", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("x") }, true},
	{"panic after failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); panic("x") }, false},
}

// writers are the two places where an unsafe request passes a cache.
var writers = map[string]func(c *pagecache.Cache, h http.Handler) http.Handler{
	"Page":       func(c *pagecache.Cache, h http.Handler) http.Handler { return c.Page(time.Hour)(h) },
	"PageFunc":   func(c *pagecache.Cache, h http.Handler) http.Handler { return c.PageFunc(time.Hour, h.ServeHTTP) },
	"Handler":    func(c *pagecache.Cache, h http.Handler) http.Handler { return c.Handler(h) },
	"Invalidate": func(c *pagecache.Cache, h http.Handler) http.Handler { return c.Invalidate()(h) },
	"both": func(c *pagecache.Cache, h http.Handler) http.Handler {
		return c.Invalidate()(c.Page(time.Hour)(h))
	},
}

// TestUnsafeSuccess: an unsafe request that succeeds invalidates the pages of its
// path (RFC 9111 section 4.4), and one that does not invalidates nothing.
func TestUnsafeSuccess(t *testing.T) {
	for place, write := range writers {
		for _, end := range writeEnds {
			t.Run(place+", "+end.name, func(t *testing.T) {
				log := new(eventLog)
				c := newCache(t, pagecache.WithObserver(log))
				d := &desk{end.answer}
				pages, writing := c.Page(time.Hour)(d), write(c, d)
				fill(t, pages, "http://a.example/p")
				_, _ = quietly(writing, sending(http.MethodPost, "http://a.example/p"))
				if got := call(pages, sent("http://a.example/p")); got.hit() == end.success {
					t.Errorf("got %q, want it purged: %t", got.cacheStatus(), end.success)
				}
				want := 0
				if end.success {
					want = 1
				}
				if place == "both" { // each of the two has done it
					want *= 2
				}
				if n, events := c.Stats().Purges, log.of(pagecache.KindPurge); int(n) != want || len(events) != want {
					t.Errorf("got %d purges counted and %d events, want %d", n, len(events), want)
				} else if want > 0 && events[0].Message != "POST /p" {
					t.Errorf("got an event that says %q, want POST /p", events[0].Message)
				}
			})
		}
	}
}

// TestUnsafeMethods: everything is unsafe that is not known to be safe.
func TestUnsafeMethods(t *testing.T) {
	for place, write := range writers {
		for method, unsafe := range map[string]bool{
			"POST": true, "PUT": true, "PATCH": true, "DELETE": true, "PROPFIND": true, "LINK": true, "PURGE": true, "CONNECT": true, "get": true, "options": true,
			"OPTIONS": false, "TRACE": false, "HEAD": false, "GET": false,
		} {
			t.Run(place+", "+method, func(t *testing.T) {
				c := newCache(t)
				d := &desk{status(204)}
				pages, writing := c.Page(time.Hour)(d), write(c, d)
				fill(t, pages, "http://a.example/p")
				got := call(writing, sending(method, "http://a.example/p"))
				if hit := call(pages, sent("http://a.example/p")).hit(); hit == unsafe {
					t.Errorf("got a hit %t, want it purged: %t", hit, unsafe)
				}
				if told := strings.Contains(got.cacheStatus(), "invalidated"); told != unsafe {
					t.Errorf("got %q in Cache-Status, want it to tell of what was invalidated: %t", got.cacheStatus(), unsafe)
				}
			})
		}
	}
}

// TestUnsafeWhateverItCarries: what would keep a GET from the cache does not keep
// an unsafe request from invalidating.
func TestUnsafeWhateverItCarries(t *testing.T) {
	for name, edit := range map[string]func(r *http.Request){
		"body":            func(r *http.Request) { r.ContentLength, r.Body = 4, io.NopCloser(strings.NewReader("text")) },
		"cookie":          func(r *http.Request) { r.Header.Set("Cookie", "session=1") },
		"credentials":     func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"method override": func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "GET") },
		"condition":       func(r *http.Request) { r.Header.Set("If-Match", `"x"`) },
		"skip":            func(r *http.Request) { r.Header.Set("X-Skip", "yes") },
		"no key":          func(r *http.Request) { r.Header.Set("X-Page", "/p") },
	} {
		c := newCache(t, pagecache.Skip(func(r *http.Request) bool { return r.Header.Get("X-Skip") != "" }))
		key := pagecache.KeyFunc(func(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, r.Header.Get("X-Page")) })
		h := c.Page(time.Hour, pagecache.Key(key))(&desk{status(201)})
		fill(t, h, "http://a.example/p")
		r := sending(http.MethodPost, "http://a.example/p?q")
		edit(r)
		call(h, r)
		if got := call(h, sent("http://a.example/p")); got.hit() {
			t.Errorf("%s: got %q, want the page gone", name, got.cacheStatus())
		}
	}
}

// TestUnsafeScope: all pages of the path go, and no others.
func TestUnsafeScope(t *testing.T) {
	const host = "http://a.example"
	own := []string{host + "/books/312", host + "/books/312?page=2", host + "/books/312 de", "https://b.example/books/312?x de", host + "/books/31%32"}
	others := []string{host + "/books/313", host + "/books/312/", host + "/books/312/reviews", host + "/books", host + "/", host + "/?/books/312"}
	for _, target := range []string{"/books/312", "/books/312?page=9", "/books/%3312"} {
		checkUnsafe(t, target, nil, target, own, others)
	}
	exact := func(p *pagecache.Policy) { p.InvalidateExact = true }
	checkUnsafe(t, "exact", exact, "/books/312?page=2", []string{host + "/books/312?page=2", "https://b.example/books/31%32?page=2 de"}, append(others, host+"/books/312", host+"/books/312?page=3"))
	checkUnsafe(t, "exact without a query", exact, "/books/312", []string{host + "/books/312 de"}, append(others, host+"/books/312?page=2"))
}

// checkUnsafe posts to a target and looks what is purged.
func checkUnsafe(t *testing.T, name string, opt pagecache.Option, target string, gone, kept []string) {
	t.Helper()
	if opt == nil {
		opt = func(*pagecache.Policy) {}
	}
	for place, write := range writers {
		t.Run(name+", "+place, func(t *testing.T) {
			sparing(t, func() (lost []string) {
				c := newCache(t, opt)
				d := &desk{status(303)}
				pages, writing := c.Page(time.Hour)(d), write(c, d)
				fill(t, pages, gone...)
				fill(t, pages, kept...)
				call(writing, sending(http.MethodPost, "http://a.example"+target))
				for _, url := range kept {
					if !call(pages, sent(url)).hit() {
						lost = append(lost, url)
					}
				}
				for _, url := range gone {
					if got := call(pages, sent(url)); got.hit() {
						t.Errorf("%s: got %q, want the page gone", url, got.cacheStatus())
					}
				}
				return lost
			})
		})
	}
}

// TestUnsafeExactOfKeys: where the key leaves out a part of the query, the query
// of the unsafe request says nothing.
func TestUnsafeExactOfKeys(t *testing.T) {
	for name, part := range map[string]pagecache.KeyPart{"Path": pagecache.Path(), "Query": pagecache.Query("page"), "KeyFunc": pagecache.KeyFunc(func(*http.Request) string { return "all" })} {
		c := newCache(t, func(p *pagecache.Policy) { p.InvalidateExact = true })
		h := c.Page(time.Hour, pagecache.Key(part))(&desk{status(204)})
		fill(t, h, "http://a.example/p?page=2")
		call(h, sending(http.MethodPut, "http://a.example/p?id=312"))
		if got := call(h, sent("http://a.example/p?page=2")); got.hit() {
			t.Errorf("%s: got %q, want the page gone", name, got.cacheStatus())
		}
	}
}

// TestUnsafeBehindStripPrefix: the pages of the path that the client knows and
// of the one that the handler knows.
func TestUnsafeBehindStripPrefix(t *testing.T) {
	for _, exact := range []bool{false, true} {
		c := newCache(t, func(p *pagecache.Policy) { p.InvalidateExact = exact })
		pages := c.Page(time.Hour)(&desk{status(204)})
		mux := http.NewServeMux()
		mux.Handle("/shop/", http.StripPrefix("/shop", pages))
		mux.Handle("/", pages)
		urls := []string{"http://a.example/shop/books?q", "http://a.example/books?q"}
		fill(t, mux, urls...)
		call(mux, sending(http.MethodPost, "http://a.example/shop/books?q"))
		for _, url := range urls {
			if got := call(mux, sent(url)); got.hit() {
				t.Errorf("%s, exact %t: got %q, want the page gone", url, exact, got.cacheStatus())
			}
		}
	}
}

// TestUnsafeAbsoluteForm: a request line with a whole URL is about the same
// pages, and so is what its response refers to.
func TestUnsafeAbsoluteForm(t *testing.T) {
	for _, exact := range []bool{false, true} {
		c := newCache(t, func(p *pagecache.Policy) { p.InvalidateExact = exact })
		h := c.Page(time.Hour)(&desk{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "../made")
			w.WriteHeader(http.StatusCreated)
		}})
		urls := []string{"http://a.example/books/p?q", "http://a.example/made"}
		fill(t, h, urls...)
		r := sending(http.MethodPost, "http://a.example/books/p?q")
		r.RequestURI = "http://a.example/books/p?q"
		call(h, r)
		for _, url := range urls {
			if got := call(h, sent(url)); got.hit() {
				t.Errorf("%s, exact %t: got %q, want the page gone", url, exact, got.cacheStatus())
			}
		}
	}
}
