package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache"
)

// A handler works the same with and without a cache around it.
func ExampleFromContext() {
	stock := func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag("stock")
		fmt.Fprint(w, "312 books")
	}
	visit(http.HandlerFunc(stock), "/stock")

	cache := pagecache.New()
	defer cache.Close(context.Background())
	visit(cache.PageFunc(time.Minute, stock), "/stock")
	// Output:
	// /stock: 312 books ()
	// /stock: 312 books (fwd=uri-miss; stored; ttl=60)
}

// The handler knows best: the auction ends in two minutes.
func ExampleControl_TTL() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	auction := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		left := 2 * time.Minute
		pagecache.FromContext(r.Context()).TTL(left)
		fmt.Fprintf(w, "%v left", left)
	})
	visit(auction, "/auctions/7")
	// Output:
	// /auctions/7: 2m0s left (fwd=uri-miss; stored; ttl=120)
}

func ExampleControl_NoStore() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	offer := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).NoStore() // today it depends on the weather
		fmt.Fprint(w, "ice cream")
	})
	visit(offer, "/offer")
	// Output:
	// /offer: ice cream (fwd=uri-miss; detail=control)
}

func ExampleControl_Tag() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	book := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag("book:312", "author:44")
		fmt.Fprint(w, "The Way of All Flesh")
	})
	visit(book, "/books/312")
	fmt.Println(explain(cache, book, "/books/312").Tags)
	// Output:
	// /books/312: The Way of All Flesh (fwd=uri-miss; stored; ttl=3600)
	// [book:312 author:44]
}

// A log record for each page that is made, and for no hit.
func ExampleControl_Why() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("making the page:", pagecache.FromContext(r.Context()).Why())
		fmt.Fprint(w, "home")
	})
	visit(home, "/")
	visit(home, "/")
	// Output:
	// making the page: uri-miss
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (hit)
}
