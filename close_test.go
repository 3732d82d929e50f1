package pagecache_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestCloseLeavesNothing: a bubble reports every goroutine that stays behind.
func TestCloseLeavesNothing(t *testing.T) {
	for _, b := range []struct {
		name string
		opts []pagecache.Option
	}{
		{"default", nil},
		{"memory", []pagecache.Option{pagecache.WithMemory(newMapMemory())}},
		{"store", []pagecache.Option{pagecache.WithStore(storetest.NewMap())}},
	} {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := pagecache.New(b.opts...)
				o := worker(time.Second)
				h := c.Page(time.Minute)(o)
				crowd(h, 10, func(i int) *http.Request {
					r, hangUp := cancellable(t, page("/"))
					if i%2 == 0 {
						hangUp()
					}
					return r
				})
				for range 2 { // closing again does nothing
					if err := c.Close(t.Context()); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
				before := o.runs.Load()
				got, _ := crowd(h, 3, sameHome)
				for _, got := range got {
					if got.reason() != "closed" || got.body == "" {
						t.Errorf("after Close: got %q, %q; want the handler's page, past the cache", got.cacheStatus(), got.body)
					}
				}
				if runs := o.runs.Load() - before; runs != 3 {
					t.Errorf("after Close: got %d runs for 3 requests", runs)
				}
			})
		})
	}
}

// TestCloseOverNetwork counts goroutines where there is no bubble to do it.
func TestCloseOverNetwork(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		c := pagecache.New()
		call(c.Page(time.Minute)(new(oracle)), page("/"))
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestCloseDuringFill: a page under way is delivered, and nothing is left.
func TestCloseDuringFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		o := worker(time.Second)
		time.AfterFunc(500*time.Millisecond, func() {
			if err := c.Close(context.Background()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		replies, _ := crowd(c.Page(time.Minute)(o), 5, sameHome)
		for _, got := range replies {
			if got.status != http.StatusOK || got.body == "" {
				t.Errorf("got %d %q, want a page", got.status, got.body)
			}
		}
	})
}

// TestCloseWaitsForStore, but not longer than its context lasts.
func TestCloseWaitsForStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var faults storetest.Faults
		hang, release := storetest.Hang()
		faults.Before(storetest.Only(hang, "Get"))
		c := pagecache.New(pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)), pagecache.WithLogger(silence))
		began := time.Now()
		if got := call(c.Page(time.Minute)(new(oracle)), page("/")); got.reason() != "store-error" || time.Since(began) != 50*time.Millisecond {
			t.Errorf("got %q after %v, want store-error after 50ms", got.cacheStatus(), time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		release()
	})
}
