//go:build linux

package redis_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// TestFigureHammer: three processes ask for pages and purge them, in every way there is,
// while servers, processes and connections freeze and die and keys vanish. After
// a purge has succeeded no request that starts later, in any process, gets a page
// from before it.
func TestFigureHammer(t *testing.T) { hammer(t, memberOptions{}) }

// TestFigureHammerNear: with copies nearby, what others purged is seen for the
// time that was chosen at most.
func TestFigureHammerNear(t *testing.T) { hammer(t, memberOptions{Near: time.Second}) }

// How long the hammer strikes: for a time, or in the long form until there were
// enough hits and purges, in a time at most. The fewest are what a slow machine
// manages with the race detector; with less something else is wrong.
const (
	shortHammer              = 20 * time.Second
	longHammer               = 15 * time.Minute
	longHits, longPurges     = 1_000_000, 100_000
	fewestHits, fewestPurges = 1_000, 100
)

const hammerMembers = 3

func hammer(t *testing.T, o memberOptions) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	x := newHammering(t, o)
	began := time.Now()
	for !x.enough(time.Since(began)) {
		x.next()
		for _, p := range x.all {
			x.mustLive(p)
		}
		time.Sleep(rand.N(2 * time.Second))
	}
	x.finish()
	t.Logf("%v in %v, faults: %v", x.board, time.Since(began).Round(time.Second), x.count)
	x.wantNothingWrong()
	hits, purges := int64(fewestHits), int64(fewestPurges)
	if *long {
		hits, purges = longHits, longPurges
	}
	if x.board.sum(tallyHits) < hits || x.board.sum(tallyPurges) < purges {
		t.Errorf("got %d hits and %d purges, want %d and %d at least", x.board.sum(tallyHits), x.board.sum(tallyPurges), hits, purges)
	}
}

// hammering is a fleet that is being hammered.
type hammering struct {
	*faults
	watchers sync.WaitGroup
}

func newHammering(t *testing.T, o memberOptions) *hammering {
	server := redistest.Start(t)
	x := &hammering{faults: &faults{
		processes: newFleet(t), server: server, proxy: redistest.StartProxy(t, server.Addr()), count: make(map[string]int),
	}}
	// The lease is short so that it ends while its holder is frozen; the budget
	// is what processes need that share two processors with each other.
	o.Asking, o.Lease, o.Budget = 6, 300*time.Millisecond, 250*time.Millisecond
	for i := range hammerMembers {
		o.Redis = server.Addr()
		if i == 0 {
			o.Redis = x.proxy.Addr() // one of them; it costs as much as the server
		}
		x.join(o)
	}
	for _, p := range x.all {
		x.watchers.Go(func() { p.watch(x.board, o.Near) })
	}
	return x
}

func (x *hammering) enough(took time.Duration) bool {
	if !*long {
		return took >= shortHammer
	}
	return took >= longHammer || x.board.sum(tallyHits) >= longHits && x.board.sum(tallyPurges) >= longPurges
}

// finish ends all members.
func (x *hammering) finish() {
	x.Helper()
	x.end()
	x.watchers.Wait()
}

func (x *hammering) wantNothingWrong() {
	x.Helper()
	for what, count := range map[string]tally{
		"stale": tallyStale, "own": tallyOwn, "wrong": tallyWrong, "failed": tallyFailed, "panics": tallyPanics,
	} {
		if n := x.board.sum(count); n > 0 {
			x.Errorf("got %d %s, want none", n, what)
		}
	}
	for _, p := range x.all {
		if strings.Contains(p.said(), "panic") {
			x.Errorf("a handler or a goroutine of member %d panicked", p.Desk)
		}
	}
	if !x.Failed() {
		return
	}
	for _, p := range x.all {
		x.Logf("member %d said:\n%s", p.Desk, p.said())
	}
}

// String is what was counted.
func (b *board) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d requests (%d over HTTP), %d hits, %d purges, %d refused; stale %d, own %d, wrong %d, failed %d, panics %d",
		b.sum(tallyServed), b.desks[ourDesk].count[tallyServed].Load(), b.sum(tallyHits), b.sum(tallyPurges),
		b.sum(tallyRefused), b.sum(tallyStale), b.sum(tallyOwn), b.sum(tallyWrong), b.sum(tallyFailed), b.sum(tallyPanics))
	b.writeLate(&s)
	return s.String()
}

// writeLate tells how old answers were that were older than a purge.
func (b *board) writeLate(s *strings.Builder) {
	var late [len(lateness) + 1]int64
	worst, total := int64(0), int64(0)
	for i := range b.desks {
		for class := range late {
			n := b.desks[i].late[class].Load()
			late[class] += n
			total += n
		}
		worst = max(worst, b.desks[i].worst.Load())
	}
	if total == 0 {
		return
	}
	fmt.Fprintf(s, "; %d late, by %v at most:", total, time.Duration(worst))
	for class, bound := range lateness {
		fmt.Fprintf(s, " <=%v: %d,", bound, late[class])
	}
	fmt.Fprintf(s, " more: %d", late[len(lateness)])
}
