//go:build linux

package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// TestHammerFindsBrokenStores: the hammer is worth something only if it notices.
func TestHammerFindsBrokenStores(t *testing.T) {
	for _, broken := range []string{"deaf", "late"} {
		t.Run(broken, func(t *testing.T) {
			x := newHammering(t, memberOptions{Broken: broken})
			for deadline := time.Now().Add(20 * time.Second); x.board.sum(tallyStale) == 0 && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
			}
			x.finish()
			t.Log(x.board)
			if x.board.sum(tallyStale) == 0 {
				t.Errorf("got no stale page over a store that is %s, want some: the hammer sees nothing", broken)
			}
		})
	}
}

// brokenStore is s, or s with something wrong with it.
func brokenStore(how string, s *redisstore.Store) pagecache.Store {
	switch how {
	case "deaf":
		return deafStore{s}
	case "late":
		return &lateStore{Store: s, read: make(map[string]earlier)}
	}
	return s
}

// deafStore does not hear every purge.
type deafStore struct{ *redisstore.Store }

func (s deafStore) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	if len(keys) > 0 && strings.HasPrefix(keys[0], "f:") && rand.IntN(20) == 0 {
		return nil
	}
	return s.Store.Set(ctx, value, ttl, keys...)
}

// lateStore answers with what it has read within the last moments, as a replica
// would, or a client with a cache of its own.
type lateStore struct {
	*redisstore.Store
	mu   sync.Mutex
	read map[string]earlier
}

type earlier struct {
	values [][]byte
	left   []time.Duration
	until  time.Time
}

func (s *lateStore) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	values, _, err := s.GetTTL(ctx, 0, keys...)
	return values, err
}

func (s *lateStore) GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error) {
	name := fmt.Sprint(timed, keys)
	s.mu.Lock()
	last := s.read[name]
	s.mu.Unlock()
	if time.Now().Before(last.until) {
		return last.values, last.left, nil
	}
	values, left, err := s.Store.GetTTL(ctx, timed, keys...)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read[name] = earlier{values, left, time.Now().Add(100 * time.Millisecond)}
	return values, left, nil
}
