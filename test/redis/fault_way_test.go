package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestFigureWay: what happens to connections. Requests are answered by the
// handler, all of them rightly, and nearly all of them at once.
func TestFigureWay(t *testing.T) {
	for _, c := range []faultCase{
		{name: "refused", prompt: true, // and all data is lost
			strike: func(b *faultBed) { b.server.Kill() },
			heal: func(b *faultBed) {
				b.server.Restart()
				b.do("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
			}},
		{name: "no way in", prompt: true,
			strike: func(b *faultBed) { b.proxy.Refuse(true); b.proxy.Cut() },
			heal:   func(b *faultBed) { b.proxy.Refuse(false) }},
		{name: "cut", prompt: true, retried: true, lossy: true,
			strike: againAndAgain(50*time.Millisecond, func(b *faultBed) { b.proxy.Cut() }), heal: enough},
		{name: "half closed", lossy: true,
			strike: againAndAgain(50*time.Millisecond, func(b *faultBed) { b.proxy.HalfClose() }), heal: enough},
		{name: "garbage",
			strike: func(b *faultBed) { b.proxy.Garbage(1 << 30) },
			heal:   func(b *faultBed) { b.proxy.Garbage(0) }},
		{name: "stalled", prompt: true,
			strike: func(b *faultBed) { b.proxy.Stall(true) },
			heal:   func(b *faultBed) { b.proxy.Stall(false) }},
		{name: "20 ms late", lossy: true,
			strike: func(b *faultBed) { b.proxy.Delay(20 * time.Millisecond) },
			heal:   func(b *faultBed) { b.proxy.Delay(0) }},
		{name: "60 ms late", prompt: true,
			strike: func(b *faultBed) { b.proxy.Delay(60 * time.Millisecond) },
			heal:   func(b *faultBed) { b.proxy.Delay(0) }},
		{name: "pool exhausted", prompt: true,
			set:    func(o *redis.UniversalOptions) { o.PoolSize, o.PipelinePoolSize = 1, -1 },
			strike: holdConnections, heal: releaseConnections},
		{name: "no writes through", lossy: true, // go-redis has connections of their own for pipelines, which look-ups are
			set:    func(o *redis.UniversalOptions) { o.PoolSize, o.PipelinePoolSize = 1, 10 },
			strike: holdConnections, heal: releaseConnections},
		{name: "80 ms of nothing", lossy: true,
			strike: func(b *faultBed) { b.server.Freeze(); time.Sleep(80 * time.Millisecond); b.server.Thaw() },
			heal:   func(*faultBed) {}},
	} {
		t.Run(c.name, c.run)
	}
}

// holdConnections has something else use the one connection of each client.
func holdConnections(b *faultBed) {
	for _, site := range b.sites {
		held := make(chan struct{})
		b.Cleanup(func() { <-held })
		go func() {
			defer close(held)
			for range 20 { // the wait for the connection may end in vain under load
				if err := site.client.BLPop(context.Background(), 0, "wait for "+site.name).Err(); err == nil {
					return
				}
			}
		}()
	}
}

func releaseConnections(b *faultBed) {
	for _, site := range b.sites {
		b.do("RPUSH", "wait for "+site.name, "go on")
	}
}
