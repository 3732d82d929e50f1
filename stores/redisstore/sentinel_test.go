package redisstore_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// startSentinel watches master, and returns its own address.
func startSentinel(t *testing.T, master *server) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(master.addr)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, "sentinel monitor m %s %s 1\n", host, port), 0o600); err != nil {
		t.Fatal(err)
	}
	return startServer(t, file, "--sentinel").addr
}

// TestSentinel: the client finds the master, and Check finds the client out
// that reads from its replica, which New cannot see.
func TestSentinel(t *testing.T) {
	master := startServer(t, "--repl-diskless-sync-delay", "0")
	host, port, _ := net.SplitHostPort(master.addr)
	startServer(t, "--replicaof", host+" "+port)
	observer := master.client(patient)
	eventually(t, "the replica follows", func() bool {
		role, err := observer.Do(t.Context(), "role").Slice()
		return err == nil && len(role) == 3 && len(role[2].([]any)) == 1
	})
	addr := startSentinel(t, master)

	client, err := redisstore.Open("redis://" + addr + "?master_name=m")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := redisstore.New(client, "shop")
	eventually(t, "Check", func() bool { return s.Check(within(t, time.Second)) == nil })
	if !s.Prompt() {
		t.Error("Prompt: got false, want true")
	}

	// As long as the Sentinel has not heard of the replica, it names the master.
	var last error
	eventually(t, "the replica is found", func() bool {
		stale := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: []string{addr}, ReplicaOnly: true})
		defer stale.Close()
		last = redisstore.New(stale, "shop").Check(t.Context())
		return last != nil
	})
	wantClass(t, "ReplicaOnly", last, "readonly", "the server is a replica")
}
