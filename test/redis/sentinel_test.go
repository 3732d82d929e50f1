package redis_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

func sentinelClient(s *redistest.Sentinel) redis.UniversalClient {
	return topoDial(&redis.UniversalOptions{MasterName: s.MasterName, Addrs: s.SentinelAddrs()})
}

func sentinelOpened(t *testing.T, s *redistest.Sentinel) redis.UniversalClient {
	t.Helper()
	addrs := s.SentinelAddrs()
	url := "redis://" + addrs[0] + "?master_name=" + s.MasterName + "&addr=" + strings.Join(addrs[1:], "&addr=")
	if !*long {
		url += "&read_timeout=2s&pool_timeout=2s" // as topoDial
	}
	client, err := redisstore.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// takesOver waits until the replica is a master that takes writes, as it says
// itself, and returns when that was.
func takesOver(t *testing.T, replica *redistest.Server) (served time.Time) {
	t.Helper()
	topoSoon(t, "the replica takes over", 30*time.Second, func() error {
		served = time.Now()
		_, err := replica.Do("SET", "probe", "value")
		return err
	})
	return served
}

// TestFigureSentinelFailover: the master dies under traffic. The replica has all
// purges, so nothing old is served afterwards.
func TestFigureSentinelFailover(t *testing.T) {
	s := redistest.StartSentinel(t)
	p := newTopoPages(60)
	a, b := p.join(t, sentinelClient(s), topoNamespace, usual), p.join(t, sentinelOpened(t, s), topoNamespace, usual)
	a.warm(t)
	load := startTopoTraffic(topoRate, a, b)
	time.Sleep(500 * time.Millisecond)
	for i := range 30 {
		topoSoon(t, "purge", 5*time.Second, func() error { return p.purge(t.Context(), b.cache, i) })
	}
	master, replica := s.Nodes()[0], s.Nodes()[1]
	caughtUp(t, master, replica)
	time.Sleep(500 * time.Millisecond)
	lost := time.Now()
	master.Kill()
	writable := takesOver(t, replica)
	served := named(t, s, replica)
	linger(t, a)
	t.Logf("the replica took writes after %v, and all Sentinels named it after %v", writable.Sub(lost), served.Sub(lost))
	topoReport(t, load.stop(t), lost, served)
	topoSoon(t, "purge", 5*time.Second, func() error { return p.purge(t.Context(), a.cache, 0) })
	for _, n := range []*topoNode{a, b} {
		if v := n.ask(0); v.fault != "" {
			t.Errorf("purge after the failover: %s", v.fault)
		}
	}
}

// named waits until all Sentinels name a server as the master, so that clients can
// know of it, and returns when that was.
func named(t *testing.T, s *redistest.Sentinel, server *redistest.Server) (when time.Time) {
	t.Helper()
	topoSoon(t, "the Sentinels name the new master", 30*time.Second, func() error {
		when = time.Now()
		for _, sentinel := range s.Sentinels() {
			reply, err := sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.MasterName)
			if addr, _ := reply.([]any); err != nil || len(addr) != 2 || addr[1] != strconv.Itoa(server.Port) {
				return fmt.Errorf("%s names %v: %v", sentinel.Addr(), reply, err)
			}
		}
		return nil
	})
	return when
}

var offset = regexp.MustCompile(`(?m)^(master_repl_offset|slave_repl_offset):(\d+)`)

// caughtUp waits until the replica has all that the master had when it was asked.
func caughtUp(t *testing.T, master, replica *redistest.Server) {
	t.Helper()
	info, err := master.Do("INFO", "replication")
	if err != nil {
		t.Fatal(err)
	}
	sent := offset.FindStringSubmatch(fmt.Sprint(info))
	topoSoon(t, "the replica has caught up", 5*time.Second, func() error {
		info, err := replica.Do("INFO", "replication")
		has := offset.FindStringSubmatch(fmt.Sprint(info))
		if err != nil || has == nil || len(has[2]) < len(sent[2]) || len(has[2]) == len(sent[2]) && has[2] < sent[2] {
			return fmt.Errorf("at %q of %q: %v", has, sent, err)
		}
		return nil
	})
}

// TestSentinelLosesPurge: what the documentation says of a failover. A purge that
// was acknowledged is lost with the master if its replica had not received it, and
// the old page is served again; one that it had received is not.
func TestSentinelLosesPurge(t *testing.T) {
	s := redistest.StartSentinel(t)
	p := newTopoPages(2)
	a, b := p.join(t, sentinelClient(s), topoNamespace, unhurried), p.join(t, sentinelClient(s), topoNamespace, unhurried)
	a.warm(t)
	master, replica := s.Nodes()[0], s.Nodes()[1]
	if err := p.purge(t.Context(), a.cache, 0); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, master, replica)
	replica.Freeze()
	// What is on its way to a frozen process would still reach it.
	if _, err := master.Do("CLIENT", "KILL", "TYPE", "replica"); err != nil {
		t.Fatal(err)
	}
	if err := p.purge(t.Context(), a.cache, 1); err != nil {
		t.Fatalf("Purge: got error %v, want none: the master took it", err)
	}
	if v := b.ask(1); v.fault != "" {
		t.Errorf("before the master is lost: %s", v.fault)
	}
	master.Kill()
	replica.Thaw()
	takesOver(t, replica)
	b.hitsAgain(t)
	if v := b.ask(0); v.fault != "" {
		t.Errorf("a purge that the replica had received: %s", v.fault)
	}
	v := b.ask(1)
	t.Logf("a purge that the replica had not received: version %d of page 1 after version 1 was purged", v.version)
	if !v.hit || v.version != 0 {
		t.Errorf("got version %d, hit %t; want the old page back, as the documentation says", v.version, v.hit)
	}
	if err := p.purge(t.Context(), a.cache, 1); err != nil {
		t.Fatal(err)
	}
	if v := b.ask(1); v.fault != "" {
		t.Errorf("purged once more: %s", v.fault)
	}
}

// hitsAgain waits until Redis answers page 0 again, which is not the one that the
// test is about.
func (n *topoNode) hitsAgain(t testing.TB) {
	t.Helper()
	topoSoon(t, "a hit after the failover", 15*time.Second, func() error {
		time.Sleep(20 * time.Millisecond)
		if v := n.ask(0); !v.hit {
			return fmt.Errorf("got version %d, no hit", v.version)
		}
		return nil
	})
}

// TestSettingsOfSentinel holds the client to what the documentation says of it.
func TestSettingsOfSentinel(t *testing.T) {
	client := redisstore.NewClient(&redis.UniversalOptions{MasterName: "m", Addrs: []string{"127.0.0.1:1"}})
	defer client.Close()
	c, ok := client.(*redis.Client)
	if !ok || !redisstore.New(client, "shop").Prompt() || c.Options().ReadTimeout != 100*time.Millisecond {
		t.Errorf("got %T, %v; want a prompt client with a ReadTimeout of 100ms", client, client)
	}
}
