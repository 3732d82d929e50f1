package memstore

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestOverhead compares the two constants with what the heap says. It fills a
// large store with n entries that all hold one shared value, so that whatever
// the heap grows by is ours: otter's nodes, hash table and sketch. The cost
// swings with the fill of the two power-of-two tables, hence several n.
func TestOverhead(t *testing.T) {
	shared := any(new(int))
	base := heap()
	empty := New(1 << 30)
	if got, want := heap()-base, fixedOverhead+empty.front.size(); got > want {
		t.Errorf("empty store: got %d bytes, want at most %d", got, want)
	} else {
		t.Logf("empty store: %d bytes", got)
	}
	empty.Close()
	for _, n := range []int{1_000, 9_000, 20_000, 40_000, 70_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			base := heap()
			// Full to the brim: only then does otter build its sketch.
			s := New(int64(n)*(1000+entryOverhead) + fixedOverhead)
			for i := range uint64(n) {
				s.Store(scramble(i), shared, 1000, time.Hour)
			}
			s.cache.CleanUp()
			grown := heap() - base
			t.Logf("%d entries: %d bytes each", s.Len(), grown/int64(s.Len()))
			if most := fixedOverhead + int64(s.Len())*entryOverhead; grown > most*5/4 {
				t.Errorf("heap: got %d bytes, accounted %d", grown, most)
			}
			s.Close()
		})
	}
}

// heap returns the bytes of live heap objects. Two collections: the first only
// empties pools and caches of the runtime.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// scramble spreads small numbers over 64 bits, as the hashes of the core are
// (the finalizer of splitmix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
