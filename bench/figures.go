package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	gocache "github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
	"github.com/go-pagecache/pagecache/stores/memstore"
)

func closed(c *pagecache.Cache) { _ = c.Close(context.Background()) }

// hits compares hits on one hot page, on one and on two workers.
func hits(rounds int) {
	own := pagecache.New()
	defer closed(own)
	tagged, below := pagecache.New(), pagecache.New()
	defer closed(tagged)
	defer closed(below)
	foreign := pagecache.New(pagecache.WithMemory(gocachestore.New(gocache.New(gocache.NoExpiration, 0))))
	defer closed(foreign)
	contenders := []contender{
		{"bare handler", hot(http.HandlerFunc(bare))},
		{"hit, default store", hot(own.PageFunc(time.Hour, bare))},
		{"hit, default store, tags", hot(amongPurges(tagged, tagged.PurgeTags, tagged.Purge))},
		{"the same, after PurgePrefix too", hot(amongPurges(below, below.PurgeTags, below.Purge, below.PurgePrefix))},
		{"hit, go-cache", hot(foreign.PageFunc(time.Hour, bare))},
	}
	cpu := func(s sample) float64 { return s.cpu }
	wall := func(s sample) float64 { return s.wall }
	const n = 200_000
	var one [][]sample
	for _, workers := range []int{1, 2} {
		samples := interleave(contenders, workers, n, rounds)
		fmt.Printf("%d worker(s): median (quartiles) of the ratio to the bare handler\n", workers)
		for i, c := range contenders {
			r := ratios(column(samples[i], cpu), column(samples[0], cpu))
			fmt.Printf("  %-31s %6.0f ns   %.2fx (%.2f to %.2f)   %.1f allocs\n", c.name, median(column(samples[i], cpu)),
				median(r), quantile(r, 0.25), quantile(r, 0.75), median(column(samples[i], func(s sample) float64 { return s.allocs })))
		}
		if workers == 1 {
			one = samples
			continue
		}
		base := median(ratios(column(one[0], wall), column(samples[0], wall)))
		fmt.Printf("scaling from 1 to 2 workers, by wall time: bare %.2f", base)
		for i, c := range contenders[1:] {
			s := median(ratios(column(one[i+1], wall), column(samples[i+1], wall)))
			fmt.Printf(", %s %.2f (%.2f of bare's)", c.name, s, s/base)
		}
		fmt.Println()
	}
}

// amongPurges is a page with four tags that is stored already, in a cache where
// others were purged since, so that a hit has to look at each of its tags.
func amongPurges(c *pagecache.Cache, purges ...func(context.Context, ...string) error) http.Handler {
	h := c.PageFunc(time.Hour, tagged("books", "book:312", "author:7", "shelf:science"))
	hot(h)(0, 1)
	for _, purge := range purges {
		for i := range 10 {
			must(purge(context.Background(), fmt.Sprintf("/others/%d/", i)))
		}
	}
	hot(h)(0, 1)
	if c.Stats().Misses != 1 {
		panic("the page shares a place with one that was purged: run it again")
	}
	return h
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// misses compares first requests for pages, with room left in the store.
func misses(rounds int) {
	var c *pagecache.Cache
	renewed := func() http.Handler {
		if c != nil {
			closed(c)
		}
		c = pagecache.New(pagecache.WithMemory(memstore.New(1 << 30)))
		return c.PageFunc(time.Hour, bare)
	}
	defer func() { closed(c) }()
	contenders := []contender{
		{"bare handler", fresh(func() http.Handler { return http.HandlerFunc(bare) })},
		{"miss, default store", fresh(renewed)},
		{"plainest copy", fresh(plainest)},
	}
	samples := interleave(contenders, 1, 20_000, rounds)
	cpu := func(s sample) float64 { return s.cpu }
	allocs := func(s sample) float64 { return s.allocs }
	a, b := column(samples[1], cpu), column(samples[0], cpu)
	over := make([]float64, len(a))
	for i := range a {
		over[i] = (a[i] - b[i]) / 1000
	}
	fmt.Printf("  bare %.0f ns, %.1f allocs; miss %.0f ns, %.1f allocs\n", median(b), median(column(samples[0], allocs)), median(a), median(column(samples[1], allocs)))
	fmt.Printf("  over the bare handler: %.2f us (%.2f to %.2f), %.1f allocs\n", median(over), quantile(over, 0.25), quantile(over, 0.75),
		median(column(samples[1], allocs))-median(column(samples[0], allocs)))
	copied := ratios(a, column(samples[2], cpu))
	fmt.Printf("  against keeping a copy in a map and nothing else: %.2fx (%.2f to %.2f)\n", median(copied), quantile(copied, 0.25), quantile(copied, 0.75))
}

// plainest copies each page's header map and body into a map: the least that a
// miss can cost anybody, most of it fresh memory.
func plainest() http.Handler {
	type kept struct {
		header http.Header
		body   []byte
	}
	pages := make(map[string]kept)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bare(w, r)
		pages[r.RequestURI] = kept{w.Header().Clone(), append([]byte(nil), body4K...)}
	})
}

// flood sends unique keys through a small store while every tenth request goes
// to one of a hundred hot pages.
func flood(keys int) {
	const hotPages = 100
	c := pagecache.New(pagecache.WithMemory(memstore.New(64 << 20)))
	defer closed(c)
	var runs int
	h := c.PageFunc(time.Hour, func(w http.ResponseWriter, _ *http.Request) {
		runs++
		_, _ = w.Write(append([]byte(nil), body8K...))
	})
	r, w := request("/"), &null{make(http.Header)}
	var peak uint64
	var hot, missed int
	for i := range keys {
		aim(r, hotPages+i)
		clear(w.header)
		h.ServeHTTP(w, r)
		if i%9 == 0 { // one request in ten
			aim(r, i/9%hotPages)
			before := runs
			clear(w.header)
			h.ServeHTTP(w, r)
			hot++
			missed += runs - before
		}
		if i%4096 == 0 {
			peak = max(peak, heap())
		}
	}
	runtime.GC()
	s := c.Stats()
	fmt.Printf("  %d unique keys of 8 KiB through 64 MiB: heap %.1f MiB after a collection, peak %.1f MiB, %d entries, %.1f MiB counted\n",
		keys, float64(heap())/(1<<20), float64(peak)/(1<<20), s.Entries, float64(s.Bytes)/(1<<20))
	fmt.Printf("  hit ratio of %d hot pages: %.2f %%\n", hotPages, 100*float64(hot-missed)/float64(hot))
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cold sends many requests at once for one page that is not stored.
func cold() {
	const clients = 10_000
	c := pagecache.New()
	defer closed(c)
	var runs atomic.Int64
	h := c.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		runs.Add(1)
		time.Sleep(50 * time.Millisecond)
		bare(w, r)
	})
	start := make(chan struct{})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			r, w := request("/books/312"), &null{make(http.Header)}
			<-start
			h.ServeHTTP(w, r)
		})
	}
	close(start)
	all.Wait()
	fmt.Printf("  %d concurrent cold requests for one page: %d handler run(s)\n", clients, runs.Load())
}
