package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestPurgeFailsWhileAnotherIsSettled: the retry of one purge must not be taken
// for that of a later one which failed meanwhile.
func TestPurgeFailsWhileAnotherIsSettled(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgeFailsWhileAnotherIsSettled(t, p) })
		})
	}
}

func purgeFailsWhileAnotherIsSettled(t *testing.T, p *purge) {
	s := newShared()
	a, faults := faultyProcess(t, s, p.new...)
	h, other := p.site(a), p.site(p.process(t, s))
	call(h, page("/p"))
	fails := storetest.Only(storetest.Fail(storetest.ErrFault), "Set")
	faults.Before(fails)
	_ = p.run(t.Context(), a)

	// The retry is done, but for its acknowledgement, when the next purge fails.
	release := make(chan struct{})
	var held atomic.Bool
	faults.Before(nil)
	faults.After(func(_ context.Context, op string, keys []string) error {
		if op == "Set" && strings.HasPrefix(keys[0], "f:") && keys[0] != pagecache.FenceKeys("")[1] && !held.Swap(true) {
			<-release
		}
		return nil
	})
	var wg sync.WaitGroup
	wg.Go(func() { call(h, page("/settles")) })
	synctest.Wait()
	if !held.Load() {
		t.Fatal("the owed purge is not retried")
	}
	call(other, page("/p")) // stores what comes to be purged next
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	faults.Before(fails)
	if p.run(t.Context(), a) == nil {
		t.Error("got no error from a store that fails")
	}
	close(release)
	wg.Wait()
	synctest.Wait()
	for range 2 {
		if got := call(h, page("/p")); got.body != want {
			t.Errorf("while the second purge is owed: got %q (%s), want %s", got.body, got.cacheStatus(), want)
		}
	}
	faults.Heal()
	settle(h)
	if got := call(other, page("/p")); got.body != want {
		t.Errorf("another process, afterwards: got %q (%s), want %s", got.body, got.cacheStatus(), want)
	}
}

// TestManySettleAtOnce: when the store comes back after a purge that it refused,
// a crowd of requests does not make a crowd of retries, and nobody is served an
// old page meanwhile.
func TestManySettleAtOnce(t *testing.T) { synctest.Test(t, manySettleAtOnce) }

func manySettleAtOnce(t *testing.T) {
	s, v := newShared(), new(version)
	c, faults := faultyProcess(t, s)
	h := c.Page(time.Hour)(v)
	call(h, page("/p"))
	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
	v.now.Add(1)
	_ = c.Purge(t.Context(), "/p")
	var sets atomic.Int32
	faults.Before(func(ctx context.Context, op string, keys []string) error {
		if op == "Set" && strings.HasPrefix(keys[0], "f:") {
			sets.Add(1)
			return storetest.Delay(time.Millisecond)(ctx, op, keys)
		}
		return nil
	})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got := call(h, page("/p")); got.body != "version 1" {
				t.Errorf("got %q (%s), want version 1", got.body, got.cacheStatus())
			}
		})
	}
	wg.Wait()
	if n := sets.Load(); n > 10 {
		t.Errorf("got %d writes of fences for one purge that was owed, want a few", n)
	}
}

// TestRefusedExpiry: the page is not served from the store by this process, as
// fresh or stale, until the expiry is made good, as a purge.
func TestRefusedExpiry(t *testing.T) {
	for _, p := range expiries() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refusedExpiry(t, p.windowed(time.Hour)) })
		})
	}
}

func refusedExpiry(t *testing.T, p *purge) {
	s := newShared()
	a, faults := faultyProcess(t, s, p.new...)
	h, other := p.site(a), p.site(p.process(t, s))
	call(h, page("/p"))
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
	if p.run(t.Context(), a) == nil {
		t.Error("got no error from a store that fails")
	}
	for range 2 {
		if got := call(h, page("/p")); got.body != want && !got.isStale() {
			t.Errorf("while it is owed: got %q (%s), want %s, or the old page as stale", got.body, got.cacheStatus(), want)
		}
	}
	faults.Heal()
	settle(h)
	if got := call(other, page("/p")); got.body != want && !got.isStale() {
		t.Errorf("another process, afterwards: got %q (%s), want %s, or the old page as stale", got.body, got.cacheStatus(), want)
	}
}

// TestPurgeBeforeWriteBack: a page that waits to be written is as good as one
// that is being made: a purge, taken by the store or not, keeps it out.
func TestPurgeBeforeWriteBack(t *testing.T) {
	for _, p := range purges() {
		p.opts = append(p.opts, func(p *pagecache.Policy) { p.WriteBack = true })
		for _, by := range []string{"same process", "same process, refused", "another process"} {
			t.Run(p.name+", "+by, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { purgeBeforeWriteBack(t, p, by) })
			})
		}
	}
}

func purgeBeforeWriteBack(t *testing.T, p *purge, by string) {
	s := newShared()
	a, faults := faultyProcess(t, s, p.new...)
	b := p.process(t, s)
	h := p.site(a)
	release := make(chan struct{})
	faults.Before(func(_ context.Context, op string, keys []string) error {
		switch {
		case op == "Set" && (strings.HasPrefix(keys[0], "p:") || strings.HasPrefix(keys[0], "v:")):
			<-release
		case op == "Set" && by == "same process, refused":
			return storetest.ErrFault
		}
		return nil
	})
	old := call(h, page("/p")).body
	synctest.Wait() // the page is being written, or its late fences are there
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	purging := map[bool]*pagecache.Cache{true: b, false: a}[by == "another process"]
	if err := p.run(t.Context(), purging); (err != nil) != (by == "same process, refused") {
		t.Errorf("got error %v", err)
	}
	close(release)
	synctest.Wait()
	faults.Heal()
	for name, h := range map[string]http.Handler{"writing process": h, "another process": p.site(b)} {
		if got := call(h, page("/p")); got.body != want && (name == "writing process" || by != "same process, refused") {
			t.Errorf("%s: got %q (%s) after %q, want %s", name, got.body, got.cacheStatus(), old, want)
		}
		synctest.Wait()
	}
}

// TestSettledDuringALookup: a look-up that has read its fences before another
// request made the purge good must not take them for those that stand after it.
func TestSettledDuringALookup(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { settledDuringALookup(t, p) })
		})
	}
}

func settledDuringALookup(t *testing.T, p *purge) {
	s := newShared()
	a, faults := faultyProcess(t, s, append(slices.Clip(p.new), func(p *pagecache.Policy) { p.StoreBudget = time.Hour })...)
	h := p.site(a)
	call(h, page("/p"))
	fails := storetest.Only(storetest.Fail(storetest.ErrFault), "Set")
	faults.Before(fails)
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	_ = p.run(t.Context(), a)

	release := make(chan struct{})
	var held atomic.Bool
	faults.After(func(_ context.Context, op string, _ []string) error {
		if op == "Get" && !held.Swap(true) {
			<-release // what it read is on its way
		}
		return nil
	})
	var got reply
	var wg sync.WaitGroup
	wg.Go(func() { got = call(h, page("/p")) })
	synctest.Wait()
	faults.Before(nil)
	settle(h)
	close(release)
	wg.Wait()
	if got.body != want {
		t.Errorf("a request after the purge: got %q (%s), want %s", got.body, got.cacheStatus(), want)
	}
}

// TestPurgedPageIsNotWrittenBack: what was purged while it waited for its turn
// is not written at all.
func TestPurgedPageIsNotWrittenBack(t *testing.T) { synctest.Test(t, purgedPageIsNotWrittenBack) }

func purgedPageIsNotWrittenBack(t *testing.T) {
	s, v := newShared(), new(version)
	c, faults := faultyProcess(t, s)
	h := c.Page(time.Hour, func(p *pagecache.Policy) { p.WriteBack = true })(v)
	release := make(chan struct{})
	written := 0
	faults.Before(func(_ context.Context, op string, keys []string) error {
		if op == "Set" && strings.HasPrefix(keys[0], "p:") {
			written++
			<-release
		}
		return nil
	})
	call(h, page("/first"))
	synctest.Wait()
	call(h, page("/second"))
	call(h, page("/third"))
	if err := c.Purge(t.Context(), "/second"); err != nil {
		t.Fatal(err)
	}
	close(release)
	synctest.Wait()
	if written != 2 {
		t.Errorf("got %d pages written, want the two that were not purged", written)
	}
	wantPage(t, "not purged", call(h, page("/third")), "version 0", true)
}
