//go:build linux

package redis_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// faults is what goes wrong while a fleet is hammered.
type faults struct {
	*processes
	server *redistest.Server
	proxy  *redistest.Proxy
	count  map[string]int
}

// next makes one fault, and returns when it is over.
func (x *faults) next() {
	x.Helper()
	victim := x.all[rand.IntN(len(x.all))]
	name := "none"
	switch chance := rand.IntN(100); {
	case chance < 25:
		name = "server frozen"
		x.server.Freeze()
		time.Sleep(20*time.Millisecond + rand.N(280*time.Millisecond))
		x.server.Thaw()
	case chance < 32:
		name = "server killed"
		x.server.Kill()
		time.Sleep(rand.N(200 * time.Millisecond))
		x.server.Restart()
	case chance < 60:
		name = "keys evicted"
		for range 5 + rand.IntN(20) {
			x.evict()
		}
	case chance < 70:
		name = "connections cut"
		x.proxy.Cut()
	case chance < 80:
		name = "garbage"
		x.proxy.Garbage(1 + rand.IntN(3))
	case chance < 94:
		name = "member frozen"
		if err := victim.freeze(20*time.Millisecond + rand.N(600*time.Millisecond)); err != nil {
			x.mustLive(victim)
			x.Fatal(err)
		}
	default:
		name = "member killed"
		x.mustLive(victim)
		victim.kill()
		x.start(victim)
	}
	x.count[name]++
}

// evict deletes some key, as Redis may when it is full: a page, a marker, a lease
// or a fence.
func (x *faults) evict() {
	x.Helper()
	key, err := x.server.Do("RANDOMKEY")
	if err == nil && key != nil {
		_, err = x.server.Do("DEL", fmt.Sprint(key))
	}
	if err != nil {
		x.Fatalf("eviction: %v", err)
	}
}
