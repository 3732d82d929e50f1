package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// wantClass fails unless err is of the class and its text has the parts.
func wantClass(t *testing.T, what string, err error, class string, parts ...string) {
	t.Helper()
	var e *redisstore.Error
	if !errors.As(err, &e) || e.Class() != class {
		t.Errorf("%s: got error %v, want one of the class %s", what, err, class)
		return
	}
	for _, part := range append(parts, "redisstore: ") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got error %q, want %q in it", what, err, part)
		}
	}
}

// TestErrorsOfServers provokes real ones, in calls and in Check.
func TestErrorsOfServers(t *testing.T) {
	master := startServer(t, "--repl-diskless-sync-delay", "0")
	masterHost, masterPort, _ := strings.Cut(master.addr, ":")
	full := startServer(t, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
	secret := startServer(t, "--requirepass", "geheim")
	replica := startServer(t, "--replicaof", masterHost+" "+masterPort)
	cluster := startServer(t, "--cluster-enabled", "yes")
	gone := startServer(t)
	gone.kill()
	observer := replica.client(patient)
	eventually(t, "the replica follows", func() bool {
		return strings.Contains(observer.Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
	for _, tc := range []struct {
		class, says string
		client      redis.UniversalClient
	}{
		{"oom", "maxmemory-policy", full.client()},
		{"auth", "the password", secret.client()},
		{"auth", "the password", secret.client(func(o *redis.UniversalOptions) { o.Password = "guessed-wrong" })},
		{"readonly", "give the address of the master", replica.client()},
		{"clusterdown", "CLUSTER INFO", cluster.client()},
		{"refused", "no Redis answers there", gone.client()},
	} {
		t.Run(tc.class, func(t *testing.T) {
			s, ctx := redisstore.New(tc.client, "shop"), within(t, 5*time.Second)
			value := []byte("PRIVATE")
			err := s.Set(ctx, value, time.Hour, "page:a")
			wantClass(t, "Set", err, tc.class, "Set: ", tc.says)
			_, add := s.Add(ctx, value, time.Hour, "page:b", "page:c")
			wantClass(t, "Add", add, tc.class, tc.says)
			_, setIf := s.SetIf(ctx, value, time.Hour, "page:b", "page:b:l", []byte("PRIVATE"))
			if tc.class != "oom" && tc.class != "readonly" { // nothing is written where the lease is gone
				wantClass(t, "SetIf", setIf, tc.class, tc.says)
			}
			wantClass(t, "Check", s.Check(ctx), tc.class, "Check: ", tc.says)
			for _, err := range []error{err, add, setIf} {
				if text := fmt.Sprint(err); strings.Contains(text, "PRIVATE") || strings.Contains(text, "guessed-wrong") {
					t.Errorf("got error %.200q, which tells a secret", text)
				}
			}
		})
	}
}

func TestErrorsOfClient(t *testing.T) {
	server := startServer(t)
	client := server.client(patient)
	s := redisstore.New(client, "shop")
	wantClass(t, "Set", s.Set(t.Context(), make([]byte, 512<<20+1), time.Hour, "page:a"), "too-large", "536870913", "536870912")

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(canceled, "page:a")
	if wantClass(t, "canceled", err, "canceled"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = s.Get(late, "page:a")
	wantClass(t, "late", err, "timeout", "SLOWLOG")

	// A server that does not know a command repeats its arguments.
	strange := startServer(t, "--rename-command", "SET", "")
	err = redisstore.New(strange.client(), "shop").Set(t.Context(), []byte("PRIVATE"), time.Hour, "page:a")
	if wantClass(t, "unknown command", err, "other", "unknown command"); strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("got error %q, which tells a secret", err)
	}
	_ = client.Close()
	_, err = s.Get(t.Context(), "page:a")
	wantClass(t, "closed", err, "closed", "close the cache first")
}

func TestCheck(t *testing.T) {
	server := startServer(t)
	client := server.client(patient)
	ctx := t.Context()
	plain := redisstore.New(client, "shop")
	sealed := redisstore.New(client, "shop", redisstore.SignWith(key1))
	for range 2 {
		if err := plain.Check(ctx); err != nil {
			t.Errorf("got error %v, want none", err)
		}
	}
	wantClass(t, "another format", sealed.Check(ctx), "namespace",
		`"4:shop:manifest"`, `"pagecache 2"`, `"pagecache 2 signed"`, "another namespace")
	client.Del(ctx, "4:shop:manifest")
	if err := sealed.Check(ctx); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	if keys, _ := client.Keys(ctx, "*").Result(); len(keys) != 1 {
		t.Errorf("got keys %q left, want only the manifest", keys)
	}
	if err := redisstore.New(opaque{client}, "many").Check(ctx); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// eventually polls for some seconds.
func eventually(t *testing.T, what string, check func() bool) bool {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if check() {
			return true
		}
	}
	t.Errorf("%s: not so after 10 s", what)
	return false
}

// TestNoFalseSuccess: go-redis leaves the commands of a pipeline without an
// error when its connection could not be set up. A purge that seems to be done
// would be the worst of it.
func TestNoFalseSuccess(t *testing.T) {
	server := startServer(t, "--requirepass", "geheim")
	wrong := func(o *redis.UniversalOptions) { o.Password = "wrong" }
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": server.addr}, Password: "wrong"})
	defer ring.Close()
	for name, s := range map[string]*redisstore.Store{
		"single": redisstore.New(server.client(wrong), "shop"),
		"many":   redisstore.New(opaque{server.client(wrong)}, "shop"),
		"ring":   redisstore.New(ring, "shop", redisstore.UnsafeRing()),
	} {
		ctx, v, keys := t.Context(), []byte("v"), []string{"page:a", "page:b"}
		for op, call := range map[string]func() error{
			"Get":      func() error { _, err := s.Get(ctx, keys...); return err },
			"GetTTL":   func() error { _, _, err := s.GetTTL(ctx, 1, keys...); return err },
			"Set":      func() error { return s.Set(ctx, v, time.Hour, keys...) },
			"Add":      func() error { _, err := s.Add(ctx, v, time.Hour, keys...); return err },
			"Delete":   func() error { return s.Delete(ctx, keys...) },
			"SetIf":    func() error { _, err := s.SetIf(ctx, v, time.Hour, "page:a", "page:a:l", v); return err },
			"DeleteIf": func() error { _, err := s.DeleteIf(ctx, "page:a", v); return err },
			"TouchIf":  func() error { _, err := s.TouchIf(ctx, time.Hour, "page:a", v); return err },
			"Publish":  func() error { return s.Publish(ctx, v) },
			"Check":    func() error { return s.Check(ctx) },
		} {
			wantClass(t, name+": "+op, call(), "auth", "the password")
		}
	}
}
