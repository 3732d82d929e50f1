package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-pagecache/pagecache"
)

func ExampleNegativeTTL() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	missing := cache.PageFunc(15*time.Minute, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "no such book")
	}, pagecache.NegativeTTL(10*time.Second))

	visit(missing, "/books/0")
	visit(missing, "/books/0")
	// Output:
	// /books/0: no such book (fwd=uri-miss; stored; ttl=10)
	// /books/0: no such book (hit; detail=negative)
}

// The handler is somebody else's and says max-age=1 everywhere.
func ExampleOverrideTTL() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	theirs := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1")
		fmt.Fprint(w, "report")
	}
	visit(cache.PageFunc(time.Hour, theirs), "/without")
	visit(cache.PageFunc(time.Hour, theirs, pagecache.OverrideTTL()), "/with")
	// Output:
	// /without: report (fwd=uri-miss; stored; ttl=1)
	// /with: report (fwd=uri-miss; stored; ttl=3600)
}

// Browsers keep the page for a minute, the cache for an hour.
func ExampleClientMaxAge() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	about := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "about us")
	}, pagecache.ClientMaxAge(time.Minute))

	w := httptest.NewRecorder()
	about(w, httptest.NewRequest("GET", "/about", nil))
	fmt.Println(w.Header().Get("Cache-Control"))
	fmt.Println(w.Header().Get("Cache-Status"))
	// Output:
	// max-age=60
	// pagecache; fwd=uri-miss; stored; ttl=3600
}

// Pages of an older deployment are never found again.
func ExampleVersion() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	before := cache.With(pagecache.Version("build 41")).PageFunc(time.Hour, showHome)
	after := cache.With(pagecache.Version("build 42")).PageFunc(time.Hour, showHome)

	visit(before, "/")
	visit(before, "/")
	visit(after, "/")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=3600)
	// /: home (hit)
	// /: home (fwd=uri-miss; stored; ttl=3600)
}
