package pagecache_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// locations are references in the response to a POST to
// http://a.example/books/312/reviews, and whether they lead to the page
// /books/312 of this host.
var locations = []struct {
	reference string
	own       bool
}{
	{"/books/312", true},
	{"/books/312?new#review-5", true},
	{"/books/%33%312", true},
	{"/books/x/../312", true},
	{"../312", true},
	{"../../books/./312", true},
	{"http://a.example/books/312", true},
	{"HTTP://A.EXAMPLE/books/312", true},
	{"http://a.example:80/books/312?x", true},
	{"https://a.example/books/312", true}, // a proxy may speak TLS for us
	{"https://a.example:443/books/312", true},
	{"//a.example/books/312", true},
	{"http://user@a.example/books/312", true},

	{"http://b.example/books/312", false},
	{"https://a.example.b.example/books/312", false},
	{"//b.example/books/312", false},
	{"http://a.example:8080/books/312", false},
	{"https://a.example:80/books/312", false},
	{"http://a.example:443/books/312", false},
	{"312", false},
	{"books/312", false},
	{"/books/313", false},
	{"/", false},
	{"", false},
	{"mailto:books/312@a.example", false},
	{"%zz", false},
	{"http://a.example:x/books/312", false},
	{"http://[::1/books/312", false},
	{"\x00/books/312", false},
}

// TestUnsafeLocation: the pages that Location and Content-Location lead to go as
// well, if they are on the same host.
func TestUnsafeLocation(t *testing.T) {
	for _, field := range []string{"Location", "Content-Location"} {
		for _, l := range locations {
			for place, write := range writers {
				t.Run(field+" "+l.reference+", "+place, func(t *testing.T) {
					sparing(t, func() (lost []string) {
						hit := hitAfterPost(t, write, "http://a.example/books/312", "http://a.example/books/312/reviews", func(h http.Header) { h.Set(field, l.reference) })
						if hit && l.own {
							t.Error("got a hit, want the page gone")
						}
						if !hit && !l.own {
							lost = append(lost, "/books/312")
						}
						return lost
					})
				})
			}
		}
	}
}

// hitAfterPost fills a page, posts somewhere, and reports whether the page is
// still there.
func hitAfterPost(t *testing.T, write func(*pagecache.Cache, http.Handler) http.Handler, url, target string, answer func(http.Header)) bool {
	t.Helper()
	c := newCache(t)
	d := &desk{func(w http.ResponseWriter, r *http.Request) {
		answer(w.Header())
		w.WriteHeader(http.StatusCreated)
	}}
	pages := c.Page(time.Hour)(d)
	fill(t, pages, url)
	call(write(c, d), sending(http.MethodPost, target))
	return call(pages, sent(url)).hit()
}

// TestUnsafeLocationOfPorts: a host with a port of its own is another one than
// without.
func TestUnsafeLocationOfPorts(t *testing.T) {
	for _, tt := range []struct {
		target, reference string
		own               bool
	}{
		{"http://a.example:8080/post", "/p", true},
		{"http://a.example:8080/post", "http://a.example:8080/p", true},
		{"https://a.example:8080/post", "http://a.example:8080/p", true},
		{"http://a.example:8080/post", "http://a.example/p", false},
		{"http://a.example:8080/post", "http://a.example:8081/p", false},
		{"https://a.example/post", "https://a.example:443/p", true},
		{"https://a.example:443/post", "https://a.example/p", true},
		{"http://a.example:80/post", "http://a.example/p", true},
		{"http://[::1]:8080/post", "http://[::1]:8080/p", true},
		{"http://[::1]/post", "http://[::1]:80/p", true},
		{"http://[::1]/post", "http://[::2]/p", false},
		{"http:///post", "/p", true},
	} {
		t.Run(tt.target+" "+tt.reference, func(t *testing.T) {
			sparing(t, func() (lost []string) {
				hit := hitAfterPost(t, writers["Page"], "http://x.example/p", tt.target, func(h http.Header) { h.Set("Location", tt.reference) })
				if hit && tt.own {
					t.Error("got a hit, want the page gone")
				}
				if !hit && !tt.own {
					lost = append(lost, "/p")
				}
				return lost
			})
		})
	}
}

// TestUnsafeLocationOfRoot: a URL without a path is that of the root.
func TestUnsafeLocationOfRoot(t *testing.T) {
	for _, reference := range []string{"/", "..", "http://a.example/", "http://a.example", "//a.example", "https://a.example?x"} {
		if hitAfterPost(t, writers["Page"], "http://a.example/", "http://a.example/post/", func(h http.Header) { h.Set("Location", reference) }) {
			t.Errorf("Location: %s: got a hit, want the page gone", reference)
		}
	}
}

// TestUnsafeLocationExact: with InvalidateExact the request's own target goes
// beside the paths that the response leads to.
func TestUnsafeLocationExact(t *testing.T) {
	c := newCache(t, func(p *pagecache.Policy) { p.InvalidateExact = true })
	h := c.Page(time.Hour)(&desk{func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/made")
		w.WriteHeader(http.StatusCreated)
	}})
	fill(t, h, "http://a.example/p?q", "http://a.example/made?q")
	call(h, sending(http.MethodPost, "http://a.example/p?q"))
	for _, url := range []string{"http://a.example/p?q", "http://a.example/made?q"} {
		if got := call(h, sent(url)); got.hit() {
			t.Errorf("%s: got %q, want the page gone", url, got.cacheStatus())
		}
	}
}

// TestUnsafeLocationOfFailure: what a failed request refers to stays.
func TestUnsafeLocationOfFailure(t *testing.T) {
	c := newCache(t)
	h := c.Page(time.Hour)(&desk{func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/p")
		w.Header().Set("Content-Location", "/p")
		w.WriteHeader(http.StatusConflict)
	}})
	fill(t, h, "http://a.example/p")
	call(h, sending(http.MethodPost, "http://a.example/post"))
	if got := call(h, sent("http://a.example/p")); !got.hit() {
		t.Errorf("got %q, want the page kept", got.cacheStatus())
	}
}

// TestUnsafeLocationOverTLS: the scheme of the request gives relative references
// their port.
func TestUnsafeLocationOverTLS(t *testing.T) {
	c := newCache(t)
	h := c.Page(time.Hour)(&desk{func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "//a.example:443/p")
		w.WriteHeader(http.StatusSeeOther)
	}})
	fill(t, h, "http://a.example/p")
	r := sending(http.MethodPost, "http://a.example/post")
	r.TLS = new(tls.ConnectionState)
	call(h, r)
	if got := call(h, sent("http://a.example/p")); got.hit() {
		t.Errorf("got %q, want the page gone", got.cacheStatus())
	}
}
