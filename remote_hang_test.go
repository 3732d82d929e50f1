package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// hanging is a store whose calls do not come back, and their number.
type hanging struct {
	*shared
	release func()
	inside  atomic.Int32
}

func newHanging() *hanging {
	s := &hanging{shared: newShared()}
	hang, release := storetest.Hang()
	s.release = release
	s.faults.Before(func(ctx context.Context, op string, keys []string) error {
		s.inside.Add(1)
		defer s.inside.Add(-1)
		return hang(ctx, op, keys)
	})
	return s
}

// TestHangingStoreOneByOne: five requests pay their budget, then one a second,
// until so many calls are left behind that no further ones are made.
func TestHangingStoreOneByOne(t *testing.T) { synctest.Test(t, hangingOneByOne) }

func hangingOneByOne(t *testing.T) {
	s := newHanging()
	defer s.release()
	h := s.process(t).Page(time.Hour)(echo(nil))
	ask := func(i int, want time.Duration) {
		t.Helper()
		began := time.Now()
		got := call(h, page(fmt.Sprintf("/%d", i)))
		if took := time.Since(began); got.body != fmt.Sprintf("/%d ", i) || took != want {
			t.Fatalf("request %d: got %q after %v, want the page after %v", i, got.body, took, want)
		}
		wantStatus(t, "hanging", got, "pagecache; fwd=miss; detail=store-error")
	}
	for i := range pagecache.FailuresInRow {
		ask(i, callBudget)
	}
	for i := pagecache.FailuresInRow; i < 2*pagecache.MaxAbandoned; i++ {
		ask(i, 0)
		time.Sleep(time.Second)
		want := callBudget
		if i >= pagecache.MaxAbandoned {
			want = 0
		}
		ask(i, want)
	}
	if n := s.inside.Load(); n != pagecache.MaxAbandoned {
		t.Errorf("got %d calls inside the store, want %d", n, pagecache.MaxAbandoned)
	}
	s.release()
	time.Sleep(time.Second)
	wantStatus(t, "released", call(h, page("/new")), "pagecache; fwd=uri-miss; stored; ttl=3600")
	wantStatus(t, "released", call(h, page("/new")), "pagecache; hit; ttl=3600")
}

// TestHangingStoreAtOnce: a crowd that comes at one moment must not leave more
// behind than a queue does.
func TestHangingStoreAtOnce(t *testing.T) { synctest.Test(t, hangingAtOnce) }

func hangingAtOnce(t *testing.T) {
	s := newHanging()
	defer s.release()
	h := s.process(t).Page(time.Hour)(echo(nil))
	var wg sync.WaitGroup
	began := time.Now()
	for i := range 5 * pagecache.MaxAbandoned {
		wg.Go(func() {
			if got := call(h, page(fmt.Sprintf("/%d", i))); got.body != fmt.Sprintf("/%d ", i) {
				t.Errorf("request %d: got %q, want its page", i, got.body)
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took > callBudget {
		t.Errorf("got %v of added time, want %v at most", took, callBudget)
	}
	if n := s.inside.Load(); n > pagecache.MaxAbandoned {
		t.Errorf("got %d calls left behind in the store, want %d at most", n, pagecache.MaxAbandoned)
	}
}

// TestHangSpendsOneBudget: all calls of a request share it, also those before
// and after a handler that takes long itself.
func TestHangSpendsOneBudget(t *testing.T) { synctest.Test(t, hangSpendsOneBudget) }

func hangSpendsOneBudget(t *testing.T) {
	s := newShared()
	handler := &version{vary: "Accept", late: []string{"a", "b"}}
	h := s.process(t).Page(time.Hour)(handler)
	for delay := time.Millisecond; delay < 2*callBudget; delay += 3 * time.Millisecond {
		s.faults.Before(storetest.Stall(delay))
		began := time.Now()
		finish := begin(handler, h)
		time.Sleep(time.Second)
		finish()
		if took := time.Since(began) - time.Second; took > callBudget {
			t.Errorf("calls of %v: got %v of added time, want %v at most", delay, took, callBudget)
		}
		time.Sleep(time.Hour)
	}
}

// TestCloseWaitsForCalls: the store is closed when nobody is inside any more.
func TestCloseWaitsForCalls(t *testing.T) { synctest.Test(t, closeWaitsForCalls) }

func closeWaitsForCalls(t *testing.T) {
	s := newHanging()
	defer s.release()
	c := pagecache.New(pagecache.WithStore(s))
	call(c.Page(time.Hour)(echo(nil)), page("/"))
	time.AfterFunc(time.Minute, s.release)
	began := time.Now()
	if err := c.Close(context.Background()); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	if took := time.Since(began); took != time.Minute || s.inside.Load() != 0 {
		t.Errorf("Close returned after %v with %d calls inside, want 1m0s and none", took, s.inside.Load())
	}
	if err := c.Close(context.Background()); err != nil {
		t.Errorf("closed again: got error %v, want none", err)
	}
}

// TestCloseGivesUp: its context bounds the wait.
func TestCloseGivesUp(t *testing.T) { synctest.Test(t, closeGivesUp) }

func closeGivesUp(t *testing.T) {
	s := newHanging()
	defer s.release()
	c := pagecache.New(pagecache.WithStore(s))
	call(c.Page(time.Hour)(echo(nil)), page("/"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	began := time.Now()
	if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want that of the context", err)
	}
	if took := time.Since(began); took != time.Second {
		t.Errorf("Close returned after %v, want 1s", took)
	}
}

// TestCloseDuringRequests: requests under way may come to the store while Close
// waits. They are answered; the race detector watches.
func TestCloseDuringRequests(t *testing.T) {
	for range 20 {
		s := newShared()
		c := pagecache.New(pagecache.WithStore(s))
		h := c.Page(time.Hour)(echo(nil))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 20 {
					if got := call(h, page(fmt.Sprintf("/%d/%d", i, j))); got.body != fmt.Sprintf("/%d/%d ", i, j) {
						t.Errorf("got %q, want its page", got.body)
					}
				}
			})
		}
		wg.Go(func() {
			if err := c.Close(context.Background()); err != nil {
				t.Errorf("Close: got error %v, want none", err)
			}
		})
		wg.Wait()
	}
}
