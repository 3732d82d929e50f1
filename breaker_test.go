package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// classed is an error of a store that tells its kind.
type classed string

func (c classed) Error() string { return "it is " + string(c) }
func (c classed) Class() string { return string(c) }

// TestFrozenStore: of a thousand requests a second, while the store answers nothing
// for four seconds, one in a hundred pays something, and nobody more than the
// budget; soon afterwards pages are hits again.
func TestFrozenStore(t *testing.T) { synctest.Test(t, frozenStore) }

func frozenStore(t *testing.T) {
	m := newFleet(t).join("page")
	for i := range 10 {
		m.ask(fmt.Sprint("/", i))
	}
	thawed := make(chan struct{})
	m.faults.Before(func(ctx context.Context, _ string, _ []string) error {
		select {
		case <-thawed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	var requests sync.WaitGroup
	var paid, most atomic.Int64
	const frozen, rate = 4 * time.Second, time.Millisecond
	for i := range int(frozen / rate) {
		requests.Go(func() {
			began := time.Now()
			if got := m.ask(fmt.Sprint("/", i%20)); got.body != "page" {
				t.Errorf("got %q, want the page", got.body)
			}
			if took := time.Since(began); took > 0 {
				paid.Add(1)
				most.Store(max(most.Load(), int64(took)))
			}
		})
		time.Sleep(rate)
	}
	requests.Wait()
	if n := paid.Load(); n > 40 || n == 0 {
		t.Errorf("got %d of 4000 requests that paid, want some, and 40 at most", n)
	}
	if most := time.Duration(most.Load()); most > callBudget {
		t.Errorf("got %v paid by one, want %v at most", most, callBudget)
	}
	close(thawed)
	began := time.Now()
	for !m.ask("/0").hit() {
		time.Sleep(rate)
		if time.Since(began) > 2*time.Second {
			t.Fatal("got no hit within 2 s after the thaw")
		}
	}
}

// TestSlowRequestsToAFrozenStore: at ten requests a second five pay, and then one a
// second.
func TestSlowRequestsToAFrozenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page")
		hang, release := storetest.Hang()
		defer release()
		m.faults.Before(hang)
		paid := 0
		for range 100 {
			began := time.Now()
			m.ask("/")
			if time.Since(began) > 0 {
				paid++
			}
			time.Sleep(100*time.Millisecond - time.Since(began))
		}
		if paid < 5 || paid > 5+12 {
			t.Errorf("got %d of 100 requests in ten seconds that paid, want five and one or so a second", paid)
		}
	})
}

// TestStoreThatCannotBeWritten is read all the same: what is there stays a hit, and
// writes are tried once a second.
func TestStoreThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page")
		m.ask("/there")
		var tries atomic.Int64
		m.faults.Before(storetest.Only(func(context.Context, string, []string) error {
			tries.Add(1)
			return classed("oom")
		}, "Set", "Add"))
		for i := range 100 {
			m.wants("new page", fmt.Sprint("/new/", i), "page", false)
			m.wants("page that is there", "/there", "page", true)
			time.Sleep(100 * time.Millisecond)
		}
		if n := tries.Load(); n < 10 || n > 5+13 {
			t.Errorf("got %d writes tried in ten seconds, want five and one or so a second", n)
		}
		m.faults.Heal()
		time.Sleep(time.Second)
		m.ask("/new")
		m.wants("afterwards", "/new", "page", true)
	})
}

// TestErrorsAboutOneKey say that the store is well: no others suffer for them.
func TestErrorsAboutOneKey(t *testing.T) {
	for _, class := range []string{"wrongtype", "too-large"} {
		synctest.Test(t, func(t *testing.T) {
			m := newFleet(t).join("page")
			m.faults.Before(storetest.Only(storetest.Fail(classed(class)), "Add", "Set"))
			for range 50 {
				m.ask("/")
			}
			m.faults.Heal()
			m.ask("/")
			m.wants(class, "/", "page", true)
		})
	}
}

// TestMostCallsFail, though not five in a row: that is reason enough, too.
func TestMostCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page")
		m.ask("/")
		var n atomic.Int64
		m.faults.Before(storetest.Only(func(context.Context, string, []string) error {
			if n.Add(1)%3 != 0 {
				return storetest.ErrFault
			}
			return nil
		}, "Get"))
		for range 200 {
			m.ask("/")
		}
		if n := n.Load(); n < 15 || n > 30 {
			t.Errorf("got %d reads in no time, want about twenty until they are given up", n)
		}
	})
}

// TestLogOfAFailingStore: one line a second for each class, and word of when it is
// left alone and when it answers again.
func TestLogOfAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		m := newFleet(t).join("page", pagecache.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		var n atomic.Int64
		m.faults.Before(func(context.Context, string, []string) error {
			return []error{classed("oom"), classed("loading"), errors.New("what"), context.DeadlineExceeded}[n.Add(1)%4]
		})
		for range 100 {
			_ = m.cache.Purge(t.Context(), "/") // each is tried
			time.Sleep(10 * time.Millisecond)
		}
		for range 5 {
			m.ask("/")
		}
		m.faults.Heal()
		time.Sleep(time.Second)
		m.ask("/")
		for _, class := range []string{"oom", "loading", "other", "timeout"} {
			if n := strings.Count(log.String(), "class="+class+" "); n < 1 || n > 3 {
				t.Errorf("got %d lines of class %s in a good second, want one or two:\n%s", n, class, log.String())
			}
		}
		for _, text := range []string{"it is left alone and tried once a second\" for=reads", "answers again\" for=reads"} {
			if strings.Count(log.String(), text) != 1 {
				t.Errorf("got no single line with %q:\n%s", text, log.String())
			}
		}
	})
}

// TestPurgeOfALateStore: a program that purges has time, and its purge is tried three
// times if the store is only late. A request has none.
func TestPurgeOfALateStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page")
		late := func(times int64) {
			var n atomic.Int64
			m.faults.Before(storetest.Only(func(context.Context, string, []string) error {
				if n.Add(1) <= times {
					return classed("timeout")
				}
				return nil
			}, "Set"))
		}
		late(2)
		if err := m.cache.Purge(t.Context(), "/"); err != nil {
			t.Errorf("late twice: got error %v, want none", err)
		}
		late(3)
		if err := m.cache.Purge(t.Context(), "/"); err == nil {
			t.Error("late three times: got no error")
		}
		m.faults.Heal()
		time.Sleep(time.Minute)
		m.trips()
		late(1)
		r := page("/")
		r.Method = http.MethodPost
		call(m.h, r)
		sets := 0
		for _, op := range m.trips() {
			if op == "Set/2" {
				sets++
			}
		}
		if sets != 2 { // one when the status goes out, one when the handler has returned
			t.Errorf("a request: got %d purges, want 2, none of them repeated", sets)
		}
	})
}

// TestReadsOfOneKindGetStuck: a client that has no connection left for plain reads may
// have some for those with lifetimes. Pages are hits by these then.
func TestReadsOfOneKindGetStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &halfStuck{Map: storetest.NewMap()}
		h := newCache(t, pagecache.WithStore(s)).Page(time.Hour)(echo(nil))
		for range 3 {
			call(h, page("/"))
		}
		s.stuck.Store(true)
		paid, hits := 0, 0
		for range 100 {
			began := time.Now()
			if call(h, page("/")).hit() {
				hits++
			}
			if time.Since(began) > 0 {
				paid++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if paid > 8 || hits < 90 {
			t.Errorf("got %d hits of 100, %d of which waited; want nearly all to hit at once", hits, paid)
		}
	})
}

// halfStuck is a store whose plain reads may get stuck.
type halfStuck struct {
	*storetest.Map
	stuck atomic.Bool
}

func (s *halfStuck) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	if s.stuck.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Map.Get(ctx, keys...)
}
