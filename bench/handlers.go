package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/go-pagecache/pagecache"
)

var (
	body4K = []byte(strings.Repeat("0123456789abcde\n", 256))
	body8K = []byte(strings.Repeat("0123456789abcde\n", 512))
)

// bare is the plainest handler: five header fields and 4 KiB.
func bare(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", "4096")
	h.Set("Cache-Control", "public, max-age=600")
	h.Set("ETag", `"0123456789abcdef"`)
	h.Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
	_, _ = w.Write(body4K)
}

// tagged is the bare handler, for a page with tags.
func tagged(tags ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag(tags...)
		bare(w, r)
	}
}

// null is a response writer that keeps nothing but its header map.
type null struct{ header http.Header }

func (w *null) Header() http.Header         { return w.header }
func (w *null) Write(p []byte) (int, error) { return len(p), nil }
func (w *null) WriteHeader(int)             {}

// request is a browser-like request with four fields.
func request(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header = http.Header{
		"User-Agent":      {"Mozilla/5.0 (X11; Linux x86_64)"},
		"Accept":          {"text/html,application/xhtml+xml"},
		"Accept-Encoding": {"gzip, deflate, br"},
		"Accept-Language": {"en-GB,en;q=0.8"},
	}
	return r
}

// hot serves one page over and over.
func hot(h http.Handler) func(w, n int) {
	return func(_, n int) {
		r, w := request("/books/312"), &null{make(http.Header)}
		for range n {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	}
}

// fresh serves pages that were never asked for before, new ones in each call.
func fresh(h func() http.Handler) func(w, n int) {
	next := 0
	return func(_, n int) {
		handler := h()
		r, w := request("/books/1"), &null{make(http.Header)}
		for range n {
			next++
			aim(r, next)
			clear(w.header)
			handler.ServeHTTP(w, r)
		}
	}
}

func aim(r *http.Request, id int) {
	r.RequestURI = "/books/" + strconv.Itoa(id)
	r.URL.Path = r.RequestURI
}
