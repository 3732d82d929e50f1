package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache"
)

// A path stands for all its pages, with every query, on every host. A path with
// a query stands for one of them.
func ExampleCache_Purge() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	books := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "page %s of the books", r.FormValue("page"))
	})

	visit(books, "/books?page=1")
	visit(books, "/books?page=2")
	if err := cache.Purge(context.Background(), "/books?page=2"); err != nil {
		fmt.Println(err)
	}
	visit(books, "/books?page=1")
	visit(books, "/books?page=2")
	if err := cache.Purge(context.Background(), "/books"); err != nil {
		fmt.Println(err)
	}
	visit(books, "/books?page=1")
	// Output:
	// /books?page=1: page 1 of the books (fwd=uri-miss; stored; ttl=3600)
	// /books?page=2: page 2 of the books (fwd=uri-miss; stored; ttl=3600)
	// /books?page=1: page 1 of the books (hit)
	// /books?page=2: page 2 of the books (fwd=uri-miss; stored; ttl=3600)
	// /books?page=1: page 1 of the books (fwd=uri-miss; stored; ttl=3600)
}

// What is no address purges nothing, and the error says what to write instead.
func ExampleCache_Purge_mistake() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	fmt.Println(cache.Purge(context.Background(), "shop.example/books/312"))
	// Output:
	// pagecache: Purge: "shop.example/books/312" is no address of a page; give a path that begins with a slash, such as "/books/312", or a URL such as "https://shop.example/books/312"
}

// The author has another name: every page goes that shows it.
func ExampleCache_PurgeTags() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	byAuthor := func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag("author:44")
		showBook(w, r)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(time.Hour, byAuthor))
	mux.HandleFunc("GET /about", cache.PageFunc(time.Hour, showHome))
	visit(mux, "/books/312")
	visit(mux, "/about")

	if err := cache.PurgeTags(context.Background(), "author:44"); err != nil {
		fmt.Println(err)
	}
	visit(mux, "/books/312")
	visit(mux, "/about")
	// Output:
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=3600)
	// /about: home (fwd=uri-miss; stored; ttl=3600)
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=3600)
	// /about: home (hit)
}

// All that is below a directory, and not the page of the same name.
func ExampleCache_PurgePrefix() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	site := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page") })

	visit(site, "/books")
	visit(site, "/books/312/reviews")
	if err := cache.PurgePrefix(context.Background(), "/books/"); err != nil {
		fmt.Println(err)
	}
	visit(site, "/books")
	visit(site, "/books/312/reviews")
	// Output:
	// /books: page (fwd=uri-miss; stored; ttl=3600)
	// /books/312/reviews: page (fwd=uri-miss; stored; ttl=3600)
	// /books: page (hit)
	// /books/312/reviews: page (fwd=uri-miss; stored; ttl=3600)
}

// A new template for books: all pages of the route go, and no others.
func ExampleCache_PurgeRoute() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(time.Hour, showBook))
	mux.HandleFunc("GET /books/new", cache.PageFunc(time.Hour, showHome))

	visit(mux, "/books/312")
	visit(mux, "/books/new")
	if err := cache.PurgeRoute(context.Background(), "/books/{id}"); err != nil {
		fmt.Println(err)
	}
	visit(mux, "/books/312")
	visit(mux, "/books/new")
	// Output:
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=3600)
	// /books/new: home (fwd=uri-miss; stored; ttl=3600)
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=3600)
	// /books/new: home (hit)
}

func ExampleCache_PurgeAll() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	home := cache.PageFunc(time.Hour, showHome)

	visit(home, "/")
	if err := cache.PurgeAll(context.Background()); err != nil {
		fmt.Println(err)
	}
	visit(home, "/")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=3600)
	// /: home (fwd=uri-miss; stored; ttl=3600)
}

// A page that is expired is stale: where the route allows it, it is still
// better than an error. A page that is purged is gone.
func ExampleCache_Expire() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	broken := false
	home := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		if broken {
			http.Error(w, "no database", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "home")
	}, pagecache.StaleIfError(time.Hour))

	visit(home, "/")
	broken = true
	if err := cache.Expire(context.Background(), "/"); err != nil {
		fmt.Println(err)
	}
	visit(home, "/")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=3600)
	// /: home (fwd=stale; fwd-status=503; detail=stale-if-error)
}

// A route that changes pages says which: when a request to it has succeeded,
// they are gone, before its client can know.
func ExampleCache_Invalidate() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	byBook := func(r *http.Request) string { return "book:" + r.PathValue("id") }
	reviews := []string{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}/summary", cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "book %s, %d reviews", r.PathValue("id"), len(reviews))
	}, pagecache.Tags(byBook)))
	mux.Handle("POST /books/{id}/reviews", cache.Invalidate(byBook)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reviews = append(reviews, "Read it twice.")
		w.WriteHeader(http.StatusCreated)
	})))

	visit(mux, "/books/312/summary")
	exampleRequest(mux, "POST", "/books/312/reviews")
	visit(mux, "/books/312/summary")
	// Output:
	// /books/312/summary: book 312, 0 reviews (fwd=uri-miss; stored; ttl=3600)
	// /books/312/summary: book 312, 1 reviews (fwd=uri-miss; stored; ttl=3600)
}
