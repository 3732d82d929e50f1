package pagecache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

var errTold = errors.New("the store may have refused it")

// modelPatience is for machines that are busy: a call that runs out of time is a
// refusal. Leases are short, for those of processes that crash are waited for.
func modelPatience(p *pagecache.Policy) {
	p.StoreBudget, p.PrefixPurge, p.Lease = 10*time.Second, true, 100*time.Millisecond
}

// TestModelOverStore is TestModel for three processes that share a Store, one of
// which crashes at times: what one purges, no other serves.
func TestModelOverStore(t *testing.T) {
	shared := storetest.NewMap()
	m := newModel(t, func() *pagecache.Cache {
		return newCache(t, modelForce, modelPatience, pagecache.WithLogger(silence), pagecache.WithStore(shared))
	})
	m.also = m.crash
	m.runAll(t)
	m.wants(t, "hits", "stale", "misses", "collapsed", "passes", "refreshed", "purges", "invalidated")
	if n := m.counts()["store errors"]; n > 0 {
		t.Errorf("%d store errors", n)
	}
}

// TestModelOverFaultyStore lets calls fail, before or after they have done their
// work. What a process could not purge, others may serve, but not that process.
func TestModelOverFaultyStore(t *testing.T) {
	shared := storetest.NewMap()
	var faults storetest.Faults
	m := newModel(t, func() *pagecache.Cache {
		return newCache(t, modelForce, modelPatience, pagecache.WithLogger(silence), pagecache.WithStore(storetest.FaultyStore(shared, &faults)))
	})
	m.faulty, m.calm = true, faults.Heal
	now := func(context.Context, string, []string) error {
		if m.roll(4) == 0 {
			return storetest.ErrFault
		}
		return nil
	}
	hooks := []storetest.Hook{nil, nil, now, storetest.Only(now, "Get"), storetest.Only(storetest.Fail(storetest.ErrFault), "Set", "Add")}
	m.also = func(c *modelClient) {
		m.crash(c)
		faults.Before(pick(c.rnd, hooks))
		faults.After(pick(c.rnd, hooks[:3]))
	}
	m.runAll(t)
	m.wants(t, "hits", "stale", "misses", "collapsed", "passes", "refreshed", "purges", "invalidated", "store errors")
}

func (m *model) runAll(t *testing.T) {
	for i := range m.nodes {
		m.start(i)
	}
	m.run(t, modelSize(60_000))
}

// crash replaces a node by a new one, which knows nothing, every now and then.
func (m *model) crash(c *modelClient) {
	if c.rnd.IntN(8) == 0 {
		m.start(c.rnd.IntN(len(m.nodes)))
	}
}
