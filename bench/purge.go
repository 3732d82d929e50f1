package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
)

const (
	purgedPages = 100_000
	otherPages  = 100    // which are hit while those are purged
	somePages   = 20_000 // are compared in each round
	windowHits  = 20_000 // with one purge in their midst, or none
)

// shop is a cache with a large store and some handlers, for one goroutine.
type shop struct {
	*pagecache.Cache
	books http.Handler // a hundred thousand pages with a tag in common
	news  http.Handler // other pages
	extra http.Handler // pages that come and go
	r     *http.Request
	w     *null
}

func newShop() *shop {
	c := pagecache.New(pagecache.WithMemory(memstore.New(1 << 30)))
	return &shop{c, c.PageFunc(time.Hour, tagged("books")), c.PageFunc(time.Hour, tagged("news")), c.PageFunc(time.Hour, tagged("extra")),
		request("/"), &null{make(http.Header)}}
}

// visitor is the same shop for another goroutine.
func (s *shop) visitor() *shop {
	v := *s
	v.r, v.w = request("/"), &null{make(http.Header)}
	return &v
}

func (s *shop) ask(h http.Handler, dir string, id int) {
	s.r.RequestURI = dir + strconv.Itoa(id)
	s.r.URL.Path = s.r.RequestURI
	clear(s.w.header)
	h.ServeHTTP(s.w, s.r)
}

// fill asks for n pages.
func (s *shop) fill(h http.Handler, dir string, n int) {
	for id := range n {
		s.ask(h, dir, id)
	}
}

// askAll asks for n pages and returns the processor time of each, without that of
// a collection of the whole store, which would fall into some of them.
func (s *shop) askAll(h http.Handler, dir string, n int) float64 {
	runtime.GC()
	began := processorTime()
	s.fill(h, dir, n)
	return float64((processorTime() - began).Nanoseconds()) / float64(n)
}

// window returns how long hits on other pages took while f was called in their
// midst, by wall time.
func (s *shop) window(f func()) []float64 {
	runtime.GC()
	v, took := s.visitor(), make([]float64, windowHits)
	var done atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		for i := range took {
			took[i] = clocked(func() { v.ask(v.news, "/news/", i%otherPages) })
			done.Add(1)
		}
	}()
	for done.Load() < windowHits/2 {
		time.Sleep(100 * time.Microsecond)
	}
	f()
	<-over
	return took
}

func clocked(f func()) float64 {
	began := time.Now()
	f()
	return float64(time.Since(began).Nanoseconds())
}

// purgeCosts are what purging costs: those who purge, those who ask for a purged
// page next, and those who ask for others meanwhile.
type purgeCosts struct {
	tags, lone, prefix, all []float64
	hit, miss, purged       []float64
	absent, dropped         []float64
	with, without           []float64
}

// purges purges a hundred thousand pages at once and fills them again, over and
// over.
func purges(rounds int) {
	s, lone := newShop(), newShop()
	defer closed(s.Cache)
	defer closed(lone.Cache)
	lone.ask(lone.books, "/books/", 0)
	s.fill(s.books, "/books/", purgedPages)
	s.fill(s.news, "/news/", otherPages)
	stats := s.Stats()
	fmt.Printf("  %d pages of 4 KiB with a tag in common, in a memstore of 1 GiB: %d entries, %.0f MiB counted\n", purgedPages, stats.Entries, float64(stats.Bytes)/(1<<20))
	var c purgeCosts
	for round := range rounds + 1 {
		if round == 1 { // the first warms up
			c = purgeCosts{}
		}
		c.compare(s)
		c.purge(s, lone, round%2 == 0)
	}
	c.print()
}

// compare measures what the first requests after a purge are compared with. HEAD
// requests fill nothing: they tell what dropping a purged page takes.
func (c *purgeCosts) compare(s *shop) {
	c.hit = append(c.hit, s.askAll(s.books, "/books/", somePages))
	c.miss = append(c.miss, s.askAll(s.extra, "/extra/", somePages))
	must(s.PurgeTags(context.Background(), "extra"))
	s.r.Method = http.MethodHead
	c.dropped = append(c.dropped, s.askAll(s.extra, "/extra/", somePages))
	c.absent = append(c.absent, s.askAll(s.extra, "/extra/", somePages))
	s.r.Method = http.MethodGet
}

// purge purges the books in three ways, by tag while others are asked for their
// pages, before or after the same without a purge.
func (c *purgeCosts) purge(s, lone *shop, before bool) {
	ctx := context.Background()
	if before {
		c.without = append(c.without, s.window(func() {})...)
	}
	c.with = append(c.with, s.window(func() {
		c.tags = append(c.tags, clocked(func() { must(s.PurgeTags(ctx, "books")) }))
	})...)
	if !before {
		c.without = append(c.without, s.window(func() {})...)
	}
	c.lone = append(c.lone, clocked(func() { must(lone.PurgeTags(ctx, "books")) }))
	c.purged = append(c.purged, s.askAll(s.books, "/books/", somePages))
	s.fill(s.books, "/books/", purgedPages)
	c.prefix = append(c.prefix, clocked(func() { must(s.PurgePrefix(ctx, "/books/")) }))
	s.fill(s.books, "/books/", purgedPages)
	c.all = append(c.all, clocked(func() { must(s.PurgeAll(ctx)) }))
	s.fill(s.books, "/books/", purgedPages)
	s.fill(s.news, "/news/", otherPages)
}

func (c *purgeCosts) print() {
	fmt.Println("  caller, by wall time: median (quartiles; most)")
	for _, way := range []struct {
		name string
		took []float64
	}{{"PurgeTags", c.tags}, {"PurgeTags, one page stored", c.lone}, {"PurgePrefix", c.prefix}, {"PurgeAll", c.all}} {
		fmt.Printf("    %-27s %.1f us (%.1f to %.1f; %.1f)\n", way.name, median(way.took)/1000, quantile(way.took, 0.25)/1000, quantile(way.took, 0.75)/1000, slices.Max(way.took)/1000)
	}
	misses, hits := ratios(c.purged, c.miss), ratios(c.purged, c.hit)
	fmt.Printf("  first request for a purged page, which fills it again: %.0f ns; %.2fx (%.2f to %.2f) of a miss of a new page, %.0f ns; %.1fx (%.1f to %.1f) of a hit, %.0f ns\n",
		median(c.purged), median(misses), quantile(misses, 0.25), quantile(misses, 0.75), median(c.miss), median(hits), quantile(hits, 0.25), quantile(hits, 0.75), median(c.hit))
	over := make([]float64, len(c.dropped))
	for i := range over {
		over[i] = c.dropped[i] - c.absent[i]
	}
	fmt.Printf("  HEAD of a purged page, which drops it: %.0f ns (%.0f to %.0f) over one of an absent page, %.0f ns\n", median(over), quantile(over, 0.25), quantile(over, 0.75), median(c.absent))
	fmt.Printf("  hits on %d other pages by another goroutine, by wall time, %d with a purge in the midst of each %d, and without\n", otherPages, len(c.with), windowHits)
	for _, q := range []struct {
		name string
		at   float64
	}{{"median", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"most", 1}} {
		with, without := quantile(c.with, q.at), quantile(c.without, q.at)
		fmt.Printf("    %-8s %9.2f us with, %9.2f us without: %.2fx\n", q.name, with/1000, without/1000, with/without)
	}
}
