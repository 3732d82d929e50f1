package redis_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

const topoRate = 1200

func clusterClient(c *redistest.Cluster) redis.UniversalClient {
	return topoDial(&redis.UniversalOptions{Addrs: c.Addrs()})
}

// TestFigureCluster runs all that there is to test on one cluster, which takes
// some seconds to form. The failover comes last.
func TestFigureCluster(t *testing.T) {
	c := redistest.StartCluster(t, 3, 3)
	t.Run("client", func(t *testing.T) { clusterSettings(t, c) })
	t.Run("conformance", func(t *testing.T) { clusterConforms(t, c) })
	t.Run("slots", func(t *testing.T) { clusterSlots(t, c) })
	t.Run("migration", func(t *testing.T) { clusterMigration(t, c) })
	t.Run("frozen", func(t *testing.T) { clusterFreezes(t, c) })
	t.Run("failover", func(t *testing.T) { clusterFailover(t, c) })
}

// clusterSettings: a node that has died redirects nobody, so the map of slots has
// to be asked for. Whichever way the client is made.
func clusterSettings(t *testing.T, c *redistest.Cluster) {
	opened, err := redisstore.Open("redis://" + c.Addrs()[0] + "?addr=" + c.Addrs()[1])
	if err != nil {
		t.Fatal(err)
	}
	one := redisstore.NewClient(&redis.UniversalOptions{Addrs: c.Addrs()[:1], IsClusterMode: true})
	for name, client := range map[string]redis.UniversalClient{"NewClient": redisstore.NewClient(&redis.UniversalOptions{Addrs: c.Addrs()}), "Open": opened, "NewClient of one address": one} {
		defer client.Close()
		cluster, ok := client.(*redis.ClusterClient)
		if !ok {
			t.Errorf("%s: got a %T, want a client of a cluster", name, client)
			continue
		}
		if o := cluster.Options(); o.ClusterStateReloadInterval != 500*time.Millisecond || o.ReadTimeout != 100*time.Millisecond {
			t.Errorf("%s: got a new map of slots every %v and ReadTimeout %v, want 500ms and 100ms", name, o.ClusterStateReloadInterval, o.ReadTimeout)
		}
	}
}

func clusterConforms(t *testing.T, c *redistest.Cluster) {
	const patient = 5 * time.Second // it is not about time
	client := redisstore.NewClient(&redis.UniversalOptions{
		Addrs: c.Addrs(), DialTimeout: patient, ReadTimeout: patient, WriteTimeout: patient, PoolTimeout: patient,
	})
	defer client.Close()
	if err := redisstore.New(client, topoNamespace).Check(t.Context()); err != nil {
		t.Errorf("Check: got error %v, want none", err)
	}
	storetest.Store(t, func(testing.TB) pagecache.Store { return redisstore.New(client, topoNamespace) })
}

// clusterSlots: pages, their variants, fences and leases lie in all parts of the
// cluster, and every operation works on them.
func clusterSlots(t *testing.T, c *redistest.Cluster) {
	p := newTopoPages(90)
	a, b := p.join(t, clusterClient(c), "slots", unhurried), p.join(t, clusterClient(c), "slots", unhurried)
	a.warm(t)
	for _, master := range c.Masters() {
		reply, err := master.Do("KEYS", "5:slots:2:p:*")
		if keys, _ := reply.([]any); err != nil || len(keys) < 10 {
			t.Errorf("got %d pages on %s: %v; want a third of %d", len(keys), master.Addr(), err, p.len())
		}
	}
	wantViews(t, b, "hit elsewhere", true)
	wantViews(t, b, "variant", false, "Accept", "x")
	wantViews(t, a, "variant elsewhere", true, "Accept", "x")
	for i := range p.len() {
		if err := p.purge(t.Context(), b.cache, i); err != nil {
			t.Errorf("Purge: %v", err)
		}
	}
	wantViews(t, a, "purged variant", false, "Accept", "x")
	wantViews(t, a, "purged", false)
	wantViews(t, b, "filled again", true)
	for _, tag := range []string{"eventrue", "evenfalse"} {
		if err := a.cache.PurgeTags(t.Context(), tag); err != nil {
			t.Errorf("PurgeTags: %v", err)
		}
	}
	wantViews(t, b, "purged by tags", false)
	clusterLeases(t, a, b)
}

// wantViews asks for all pages.
func wantViews(t *testing.T, n *topoNode, what string, hit bool, fields ...string) {
	t.Helper()
	for i := range n.len() {
		if v := n.ask(i, fields...); v.hit != hit || v.fault != "" {
			t.Errorf("%s: page %d: got hit %t, want %t; %s", what, i, v.hit, hit, v.fault)
		}
	}
}

// clusterLeases: one run for both processes, for pages on any slot.
func clusterLeases(t *testing.T, a, b *topoNode) {
	if err := a.cache.PurgeAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := a.runs.Load() + b.runs.Load()
	for i := range a.len() {
		var asked sync.WaitGroup
		for _, n := range []*topoNode{a, b} {
			for range 4 {
				asked.Go(func() {
					if v := n.ask(i); v.fault != "" {
						t.Error(v.fault)
					}
				})
			}
		}
		asked.Wait()
	}
	// A busy machine may cost a request its time for the store, and so its lease.
	if got := a.runs.Load() + b.runs.Load() - before; got > int64(a.len()*3/2) {
		t.Errorf("got %d handler runs for %d pages that two processes wanted at once, want about one each", got, a.len())
	}
}

// clusterMigration moves slots with pages and fences while they are in use. A key
// that has moved answers ASK first and MOVED later.
func clusterMigration(t *testing.T, c *redistest.Cluster) {
	p := newTopoPages(60)
	a, b := p.join(t, clusterClient(c), "moving", unhurried), p.join(t, clusterClient(c), "moving", unhurried)
	a.warm(t)
	load := startTopoTraffic(topoRate, a, b)
	purges, done := 0, make(chan struct{})
	var purging sync.WaitGroup
	purging.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				if p.purge(t.Context(), b.cache, i%p.len()) == nil {
					purges++
				}
			}
		}
	})
	masters := c.Masters()
	from, to := masters[0], masters[1]
	slots := 0
	for slot := range slotsOf(t, from, "6:moving:2:*", 8) {
		moveSlot(t, masters, from, to, slot)
		slots++
	}
	time.Sleep(200 * time.Millisecond)
	close(done)
	purging.Wait()
	views := load.stop(t)
	if purges == 0 || slots == 0 {
		t.Fatalf("got %d purges and %d slots, want some", purges, slots)
	}
	hits := topoHitRatio(views, views[0].began, time.Now())
	t.Logf("%d slots moved, %d requests, %d purges acknowledged, hit ratio %.3f", slots, len(views), purges, hits)
	if hits < 0.1 { // a purge and a busy machine cost hits, too
		t.Errorf("got a hit ratio of %.3f while slots moved, want hits", hits)
	}
	a.warm(t)
}

// slotsOf are slots in which a server holds keys of a pattern.
func slotsOf(t *testing.T, s *redistest.Server, pattern string, atMost int) map[int]bool {
	t.Helper()
	reply, err := s.Do("KEYS", pattern)
	if err != nil {
		t.Fatal(err)
	}
	slots := make(map[int]bool)
	for _, key := range reply.([]any) {
		slot, err := s.Do("CLUSTER", "KEYSLOT", fmt.Sprint(key))
		if err != nil {
			t.Fatal(err)
		}
		if slots[slot.(int)] = true; len(slots) == atMost {
			break
		}
	}
	return slots
}

// moveSlot moves one slot with its keys, as redis-cli does it, only slower.
func moveSlot(t *testing.T, all []*redistest.Server, from, to *redistest.Server, slot int) {
	t.Helper()
	do := func(s *redistest.Server, args ...any) any {
		words := make([]string, len(args))
		for i, arg := range args {
			words[i] = fmt.Sprint(arg)
		}
		reply, err := s.Do(words...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return reply
	}
	source, target := do(from, "CLUSTER", "MYID"), do(to, "CLUSTER", "MYID")
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	time.Sleep(30 * time.Millisecond) // new keys go to the target already
	for range 100 {
		keys := do(from, "CLUSTER", "GETKEYSINSLOT", slot, 10).([]any)
		if len(keys) == 0 {
			break
		}
		do(from, append([]any{"MIGRATE", "127.0.0.1", to.Port, "", 0, 1000, "KEYS"}, keys...)...)
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(30 * time.Millisecond) // all keys answer ASK
	do(to, "CLUSTER", "SETSLOT", slot, "NODE", target)
	do(from, "CLUSTER", "SETSLOT", slot, "NODE", target)
	for _, s := range all {
		if s != from && s != to {
			do(s, "CLUSTER", "SETSLOT", slot, "NODE", target)
		}
	}
}
