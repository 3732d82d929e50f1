package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// visit asks h for a page and prints it, with what Cache-Status says of it.
// fields are names and values of request fields.
func visit(h http.Handler, target string, fields ...string) {
	w := exampleRequest(h, "GET", target, fields...)
	fmt.Printf("%s: %s (%s)\n", target, w.Body, exampleStatus(w))
}

// submit sends h a request that may change pages, and prints its status.
func submit(h http.Handler, method, target string) {
	w := exampleRequest(h, method, target)
	fmt.Printf("%s %s: %d (%s)\n", method, target, w.Code, exampleStatus(w))
}

func exampleRequest(h http.Handler, method, target string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// exampleStatus is what Cache-Status says, without what is left of the lifetime
// of a page that was there already.
func exampleStatus(w *httptest.ResponseRecorder) string {
	status := strings.TrimPrefix(w.Header().Get("Cache-Status"), "pagecache; ")
	if !strings.Contains(status, "; stored") {
		status = lifetimeLeft.ReplaceAllString(status, "")
	}
	return status
}

var lifetimeLeft = regexp.MustCompile(`; ttl=-?\d+`)

// showBook is a handler whose page depends on the path value id alone.
func showBook(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "book %s", r.PathValue("id"))
}

func showHome(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, "home")
}

func ExampleCache_Page() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	r := chi.NewRouter()
	r.With(cache.Page(15*time.Minute)).Get("/books/{id}", showBook)

	visit(r, "/books/312")
	visit(r, "/books/312")
	visit(r, "/books/321")
	visit(r, "/books/312", "Cookie", "session=8c1f")
	// Output:
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=900)
	// /books/312: book 312 (hit)
	// /books/321: book 321 (fwd=uri-miss; stored; ttl=900)
	// /books/312: book 312 (fwd=bypass; detail=cookie)
}

func ExampleCache_PageFunc() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))

	visit(mux, "/books/312")
	visit(mux, "/books/312")
	// Output:
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=900)
	// /books/312: book 312 (hit)
}

// A whole site, in which each response says for itself whether it may be kept.
func ExampleCache_Handler() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	site := http.NewServeMux()
	site.HandleFunc("GET /news", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "news")
	})
	site.HandleFunc("GET /clock", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "cuckoo")
	})
	handler := cache.Handler(site)

	visit(handler, "/news")
	visit(handler, "/news")
	visit(handler, "/clock")
	// Output:
	// /news: news (fwd=uri-miss; stored; ttl=60)
	// /news: news (hit)
	// /clock: cuckoo (fwd=uri-miss; detail=no-freshness)
}

// A group of routes with options of its own. Pages and counters are shared.
func ExampleCache_With() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	shop := cache.With(
		pagecache.NegativeTTL(10*time.Second),
		pagecache.Key(pagecache.TrackingParams()),
	)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", shop.PageFunc(15*time.Minute, showBook))
	mux.HandleFunc("GET /gone", shop.PageFunc(time.Hour, http.NotFound))

	visit(mux, "/books/312?utm_source=letter")
	visit(mux, "/books/312")
	fmt.Println(cache.Stats().Hits, "hit")
	// Output:
	// /books/312?utm_source=letter: book 312 (fwd=uri-miss; stored; ttl=900)
	// /books/312: book 312 (hit)
	// 1 hit
}

// The cache is closed after the server, when no request is under way any more.
func ExampleCache_Close() {
	cache := pagecache.New()
	srv := &http.Server{Handler: cache.PageFunc(time.Minute, showHome)}

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	if err := cache.Close(ctx); err != nil {
		fmt.Println(err)
	}
	visit(srv.Handler, "/")
	// Output:
	// /: home (fwd=bypass; detail=closed)
}
