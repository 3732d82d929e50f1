package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// overRedis compares hits on pages that lie in Redis with a bare GET of 4 KiB by
// the same client, and with the commands of a look-up by it, and hits on copies of NearCache with hits in a cache without a
// Store.
func overRedis(rounds int) {
	if !redistest.Installed() {
		fmt.Println("  NOT MEASURED: there is no redis-server on PATH")
		return
	}
	b := newBed()
	defer b.close()
	// A busy machine may keep a bare GET, which has no other time limit, waiting.
	client, err := redisstore.Open(redistest.Start(b).URL() + "?read_timeout=10s&write_timeout=10s&dial_timeout=10s")
	must(err)
	defer client.Close()
	must(client.MSet(context.Background(), "raw", body4K, "n1", nonce, "n2", nonce, "n3", nonce).Err())

	plain := []counted{
		b.cached("hit, 2 tags by the handler", twoTags, pagecache.WithStore(redisstore.New(client, "plain"))),
		b.cached("the same, with Vary", varying, pagecache.WithStore(redisstore.New(client, "vary"))),
		b.cached("the same, signed", twoTags, pagecache.WithStore(redisstore.New(client, "signed", redisstore.SignWith(key)))),
	}
	contenders := []contender{{"GET of 4 KiB by go-redis", rawGet(client)}, {"PTTL and MGET by go-redis", rawReads(client)}}
	for _, c := range plain {
		contenders = append(contenders, c.contender())
	}
	for _, load := range []struct{ workers, n int }{{1, 2000}, {16, 250}} {
		fmt.Printf("  %d worker(s), against a bare GET:\n", load.workers)
		printAgainstFirst(contenders, interleave(contenders, load.workers, load.n, rounds))
	}

	near := []counted{
		b.cached("hit, no Store", twoTags),
		b.cached("hit, copy of NearCache", twoTags, pagecache.WithStore(redisstore.New(client, "near")), pagecache.NearCache(64<<20, time.Hour)),
	}
	contenders = []contender{near[0].contender(), near[1].contender()}
	fmt.Println("  1 worker(s), against a hit without a Store:")
	printAgainstFirst(contenders, interleave(contenders, 1, 100_000, rounds))
	for _, c := range append(plain, near...) {
		c.tellMisses()
	}
}

var key = redisstore.SigningKey{ID: 1, Secret: []byte(strings.Repeat("k", 32))}

// nonce is as long as those that a look-up reads.
var nonce = strings.Repeat("n", 34)

var twoTags = tagged("books", "book:312")

func varying(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept-Language")
	twoTags(w, r)
}

// rawGet is what a hit is compared with.
func rawGet(client redis.UniversalClient) func(w, n int) {
	return func(_, n int) {
		for range n {
			page, err := client.Get(context.Background(), "raw").Bytes()
			must(err)
			if len(page) != len(body4K) {
				panic("the page is not there")
			}
		}
	}
}

// rawReads are the commands of a look-up, the page with three nonces, without what
// the cache does with the replies: what a hit can come down to.
func rawReads(client redis.UniversalClient) func(w, n int) {
	return func(_, n int) {
		ctx := context.Background()
		for range n {
			pipe := client.Pipeline()
			pipe.PTTL(ctx, "raw")
			values := pipe.MGet(ctx, "raw", "n1", "n2", "n3")
			_, err := pipe.Exec(ctx)
			must(err)
			if page, ok := values.Val()[0].(string); !ok || len(page) != len(body4K) {
				panic("the page is not there")
			}
		}
	}
}

// counted is a page in a cache of its own, which tells how often it was found.
type counted struct {
	name  string
	cache *pagecache.Cache
	page  http.Handler
}

// cached makes a cache with the default policy that has the page already, and
// where it keeps copies a copy of it.
func (b *bed) cached(name string, h http.HandlerFunc, opts ...pagecache.Option) counted {
	c := pagecache.New(opts...)
	b.Cleanup(func() { closed(c) })
	page := c.PageFunc(time.Hour, h)
	hot(page)(0, 3)
	return counted{name, c, page}
}

func (c counted) contender() contender { return contender{c.name, hot(c.page)} }

// tellMisses says whether there was anything but hits: on a busy machine a look-up
// may take longer than the time that a page view has for it.
func (c counted) tellMisses() {
	if s := c.cache.Stats(); s.Misses != 1 {
		fmt.Printf("  NOTE: %s: %d misses among %d hits; expected was the first request alone\n", c.name, s.Misses, s.Hits)
	}
}

// printAgainstFirst prints ratios of wall time, by medians and by lower quartiles,
// which a busy machine disturbs less.
func printAgainstFirst(contenders []contender, samples [][]sample) {
	wall := func(s sample) float64 { return s.wall }
	cpu := func(s sample) float64 { return s.cpu }
	allocs := func(s sample) float64 { return s.allocs }
	base := column(samples[0], wall)
	for i, c := range contenders {
		w := column(samples[i], wall)
		fmt.Printf("    %-27s %8.2f us   %.2fx by medians, %.2fx by lower quartiles   processor %7.2f us (%.2fx)   %.1f allocs\n",
			c.name, median(w)/1000, median(w)/median(base), quantile(w, 0.25)/quantile(base, 0.25),
			median(column(samples[i], cpu))/1000, median(column(samples[i], cpu))/median(column(samples[0], cpu)), median(column(samples[i], allocs)))
	}
}
