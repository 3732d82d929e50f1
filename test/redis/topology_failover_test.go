package redis_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
)

const nearChannel = "6:nearby:2:purges"

// clusterFreezes has a master stand still that keeps its connections.
func clusterFreezes(t *testing.T, c *redistest.Cluster) {
	if !*long {
		t.Skip("in the long form only: the next test loses a master, too")
	}
	victim := c.MasterOf(nearChannel)
	for _, master := range c.Masters() {
		if master != victim {
			victim = master
			break
		}
	}
	clusterLoses(t, c, victim, victim.Freeze)
	victim.Thaw()
	time.Sleep(2 * time.Second)
}

// clusterFailover kills the master that carries the subscription of a near cache,
// while other processes serve pages of all slots.
func clusterFailover(t *testing.T, c *redistest.Cluster) {
	near := newTopoPages(1)
	copying, purger := near.join(t, clusterClient(c), "nearby", pagecache.NearCache(1<<20, time.Minute), usual), near.join(t, clusterClient(c), "nearby", usual)
	victim := subscribedTo(t, c, nearChannel)
	copying.copied(t, 0)
	clusterLoses(t, c, victim, victim.Kill)
	wantHears(t, copying, purger)
}

// clusterLoses measures how pages fare while a master is lost.
func clusterLoses(t *testing.T, c *redistest.Cluster, victim *redistest.Server, lose func()) {
	t.Helper()
	p := newTopoPages(60)
	a, b := p.join(t, clusterClient(c), "failing", usual), p.join(t, clusterClient(c), "failing", usual)
	a.warm(t)
	key := keyOn(c, victim)
	load := startTopoTraffic(topoRate, a, b)
	other := startTopoTraffic(topoRate/10, p.join(t, minutely(c), "failing", usual))
	time.Sleep(time.Second)
	lost := time.Now()
	lose()
	served := replaced(t, c, victim, key)
	linger(t, a)
	views := other.stop(t)
	topoReport(t, load.stop(t), lost, served)
	end := views[len(views)-1].began
	t.Logf("with go-redis' minute between two maps of slots: hit ratio in the last second %.3f", topoHitRatio(views, end.Add(-time.Second), end))
}

// replaced waits until another node takes the key of a master that was lost, and
// returns when that was.
func replaced(t *testing.T, c *redistest.Cluster, victim *redistest.Server, key string) (served time.Time) {
	t.Helper()
	topoSoon(t, "a replica takes over", 20*time.Second, func() error {
		served = time.Now()
		for _, s := range c.Nodes() {
			if s == victim {
				continue
			}
			if _, err := s.Do("SET", key, "probe"); err == nil {
				return nil
			}
		}
		return errors.New("no node takes the key")
	})
	return served
}

// minutely is a client like that of NewClient but for the one setting.
func minutely(c *redistest.Cluster) redis.UniversalClient {
	own := clusterClient(c).(*redis.ClusterClient)
	defer own.Close()
	o := *own.Options()
	o.ClusterStateReloadInterval = 0
	return redis.NewClusterClient(&o)
}

// keyOn is a key that a master holds.
func keyOn(c *redistest.Cluster, master *redistest.Server) string {
	for i := 0; ; i++ {
		if key := fmt.Sprint("probe", i); c.MasterOf(key) == master {
			return key
		}
	}
}

// subscribedTo is the node that a channel's only subscriber is connected to.
func subscribedTo(t *testing.T, c *redistest.Cluster, channel string) (found *redistest.Server) {
	t.Helper()
	topoSoon(t, "subscribed", 10*time.Second, func() error {
		for _, s := range c.Masters() {
			reply, err := s.Do("PUBSUB", "NUMSUB", channel)
			if list, _ := reply.([]any); err == nil && len(list) == 2 && list[1] == 1 {
				found = s
				return nil
			}
		}
		return errors.New("no subscriber on any master")
	})
	return found
}
