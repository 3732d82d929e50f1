package redisstore_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// startCluster starts a cluster of one, which checks slots and redirects as a
// larger one does.
func startCluster(t *testing.T) redis.UniversalClient {
	t.Helper()
	server := startServer(t, "--cluster-enabled", "yes")
	admin := server.client(patient)
	if err := admin.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is up", func() bool {
		return strings.Contains(admin.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
	return server.client(patient, func(o *redis.UniversalOptions) { o.IsClusterMode = true })
}

// TestClients runs the store on the other clients of go-redis.
func TestClients(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": startServer(t).addr, "b": startServer(t).addr}})
	defer ring.Close()
	piped, err := startServer(t).client(patient).(*redis.Client).AutoPipeline()
	if err != nil {
		t.Fatal(err)
	}
	defer piped.Close()
	cluster := startCluster(t)
	for name, open := range map[string]func() *redisstore.Store{
		"cluster":      func() *redisstore.Store { return redisstore.New(cluster, "shop", redisstore.SignWith(key1)) },
		"ring":         func() *redisstore.Store { return redisstore.New(ring, "shop", redisstore.UnsafeRing()) },
		"autopipeline": func() *redisstore.Store { return redisstore.New(piped, "shop") },
	} {
		t.Run(name, func(t *testing.T) {
			s := open()
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("Check: got error %v, want none", err)
			}
			if s.Prompt() {
				t.Error("Prompt: got true, want false")
			}
			l := listen(t, s)
			wantHeard(t, s, l, "message")
			l.cancel()
			if err := l.wantEnd(t); err != nil {
				t.Errorf("Subscribe: got error %v, want none", err)
			}
			storetest.Store(t, func(testing.TB) pagecache.Store { return open() })
		})
	}
}

// TestRingDown: a ring without servers is an outage like any other.
func TestRingDown(t *testing.T) {
	server := startServer(t)
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": server.addr}, HeartbeatFrequency: 1e7})
	defer ring.Close()
	s := redisstore.New(ring, "shop", redisstore.UnsafeRing())
	server.kill()
	eventually(t, "the ring gives its server up", func() bool { return ring.Len() == 0 })
	l := listen(t, s)
	eventually(t, "lost", func() bool { return l.losses() > 1 })
	server.start()
	wantHeard(t, s, l, "message")
}
