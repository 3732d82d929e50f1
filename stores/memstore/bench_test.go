package memstore

import (
	"math/rand/v2"
	"testing"
	"time"
)

// hotStore returns a store with n values, none of which is evicted.
func hotStore(b *testing.B, n uint64) *Store {
	s := New(64 << 20)
	b.Cleanup(func() { s.Close() })
	for i := range n {
		s.Store(scramble(i), &i, 4<<10, time.Hour)
	}
	s.cache.CleanUp()
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

// Run with -cpu 1,2 for one and two cores.
func BenchmarkLoad(b *testing.B) {
	const n = 1 << 10
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = scramble(uint64(i))
	}
	b.Run("one", func(b *testing.B) {
		s := hotStore(b, n)
		loadAll(b, s, keys[:1])
	})
	b.Run("hot", func(b *testing.B) {
		s := hotStore(b, n)
		loadAll(b, s, keys)
	})
	b.Run("zipf", func(b *testing.B) {
		const all = 8 << 10
		zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, all-1)
		drawn := make([]uint64, 1<<16)
		for i := range drawn {
			drawn[i] = scramble(zipf.Uint64())
		}
		s := hotStore(b, all)
		loadAll(b, s, drawn)
	})
	b.Run("absent", func(b *testing.B) {
		s := hotStore(b, n)
		b.RunParallel(func(pb *testing.PB) {
			for i := uint64(1 << 40); pb.Next(); i++ {
				if _, ok := s.Load(scramble(i)); ok {
					b.Error("found a key that was never stored")
				}
			}
		})
	})
}

func loadAll(b *testing.B, s *Store, keys []uint64) {
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.IntN(len(keys)); pb.Next(); i++ {
			if _, ok := s.Load(keys[i&(len(keys)-1)]); !ok {
				b.Error("a value is missing")
			}
		}
	})
}

// BenchmarkStore writes new keys into a full store: each one evicts another.
func BenchmarkStore(b *testing.B) {
	b.Run("full", func(b *testing.B) {
		s := hotStore(b, 20_000)
		b.RunParallel(func(pb *testing.PB) {
			value := any(new(int))
			for i := rand.Uint64(); pb.Next(); i++ {
				s.Store(scramble(i), value, 4<<10, time.Hour)
			}
		})
	})
	b.Run("overwrite", func(b *testing.B) {
		s := hotStore(b, 1000)
		b.RunParallel(func(pb *testing.PB) {
			value := any(new(int))
			for i := rand.Uint64(); pb.Next(); i++ {
				s.Store(scramble(i%1000), value, 4<<10, time.Hour)
			}
		})
	})
}
