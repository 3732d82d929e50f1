package header_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/header"
)

// show asks h for a path and prints the status and the fields named.
func show(h http.Handler, r *http.Request, names ...string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(r.Method, r.URL.Path, w.Code)
	for _, name := range names {
		fmt.Printf("  %s: %s\n", name, w.Header().Get(name))
	}
}

func account(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "account 8114") }

func news(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "news") }

func Example() {
	mux := http.NewServeMux()
	mux.Handle("GET /account", header.NeverCache(http.HandlerFunc(account)))
	mux.Handle("GET /news", header.CacheControl("public", "max-age=60")(http.HandlerFunc(news)))
	mux.Handle("GET /about", header.VaryOn("Accept-Language")(http.HandlerFunc(news)))

	show(mux, httptest.NewRequest("GET", "/account", nil), "Cache-Control")
	show(mux, httptest.NewRequest("GET", "/news", nil), "Cache-Control")
	show(mux, httptest.NewRequest("GET", "/about", nil), "Vary")
	// Output:
	// GET /account 200
	//   Cache-Control: no-store, no-cache, private, must-revalidate, max-age=0
	// GET /news 200
	//   Cache-Control: public, max-age=60
	// GET /about 200
	//   Vary: Accept-Language
}

func ExampleNeverCache() {
	careless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		fmt.Fprint(w, "account 8114")
	})
	h := header.NeverCache(careless)

	show(h, httptest.NewRequest("GET", "/account", nil), "Cache-Control", "Expires")
	// Output:
	// GET /account 200
	//   Cache-Control: no-store, no-cache, private, must-revalidate, max-age=0
	//   Expires: Thu, 01 Jan 1970 00:00:00 GMT
}

func ExampleCacheControl() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /news", news)
	mux.HandleFunc("GET /ticker", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=5") // the smaller one counts
		fmt.Fprint(w, "ticker")
	})
	site := header.CacheControl("public", "max-age=3600", "stale-while-revalidate=60")(mux)

	show(site, httptest.NewRequest("GET", "/news", nil), "Cache-Control")
	show(site, httptest.NewRequest("GET", "/ticker", nil), "Cache-Control")
	show(site, httptest.NewRequest("GET", "/nothing", nil), "Cache-Control") // an error gets no lifetime
	// Output:
	// GET /news 200
	//   Cache-Control: public, max-age=3600, stale-while-revalidate=60
	// GET /ticker 200
	//   Cache-Control: public, max-age=5, stale-while-revalidate=60
	// GET /nothing 404
	//   Cache-Control:
}

// Inside a route of a cache, the directives give its pages their lifetime.
func ExampleCacheControl_cache() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	h := cache.Page(time.Hour)(header.CacheControl("s-maxage=60")(http.HandlerFunc(news)))

	show(h, httptest.NewRequest("GET", "/news", nil), "Cache-Status", "Cache-Control")
	// Output:
	// GET /news 200
	//   Cache-Status: pagecache; fwd=uri-miss; stored; ttl=60
	//   Cache-Control: s-maxage=60
}

func ExampleVaryOn() {
	h := header.VaryOn("Accept-Language", "Accept")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "accept")
		fmt.Fprint(w, "about us")
	}))

	show(h, httptest.NewRequest("GET", "/about", nil), "Vary")
	// Output:
	// GET /about 200
	//   Vary: accept, Accept-Language
}

func ExampleNotModified() {
	changed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	showBook := func(w http.ResponseWriter, r *http.Request) {
		if header.NotModified(w, r, "rev-7", changed) { // cheap to find out
			return
		}
		fmt.Println("rendering")
		fmt.Fprint(w, "book 312")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/books/{id}", showBook)

	r := httptest.NewRequest("GET", "/books/312", nil)
	show(mux, r, "ETag", "Last-Modified")

	r = httptest.NewRequest("GET", "/books/312", nil)
	r.Header.Set("If-None-Match", `"rev-7"`)
	show(mux, r, "ETag")

	r = httptest.NewRequest("PUT", "/books/312", nil)
	r.Header.Set("If-Match", `"rev-6"`) // somebody else was faster
	show(mux, r, "ETag")
	// Output:
	// rendering
	// GET /books/312 200
	//   ETag: "rev-7"
	//   Last-Modified: Sun, 01 Mar 2026 12:00:00 GMT
	// GET /books/312 304
	//   ETag: "rev-7"
	// PUT /books/312 412
	//   ETag: "rev-7"
}
