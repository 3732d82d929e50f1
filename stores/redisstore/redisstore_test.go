package redisstore_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

var _ pagecache.Store = (*redisstore.Store)(nil)

var key1 = redisstore.SigningKey{ID: 1, Secret: []byte("0123456789abcdef")}

// opaque hides the type of a client, so that the store works as it does with
// many servers.
type opaque struct{ redis.UniversalClient }

func TestConformance(t *testing.T) {
	server := startServer(t)
	for name, tc := range map[string]struct {
		client redis.UniversalClient
		opts   []redisstore.Option
	}{
		"plain":      {server.client(patient), nil},
		"sealed":     {server.client(patient), []redisstore.Option{redisstore.SignWith(key1), redisstore.Compress(256)}},
		"compressed": {server.client(patient), []redisstore.Option{redisstore.Compress(256)}},
		"pipelined":  {opaque{server.client(patient)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Store(t, func(testing.TB) pagecache.Store {
				return redisstore.New(tc.client, "conformance-"+name, tc.opts...)
			})
		})
	}
}

// wantPanic fails unless call panics with a text that has all parts.
func wantPanic(t *testing.T, call func(), parts ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		text := fmt.Sprint(recover())
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("got panic %q, want one with %q", text, part)
			}
		}
	}()
	call()
}

func TestNewPanics(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	defer func() { _ = ring.Close(); _ = client.Close() }()
	create := func(c redis.UniversalClient, namespace string, opts ...redisstore.Option) func() {
		return func() { redisstore.New(c, namespace, opts...) }
	}
	wantPanic(t, create(nil, "shop"), "redisstore: New: the client is nil", "redisstore.Open")
	wantPanic(t, create((*redis.Client)(nil), "shop"), "redisstore: New: the client is nil (*redis.Client)")
	wantPanic(t, create(client, ""), `redisstore: New: the namespace "" is empty`, "shop-production")
	wantPanic(t, create(client, strings.Repeat("x", 65)), "65 bytes")
	wantPanic(t, create(client, "a{b}"), `"a{b}"`, "braces")
	wantPanic(t, create(client, "a\nb"), "control characters")
	wantPanic(t, create(client, "shop", nil), "option 0 is nil")
	wantPanic(t, create(ring, "shop"), "redisstore.UnsafeRing", "purged pages back")
	create(ring, "shop", redisstore.UnsafeRing())()

	for what, o := range map[string]*redis.ClusterOptions{
		"ReadOnly": {ReadOnly: true}, "RouteByLatency": {RouteByLatency: true}, "RouteRandomly": {RouteRandomly: true},
	} {
		o.Addrs = []string{"127.0.0.1:1"}
		cluster := redis.NewClusterClient(o)
		defer cluster.Close()
		wantPanic(t, create(cluster, "shop"), "redisstore: New: the client has "+what, "replicas")
	}
	failover := redis.NewFailoverClusterClient(&redis.FailoverOptions{
		MasterName: "m", SentinelAddrs: []string{"127.0.0.1:1"}, ReplicaOnly: true,
	})
	defer failover.Close()
	wantPanic(t, create(failover, "shop"), "ReplicaOnly", "replicas")
	cached := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ClientSideCacheConfig: &redis.ClientSideCacheConfig{}})
	defer cached.Close()
	wantPanic(t, create(cached, "shop"), "client-side cache")

	wantPanic(t, func() { redisstore.SignWith() }, "redisstore: SignWith: there is no key")
	wantPanic(t, func() { redisstore.SignWith(redisstore.SigningKey{Secret: []byte("short")}) }, "5 bytes", "16")
	wantPanic(t, func() { redisstore.SignWith(key1, key1) }, "two keys have the ID 1")
	wantPanic(t, func() { redisstore.Compress(0) }, "redisstore: Compress(0)", "Compress(1024)")
	wantPanic(t, func() { redisstore.NewClient(nil) }, "redisstore: NewClient")
	wantPanic(t, func() { redisstore.NewClient(&redis.UniversalOptions{ReadOnly: true}) }, "ReadOnly", "replicas")
}

// TestKeys pins the layout: other versions, and people with redis-cli, rely on it.
func TestKeys(t *testing.T) {
	server := startServer(t)
	client := server.client(patient)
	keys := []string{"page:H", "page:H:x", "page:H:x:y", "page", "page:", "page::", "page:H:"}
	var want []string
	for _, tc := range []struct{ namespace, prefix string }{{"a", "1:a:2:"}, {"ab", "2:ab:2:"}} {
		s := redisstore.New(client, tc.namespace)
		for _, key := range keys {
			if err := s.Set(t.Context(), []byte(key), time.Hour, key); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"page:{H}", "page:{H}:x", "page:{H}:x:y", "page", "page:{}", "page:{}:", "page:{H}:"} {
			want = append(want, tc.prefix+name)
		}
		if got, err := s.Get(t.Context(), keys...); err != nil || !slices.Equal(texts(got), keys) {
			t.Errorf("many at once: got %q, %v, want %q", got, err, keys)
		}
	}
	got, err := client.Keys(t.Context(), "*").Result()
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got keys %q, %v\nwant %q", got, err, want)
	}
	if n, _ := client.Exists(t.Context(), "1:a:2:page:{H}").Result(); n != 1 {
		t.Errorf("got %d, want 1 key", n)
	}
	other := redisstore.New(client, "a", redisstore.SignWith(key1))
	if got, err := other.Get(t.Context(), "page:H"); err != nil || got[0] != nil {
		t.Errorf("another format: got %q, %v, want nothing", got, err)
	}
}

func texts(values [][]byte) (list []string) {
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

func TestGetTTL(t *testing.T) {
	server := startServer(t)
	for name, client := range map[string]redis.UniversalClient{"single": server.client(patient), "many": opaque{server.client(patient)}} {
		t.Run(name, func(t *testing.T) {
			s := redisstore.New(client, name)
			ctx := t.Context()
			_ = s.Set(ctx, []byte("v"), time.Minute, "page:a", "page:b")
			values, left, err := s.GetTTL(ctx, 2, "page:a", "page:none", "page:b")
			if err != nil || len(values) != 3 || string(values[0]) != "v" || values[1] != nil || string(values[2]) != "v" {
				t.Errorf("got %q, %v", values, err)
			}
			if len(left) != 2 || left[0] > time.Minute || left[0] < 50*time.Second || left[1] >= 0 {
				t.Errorf("got %v left, want about a minute and a negative number", left)
			}
			client.Persist(ctx, fmt.Sprintf("%d:%s:2:page:{a}", len(name), name))
			if _, left, err = s.GetTTL(ctx, 1, "page:a"); err != nil || left[0] >= 0 {
				t.Errorf("without an end: got %v left, %v, want a negative number", left, err)
			}
			if values, left, err = s.GetTTL(ctx, 0); err != nil || len(values) != 0 || len(left) != 0 {
				t.Errorf("no keys: got %q, %v, %v", values, left, err)
			}
		})
	}
}

func TestConditional(t *testing.T) {
	server := startServer(t)
	client := server.client(patient)
	key2 := redisstore.SigningKey{ID: 2, Secret: []byte("fedcba9876543210")}
	page := bytes.Repeat([]byte("page "), 200)
	for name, pair := range map[string][2]*redisstore.Store{
		"plain":      {redisstore.New(client, "a"), redisstore.New(client, "a")},
		"compressed": {redisstore.New(client, "b", redisstore.Compress(256)), redisstore.New(client, "b")},
		"rotated": {redisstore.New(client, "c", redisstore.SignWith(key1, key2), redisstore.Compress(256)),
			redisstore.New(client, "c", redisstore.SignWith(key2, key1))},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, ctx := pair[0], pair[1], t.Context()
			_ = a.Set(ctx, []byte("lease"), time.Minute, "page:H:l")
			check := func(what string, want bool) func(bool, error) {
				return func(got bool, err error) {
					t.Helper()
					if got != want || err != nil {
						t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
					}
				}
			}
			check("SetIf another", false)(b.SetIf(ctx, page, time.Minute, "page:H", "page:H:l", []byte("other")))
			check("TouchIf another", false)(b.TouchIf(ctx, time.Hour, "page:H:l", []byte("other")))
			check("TouchIf", true)(b.TouchIf(ctx, time.Hour, "page:H:l", []byte("lease")))
			if _, left, _ := b.GetTTL(ctx, 1, "page:H:l"); left[0] < 50*time.Minute {
				t.Errorf("touched: got %v left, want an hour", left[0])
			}
			check("SetIf", true)(a.SetIf(ctx, page, time.Minute, "page:H", "page:H:l", []byte("lease")))
			check("SetIf again", false)(b.SetIf(ctx, page, time.Minute, "page:H", "page:H:l", []byte("lease")))
			got, err := b.Get(ctx, "page:H", "page:H:l")
			if err != nil || !bytes.Equal(got[0], page) || got[1] != nil {
				t.Errorf("got %.20q, %v, want the page and no lease", got, err)
			}
			check("DeleteIf another", false)(b.DeleteIf(ctx, "page:H", []byte("other")))
			check("DeleteIf", true)(b.DeleteIf(ctx, "page:H", got[0]))
			check("DeleteIf again", false)(b.DeleteIf(ctx, "page:H", got[0]))
		})
	}
}
