package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache"
)

// onRefresh returns an option that reports each page made anew in the
// background, for examples that wait for one.
func onRefresh() (pagecache.Option, <-chan string) {
	refreshed := make(chan string, 1)
	return pagecache.WithObserver(pagecache.ObserverFunc(func(_ context.Context, e pagecache.Event) {
		if e.Kind == pagecache.KindRefresh {
			refreshed <- fmt.Sprintf("%s was made anew: %v", e.Request.URL.Path, e.Stored)
		}
	})), refreshed
}

// edition is a handler that tells how often it ran.
func edition() http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		n++
		fmt.Fprintf(w, "edition %d", n)
	}
}

// Nobody waits for a page that there has been before: the old one is served
// while it is made anew.
func ExampleStaleWhileRevalidate() {
	watch, refreshed := onRefresh()
	cache := pagecache.New(watch)
	defer cache.Close(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /news", cache.PageFunc(time.Minute, edition(), pagecache.StaleWhileRevalidate(time.Hour)))

	visit(mux, "/news")
	if err := cache.Expire(context.Background(), "/news"); err != nil { // or wait for a minute
		fmt.Println(err)
	}
	visit(mux, "/news")
	fmt.Println(<-refreshed)
	visit(mux, "/news")
	// Output:
	// /news: edition 1 (fwd=uri-miss; stored; ttl=60)
	// /news: edition 1 (hit; detail=stale-while-revalidate)
	// /news was made anew: true
	// /news: edition 2 (hit)
}

// A response may ask for it itself, and for less than its route allows.
func ExampleStaleWhileRevalidate_response() {
	watch, refreshed := onRefresh()
	cache := pagecache.New(watch)
	defer cache.Close(context.Background())
	next := edition()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /news", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60, stale-while-revalidate=3600")
		next(w, r)
	})
	site := cache.Handler(mux)

	visit(site, "/news")
	if err := cache.Expire(context.Background(), "/news"); err != nil {
		fmt.Println(err)
	}
	visit(site, "/news")
	fmt.Println(<-refreshed)
	// Output:
	// /news: edition 1 (fwd=uri-miss; stored; ttl=60)
	// /news: edition 1 (hit; detail=stale-while-revalidate)
	// /news was made anew: true
}

// An old page is better than an error page.
func ExampleStaleIfError() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	broken := false
	home := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		if broken {
			http.Error(w, "no database", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "home")
	}, pagecache.StaleIfError(24*time.Hour))

	visit(home, "/")
	broken = true
	if err := cache.Expire(context.Background(), "/"); err != nil { // or wait for a minute
		fmt.Println(err)
	}
	visit(home, "/")
	visit(home, "/other") // there is no old page
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (fwd=stale; fwd-status=500; detail=stale-if-error)
	// /other: no database
	//  (fwd=uri-miss; detail=status)
}

// With the handler that the server serves, every router's pages are made anew in
// the background: here one of which the cache knows nothing.
func ExampleRefreshVia() {
	watch, refreshed := onRefresh()
	mux := http.NewServeMux() // gets its routes below
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) })
	cache := pagecache.New(watch, pagecache.RefreshVia(root), pagecache.StaleWhileRevalidate(time.Hour))
	defer cache.Close(context.Background())
	mux.Handle("GET /news", cache.Page(time.Minute)(edition()))

	visit(root, "/news")
	if err := cache.Expire(context.Background(), "/news"); err != nil {
		fmt.Println(err)
	}
	visit(root, "/news")
	fmt.Println(<-refreshed)
	visit(root, "/news")
	// Output:
	// /news: edition 1 (fwd=uri-miss; stored; ttl=60)
	// /news: edition 1 (hit; detail=stale-while-revalidate)
	// /news was made anew: true
	// /news: edition 2 (hit)
}
