package redis_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// long asks for the long forms of the tests.
var long = flag.Bool("long", false, "take the figures of the documentation")

// TestStandIn runs the conformance suite where no server is installed.
func TestStandIn(t *testing.T) {
	if redistest.Installed() {
		t.Skip("a real redis-server is tested instead, see stores/redisstore")
	}
	if os.Getenv("PAGECACHE_NO_SKIPS") != "" {
		t.Fatal("there is no redis-server on PATH, and the stand-in is forbidden here")
	}
	t.Log("NOT TESTED ON REDIS: there is no redis-server on PATH; an in-process stand-in serves")
	server := miniredis.RunT(t)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go passTime(server, stop)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	storetest.Store(t, func(testing.TB) pagecache.Store { return redisstore.New(client, "standin") })
}

// passTime is the stand-in's clock, which does not run by itself.
func passTime(server *miniredis.Miniredis, stop <-chan struct{}) {
	const tick = 5 * time.Millisecond
	for {
		select {
		case <-stop:
			return
		case <-time.After(tick):
			server.FastForward(tick)
		}
	}
}
