package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestCloseWithOwedPurges: Close tries once more and says so if it fails, for
// nobody will after it.
func TestCloseWithOwedPurges(t *testing.T) { synctest.Test(t, closeWithOwedPurges) }

func closeWithOwedPurges(t *testing.T) {
	for _, f := range purgeFaults {
		for _, healed := range []bool{false, true} {
			s, v := newShared(), new(version)
			var faults storetest.Faults
			c := pagecache.New(pagecache.WithStore(storetest.FaultyStore(s, &faults)), pagecache.WithLogger(silence))
			other := s.process(t).Page(time.Hour)(v)
			call(other, page("/p"))
			v.now.Add(1)
			faults.Before(f.before)
			faults.After(f.after)
			if c.Purge(t.Context(), "/p", "/q") == nil || c.PurgeTags(t.Context(), "tag") == nil {
				t.Errorf("%s: got no error", f.name)
			}
			if healed {
				faults.Heal()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			began := time.Now()
			err := c.Close(ctx)
			switch {
			case healed && strings.Contains(fmt.Sprint(err), "purge"), !healed && !strings.Contains(fmt.Sprint(err), "3 purged tags and paths"):
				t.Errorf("%s, healed %t: got error %v", f.name, healed, err)
			case time.Since(began) > 20*time.Second:
				t.Errorf("%s: Close took %v, want no more than its context allows", f.name, time.Since(began))
			}
			if got := call(other, page("/p")); healed && got.body != "version 1" {
				t.Errorf("%s: another process after Close: got %q (%s), want version 1", f.name, got.body, got.cacheStatus())
			}
			cancel()
			time.Sleep(time.Minute) // calls left behind come back
		}
	}
}

// TestPurgeWithAnEndedContext is an error, and counts nevertheless.
func TestPurgeWithAnEndedContext(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgeWithAnEndedContext(t, p) })
		})
	}
}

func purgeWithAnEndedContext(t *testing.T, p *purge) {
	s := newShared()
	a := p.process(t, s)
	h, other := p.site(a), p.site(p.process(t, s))
	call(h, page("/p"))
	call(other, page("/p"))
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.run(ctx, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
	wantPage(t, "purging process", call(h, page("/p")), want, false)
	settle(h)
	if got := call(other, page("/p")); got.body != want {
		t.Errorf("another process, afterwards: got %q (%s), want %s", got.body, got.cacheStatus(), want)
	}
}

// TestPurgeOfAFrozenStore takes as long as its context allows, and 5 s at most.
func TestPurgeOfAFrozenStore(t *testing.T) { synctest.Test(t, purgeOfAFrozenStore) }

func purgeOfAFrozenStore(t *testing.T) {
	for _, bound := range []time.Duration{time.Millisecond, time.Second, time.Minute} {
		s := newHanging()
		c := s.process(t)
		for name, run := range map[string]func(context.Context) error{
			"Purge":     func(ctx context.Context) error { return c.Purge(ctx, "/p") },
			"PurgeTags": func(ctx context.Context) error { return c.PurgeTags(ctx, "tag") },
			"ExpireAll": c.ExpireAll,
		} {
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			began := time.Now()
			if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got error %v, want that of a deadline", name, err)
			}
			if took, want := time.Since(began), min(bound, 5*time.Second); took != want {
				t.Errorf("%s within %v: took %v, want %v", name, bound, took, want)
			}
			cancel()
		}
		s.release()
	}
}

// TestWritesToAFrozenStore: a request that changes pages is answered as its
// handler says, for the price of the budget, and who made it sees what it did.
func TestWritesToAFrozenStore(t *testing.T) {
	type wrap = func(*pagecache.Cache, http.Handler) http.Handler
	for name, wrap := range map[string]wrap{
		"Page":       func(c *pagecache.Cache, h http.Handler) http.Handler { return c.Page(time.Hour)(h) },
		"Invalidate": func(c *pagecache.Cache, h http.Handler) http.Handler { return c.Invalidate("tag")(h) },
		"both": func(c *pagecache.Cache, h http.Handler) http.Handler {
			return c.Invalidate("tag")(c.Page(time.Hour)(h))
		},
	} {
		for _, f := range purgeFaults {
			t.Run(name+", "+f.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { writeToAFrozenStore(t, wrap, f) })
			})
		}
	}
}

func writeToAFrozenStore(t *testing.T, wrap func(*pagecache.Cache, http.Handler) http.Handler, f fault) {
	s, v := newShared(), new(version)
	c, faults := faultyProcess(t, s)
	read, other := c.Page(time.Hour, pagecache.Tags("tag"))(v), s.process(t).Page(time.Hour, pagecache.Tags("tag"))(v)
	write := wrap(c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		v.now.Add(1)
		w.Header().Set("X-Own", "1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("done"))
	}))
	call(read, page("/p"))
	faults.Before(f.before)
	faults.After(f.after)
	for i := range 2 {
		r := page("/p")
		r.Method = http.MethodPost
		began := time.Now()
		got := call(write, r)
		if took := time.Since(began); took > callBudget+10*time.Millisecond {
			t.Errorf("the request took %v, want %v at most", took, callBudget)
		}
		if got.status != http.StatusAccepted || got.body != "done" || got.header.Get("X-Own") != "1" {
			t.Errorf("got %d, %q, %v; want what the handler wrote", got.status, got.body, got.header)
		}
		want := fmt.Sprintf("version %d", i+1)
		if got := call(read, page("/p")); got.body != want {
			t.Errorf("who wrote reads %q (%s), want %s", got.body, got.cacheStatus(), want)
		}
	}
	faults.Heal()
	settle(read)
	if got := call(other, page("/p")); got.body != "version 2" {
		t.Errorf("another process, when the store is back: got %q (%s), want version 2", got.body, got.cacheStatus())
	}
}

// TestRefusedPurgeDuringFill: in the purging process a page whose run began
// before is neither stored nor given to those who come later, though the store
// knows nothing of the purge.
func TestRefusedPurgeDuringFill(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refusedPurgeDuringFill(t, p) })
		})
	}
}

func refusedPurgeDuringFill(t *testing.T, p *purge) {
	s := newShared()
	c, faults := faultyProcess(t, s, p.new...)
	h := p.site(c)
	finish := begin(&p.page, h)
	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	if p.run(t.Context(), c) == nil {
		t.Error("got no error from a store that fails")
	}
	var follower reply
	var wg sync.WaitGroup
	wg.Go(func() { follower = call(h, page("/p")) })
	synctest.Wait()
	faults.Heal()
	wantStatus(t, "the run under way", finish(), "pagecache; fwd=uri-miss; detail=invalidated")
	wg.Wait()
	p.page.hold = nil
	for name, got := range map[string]reply{"who waited": follower, "afterwards": call(h, page("/p")), "elsewhere": call(p.site(p.process(t, s)), page("/p"))} {
		if got.body != want {
			t.Errorf("%s: got %q (%s), want %s", name, got.body, got.cacheStatus(), want)
		}
	}
}
