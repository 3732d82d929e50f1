package memstore

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"
)

// block is a value with memory of its own, so that the garbage collector can
// tell whether the store still holds it.
type block struct{ b []byte }

// TestBurst stores from many goroutines at once and counts, after a collection
// in the midst of it, the values that are really reachable.
func TestBurst(t *testing.T) {
	for _, tc := range []struct {
		name          string
		budget, size  int64
		workers, each int
		keys          uint64
		deleteToo     bool
	}{
		{name: "1MiB into 16MiB", budget: 16 << 20, size: 1 << 20, workers: 64, each: 20, keys: 1 << 40},
		{name: "8KiB into 1MiB", budget: 1 << 20, size: 8 << 10, workers: 64, each: 200, keys: 1 << 40},
		{name: "overwrite", budget: 16 << 20, size: 1 << 20, workers: 64, each: 20, keys: 3},
		{name: "delete", budget: 16 << 20, size: 1 << 20, workers: 64, each: 20, keys: 1 << 40, deleteToo: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(tc.budget)
			defer s.Close()
			var (
				mu   sync.Mutex
				refs []weak.Pointer[block]
				next atomic.Uint64
				wg   sync.WaitGroup
			)
			for range tc.workers {
				wg.Go(func() {
					for range tc.each {
						v := &block{b: make([]byte, tc.size)}
						mu.Lock()
						refs = append(refs, weak.Make(v))
						mu.Unlock()
						key := next.Add(1) % tc.keys
						s.Store(key, v, int(tc.size), time.Hour)
						if tc.deleteToo {
							s.Delete(key)
						}
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			most := 0
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				most = max(most, reachable(&mu, &refs))
			}
			// While it runs, each worker holds one value that is not stored yet, and
			// the one before may still stand in a frame that the collector reads
			// conservatively, because it was interrupted anywhere.
			held := 2 * tc.workers
			limit := int(tc.budget*5/4/tc.size) + held
			if most > limit {
				t.Errorf("reachable values: got up to %d, want at most %d", most, limit)
			}
			rest := reachable(&mu, &refs)
			if limit -= held; rest > limit {
				t.Errorf("reachable values after the burst: got %d, want at most %d", rest, limit)
			}
			t.Logf("reachable: up to %d in the burst (%d of them may be in flight), %d after it; table %d, %d bytes",
				most, held, rest, s.Len(), s.Bytes())
		})
	}
}

// reachable counts the values that exist now and survive a collection. Those
// born during the collection survive it in any case and say nothing.
func reachable(mu *sync.Mutex, refs *[]weak.Pointer[block]) (n int) {
	mu.Lock()
	born := *refs
	mu.Unlock()
	runtime.GC()
	for _, r := range born {
		if r.Value() != nil {
			n++
		}
	}
	return n
}

// TestCollect: what overwriting and deleting leaves in otter's write buffer is
// cleaned up by the writer, whatever the scheduler does with otter's own
// goroutine. On an idle machine that one is nearly always faster.
func TestCollect(t *testing.T) {
	s := New(16 << 20)
	defer s.Close()
	for i := range uint64(200) {
		s.Store(i%4, i, 1<<20, time.Hour)
		if i%2 == 0 {
			s.Delete(i % 4)
		}
		if got := s.garbage.Load(); got > s.slack {
			t.Fatalf("after %d writes: got %d bytes waiting for maintenance, want at most %d", i+1, got, s.slack)
		}
	}
}
