package pagecache_test

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// failures are the ways a leader can fail after a second of work, leaving
// nothing to learn for who waits.
var failures = map[string]struct {
	limit time.Duration // of the leader's context
	fail  http.HandlerFunc
}{
	"panic":          {0, func(http.ResponseWriter, *http.Request) { panic("out of paper") }},
	"panic half-way": {0, func(w http.ResponseWriter, _ *http.Request) { write(w, "half"); panic("out of paper") }},
	"abort":          {0, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	"goexit":         {0, func(http.ResponseWriter, *http.Request) { runtime.Goexit() }},
	"goexit later":   {0, func(w http.ResponseWriter, _ *http.Request) { write(w, "half"); runtime.Goexit() }},
	"deadline":       {500 * time.Millisecond, func(http.ResponseWriter, *http.Request) {}},
	"hang-up":        {0, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
}

// TestFailedLeader: the first run fails; one of those who wait goes next, and
// its page is for the rest.
func TestFailedLeader(t *testing.T) {
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var o oracle
				o.first = func(w http.ResponseWriter, r *http.Request) {
					first := o.runs.Load() == 1
					time.Sleep(time.Second)
					if first {
						failure.fail(w, r)
					}
				}
				c := newCache(t, func(p *pagecache.Policy) { p.AfterHangUp = time.Second })
				h := c.Page(time.Minute)(&o)
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				leader := page("/").WithContext(ctx)
				switch {
				case failure.limit > 0:
					leader = timedPage(t, failure.limit, "/")
				case name == "hang-up":
					time.AfterFunc(500*time.Millisecond, hangUp)
				}
				go func() { _, _ = quietly(h, leader) }()
				synctest.Wait()
				replies, _ := crowd(h, 10, sameHome)
				collapsed := 0
				for _, got := range replies {
					if got.status != http.StatusOK || got.saw(t).Run != 2 {
						t.Errorf("follower: got %d %q, want the page of the second run", got.status, got.body)
					}
					if got.cacheStatus() == "pagecache; fwd=uri-miss; collapsed; ttl=60" {
						collapsed++
					}
				}
				if runs := o.runs.Load(); runs != 2 || collapsed != 9 {
					t.Errorf("got %d runs and %d collapsed requests, want 2 and 9", runs, collapsed)
				}
				if got := call(h, page("/")); !got.hit() {
					t.Errorf("later: got %q, want a hit", got.cacheStatus())
				}
			})
		})
	}
}

// TestEachFailureIsOneClients: leaders that fail one after the other fail
// their own client each.
func TestEachFailureIsOneClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o oracle
		o.first = func(w http.ResponseWriter, r *http.Request) {
			run := o.runs.Load()
			time.Sleep(100 * time.Millisecond)
			if run <= 3 {
				panic(run)
			}
		}
		replies, _ := crowd(newCache(t).Page(time.Minute)(&o), 10, sameHome)
		served := 0
		for _, got := range replies {
			if got.status == http.StatusOK && got.saw(t).Run == 4 {
				served++
			}
		}
		if runs := o.runs.Load(); runs != 4 || served != 7 {
			t.Errorf("got %d runs, %d clients served; want 4 and 7", runs, served)
		}
	})
}

// TestWaitBound: nobody waits for a hung handler longer than MaxWait without
// another try, and there is one try at a time.
func TestWaitBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		started := make(chan time.Duration, 4)
		o := oracle{first: func(http.ResponseWriter, *http.Request) {
			started <- time.Since(begin)
			time.Sleep(time.Hour)
		}}
		crowd(newCache(t).Page(24*time.Hour)(&o), 4, sameHome)
		close(started)
		var starts []time.Duration
		for d := range started {
			starts = append(starts, d)
		}
		want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}
		if !slices.Equal(starts, want) {
			t.Errorf("the handler was started after %v, want %v", starts, want)
		}
	})
}

// TestSecondTrySavesAll: when only the first run hangs, the second one serves
// everybody, and the late end of the first does not replace its page.
func TestSecondTrySavesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o oracle
		o.first = func(http.ResponseWriter, *http.Request) {
			if o.runs.Load() == 1 {
				time.Sleep(time.Minute)
			} else {
				time.Sleep(time.Second)
			}
		}
		var log eventLog
		c := newCache(t, pagecache.WithObserver(&log), func(p *pagecache.Policy) { p.MaxWait = 2 * time.Second })
		h := c.Page(time.Hour)(&o)
		leader := make(chan reply, 1)
		go func() { leader <- call(h, page("/")) }()
		synctest.Wait()
		replies, took := crowd(h, 5, sameHome)
		alone := 0
		for i, got := range replies {
			if got.saw(t).Run != 2 || took[i] != 3*time.Second {
				t.Errorf("got the page of run %d after %v, want run 2 after 3s", got.saw(t).Run, took[i])
			}
			if got.cacheStatus() == "pagecache; fwd=uri-miss; collapsed=?0; stored; ttl=3600; detail=wait-timeout" {
				alone++
			}
		}
		if alone != 1 {
			t.Errorf("got %d requests with detail=wait-timeout, want 1", alone)
		}
		if got := <-leader; got.saw(t).Run != 1 || got.reason() != "superseded" {
			t.Errorf("the first client: got %q, want its own page, superseded", got.cacheStatus())
		}
		if got := call(h, page("/")); !got.hit() || got.saw(t).Run != 2 {
			t.Errorf("later: got %q, run %d; want a hit with the newer page", got.cacheStatus(), got.saw(t).Run)
		}
	})
}

// TestFailureWhileAnotherRuns: who waits goes on waiting for the second try when
// the first one fails late.
func TestFailureWhileAnotherRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o oracle
		o.first = func(http.ResponseWriter, *http.Request) {
			if o.runs.Load() == 1 {
				time.Sleep(3 * time.Second)
				panic("too late")
			}
			time.Sleep(1500 * time.Millisecond)
		}
		h := newCache(t, func(p *pagecache.Policy) { p.MaxWait = 2 * time.Second }).Page(time.Hour)(&o)
		go func() { _, _ = quietly(h, page("/")) }()
		synctest.Wait()
		replies, took := crowd(h, 5, sameHome)
		for i, got := range replies {
			if got.status != http.StatusOK || got.saw(t).Run != 2 || took[i] != 3500*time.Millisecond {
				t.Errorf("got %d %q after %v, want the page of the second run after 3.5s", got.status, got.body, took[i])
			}
		}
		if runs := o.runs.Load(); runs != 2 {
			t.Errorf("got %d runs, want 2", runs)
		}
	})
}

// TestFollowerHangsUp: it waits no longer, and nobody else notices.
func TestFollowerHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		o := worker(3 * time.Second)
		h := newCache(t, pagecache.WithObserver(&log)).Page(time.Minute)(o)
		ctx, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, hangUp)
		replies, took := crowd(h, 3, func(i int) *http.Request {
			if i < 2 {
				return page("/")
			}
			time.Sleep(time.Millisecond) // behind the leader
			return page("/").WithContext(ctx)
		})
		if want := []time.Duration{3 * time.Second, 3 * time.Second, time.Second}; !slices.Equal(took, want) {
			t.Errorf("got answers after %v, want %v", took, want)
		}
		if replies[0].body == "" || replies[0].body != replies[1].body || o.runs.Load() != 1 {
			t.Errorf("got %q and %q, %d runs; want one page for both", replies[0].body, replies[1].body, o.runs.Load())
		}
		if e := log.of(pagecache.KindRequest)[0]; e.Reason != "client-gone" || e.Result != pagecache.ResultMiss || e.Stored {
			t.Errorf("got %+v, want a miss with reason client-gone", e)
		}
	})
}

// TestFollowersDeadline: a client that is still there gets an answer when its
// request's time is up, and not an empty page that claims success.
func TestFollowersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(3 * time.Second):
				write(w, "page")
			case <-r.Context().Done():
				http.Error(w, "no time left", http.StatusServiceUnavailable)
			}
		})
		h := newCache(t).Page(time.Minute)(slow)
		leader := make(chan reply)
		go func() { leader <- call(h, page("/")) }()
		synctest.Wait()
		began := time.Now()
		got := call(h, timedPage(t, time.Second, "/"))
		if took := time.Since(began); got.status != http.StatusServiceUnavailable || took != time.Second {
			t.Errorf("got %d %q %q after %v; want what the handler answers without a cache, 503 after 1s",
				got.status, got.body, got.cacheStatus(), took)
		}
		if got := <-leader; got.body != "page" {
			t.Errorf("the leader: got %q, want the page", got.body)
		}
	})
}
