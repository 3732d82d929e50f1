package memstore

import (
	"testing"
	"time"
)

// TestFrontForgets checks that the short cut never outlives the table: a value
// that was replaced or deleted is not found by the old way in.
func TestFrontForgets(t *testing.T) {
	s := New(1 << 20)
	defer s.Close()
	s.Store(1, "old", 10, time.Hour)
	for range 3 {
		s.Load(1)
	}
	old := s.front.get(1)
	if old == nil {
		t.Fatal("a value that was just read is not in front")
	}
	s.Store(1, "new", 10, time.Hour)
	if v, ok := s.Load(1); !ok || v != "new" {
		t.Errorf("after replacing: got %v, %v; want new", v, ok)
	}
	s.front.put(old) // a reader that was late
	if v, ok := s.Load(1); !ok || v != "new" {
		t.Errorf("after a late reader: got %v, %v; want new", v, ok)
	}
	s.Delete(1)
	if v, ok := s.Load(1); ok {
		t.Errorf("after deleting: got %v, want nothing", v)
	}
	for i := range s.front.slots {
		if it := s.front.slots[i].Load(); it != nil {
			t.Errorf("slot %d still holds %v", i, it.value)
		}
	}
}

// TestFrontCollision: two keys of one slot are both found, always.
func TestFrontCollision(t *testing.T) {
	s := New(1 << 20)
	defer s.Close()
	a, b := uint64(1), 1+uint64(len(s.front.slots))
	s.Store(a, "a", 10, time.Hour)
	s.Store(b, "b", 10, time.Hour)
	for range 100 {
		if v, _ := s.Load(a); v != "a" {
			t.Fatalf("got %v, want a", v)
		}
		if v, _ := s.Load(b); v != "b" {
			t.Fatalf("got %v, want b", v)
		}
	}
}

// TestTells bounds what the policy is told of a hot value.
func TestTells(t *testing.T) {
	var it item
	count := func(tick int64) (n int) {
		for range 1000 {
			if it.worthTelling(tick) {
				n++
			}
		}
		return n
	}
	for tick := range int64(3) {
		want := tells
		if got := count(tick); got != want {
			t.Errorf("tick %d: told %d of 1000 reads, want %d", tick, got, want)
		}
	}
}
