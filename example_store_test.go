package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	gocache "github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

func ExampleNew() {
	cache := pagecache.New() // in process, at most 64 MiB
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(time.Minute, showBook))
	visit(mux, "/books/312")
	// Output: /books/312: book 312 (fwd=uri-miss; stored; ttl=60)
}

// A quarter of a gigabyte for pages.
func ExampleWithMemory() {
	cache := pagecache.New(pagecache.WithMemory(memstore.New(256 << 20)))
	defer cache.Close(context.Background()) // closes the store too

	home := cache.PageFunc(time.Minute, showHome)
	visit(home, "/")
	visit(home, "/")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (hit)
}

// Pages beside other things in a go-cache. It has no size limit.
func ExampleWithMemory_goCache() {
	things := gocache.New(gocache.NoExpiration, time.Minute)
	cache := pagecache.New(pagecache.WithMemory(gocachestore.New(things)))
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, showHome)
	visit(home, "/")
	visit(home, "/")
	fmt.Println(things.ItemCount(), "item")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (hit)
	// 1 item
}

// Copies in process of up to 32 MiB, each of which stands for a second at most
// when the word of a purge elsewhere does not come through.
func ExampleNearCache() {
	store := storetest.NewMap() // of a fleet: redisstore.New(client, "shop")
	cache := pagecache.New(pagecache.WithStore(store), pagecache.NearCache(32<<20, time.Second))
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, showHome)
	visit(home, "/") // makes the page
	visit(home, "/") // finds it in the store, and keeps a copy
	visit(home, "/") // asks nobody
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (hit)
	// /: home (hit)
}

// Two processes that share a store. The store of this example is a double for
// tests; a real one talks to a server.
func ExampleWithStore() {
	store := storetest.NewMap()
	here := pagecache.New(pagecache.WithStore(store))
	defer here.Close(context.Background())
	there := pagecache.New(pagecache.WithStore(store))
	defer there.Close(context.Background())

	visit(here.PageFunc(time.Minute, showHome), "/")
	visit(there.PageFunc(time.Minute, showHome), "/")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (hit)
}
