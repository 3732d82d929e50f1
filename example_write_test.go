package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// Write-around: who writes, writes past the cache. The page goes, and the next
// reader has it made.
func Example_writeAround() {
	cache := pagecache.New()
	defer cache.Close(context.Background())
	price := 10
	mux := http.NewServeMux()
	mux.HandleFunc("GET /price", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, price) })
	mux.HandleFunc("PUT /price", func(w http.ResponseWriter, r *http.Request) {
		price = 12
		w.WriteHeader(http.StatusNoContent)
	})
	site := cache.Page(time.Hour)(mux)

	visit(site, "/price")
	submit(site, "PUT", "/price")
	visit(site, "/price")
	visit(site, "/price")
	// Output:
	// /price: 10 (fwd=uri-miss; stored; ttl=3600)
	// PUT /price: 204 (fwd=method; detail=invalidated)
	// /price: 12 (fwd=uri-miss; stored; ttl=3600)
	// /price: 12 (hit)
}

// Write-through: who writes has the page made as well. No reader waits for it.
// The writing route does not pass the cache, which would purge the new page too.
func Example_writeThrough() {
	mux := http.NewServeMux()
	cache := pagecache.New(pagecache.RefreshVia(mux))
	defer cache.Close(context.Background())
	price := 10
	mux.HandleFunc("GET /price", cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, price) }))
	mux.HandleFunc("PUT /price", func(w http.ResponseWriter, r *http.Request) {
		price = 12
		page, err := http.NewRequestWithContext(r.Context(), "GET", "http://"+r.Host+"/price", nil)
		if err == nil {
			err = cache.Refresh(r.Context(), page)
		}
		if err != nil { // the old page must not stay
			_ = cache.Purge(r.Context(), "/price")
		}
		w.WriteHeader(http.StatusNoContent)
	})

	visit(mux, "/price")
	submit(mux, "PUT", "/price")
	visit(mux, "/price")
	// Output:
	// /price: 10 (fwd=uri-miss; stored; ttl=3600)
	// PUT /price: 204 ()
	// /price: 12 (hit)
}

// Write-back: a page is sent first and written to the store afterwards. Close
// waits until all are written. The store of this example is a double for tests.
func Example_writeBack() {
	store := storetest.NewMap()
	here := pagecache.New(pagecache.WithStore(store), func(p *pagecache.Policy) { p.WriteBack = true })
	visit(here.PageFunc(time.Hour, showHome), "/")
	if err := here.Close(context.Background()); err != nil {
		fmt.Println(err)
	}

	there := pagecache.New(pagecache.WithStore(store)) // another process
	defer there.Close(context.Background())
	visit(there.PageFunc(time.Hour, showHome), "/")
	// Output:
	// /: home (fwd=uri-miss; detail=write-back)
	// /: home (hit)
}
