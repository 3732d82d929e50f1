package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// TestPrompt: whatever the server does, a call that has a deadline is back by
// then. The clients have the long time limits that go-redis gives them, so that
// only the context can be the reason.
func TestPrompt(t *testing.T) {
	const limit, grace = 60 * time.Millisecond, 5 * time.Millisecond
	long := func(o *redis.UniversalOptions) {
		patient(o)
		o.PoolSize, o.MaxActiveConns = 2, 2
	}
	frozen := startServer(t)
	warm, cold, full := frozen.client(long), frozen.client(long), frozen.client(long)
	if err := warm.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	// Two connections of full wait for a reply that does not come.
	for range 2 {
		started := make(chan struct{})
		go func() {
			close(started)
			full.BLPop(context.Background(), time.Minute, "none")
		}()
		<-started
	}
	eventually(t, "the pool is exhausted", func() bool {
		stats := full.PoolStats()
		return stats.TotalConns == 2 && stats.IdleConns == 0
	})
	gone := startServer(t)
	gone.kill()
	frozen.freeze()
	defer frozen.thaw()

	for name, client := range map[string]redis.UniversalClient{
		"frozen": warm, "frozen while connecting": cold, "pool exhausted": full, "refused": gone.client(long),
	} {
		s := redisstore.New(client, "shop")
		if !s.Prompt() {
			t.Errorf("%s: Prompt: got false, want true", name)
		}
		for op, call := range map[string]func(context.Context) error{
			"Get":      func(ctx context.Context) error { _, err := s.Get(ctx, "page:a"); return err },
			"Get many": func(ctx context.Context) error { _, err := s.Get(ctx, "page:a", "page:b"); return err },
			"GetTTL":   func(ctx context.Context) error { _, _, err := s.GetTTL(ctx, 1, "page:a", "page:b"); return err },
			"Set":      func(ctx context.Context) error { return s.Set(ctx, []byte("v"), time.Hour, "page:a") },
			"Set many": func(ctx context.Context) error { return s.Set(ctx, []byte("v"), time.Hour, "page:a", "page:b") },
			"Add":      func(ctx context.Context) error { _, err := s.Add(ctx, []byte("v"), time.Hour, "page:a"); return err },
			"Delete":   func(ctx context.Context) error { return s.Delete(ctx, "page:a") },
			"TouchIf": func(ctx context.Context) error {
				_, err := s.TouchIf(ctx, time.Hour, "page:a", []byte("v"))
				return err
			},
			"Publish": func(ctx context.Context) error { return s.Publish(ctx, []byte("v")) },
			"Check":   s.Check,
		} {
			wantPromptly(t, name+": "+op, limit, grace, call)
		}
	}
}

// wantPromptly tries thrice, for a busy machine may be late for reasons of its own.
func wantPromptly(t *testing.T, what string, limit, grace time.Duration, call func(context.Context) error) {
	t.Helper()
	var took time.Duration
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		begin := time.Now()
		err := call(ctx)
		took = time.Since(begin)
		cancel()
		var e *redisstore.Error
		if !errors.As(err, &e) || e.Class() != "timeout" && e.Class() != "refused" {
			t.Errorf("%s: got error %v, want one of the class timeout or refused", what, err)
		}
		if took <= limit+grace {
			return
		}
	}
	t.Errorf("%s: took %v, want at most %v", what, took, limit+grace)
}
