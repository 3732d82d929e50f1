package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// TestRingBringsPurgedPagesBack shows what UnsafeRing is named for: a shard leaves,
// a page of it is purged, and the page comes back with the shard, together with the
// nonces that vouch for it.
func TestRingBringsPurgedPagesBack(t *testing.T) {
	t.Parallel()
	leaving := redistest.StartProxy(t, redistest.Start(t).Addr())
	ring := redis.NewRing(&redis.RingOptions{
		Addrs:              map[string]string{"leaving": leaving.Addr(), "staying": redistest.Start(t).Addr()},
		HeartbeatFrequency: 20 * time.Millisecond, DialTimeout: 200 * time.Millisecond, MaxRetries: -1,
	})
	wantRefused(t, ring)
	p := newTopoPages(40)
	n := p.join(t, ring, topoNamespace)
	shards := func(want int) func() error {
		return func() error {
			if got := ring.Len(); got != want {
				return fmt.Errorf("got %d shards, want %d", got, want)
			}
			return nil
		}
	}
	topoSoon(t, "both shards", 5*time.Second, shards(2))
	n.warm(t)

	leaving.Refuse(true)
	leaving.Cut()
	topoSoon(t, "one shard", 5*time.Second, shards(1))
	for i := range p.len() {
		topoSoon(t, "purge", 5*time.Second, func() error { return p.purge(t.Context(), n.cache, i) })
	}
	wantFresh(t, n, "while the shard is away")

	leaving.Refuse(false)
	topoSoon(t, "both shards", 5*time.Second, shards(2))
	back := 0
	for i := range p.len() {
		if v := n.ask(i); v.hit && v.version == 0 {
			back++
		}
	}
	t.Logf("%d of %d purged pages came back with their shard", back, p.len())
	if back == 0 {
		t.Error("got no purged page back: a ring is not unsafe any more, and UnsafeRing should say so")
	}
}

func wantFresh(t *testing.T, n *topoNode, what string) {
	t.Helper()
	for i := range n.len() {
		if v := n.ask(i); v.fault != "" {
			t.Errorf("%s: %s", what, v.fault)
		}
	}
}

// wantRefused: New does not take a ring without the option.
func wantRefused(t *testing.T, ring *redis.Ring) {
	t.Helper()
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "UnsafeRing") {
			t.Errorf("New of a ring: got panic %q, want one that names UnsafeRing", r)
		}
	}()
	redisstore.New(ring, topoNamespace)
}
