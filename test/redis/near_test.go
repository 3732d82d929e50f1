package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
)

func topoClient(addr string) redis.UniversalClient {
	return topoDial(&redis.UniversalOptions{Addrs: []string{addr}})
}

// copied asks for a page until it is answered from a copy: by a request that has
// Redis see no command.
func (n *topoNode) copied(t testing.TB, i int) {
	t.Helper()
	topoSoon(t, "a copy", 10*time.Second, func() error {
		n.ask(i)
		if v := n.ask(i); !v.hit || v.fault != "" {
			return fmt.Errorf("hit %t, %s", v.hit, v.fault)
		}
		return nil
	})
}

// wantHears fails unless the purges of one process reach the copies of another,
// whose time is not up for long.
func wantHears(t *testing.T, copying, purger *topoNode) {
	t.Helper()
	for range 3 {
		topoSoon(t, "purge", 10*time.Second, func() error { return purger.purge(t.Context(), purger.cache, 0) })
		topoSoon(t, "the purge arrives", 10*time.Second, func() error {
			if v := copying.ask(0); v.fault != "" {
				return fmt.Errorf("%s", v.fault)
			}
			return nil
		})
		copying.copied(t, 0)
	}
}

// TestNearReconnects: copies are dropped when messages may have been missed, long
// before their time is up, and purges arrive again afterwards.
func TestNearReconnects(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newTopoPages(1)
	copying := p.join(t, topoClient(server.Addr()), topoNamespace, pagecache.NearCache(1<<20, time.Hour), unhurried)
	purger := p.join(t, topoClient(server.Addr()), topoNamespace, unhurried)
	copying.copied(t, 0)
	for name, cut := range map[string]func(){
		"killed by the server": func() {
			if _, err := server.Do("CLIENT", "KILL", "TYPE", "pubsub"); err != nil {
				t.Fatal(err)
			}
		},
		"restart": server.Restart,
	} {
		cut()
		wantHears(t, copying, purger)
		t.Logf("%s: purges arrive again", name)
	}
	// A purge that nobody hears of, between the cut and the next connection.
	if _, err := server.Do("CLIENT", "KILL", "TYPE", "pubsub"); err != nil {
		t.Fatal(err)
	}
	wantHears(t, copying, purger)
}

// TestNearCutOff: while a process is cut off from Redis it serves copies, but none
// for longer than maxStale after a purge.
func TestNearCutOff(t *testing.T) {
	t.Parallel()
	const maxStale = 700 * time.Millisecond
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	p := newTopoPages(1)
	copying := p.join(t, topoClient(proxy.Addr()), topoNamespace, pagecache.NearCache(1<<20, maxStale))
	purger := p.join(t, topoClient(server.Addr()), topoNamespace, unhurried)
	copying.copied(t, 0)
	proxy.Stall(true)
	if err := p.purge(t.Context(), purger.cache, 0); err != nil {
		t.Fatal(err)
	}
	purged := time.Now()
	stale, longest := 0, time.Duration(0)
	for time.Since(purged) < 2*maxStale {
		if v := copying.ask(0); v.version == 0 {
			stale++
			longest = max(longest, v.began.Sub(purged))
		}
		time.Sleep(time.Millisecond)
	}
	t.Logf("cut off: %d old copies, the last %v after the purge; maxStale is %v", stale, longest, maxStale)
	if longest >= maxStale {
		t.Errorf("got an old copy %v after the purge, want none after %v", longest, maxStale)
	}
	proxy.Stall(false)
	wantHears(t, copying, purger)
}

// TestFigureNearPurge measures how long a copy outlives the purge of another
// process, and what the invalidation that Redis itself offers would do instead.
func TestFigureNearPurge(t *testing.T) {
	rounds := 30
	if *long {
		rounds = 400
	}
	server := redistest.Start(t)
	p := newTopoPages(1)
	copying := p.join(t, topoClient(server.Addr()), topoNamespace, pagecache.NearCache(1<<20, time.Hour), unhurried)
	purger := p.join(t, topoClient(server.Addr()), topoNamespace, unhurried)
	heard := listenBoth(t, server)
	copying.copied(t, 0)
	var lives, viaMessage, viaTracking, trips []time.Duration
	var costs struct{ messages, tracked, fillMessages, fillTracked int }
	for range rounds {
		before := heard.counts()
		began := time.Now()
		if err := p.purge(t.Context(), purger.cache, 0); err != nil {
			t.Fatal(err)
		}
		acknowledged := time.Now()
		last := acknowledged
		for copying.ask(0).fault != "" {
			last = time.Now()
		}
		lives, trips = append(lives, last.Sub(acknowledged)), append(trips, acknowledged.Sub(began))
		after := heard.settle(t, before.messages+1, before.tracked+1)
		viaMessage, viaTracking = append(viaMessage, after.message.Sub(began)), append(viaTracking, before.firstAfter(after, began))
		costs.messages += after.messages - before.messages
		costs.tracked += after.tracked - before.tracked
		copying.copied(t, 0)
	}
	before := heard.counts()
	fresh := newTopoPages(rounds).join(t, topoClient(server.Addr()), topoNamespace, unhurried)
	fresh.warm(t)
	after := heard.settle(t, before.messages, before.tracked)
	costs.fillMessages, costs.fillTracked = after.messages-before.messages, after.tracked-before.tracked
	t.Logf("a copy outlives the purge of another process, once that has returned: %s", topoQuantiles(lives))
	t.Logf("from the beginning of the purge: returned %s; message heard %s; tracking heard %s", topoQuantiles(trips), topoQuantiles(viaMessage), topoQuantiles(viaTracking))
	t.Logf("%d purges: %d messages, %d names by tracking; %d first fills: %d messages, %d names by tracking",
		rounds, costs.messages, costs.tracked, rounds, costs.fillMessages, costs.fillTracked)
	if costs.messages != rounds || costs.fillMessages != 0 {
		t.Errorf("got %d messages for %d purges and %d for fills, want one a purge and none a fill", costs.messages, rounds, costs.fillMessages)
	}
	if costs.fillTracked < rounds-1 {
		t.Errorf("got %d names by tracking for %d fills, want one for each fence that is made", costs.fillTracked, rounds)
	}
	if got := topoQuantile(lives, 0.5); *long && got > 20*time.Millisecond {
		t.Errorf("got a median of %v, want some milliseconds", got)
	}
}
