package storetest

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

var memoryCases = []struct {
	name string
	run  func(*testing.T, pagecache.Memory)
}{
	{"Absent", memoryAbsent},
	{"Keys", memoryKeys},
	{"Overwrite", memoryOverwrite},
	{"Identity", memoryIdentity},
	{"Delete", memoryDelete},
	{"Lifetimes", memoryLifetimes},
	{"LifetimeOverwritten", memoryLifetimeOverwritten},
	{"TooHeavy", memoryTooHeavy},
	{"ConcurrentModel", memoryModel},
	{"ConcurrentShared", memoryShared},
	{"Abilities", memoryAbilities},
	{"Close", memoryClose},
}

// wantLoad fails unless key holds want; nil stands for nothing.
func wantLoad(t *testing.T, m pagecache.Memory, key uint64, want any) {
	t.Helper()
	got, ok := m.Load(key)
	if ok != (want != nil) || ok && got != want {
		t.Errorf("Load(%#x): got %v, %v, want %v", key, got, ok, want)
	}
}

func memoryAbsent(t *testing.T, m pagecache.Memory) {
	for _, key := range []uint64{0, 1, math.MaxUint64} {
		wantLoad(t, m, key, nil)
	}
}

func memoryKeys(t *testing.T, m pagecache.Memory) {
	keys := []uint64{0, math.MaxUint64}
	for bit := range 64 {
		keys = append(keys, 1<<bit)
	}
	for _, key := range keys {
		m.Store(key, key, 8, longLife)
	}
	for _, key := range keys {
		wantLoad(t, m, key, key)
	}
}

func memoryOverwrite(t *testing.T, m pagecache.Memory) {
	for i, size := range []int{100, 10_000, 1, 0, 5000} {
		m.Store(7, i, size, longLife)
		wantLoad(t, m, 7, i)
	}
}

// memoryIdentity: a Memory hands out the very value, not a copy.
func memoryIdentity(t *testing.T, m pagecache.Memory) {
	p, q := &struct{ n int }{1}, &struct{ n int }{1}
	m.Store(1, p, 8, longLife)
	m.Store(2, q, 8, longLife)
	wantLoad(t, m, 1, p)
	wantLoad(t, m, 2, q)
}

func memoryDelete(t *testing.T, m pagecache.Memory) {
	m.Delete(1)
	m.Store(1, "one", 3, longLife)
	m.Store(2, "two", 3, longLife)
	m.Delete(1)
	m.Delete(1)
	wantLoad(t, m, 1, nil)
	wantLoad(t, m, 2, "two")
	m.Store(1, "again", 5, longLife)
	wantLoad(t, m, 1, "again")
}

func memoryLifetimes(t *testing.T, m pagecache.Memory) {
	for i, ttl := range []time.Duration{time.Nanosecond, 250 * time.Millisecond, time.Second, time.Minute} {
		key := uint64(i)
		m.Store(key, "value", 5, ttl)
		time.Sleep(ttl - 1)
		wantLoad(t, m, key, "value")
		time.Sleep(1 + grace)
		wantLoad(t, m, key, nil)
	}
	m.Store(10, "value", 5, tenYears)
	m.Store(11, "value", 5, math.MaxInt64)
	// Not the ten years: a store with a ticker would be at it for minutes.
	time.Sleep(24 * time.Hour)
	wantLoad(t, m, 10, "value")
	wantLoad(t, m, 11, "value")
}

func memoryLifetimeOverwritten(t *testing.T, m pagecache.Memory) {
	m.Store(1, "long", 4, 3*longLife)
	m.Store(1, "short", 5, longLife)
	m.Store(2, "short", 5, longLife)
	m.Store(2, "long", 4, 3*longLife)
	time.Sleep(longLife + grace)
	wantLoad(t, m, 1, nil)
	wantLoad(t, m, 2, "long")
}

// memoryTooHeavy: what does not fit must at least not leave the old value.
func memoryTooHeavy(t *testing.T, m pagecache.Memory) {
	for _, size := range []int{math.MaxInt, math.MaxInt - 100, math.MaxInt32} {
		m.Store(1, "old", 3, longLife)
		m.Store(1, "new", size, longLife)
		if got, ok := m.Load(1); ok && got != "new" {
			t.Errorf("after a value of %d bytes: got %v, want the new value or nothing", size, got)
		}
		m.Delete(1)
	}
}

// memoryModel gives each goroutine keys of its own and compares with a map.
func memoryModel(t *testing.T, m pagecache.Memory) {
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(worker, 1))
			model := map[uint64]any{}
			for step := range 2000 {
				key := worker<<32 | rnd.Uint64N(20)
				switch rnd.IntN(4) {
				case 0:
					m.Store(key, step, rnd.IntN(300), longLife)
					model[key] = step
				case 1:
					m.Delete(key)
					delete(model, key)
				default:
					wantLoad(t, m, key, model[key])
				}
			}
		})
	}
	wg.Wait()
}

// memoryShared lets all goroutines write the same keys: whatever is found must
// have been stored under that key.
func memoryShared(t *testing.T, m pagecache.Memory) {
	type value struct{ key, check uint64 }
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(worker, 2))
			for range 2000 {
				key := rnd.Uint64N(10)
				switch rnd.IntN(5) {
				case 0, 1:
					m.Store(key, value{key, ^key}, 16, time.Duration(1+rnd.Int64N(int64(longLife))))
				case 2:
					m.Delete(key)
				default:
					if got, ok := m.Load(key); ok && got != (value{key, ^key}) {
						t.Errorf("Load(%d): got %v, a value of another key", key, got)
					}
				}
			}
		})
	}
	wg.Wait()
}

func memoryAbilities(t *testing.T, m pagecache.Memory) {
	const n, size = 10, 1000
	for key := range uint64(n) {
		m.Store(key, key, size, longLife)
	}
	m.Store(0, "again", size, longLife)
	if l, ok := m.(interface{ Len() int }); !ok {
		missing(t, m, "Len")
	} else if got := l.Len(); got != n {
		t.Errorf("Len: got %d, want %d", got, n)
	}
	if b, ok := m.(interface{ Bytes() int64 }); !ok {
		missing(t, m, "Bytes")
	} else if got := b.Bytes(); got < n*size || got > 2*n*size {
		t.Errorf("Bytes: got %d, want %d and a little", got, n*size)
	}
}

// memoryClose: the goroutines are counted by the end of the bubble.
func memoryClose(t *testing.T, m pagecache.Memory) {
	m.Store(1, "value", 5, longLife)
	if _, ok := m.(interface{ Close() error }); !ok {
		missing(t, m, "Close")
		return
	}
	closeStore(t, m)
	m.Store(2, "value", 5, longLife)
	m.Delete(1)
	wantLoad(t, m, 1, nil)
	wantLoad(t, m, 2, nil)
	closeStore(t, m)
}
