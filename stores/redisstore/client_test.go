package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

func TestOpen(t *testing.T) {
	for url, want := range map[string]string{
		"redis://u:p@127.0.0.1:1/2":                                "client",
		"rediss://127.0.0.1:1":                                     "client",
		"unix:///tmp/none.sock?db=1":                               "client",
		"redis://127.0.0.1:1?master_name=m&addr=127.0.0.1:2":       "client",
		"redis://127.0.0.1:1?addr=127.0.0.1:2&addr=127.0.0.1:3":    "cluster",
		"redis://127.0.0.1:1?read_timeout=7ms&dial_timeout=1s":     "client 7ms",
		"redis://127.0.0.1:1?max_retries=2&addr=127.0.0.1:2":       "cluster",
		"rediss://127.0.0.1:1?addr=127.0.0.1:2&read_timeout=100ms": "cluster",
	} {
		client, err := redisstore.Open(url)
		if err != nil {
			t.Errorf("%s: got error %v, want none", url, err)
			continue
		}
		kind := "other"
		switch c := client.(type) {
		case *redis.Client:
			kind = "client"
			o := c.Options()
			if o.ReadTimeout != 100*time.Millisecond {
				kind += " " + o.ReadTimeout.String()
			}
			if !o.ContextTimeoutEnabled || o.MaxRetries != 0 || o.DialerRetries != 1 || o.PoolSize < 32 {
				t.Errorf("%s: got options %+v", url, o)
			}
			if !redisstore.New(c, "shop").Prompt() {
				t.Errorf("%s: Prompt: got false, want true", url)
			}
		case *redis.ClusterClient:
			kind = "cluster"
			if o := c.Options(); !o.ContextTimeoutEnabled || o.MaxRedirects != 3 || o.ReadTimeout != 100*time.Millisecond {
				t.Errorf("%s: got options %+v", url, o)
			}
			if redisstore.New(c, "shop").Prompt() {
				t.Errorf("%s: Prompt: got true, want false", url)
			}
		}
		if kind != want {
			t.Errorf("%s: got %s, want %s", url, kind, want)
		}
		_ = client.Close()
	}
}

func TestOpenErrors(t *testing.T) {
	for url, part := range map[string]string{
		"http://u:geheim@host":             "http://u:xxxxx@host",
		"redis://u:geheim@host:port":       "redis://...",
		"redis://u:geheim%zz@host":         "%xx",
		"redis://u:geheim@host/x":          "xxxxx",
		"redis://host?nonsense=1&addr=b:1": "nonsense",
		"redis://host?master_name=m&addr=b:1&sentinel_password=geheim&nonsense=1": "nonsense",
		"redis://host:1?addr=b:1&read_only=true":                                  "replicas",
		"redis://host:1?master_name=m&replica_only=true":                          "replicas",
		"geheim": "the URL",
		"":       "redisstore: Open: ",
		"redis://host:1?master_name=m&addr=b:1&route_randomly=true&password=geheim": "replicas",
	} {
		client, err := redisstore.Open(url)
		if err == nil {
			_ = client.Close()
			t.Errorf("%s: got no error", url)
			continue
		}
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "gehe") {
			t.Errorf("%s: got error %q, want one with %q and without the password", url, err, part)
		}
	}
}
