package redisstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// TestTampered: what others put under our keys is no page, and can be removed
// with the very bytes that Get returned.
func TestTampered(t *testing.T) {
	server := startServer(t)
	client := server.client(patient)
	ctx := t.Context()
	s := redisstore.New(client, "shop", redisstore.SignWith(key1))
	_ = s.Set(ctx, []byte("pgc page A"), time.Hour, "page:A")
	_ = s.Set(ctx, []byte("pgc page B"), time.Hour, "page:B")
	sealedA, _ := client.Get(ctx, "4:shop:2s:page:{A}").Result()
	for name, raw := range map[string]string{
		"swapped": sealedA, "unsigned": "pgc page A", "cut": sealedA[:20], "empty": "", "mark": "pgs", "flipped": sealedA[:40] + "X",
	} {
		client.Set(ctx, "4:shop:2s:page:{B}", raw, 0)
		got, err := s.Get(ctx, "page:B")
		if err != nil || !bytes.HasPrefix(got[0], []byte("pgs!")) {
			t.Errorf("%s: got %q, %v, want what is no page", name, got, err)
		}
		if deleted, err := s.DeleteIf(ctx, "page:B", got[0]); !deleted || err != nil {
			t.Errorf("%s: got %v, %v, want it to be deleted", name, deleted, err)
		}
	}
}

func TestWrongType(t *testing.T) {
	server := startServer(t)
	for name, client := range map[string]redis.UniversalClient{"single": server.client(patient), "many": opaque{server.client(patient)}} {
		s := redisstore.New(client, name)
		ctx := t.Context()
		foreign := fmt.Sprintf("%d:%s:2:page:{a}", len(name), name)
		client.LPush(ctx, foreign, "x")
		for _, keys := range [][]string{{"page:a"}, {"page:a", "page:b"}} {
			if got, err := s.Get(ctx, keys...); err != nil || got[0] != nil {
				t.Errorf("%s: Get: got %q, %v, want nothing", name, got, err)
			}
		}
		_, err := s.Add(ctx, []byte("v"), time.Hour, "page:b", "page:a")
		var e *redisstore.Error
		if !errors.As(err, &e) || e.Class() != "wrongtype" || !strings.Contains(e.Error(), foreign) {
			t.Errorf("%s: Add: got %v, want an error of the class wrongtype that names %s", name, err, foreign)
		}
		if err := s.Delete(ctx, "page:a"); err != nil {
			t.Errorf("%s: Delete: %v", name, err)
		}
	}
}
