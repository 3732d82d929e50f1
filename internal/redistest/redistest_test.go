package redistest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// connect makes a client that does not try again, so that each fault is seen.
func connect(t *testing.T, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr:                  addr,
		MaxRetries:            -1,
		DialerRetries:         1,
		ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { client.Close() })
	return client
}

// within bounds one command.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually tries until there is no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	began := time.Now()
	for {
		err := try()
		if err == nil {
			t.Logf("%s: after %v", what, time.Since(began).Round(10*time.Millisecond))
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// fakeTB records how a test would have ended, and goes on.
type fakeTB struct {
	*testing.T
	skipped, failed string
}

func (f *fakeTB) Skipf(format string, args ...any)  { f.skipped = fmt.Sprintf(format, args...) }
func (f *fakeTB) Fatalf(format string, args ...any) { f.failed = fmt.Sprintf(format, args...) }

func TestNeed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("PAGECACHE_NO_SKIPS", "")
	if redistest.Installed() {
		t.Fatal("got a redis-server from an empty PATH")
	}
	tb := &fakeTB{T: t}
	redistest.Need(tb)
	if !strings.HasPrefix(tb.skipped, "NOT TESTED: ") || tb.failed != "" {
		t.Errorf("got skipped %q, failed %q, want a skip", tb.skipped, tb.failed)
	}
	t.Setenv("PAGECACHE_NO_SKIPS", "1")
	tb = &fakeTB{T: t}
	redistest.Need(tb)
	if tb.failed == "" {
		t.Error("got no failure where skips are forbidden")
	}
}

func TestStartFails(t *testing.T) {
	redistest.Need(t)
	tb := &fakeTB{T: t}
	redistest.Start(tb, "--no-such-option", "yes")
	if !strings.Contains(tb.failed, "no-such-option") {
		t.Errorf("got %q, want the server's own words", tb.failed)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory", "64mb")
	options, err := redis.ParseURL(server.URL())
	if err != nil || options.Addr != server.Addr() {
		t.Fatalf("got URL %q: %v, want one for %s", server.URL(), err, server.Addr())
	}
	client := connect(t, server.Addr())
	if got, err := client.ConfigGet(t.Context(), "maxmemory").Result(); err != nil || got["maxmemory"] != "67108864" {
		t.Errorf("got %v: %v, want the option given", got, err)
	}
	if err := client.Do(t.Context(), "DEBUG", "JMAP").Err(); err != nil && strings.Contains(err.Error(), "not allowed") {
		t.Errorf("got %v, want DEBUG permitted", err)
	}
	if got, err := server.Do("ECHO", "a\r\nb"); err != nil || got != "a\r\nb" {
		t.Errorf("got %q: %v", got, err)
	}
	if _, err := server.Do("NONSENSE"); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("got %v, want the server's error", err)
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := connect(t, server.Addr())
	server.Freeze()
	if err := client.Ping(within(t, 200*time.Millisecond)).Err(); err == nil {
		t.Error("a frozen server answered")
	}
	server.Thaw()
	if err := client.Ping(within(t, 5*time.Second)).Err(); err != nil {
		t.Errorf("after Thaw: %v", err)
	}
	server.Freeze()
	server.Kill() // must not wait for it to thaw
	if err := client.Ping(within(t, 5*time.Second)).Err(); err == nil {
		t.Error("a killed server answered")
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := connect(t, server.Addr())
	end := map[string]func(){"running": func() {}, "killed": server.Kill, "stopped": server.Stop}
	for name, end := range end {
		if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
		addr := server.Addr()
		end()
		if _, err := server.Do("PING"); (err == nil) != (name == "running") {
			t.Errorf("%s: got error %v", name, err)
		}
		server.Restart()
		if server.Addr() != addr {
			t.Errorf("%s: got %s, want %s again", name, server.Addr(), addr)
		}
		// The client's connections of old fail once each.
		eventually(t, "restart when "+name, func() error { return client.Ping(t.Context()).Err() })
		if err := client.Get(t.Context(), "key").Err(); err != redis.Nil {
			t.Errorf("%s: got %v, want the data lost", name, err)
		}
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	began := time.Now()
	cluster := redistest.StartCluster(t, 3, 3)
	t.Logf("ready after %v", time.Since(began))
	if got := len(cluster.Masters()); got != 3 || len(cluster.Addrs()) != 6 {
		t.Fatalf("got %d masters at %d addresses, want 3 and 6", got, len(cluster.Addrs()))
	}
	// This client takes no notice of a lost master but for its regular look at
	// the cluster, which is once a minute by default.
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: cluster.Addrs(), ClusterStateReloadInterval: 500 * time.Millisecond,
	})
	defer client.Close()
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	old := cluster.MasterOf("key")
	if cluster.Node(old.Addr()) != old || cluster.Node("127.0.0.1:1") != nil {
		t.Error("Node does not find by address")
	}
	if got, err := old.Do("GET", "key"); err != nil || got != "value" {
		t.Fatalf("got %v: %v, want the key at its master", got, err)
	}
	old.Kill()
	if now := cluster.MasterOf("key"); now == old {
		t.Error("got the killed master")
	}
	if got := len(cluster.Masters()); got != 3 {
		t.Errorf("got %d masters, want 3 again", got)
	}
	eventually(t, "write after the loss of a master", func() error {
		return client.Set(within(t, time.Second), "key", "new", 0).Err()
	})
	old.Restart()
	eventually(t, "old master comes back as a replica", func() error {
		reply, err := old.Do("INFO", "replication")
		if err == nil && !strings.Contains(fmt.Sprint(reply), "role:slave") {
			err = fmt.Errorf("got %v", reply)
		}
		return err
	})
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	began := time.Now()
	sentinel := redistest.StartSentinel(t)
	t.Logf("ready after %v", time.Since(began))
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: sentinel.MasterName, SentinelAddrs: sentinel.SentinelAddrs(),
	})
	defer client.Close()
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	old := sentinel.Master()
	if old != sentinel.Nodes()[0] || len(sentinel.Sentinels()) != 3 {
		t.Fatalf("got master %s and %d sentinels", old.Addr(), len(sentinel.Sentinels()))
	}
	if n, err := client.Wait(t.Context(), 1, time.Second).Result(); err != nil || n != 1 {
		t.Fatalf("got %d replicas: %v, want 1 that has the key", n, err)
	}
	old.Kill()
	eventually(t, "write after the loss of the master", func() error {
		return client.Set(within(t, time.Second), "other", "value", 0).Err()
	})
	if got, err := client.Get(t.Context(), "key").Result(); err != nil || got != "value" {
		t.Errorf("got %q: %v from the new master", got, err)
	}
	if now := sentinel.Master(); now != sentinel.Nodes()[1] {
		t.Errorf("got master %s, want the replica", now.Addr())
	}
}
