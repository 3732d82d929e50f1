package storetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

var _ pagecache.Store = (*storetest.Map)(nil)

func TestMap(t *testing.T) {
	storetest.Store(t, func(testing.TB) pagecache.Store { return storetest.NewMap() })
}

// A store may have no optional ability at all.
func TestPlainStore(t *testing.T) {
	storetest.Store(t, func(testing.TB) pagecache.Store { return struct{ pagecache.Store }{storetest.NewMap()} })
}

// Decorated stores without a fault must still be stores, also of what they share.
func TestFaultyStoreHealthy(t *testing.T) {
	m := storetest.NewMap()
	storetest.Store(t, func(testing.TB) pagecache.Store {
		return storetest.FaultyStore(m, &storetest.Faults{})
	})
}

func TestFaultyMemoryHealthy(t *testing.T) {
	for name, open := range map[string]func() pagecache.Memory{
		"memstore":     func() pagecache.Memory { return memstore.New(8 << 20) },
		"gocachestore": func() pagecache.Memory { return gocachestore.New(cache.New(cache.NoExpiration, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Memory(t, func(testing.TB) pagecache.Memory {
				f := &storetest.Faults{}
				f.Before(storetest.Fail(storetest.ErrFault))
				f.Loaded(func(uint64, any, bool) (any, bool) { return "foreign", true })
				f.Heal()
				return storetest.FaultyMemory(open(), f)
			})
		})
	}
}

// faulty returns a store that holds "value" under "a" and "other" under "b".
func faulty(t *testing.T) (pagecache.Store, *storetest.Faults) {
	m, f := storetest.NewMap(), &storetest.Faults{}
	for key, value := range map[string]string{"a": "value", "b": "other"} {
		if err := m.Set(t.Context(), []byte(value), time.Hour, key); err != nil {
			t.Fatal(err)
		}
	}
	return storetest.FaultyStore(m, f), f
}

func TestErrors(t *testing.T) {
	s, f := faulty(t)
	ctx := t.Context()
	f.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set", "Add"))
	if err := s.Set(ctx, []byte("new"), time.Hour, "a"); !errors.Is(err, storetest.ErrFault) {
		t.Errorf("Set: got %v, want ErrFault", err)
	}
	if _, err := s.Add(ctx, []byte("new"), time.Hour, "c"); !errors.Is(err, storetest.ErrFault) {
		t.Errorf("Add: got %v, want ErrFault", err)
	}
	wantValues(t, s, "value", "other", "")

	f.Heal()
	f.After(storetest.Fail(storetest.ErrFault))
	if err := s.Delete(ctx, "a"); !errors.Is(err, storetest.ErrFault) {
		t.Errorf("Delete: got %v, want ErrFault", err)
	}
	f.After(nil)
	wantValues(t, s, "", "other", "")

	f.Before(storetest.Fail(storetest.ErrDrop))
	if err := s.Delete(ctx, "b"); err != nil {
		t.Errorf("dropped Delete: got %v, want no error", err)
	}
	now, err := s.Add(ctx, []byte("new"), time.Hour, "b")
	if err != nil || string(now[0]) != "new" {
		t.Errorf("dropped Add: got %q, %v, want the lie that it was added", now, err)
	}
	wantValues(t, s, "", "", "")
	f.Heal()
	wantValues(t, s, "", "other", "")
}

// wantValues compares the values under a, b and c; empty means absent.
func wantValues(t *testing.T, s pagecache.Store, want ...string) {
	t.Helper()
	got, err := s.Get(t.Context(), "a", "b", "c")
	if err != nil || len(got) != len(want) {
		t.Fatalf("Get: got %d values, error %v, want %d and none", len(got), err, len(want))
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("value %d: got %q, want %q", i, got[i], want[i])
		}
	}
}

func TestCorruption(t *testing.T) {
	s, f := faulty(t)
	for name, tc := range map[string]struct {
		hook func([][]byte) [][]byte
		good func(v [][]byte) bool
	}{
		"FlipBit":  {storetest.FlipBit, func(v [][]byte) bool { return len(v[0]) == 5 && string(v[0]) != "value" && v[2] == nil }},
		"Truncate": {storetest.Truncate, func(v [][]byte) bool { return v[0] != nil && len(v[0]) < 5 && v[2] == nil }},
		"Empty":    {storetest.Empty, func(v [][]byte) bool { return v[0] != nil && len(v[0]) == 0 && v[2] == nil }},
		"Foreign":  {storetest.Foreign, func(v [][]byte) bool { return string(v[0]) == string(v[1]) && v[2] == nil }},
		"Swap":     {storetest.Swap, func(v [][]byte) bool { return v[0] == nil && string(v[2]) == "value" }},
		"Miscount": {storetest.Miscount, func(v [][]byte) bool { return len(v) == 2 }},
		"Surplus":  {storetest.Surplus, func(v [][]byte) bool { return len(v) == 4 }},
	} {
		f.Values(tc.hook)
		if got, err := s.Get(t.Context(), "a", "b", "c"); err != nil || !tc.good(got) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		f.Values(nil)
		wantValues(t, s, "value", "other", "")
	}
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := faulty(t)
		took := func(want time.Duration, wantErr error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			if _, err := s.Get(ctx, "a"); !errors.Is(err, wantErr) {
				t.Errorf("got error %v, want %v", err, wantErr)
			}
			if got := time.Since(start); got != want {
				t.Errorf("took %v, want %v", got, want)
			}
		}
		took(0, nil)
		f.Before(storetest.Delay(10 * time.Millisecond))
		took(10*time.Millisecond, nil)
		f.Before(storetest.Delay(time.Minute))
		took(time.Second, context.DeadlineExceeded)
		f.Before(nil)
		f.After(storetest.Stall(time.Minute))
		took(time.Minute, nil)
		f.Heal()
		hang, release := storetest.Hang()
		f.Before(hang)
		time.AfterFunc(time.Hour, release)
		took(time.Hour, context.DeadlineExceeded)
		took(0, nil)
	})
}

func TestMemoryFaults(t *testing.T) {
	var f storetest.Faults
	inner := gocachestore.New(cache.New(cache.NoExpiration, 0))
	m := storetest.FaultyMemory(inner, &f)
	m.Store(1, "one", 3, time.Hour)
	m.Store(2, "two", 3, time.Hour)

	f.Loaded(func(uint64, any, bool) (any, bool) { return 42, true })
	if v, ok := m.Load(1); !ok || v != 42 {
		t.Errorf("foreign type: got %v, %v, want 42, true", v, ok)
	}
	f.Loaded(func(key uint64, _ any, _ bool) (any, bool) { return inner.Load(key + 1) })
	if v, ok := m.Load(1); !ok || v != "two" {
		t.Errorf("value of another key: got %v, %v, want two, true", v, ok)
	}
	f.Loaded(nil)
	f.Before(storetest.Fail(storetest.ErrDrop))
	m.Delete(2)
	m.Store(1, "new", 3, time.Hour)
	if v, ok := m.Load(1); ok {
		t.Errorf("dropped Load: got %v, want nothing", v)
	}
	f.Heal()
	if v, _ := m.Load(1); v != "one" {
		t.Errorf("after dropped writes: got %v, want one", v)
	}
	f.Before(storetest.Only(storetest.Panic("boom"), "Store"))
	if v, _ := m.Load(2); v != "two" {
		t.Errorf("after a dropped Delete: got %v, want two", v)
	}
	defer func() {
		if r := recover(); r != "boom" {
			t.Errorf("got panic %v, want boom", r)
		}
	}()
	m.Store(1, "new", 3, time.Hour)
}
