package pagecache

import (
	"sync"
	"sync/atomic"
	"testing"
)

// blow is one strike, at a time.
type blow struct {
	places []uint32
	all    bool
	rare   bool
	soft   bool
	at     int64
}

// strikeAll strikes in order.
func strikeAll(s *stamps, blows []blow) {
	for _, b := range blows {
		s.strike(scope{places: b.places, all: b.all, rare: b.rare}, b.soft, b.at)
	}
}

// TestJudge: what becomes of a page that was begun at 100 and has the common
// places 1 and 2 and the rare places 3 and 4.
func TestJudge(t *testing.T) {
	on := func(at int64, places ...uint32) blow { return blow{places: places, at: at} }
	softly := func(b blow) blow { b.soft = true; return b }
	rarely := func(b blow) blow { b.rare = true; return b }
	for _, tt := range []struct {
		name    string
		blows   []blow
		expired int64
		gone    bool
	}{
		{"nothing", nil, never, false},
		{"before it was begun", []blow{on(50, 1, 2), rarely(on(60, 3)), {all: true, at: 70}}, never, false},
		{"at the moment it was begun", []blow{on(100, 1)}, never, false},
		{"just after", []blow{on(101, 1)}, 101, true},
		{"its other place", []blow{on(200, 2)}, 200, true},
		{"other places", []blow{on(200, 5, 6, 7), rarely(on(210, 8))}, never, false},
		{"one of several", []blow{on(200, 9, 2, 7)}, 200, true},
		{"softly", []blow{softly(on(200, 1))}, 200, false},
		{"softly, twice on one place", []blow{softly(on(200, 1)), softly(on(300, 1))}, 300, false},
		{"softly, on two places", []blow{softly(on(200, 2)), softly(on(300, 1))}, 200, false},
		{"softly, then hard", []blow{softly(on(200, 1)), on(300, 1)}, 300, true},
		{"hard, then softly", []blow{on(200, 1), softly(on(300, 1))}, 300, true},
		{"hard and softly on two places", []blow{softly(on(200, 1)), on(300, 2)}, 200, true},
		{"hard on another, softly here", []blow{on(200, 9), softly(on(300, 2))}, 300, false},
		{"hard before it was begun, softly after", []blow{on(90, 1), softly(on(300, 1))}, 300, false},
		{"all", []blow{{all: true, at: 200}}, 200, true},
		{"all, softly", []blow{{all: true, soft: true, at: 200}}, 200, false},
		{"all, softly, and one place", []blow{{all: true, soft: true, at: 300}, on(200, 1)}, 300, true},
		{"all before, others after", []blow{{all: true, at: 90}, on(200, 9)}, never, false},
		{"rare", []blow{rarely(on(200, 3))}, 200, true},
		{"rare, the last", []blow{rarely(on(200, 4))}, 200, true},
		{"rare, softly", []blow{softly(rarely(on(200, 4)))}, 200, false},
		{"rare and common at once", []blow{rarely(on(200, 9, 4))}, 200, true},
		{"rare elsewhere, then common", []blow{rarely(on(200, 9)), on(300, 1)}, 300, true},
		{"rare, then softly common", []blow{rarely(on(200, 3)), softly(on(300, 1))}, 200, true},
		{"rare before it was begun", []blow{rarely(on(90, 3)), on(300, 9)}, never, false},
		{"two in one nanosecond", []blow{on(200, 9), softly(on(200, 1))}, 201, false},
		{"the clock jumps back", []blow{on(500, 9), on(200, 1)}, 501, true},
	} {
		s := newStamps(16)
		strikeAll(s, tt.blows)
		p := places{[]uint32{1, 2, 3, 4}, 2}
		if expired, gone := s.judge(&p, 100); expired != tt.expired || gone != tt.gone {
			t.Errorf("%s: got expired at %d, gone %t; want %d, %t", tt.name, expired, gone, tt.expired, tt.gone)
		}
	}
}

// TestJudgeLooksAtRarePlacesRarely: hits read them only after a purge of such a
// kind, so that they cost what the common ones do. A purge of a common kind that
// meets a rare place by chance is not noticed.
func TestJudgeLooksAtRarePlacesRarely(t *testing.T) {
	s, p := newStamps(16), places{[]uint32{1, 2, 3}, 2}
	s.strike(scope{places: []uint32{3}}, false, 200)
	if expired, _ := s.judge(&p, 100); expired != never {
		t.Errorf("got expired at %d by a purge of a common kind, want never", expired)
	}
}

// TestNumbers of purges only grow, whatever the clock says, and no two are the
// same.
func TestNumbers(t *testing.T) {
	s, last := newStamps(16), int64(0)
	for _, now := range []int64{0, 0, 5, 5, 4, 1 << 40, 7, 1<<40 + 1, 1<<40 + 9} {
		n := s.next(now)
		if n <= last || n < now || n > max(now, last+1) {
			t.Errorf("got %d at %d after %d, want the time or one more", n, now, last)
		}
		last = n
	}
	var seen sync.Map
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10_000 {
				if n := s.next(3); n <= last {
					t.Errorf("got %d again", n)
				} else if _, twice := seen.LoadOrStore(n, true); twice {
					t.Errorf("got %d twice", n)
				}
			}
		})
	}
	all.Wait()
}

// TestStrikeInOrder: who sees that a page has changed sees whether it is gone.
// Otherwise a page that is being purged would be served as one that is stale.
func TestStrikeInOrder(t *testing.T) {
	const many = 1 << 12 // places, so that a strike takes its time
	s, sc := newStamps(many), scope{}
	for i := range uint32(many) {
		sc.places = append(sc.places, i)
	}
	p := places{[]uint32{0, many / 2, many - 1}, 3}
	var seen, wrong atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for !over.Load() {
			expired, gone := s.judge(&p, s.last.Load()-1) // while it is being struck
			if expired == never {
				continue
			}
			if seen.Add(1); !gone {
				wrong.Add(1)
			}
		}
	})
	for i := int64(0); seen.Load() < 1_000; i++ {
		s.strike(sc, false, i)
	}
	over.Store(true)
	all.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("got a page that is stale and not gone by a purge, %d times in %d", n, seen.Load())
	}
}

// TestStrikesAtOnce: the higher number stays, whoever writes last.
func TestStrikesAtOnce(t *testing.T) {
	var at atomic.Int64
	for _, n := range []int64{5, 3, 5, 7, 6} {
		before := at.Load()
		if raise(&at, n); at.Load() != max(before, n) {
			t.Errorf("got %d, want the higher of %d and %d", at.Load(), before, n)
		}
	}
	s, p := newStamps(16), places{[]uint32{1}, 1}
	for range 1_000 {
		var both sync.WaitGroup
		stamp := s.last.Load()
		for range 2 {
			both.Go(func() { s.strike(scope{places: []uint32{1}, all: true, rare: true}, false, 0) })
		}
		both.Wait()
		if expired, gone := s.judge(&p, stamp+1); expired != stamp+2 || !gone {
			t.Fatalf("got expired at %d, gone %t for a page between two purges; want %d, true", expired, gone, stamp+2)
		}
		if expired, _ := s.judge(&p, stamp+2); expired != never {
			t.Fatalf("got expired at %d for a page after both, want never", expired)
		}
	}
}
