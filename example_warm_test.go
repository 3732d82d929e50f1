package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache"
)

// Before the server starts to listen, the pages are made that everybody asks for.
func ExampleCache_Warm() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(time.Hour, showBook))

	pages := func(yield func(*http.Request) bool) {
		for _, id := range []int{312, 321} {
			r, err := http.NewRequest("GET", fmt.Sprintf("http://example.com/books/%d", id), nil)
			if err != nil || !yield(r) {
				return
			}
		}
	}
	stored, err := cache.Warm(context.Background(), mux, pages, pagecache.WarmOptions{Concurrency: 8})
	fmt.Println(stored, err)
	visit(mux, "/books/312")
	// Output:
	// 2 <nil>
	// /books/312: book 312 (hit)
}

// A page that cannot be stored does not end the run. Progress learns why.
func ExampleWarmOptions() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	home := cache.PageFunc(time.Hour, showHome)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)

	pages := func(yield func(*http.Request) bool) {
		for _, path := range []string{"/", "/start"} {
			r, err := http.NewRequest("GET", "http://example.com"+path, nil)
			if err != nil || !yield(r) {
				return
			}
		}
	}
	stored, err := cache.Warm(context.Background(), mux, pages, pagecache.WarmOptions{
		Concurrency: 1,
		Progress:    func(r *http.Request, err error) { fmt.Println(r.URL.Path, err) },
	})
	fmt.Println(stored, err)
	// Output:
	// / <nil>
	// /start pagecache: Warm: http://example.com/start: the request did not come to a handler that this cache wraps
	// 1 <nil>
}

// A job of the night makes a page anew that takes long, fresh or not.
func ExampleCache_Refresh() {
	mux := http.NewServeMux() // gets its routes below
	cache := pagecache.New(pagecache.RefreshVia(mux))
	defer cache.Close(context.Background())
	mux.HandleFunc("GET /report", cache.PageFunc(48*time.Hour, edition()))

	visit(mux, "/report")
	r, err := http.NewRequest("GET", "http://example.com/report", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := cache.Refresh(context.Background(), r); err != nil {
		fmt.Println(err)
	}
	visit(mux, "/report")
	// Output:
	// /report: edition 1 (fwd=uri-miss; stored; ttl=172800)
	// /report: edition 2 (hit)
}
