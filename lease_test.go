package pagecache_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

const leaseLife = 2 * time.Second

// TestOneRunForTheFleet: many requests in many processes at once, one run.
func TestOneRunForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var members []*member
		for range 10 {
			m := f.join("page")
			m.work.takes, m.work.tags = 300*time.Millisecond, []string{"late"}
			members = append(members, m)
		}
		var wg sync.WaitGroup
		for _, m := range members {
			for range 20 {
				wg.Go(func() {
					if got := m.ask("/"); got.body != "page" || !got.stored() && !strings.Contains(got.cacheStatus(), "collapsed") {
						t.Errorf("got %q, %q; want the page, stored or waited for", got.body, got.cacheStatus())
					}
				})
			}
		}
		wg.Wait()
		total := int64(0)
		for _, m := range members {
			total += m.work.runs.Load()
			m.wants("afterwards", "/", "page", true)
		}
		if total != 1 {
			t.Errorf("got %d handler runs in the fleet, want 1", total)
		}
	})
}

// TestHolderOfLeaseDies: another process takes over when the lease is over.
func TestHolderOfLeaseDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		dead, heir := f.join("dead"), f.join("heir")
		dead.work.block = make(chan struct{})
		defer close(dead.work.block)
		go dead.ask("/")
		synctest.Wait()
		dead.cutOff()
		began := time.Now()
		heir.wants("taking over", "/", "heir", false)
		if took := time.Since(began); took > leaseLife+100*time.Millisecond {
			t.Errorf("got the page after %v, want it %v at most after the lease", took, 100*time.Millisecond)
		}
		heir.wants("again", "/", "heir", true)
		heir.wantRuns(1)
	})
}

// TestLeaseIsRenewed: a handler that takes longer than the lease is still the only
// one, within the time that requests wait.
func TestLeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patient := func(p *pagecache.Policy) { p.MaxWait = time.Minute }
		f := newFleet(t)
		slow, other := f.join("slow", patient), f.join("other", patient)
		slow.work.takes = 20 * time.Second
		go slow.ask("/")
		synctest.Wait()
		other.wants("waited", "/", "slow", false)
		other.wantRuns(0)
	})
}

// TestWaitForLeaseIsBounded: whoever has waited MaxWait makes the page itself.
func TestWaitForLeaseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		hung, other := f.join("hung"), f.join("other")
		hung.work.block = make(chan struct{})
		go hung.ask("/")
		synctest.Wait()
		began := time.Now()
		got := other.ask("/")
		if took := time.Since(began); got.body != "other" || took < 5*time.Second || took > 5*time.Second+100*time.Millisecond {
			t.Errorf("got %q, %q after %v; want its own page after 5 s", got.body, got.cacheStatus(), took)
		}
		if got.reason() != "wait-timeout" {
			t.Errorf("got %q, want detail=wait-timeout", got.cacheStatus())
		}
		close(hung.work.block)
		synctest.Wait()
	})
}

// TestLateHolderIsRefused: a process that stood still, and has lost its lease, must
// not replace the page that was made since.
func TestLateHolderIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		paused, heir := f.join("old"), f.join("new")
		paused.work.block = make(chan struct{})
		got := make(chan reply)
		go func() { got <- paused.ask("/") }()
		synctest.Wait()
		paused.cutOff() // its renewals fail
		heir.wants("taking over", "/", "new", false)
		paused.faults.Heal()
		time.Sleep(2 * time.Second) // and the breaker closes
		close(paused.work.block)
		if got := <-got; got.body != "old" || got.reason() != "superseded" {
			t.Errorf("paused: got %q, %q; want its own page, not stored because it is superseded", got.body, got.cacheStatus())
		}
		heir.wants("afterwards", "/", "new", true)
		paused.wants("afterwards", "/", "new", true)
	})
}

// TestRefreshSeizesTheLease: what Refresh stored is not replaced by a page whose
// handler began before.
func TestRefreshSeizesTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		old, fresh := f.join("old"), f.join("new")
		old.work.block = make(chan struct{})
		got := make(chan reply)
		go func() { got <- old.ask("/") }()
		synctest.Wait()
		fresh.cache = fresh.cache.With(pagecache.RefreshVia(fresh.h))
		if err := fresh.cache.Refresh(t.Context(), request(t, "GET", "http://example.com/")); err != nil {
			t.Fatal(err)
		}
		close(old.work.block)
		if got := <-got; got.reason() != "superseded" {
			t.Errorf("got %q, want detail=superseded", got.cacheStatus())
		}
		old.wants("afterwards", "/", "new", true)
	})
}

// TestUnstorableForTheFleet: processes do not wait for each other one by one for a
// page that nobody may store.
func TestUnstorableForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var wg sync.WaitGroup
		began := time.Now()
		for i := range 10 {
			m := f.join(fmt.Sprint("page of ", i))
			m.work.takes, m.work.fields = 100*time.Millisecond, []string{"Set-Cookie", "a=b"}
			for range 5 {
				wg.Go(func() {
					if got := m.ask("/"); got.body != m.work.text {
						t.Errorf("got %q, want %q", got.body, m.work.text)
					}
				})
			}
		}
		wg.Wait()
		if took := time.Since(began); took > 400*time.Millisecond {
			t.Errorf("got all answers after %v, want them after three runs' time and a moment", took)
		}
	})
}

// TestFailureGivesTheLeaseBack at once, so that another process tries.
func TestFailureGivesTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		bad, good := f.join("error"), f.join("page")
		bad.work.status, bad.work.takes = 500, 10*time.Millisecond
		go bad.ask("/")
		synctest.Wait()
		began := time.Now()
		good.wants("after the failure", "/", "page", false)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("got the page after %v, want it soon after the failure", took)
		}
		good.wants("again", "/", "page", true)
	})
}

// TestNoLeaseWithoutTheStore: each process makes the page, and nobody waits.
func TestNoLeaseWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		for i := range 3 {
			m := f.join(fmt.Sprint("page of ", i))
			m.cutOff()
			began := time.Now()
			m.wants("cut off", "/", m.work.text, false)
			if took := time.Since(began); took != 0 {
				t.Errorf("got the page after %v, want it at once", took)
			}
		}
	})
}

// TestOneRefreshForTheFleet: a stale page that many processes serve is made anew by
// one of them.
func TestOneRefreshForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var members []*member
		for range 5 {
			m := f.join("page", pagecache.StaleWhileRevalidate(time.Hour))
			m.h = routed(m.cache.Page(time.Minute), &m.work)
			members = append(members, m)
		}
		members[0].ask("/p")
		time.Sleep(2 * time.Minute)
		for _, m := range members {
			m.work.takes = time.Second
		}
		for range 10 {
			for _, m := range members {
				if got := m.ask("/p"); got.body != "page" {
					t.Errorf("got %q, %q", got.body, got.cacheStatus())
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		total := int64(0)
		for _, m := range members {
			total += m.work.runs.Load()
			if got := m.ask("/p"); !got.hit() || got.isStale() {
				t.Errorf("afterwards: got %q, want a fresh hit", got.cacheStatus())
			}
		}
		if total != 2 {
			t.Errorf("got %d handler runs in the fleet, want the first and one refresh", total)
		}
	})
}

// TestPurgeTakesTheLeaseAlong: a request that begins after a purge does not get the
// page of a run that has the lease since before.
func TestPurgeTakesTheLeaseAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		old, other := f.join("old"), f.join("new")
		old.work.block = make(chan struct{})
		go old.ask("/")
		synctest.Wait()
		if err := other.cache.Purge(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { close(old.work.block) })
		other.wants("after the purge", "/", "new", false)
		other.wants("again", "/", "new", true)
		old.wants("there", "/", "new", true)
	})
}

// TestTripsOfLeases: the right to make a page costs two trips of a miss, and its
// end none (the page and the lease are written and dropped in one step); with it the tags of the last time are read before the run.
func TestTripsOfLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		a, b := f.join("a"), f.join("b")
		a.work.tags, b.work.tags = []string{"x", "y"}, []string{"x", "y"}
		a.ask("/another")
		a.trips()
		a.ask("/p")
		a.wantTrips("first miss of a path", "Get/3", "Add/1", "Get/5", "Add/1", "Add/2", "Get/1", "Set/2")
		a.ask("/p")
		a.wantTrips("hit", "Get/3")
		b.ask("/p")
		b.wantTrips("hit elsewhere", "Get/3")
		time.Sleep(time.Hour)
		a.ask("/p")
		a.wantTrips("miss, tags known", "Get/3", "Add/1", "Get/7", "Set/2")
		plain := f.join("plain", alone)
		plain.ask("/p?q")
		plain.wantTrips("without leases", "Get/3", "Add/1", "Set/1")
		plain.work.status = 500
		a.work.status = 500
		a.ask("/p?r")
		a.wantTrips("failure", "Get/3", "Add/1", "Get/5", "Set/1")
	})
}
