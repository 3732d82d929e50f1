package memstore

import (
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewPanics(t *testing.T) {
	for _, maxBytes := range []int64{-1, 0, 1, 64<<10 - 1} {
		func() {
			defer func() {
				text, _ := recover().(string)
				if !strings.HasPrefix(text, "memstore: New(") || !strings.Contains(text, "64 << 20") {
					t.Errorf("New(%d): got panic %q, want one that names the value and the way out", maxBytes, text)
				}
			}()
			New(maxBytes)
		}()
	}
	New(64 << 10).Close()
}

func TestRefusal(t *testing.T) {
	s := New(64 << 20)
	defer s.Close()
	for _, tc := range []struct {
		name string
		size int
		ttl  time.Duration
		want bool
	}{
		{"the largest default page with its headers", 1<<20 + 64<<10, time.Minute, true},
		{"just light enough", 8<<20 - entryOverhead, time.Minute, true},
		{"too heavy", 8<<20 - entryOverhead + 1, time.Minute, false},
		{"heavier than the store", 128 << 20, time.Minute, false},
		{"so heavy that the sum wraps around", math.MaxInt, time.Minute, false},
		{"nothing", 0, time.Minute, true},
		{"negative size", -1, time.Minute, false},
		{"no ttl", 1, 0, false},
		{"negative ttl", 1, -1, false},
		{"endless ttl", 1, 1<<63 - 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.Store(1, "old", 3, time.Minute)
			s.Store(1, "new", tc.size, tc.ttl)
			got, ok := s.Load(1)
			if ok != tc.want || ok && got != "new" {
				t.Errorf("got %v, %v, want presence %v and never the old value", got, ok, tc.want)
			}
		})
	}
}

// TestLifetime pins the two promises on time: never early, and freed soon.
func TestLifetime(t *testing.T) {
	for _, ttl := range []time.Duration{time.Nanosecond, 300 * time.Millisecond, time.Second, 90 * time.Second, time.Hour, 24 * time.Hour} {
		t.Run(ttl.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(1 << 20)
				defer s.Close()
				// Off the beat of the coarse clock, which then lags most.
				time.Sleep(990 * time.Millisecond)
				s.Store(1, "value", 5, ttl)
				time.Sleep(ttl - 1)
				if _, ok := s.Load(1); !ok {
					t.Error("dropped before its ttl had passed")
				}
				time.Sleep(2*time.Second + 1)
				if _, ok := s.Load(1); ok {
					t.Error("still found two seconds after its ttl had passed")
				}
				// The coarsest wheel that such a ttl enters is not the coarsest
				// delay: entries move to finer wheels as they approach the end.
				time.Sleep(3 * time.Second)
				if s.Len() != 0 || s.Bytes() != 0 {
					t.Errorf("memory not freed: got %d entries, %d bytes, want none", s.Len(), s.Bytes())
				}
			})
		})
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(1 << 20)
		s.Store(1, "value", 5, time.Hour)
		if s.Len() != 1 || s.Bytes() != 5+entryOverhead {
			t.Errorf("one entry: got Len %d, Bytes %d, want 1 and %d", s.Len(), s.Bytes(), 5+entryOverhead)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close: got %v, want nil", err)
			}
		}
		s.Store(2, "value", 5, time.Hour)
		for key := range uint64(3) {
			if v, ok := s.Load(key); ok {
				t.Errorf("Load(%d) after Close: got %v, want nothing", key, v)
			}
		}
		s.Delete(1)
		if s.Len() != 0 || s.Bytes() != 0 {
			t.Errorf("after Close: got %d entries, %d bytes, want none", s.Len(), s.Bytes())
		}
	})
}

// TestCloseDuringStore hammers the gap between Close and a Store under way,
// and checks that the account closes at zero after churn of every kind.
func TestCloseDuringStore(t *testing.T) {
	for range 30 {
		s := New(1 << 20)
		var wg sync.WaitGroup
		for w := range uint64(4) {
			wg.Go(func() {
				for i := range uint64(400) {
					s.Store((w*31+i)%97, i, int(i*13%4000), time.Duration(1+i%3)*time.Millisecond)
					s.Load(i % 97)
					if i%5 == 0 {
						s.Delete(i % 97)
					}
					if i == 300 && w == 0 {
						s.Close()
					}
				}
			})
		}
		wg.Wait()
		if s.Len() != 0 || s.Bytes() != 0 {
			t.Fatalf("after Close: got %d entries, %d bytes, want none", s.Len(), s.Bytes())
		}
	}
}

func TestLoadAllocatesNothing(t *testing.T) {
	s := New(1 << 20)
	defer s.Close()
	s.Store(1, &block{}, 100, time.Hour)
	if got := testing.AllocsPerRun(1000, func() { s.Load(1); s.Load(2) }); got != 0 {
		t.Errorf("allocations of a hit and a miss: got %v, want 0", got)
	}
}
