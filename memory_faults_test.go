package pagecache_test

import (
	"context"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestMemoryFaults: a Memory of somebody else's may panic, lose everything, or
// hold values that are not ours. The page comes from the handler then.
func TestMemoryFaults(t *testing.T) {
	faults := map[string]func(*storetest.Faults){
		"load panics":          func(f *storetest.Faults) { f.Before(storetest.Only(storetest.Panic("memory"), "Load")) },
		"store panics":         func(f *storetest.Faults) { f.Before(storetest.Only(storetest.Panic("memory"), "Store")) },
		"store panics, stored": func(f *storetest.Faults) { f.After(storetest.Only(storetest.Panic(http.ErrAbortHandler), "Store")) },
		"everything panics":    func(f *storetest.Faults) { f.Before(storetest.Panic(nil)) },
		"loses everything":     func(f *storetest.Faults) { f.Before(storetest.Fail(storetest.ErrFault)) },
		"foreign string":       func(f *storetest.Faults) { f.Loaded(loading("page")) },
		"foreign number":       func(f *storetest.Faults) { f.Loaded(loading(1)) },
		"nil":                  func(f *storetest.Faults) { f.Loaded(loading(nil)) },
		"foreign pointer":      func(f *storetest.Faults) { f.Loaded(loading(new(int))) },
		"finds, and says not":  func(f *storetest.Faults) { f.Loaded(func(_ uint64, v any, _ bool) (any, bool) { return v, false }) },
	}
	for name, inject := range faults {
		var f storetest.Faults
		m := memstore.New(1 << 20)
		t.Cleanup(func() { _ = m.Close() })
		c := newCache(t, pagecache.WithMemory(storetest.FaultyMemory(m, &f)))
		o := &faultyOracle{}
		site := &faultSite{t, o, c.Page(time.Hour)(o)}
		paths := []string{"/warm", "/vary", "/late"}
		site.askAny("warm up", paths...)
		inject(&f)
		for range 3 {
			site.askAny(name, append(paths, "/cold", "/cold/vary")...)
		}
		f.Heal()
		site.askAny(name+", healed", append(paths, "/cold", "/cold/vary")...)
		site.askHits(name+", healed", append(paths, "/cold", "/cold/vary")...)
	}
}

func loading(v any) func(uint64, any, bool) (any, bool) {
	return func(uint64, any, bool) (any, bool) { return v, true }
}

// askAny is ask without the clock, for tests outside of bubbles.
func (s *faultSite) askAny(when string, paths ...string) {
	s.Helper()
	for _, path := range paths {
		before := s.oracle.runs
		got := call(s.h, page(path, "Accept", "a"))
		if got.status != 200 || got.body != path+" for a" || got.header.Get("X-Page") != path {
			s.Errorf("%s, %s: got %d, %q; want the page", when, path, got.status, got.body)
		}
		if runs := s.oracle.runs - before; runs > 1 || runs == 1 == got.hit() {
			s.Errorf("%s, %s: got %d handler runs for %q", when, path, runs, got.cacheStatus())
		}
		checkStatus(s, got, "pagecache")
	}
}

// TestMemoryGivesAnotherPagesValue has what a collision of hashes would give:
// each value that was ever stored, in turn, in the place of all others, and of
// all others of its type.
func TestMemoryGivesAnotherPagesValue(t *testing.T) {
	var f storetest.Faults
	seen := make(map[uint64]any)
	f.Loaded(func(key uint64, v any, ok bool) (any, bool) {
		if ok {
			seen[key] = v
		}
		return v, ok
	})
	m := memstore.New(1 << 20)
	t.Cleanup(func() { _ = m.Close() })
	o := &faultyOracle{}
	site := &faultSite{t, o, newCache(t, pagecache.WithMemory(storetest.FaultyMemory(m, &f))).Page(time.Hour)(o)}
	paths := []string{"/warm", "/other", "/vary", "/other/vary"}
	for range 2 {
		site.askVisitors("warm up", paths...)
	}
	if len(seen) != 8 { // two pages, two markers, four variants
		t.Fatalf("got %d values, want 8", len(seen))
	}
	for _, value := range seen {
		f.Loaded(func(_ uint64, _ any, ok bool) (any, bool) { return value, ok })
		site.askVisitors("another's value", paths...)
		f.Loaded(func(_ uint64, v any, ok bool) (any, bool) {
			if reflect.TypeOf(v) == reflect.TypeOf(value) {
				v = value
			}
			return v, ok
		})
		site.askVisitors("another's value of this type", paths...)
	}
}

// askVisitors is askAny for both visitors of the varying pages.
func (s *faultSite) askVisitors(when string, paths ...string) {
	s.Helper()
	for _, path := range paths {
		for _, accept := range []string{"a", "b"} {
			if got := call(s.h, page(path, "Accept", accept)); path[len(path)-1] == 'y' && got.body != path+" for "+accept || got.header.Get("X-Page") != path {
				s.Errorf("%s, %s for %s: got %q (%s)", when, path, accept, got.body, got.cacheStatus())
			}
		}
	}
}

// TestMemoryPanicsUnderLoad: a panic must not leave a lock behind, or waiting
// requests.
func TestMemoryPanicsUnderLoad(t *testing.T) {
	var f storetest.Faults
	m := memstore.New(1 << 20)
	t.Cleanup(func() { _ = m.Close() })
	c := newCache(t, pagecache.WithMemory(storetest.FaultyMemory(m, &f)))
	h := c.Page(time.Hour)(echo([]string{"Vary", "Accept"}))
	f.Before(storetest.Only(storetest.Panic("memory"), "Store"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got := call(h, page("/x", "Accept", "a").WithContext(ctx)); got.body != "/x a" {
				t.Errorf("got %q (%s), want the page", got.body, got.cacheStatus())
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Error("requests waited for ever")
	}
	if c.Stats().StoreErrors == 0 {
		t.Error("got no store errors, want the panics counted")
	}
}
