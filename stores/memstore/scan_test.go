package memstore

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestScan floods a store with keys that are asked for once, while 100 others
// get one request in ten. Those must stay and, first of all, get in. otter's
// read buffer drops what it cannot hold, so the concurrent case matters most.
func TestScan(t *testing.T) {
	for _, tc := range []struct {
		name    string
		workers int
		warm    uint64 // unique keys that filled the store before the hot ones appear
	}{
		{name: "hot from the start", workers: 1},
		{name: "hot keys come late", workers: 1, warm: 20_000},
		{name: "concurrent", workers: 4, warm: 20_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(64 << 20)
			defer s.Close()
			for i := range tc.warm {
				request(s, 1<<50+i)
			}
			const requests = 120_000
			var hits, repeats atomic.Int64
			var wg sync.WaitGroup
			for w := range tc.workers {
				wg.Go(func() {
					unique := uint64(w+1) << 40
					for i := range requests / tc.workers {
						if i%10 == 0 {
							hits.Add(request(s, uint64(i/10%100)))
						} else {
							unique++
							repeats.Add(request(s, unique))
						}
					}
				})
			}
			wg.Wait()
			ratio := float64(hits.Load()) / (requests / 10)
			t.Logf("hit ratio of the hot keys: %.4f", ratio)
			if ratio < 0.95 {
				t.Errorf("hit ratio of the hot keys: got %.4f, want at least 0.95", ratio)
			}
			if got := repeats.Load(); got != 0 {
				t.Errorf("hits of keys asked for once: got %d, want 0", got)
			}
		})
	}
}

// request does what the cache does with a page of 8 KiB: look up, and fill on a
// miss. It returns the number of hits.
func request(s *Store, key uint64) int64 {
	key = scramble(key)
	if _, ok := s.Load(key); ok {
		return 1
	}
	s.Store(key, &key, 8<<10, time.Hour)
	return 0
}

// TestScanHeap really allocates: 10^5 unique pages of 8 KiB through 64 MiB.
func TestScanHeap(t *testing.T) {
	const budget = 64 << 20
	base := heap()
	s := New(budget)
	defer s.Close()
	for i := range uint64(100_000) {
		s.Store(scramble(i), make([]byte, 8<<10), 8<<10, time.Hour)
		if i%25_000 == 24_999 {
			if got := heap() - base; got > budget*5/4 {
				t.Errorf("heap after %d pages: got %d bytes, want at most %d", i+1, got, budget*5/4)
			} else {
				t.Logf("heap after %d pages: %.1f MiB, accounted %.1f MiB", i+1, float64(got)/(1<<20), float64(s.Bytes())/(1<<20))
			}
		}
	}
}
