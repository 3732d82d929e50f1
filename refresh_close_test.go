package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestCloseWaitsForRefreshes: those under way come to their end and are stored,
// and none is begun any more. What comes later is the handler's.
func TestCloseWaitsForRefreshes(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		for _, target := range []string{"/a", "/b", "/c"} {
			k.ask(target)
		}
		time.Sleep(fresh)
		k.press.take(5 * time.Second)
		k.ask("/a")
		time.Sleep(time.Second)
		k.ask("/b")
		closed, began := make(chan error, 1), time.Now()
		go func() { closed <- k.cache.Close(k.Context()) }()
		synctest.Wait()
		runs := k.press.runs.Load()
		k.press.take(0)
		if got := k.ask("/c"); got.reason() != "closed" || got.body != "edition 6" {
			k.Errorf("got %q, %q; want the handler's page, past the cache", got.body, got.cacheStatus())
		}
		select {
		case err := <-closed:
			k.Errorf("Close did not wait: %v", err)
		default:
		}
		if err := <-closed; err != nil || time.Since(began) != 5*time.Second {
			k.Errorf("Close: got %v after %v, want nil after 5s", err, time.Since(began))
		}
		k.wantRuns("after Close", runs+1)
		if s := k.cache.Stats(); s.Refreshed != 2 {
			k.Errorf("got %d refreshed, want 2", s.Refreshed)
		}
	}, swrHour)
}

// TestCloseGivesUpOnRefreshes: when its context ends, the handlers are told to
// stop, and the error says what has not ended.
func TestCloseGivesUpOnRefreshes(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		ended := make(chan error, 1)
		k.press.do(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended <- r.Context().Err()
		})
		k.ask("/")
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		began := time.Now()
		err := k.cache.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "pagecache: Close: refreshes have not ended") || time.Since(began) != 2*time.Second {
			k.Errorf("got %v after %v, want refreshes have not ended, after 2s", err, time.Since(began))
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			k.Errorf("the handler: got %v, want %v", err, context.Canceled)
		}
		if err := k.cache.Close(context.Background()); err != nil {
			k.Errorf("again: %v", err)
		}
	}, swrHour)
}

// TestCloseEndsWarm: requests under way count as refreshes do.
func TestCloseEndsWarm(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.press.take(2 * time.Second)
		told := progress{t: k.T}
		done := make(chan int, 1)
		go func() {
			stored, _ := k.cache.Warm(k.Context(), k.root, wishes(k, sites(6)...), pagecache.WarmOptions{Concurrency: 2, Progress: told.note})
			done <- stored
		}()
		synctest.Wait()
		began := time.Now()
		if err := k.cache.Close(k.Context()); err != nil || time.Since(began) != 2*time.Second {
			k.Errorf("Close: got %v after %v, want nil after 2s", err, time.Since(began))
		}
		if stored := <-done; stored != 2 || len(told.errs) != 6 {
			k.Errorf("got %d stored and Progress of %d, want 2 and 6", stored, len(told.errs))
		}
	})
}

// TestCloseDrainsWriteBack: what was promised to be written is.
func TestCloseDrainsWriteBack(t *testing.T) {
	inBackKiosk(t, func(_ *shared, a, b *kiosk) {
		for i := range 10 {
			a.ask(fmt.Sprintf("/%d", i))
		}
		began := time.Now()
		if err := a.cache.Close(a.Context()); err != nil || time.Since(began) != 10*writing {
			a.Errorf("Close: got %v after %v, want nil after %v", err, time.Since(began), 10*writing)
		}
		for i := range 10 {
			if got := b.ask(fmt.Sprintf("/%d", i)); !got.hit() {
				b.Errorf("/%d: got %q, want a hit", i, got.cacheStatus())
			}
		}
	})
}

// TestCloseGivesUpOnWriteBack when its context ends, and says what is lost.
func TestCloseGivesUpOnWriteBack(t *testing.T) {
	inBackKiosk(t, func(_ *shared, a, b *kiosk) {
		for i := range 10 {
			a.ask(fmt.Sprintf("/%d", i))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*writing+writing/2) // the third is being written
		defer cancel()
		err := a.cache.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "pagecache: Close: 7 pages were not written to the store") {
			a.Errorf("Close: got %v, want 7 pages lost", err)
		}
		time.Sleep(time.Minute / 2)
		hits := 0
		for i := range 10 {
			if b.ask(fmt.Sprintf("/%d", i)).hit() {
				hits++
			}
		}
		if hits < 2 || hits > 3 {
			b.Errorf("got %d pages of ten in the store, want 2 or 3", hits)
		}
	})
}

// TestCloseAfterRefreshesLeavesNothing counts goroutines where there is no bubble
// to do it, with everything on that works in the background.
func TestCloseAfterRefreshesLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, opts := range [][]pagecache.Option{nil, {pagecache.WithStore(storetest.NewMap()), func(p *pagecache.Policy) { p.WriteBack = true }}} {
		k := &kiosk{T: t, press: new(press)}
		k.cache = pagecache.New(append(opts, pagecache.WithLogger(silence), swrHour, early(100))...)
		k.root = muxed(k.cache.Page(time.Millisecond)(k.press))
		for _, target := range []string{"/a", "/b", "/c"} {
			eventually(t, "a refresh of "+target, func() bool { return call(k.root, page(target)).reason() == "stale-while-revalidate" })
		}
		if _, err := k.cache.Warm(t.Context(), k.root, wishes(t, sites(20)...), pagecache.WarmOptions{}); err != nil {
			t.Error(err)
		}
		if err := k.cache.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if s := k.cache.Stats(); s.Refreshed < 23 {
			t.Errorf("got %d refreshed, want three in the background beside the 20 of Warm", s.Refreshed)
		}
	}
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}
