package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// callBudget is what one request may spend on its store.
const callBudget = 50 * time.Millisecond

// fault is one way in which a store goes wrong.
type fault struct {
	name   string
	before storetest.Hook
	after  storetest.Hook
	values func([][]byte) [][]byte
}

// faultKinds are all of them but hanging, which needs somebody to end it.
var faultKinds = []fault{
	{name: "errors", before: storetest.Fail(storetest.ErrFault)},
	{name: "errors afterwards", after: storetest.Fail(storetest.ErrFault)},
	{name: "panics", before: storetest.Panic("store")},
	{name: "panics afterwards", after: storetest.Panic(http.ErrAbortHandler)},
	{name: "exits its goroutine", before: func(context.Context, string, []string) error { runtime.Goexit(); return nil }},
	{name: "takes its time", before: storetest.Delay(10 * time.Millisecond)},
	{name: "takes too long", before: storetest.Delay(time.Hour)},
	{name: "ignores its context", before: storetest.Stall(time.Hour)},
	{name: "ignores its context afterwards", after: storetest.Stall(time.Hour)},
	{name: "does nothing", before: storetest.Fail(storetest.ErrDrop)},
	{name: "flips bits", values: storetest.FlipBit},
	{name: "truncates", values: storetest.Truncate},
	{name: "returns nothing", values: storetest.Empty},
	{name: "returns foreign bytes", values: storetest.Foreign},
	{name: "swaps values", values: storetest.Swap},
	{name: "returns too few", values: storetest.Miscount},
	{name: "returns too many", values: storetest.Surplus},
	{name: "returns nil", values: func([][]byte) [][]byte { return nil }},
	{name: "returns the first value for all", values: func(v [][]byte) [][]byte { return slices.Repeat(v[:1], len(v)) }},
}

// TestStoreFaults: whatever the store does, each response is what the handler
// wrote, for the price of the budget and one handler run at most.
func TestStoreFaults(t *testing.T) {
	for _, f := range faultKinds {
		for _, op := range []string{"Get", "Set", "Add", "Delete", ""} {
			if f.values != nil && op != "" {
				continue // they strike at what reads return
			}
			t.Run(strings.TrimSuffix(f.name+" "+op, " "), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { storeFault(t, f, op) })
			})
		}
	}
}

func storeFault(t *testing.T, f fault, op string) {
	s := newShared()
	o := &faultyOracle{}
	site := newFaultSite(t, s, o)
	site.ask("warm up", "/warm", "/vary", "/late")

	hook := func(h storetest.Hook) storetest.Hook {
		if h == nil || op == "" {
			return h
		}
		return storetest.Only(h, op)
	}
	s.faults.Before(hook(f.before))
	s.faults.After(hook(f.after))
	s.faults.Values(f.values)
	for range 3 {
		site.ask("faulty", "/warm", "/vary", "/late", "/cold", "/cold/vary", "/cold/late")
	}
	s.faults.Heal()
	time.Sleep(2 * time.Hour) // calls left behind have come back
	site.ask("healed", "/warm", "/vary", "/late", "/cold", "/cold/vary", "/cold/late")
	site.askHits("healed", "/warm", "/vary", "/late", "/cold", "/cold/vary", "/cold/late")
}

// faultyOracle counts its runs, and its pages say what they are.
type faultyOracle struct{ runs int }

func (o *faultyOracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.runs++
	if strings.HasSuffix(r.URL.Path, "/vary") {
		w.Header().Set("Vary", "Accept")
	}
	if strings.HasSuffix(r.URL.Path, "/late") {
		pagecache.FromContext(r.Context()).Tag("late", "later")
	}
	w.Header().Set("X-Page", r.RequestURI)
	fmt.Fprintf(w, "%s for %s", r.RequestURI, r.Header.Get("Accept"))
}

type faultSite struct {
	*testing.T
	oracle *faultyOracle
	h      http.Handler
}

func newFaultSite(t *testing.T, s pagecache.Store, o *faultyOracle) *faultSite {
	return &faultSite{t, o, newCache(t, pagecache.WithStore(s)).Page(time.Hour, pagecache.Tags("route"))(o)}
}

// ask requests each path for two visitors and checks the answers.
func (s *faultSite) ask(when string, paths ...string) {
	s.Helper()
	for _, path := range paths {
		for _, accept := range []string{"a", "b"} {
			if !strings.Contains(path, "/vary") {
				accept = "a"
			}
			before, began := s.oracle.runs, time.Now()
			got := call(s.h, page(path, "Accept", accept))
			if took := time.Since(began); took > callBudget {
				s.Errorf("%s, %s: got %v of added time, want %v at most", when, path, took, callBudget)
			}
			if want := path + " for " + accept; got.status != 200 || got.body != want || got.header.Get("X-Page") != path {
				s.Errorf("%s, %s: got %d, %q, X-Page %q; want %q", when, path, got.status, got.body, got.header.Get("X-Page"), want)
			}
			if runs := s.oracle.runs - before; runs > 1 || runs == 1 == got.hit() {
				s.Errorf("%s, %s: got %d handler runs for %q", when, path, runs, got.cacheStatus())
			}
			checkStatus(s, got, "pagecache")
		}
	}
}

func (s *faultSite) askHits(when string, paths ...string) {
	s.Helper()
	for _, path := range paths {
		if got := call(s.h, page(path, "Accept", "a")); !got.hit() {
			s.Errorf("%s, %s: got %q, want a hit", when, path, got.cacheStatus())
		}
	}
}

// TestStoreGivesAnotherPagesValue: what a store returns under a key counts only
// if it says itself that it belongs there.
func TestStoreGivesAnotherPagesValue(t *testing.T) { synctest.Test(t, storeGivesAnotherPagesValue) }

func storeGivesAnotherPagesValue(t *testing.T) {
	s := newShared()
	site := newFaultSite(t, s, &faultyOracle{})
	// Pages of one path have the same fences.
	paths := []string{"/warm", "/warm?other", "/other", "/vary", "/vary?other", "/late"}
	site.ask("warm up", paths...)
	var entries [][]byte
	for _, key := range s.written() {
		if values, err := s.Get(t.Context(), key); err == nil && values[0] != nil && !strings.HasPrefix(key, "f:") {
			entries = append(entries, values[0])
		}
	}
	if len(entries) != 10 { // four pages, two markers, four variants
		t.Fatalf("got %d entries, want 10", len(entries))
	}
	for i, entry := range entries {
		// Only pages and variants: fences hold short nonces.
		s.faults.Values(func(values [][]byte) [][]byte {
			values = slices.Clone(values)
			for j, v := range values {
				if len(v) > 40 {
					values[j] = entry
				}
			}
			return values
		})
		site.ask(fmt.Sprintf("entry %d for all", i), paths...)
	}
}

// TestBrokenBytesAreRemoved: rubbish costs one handler run, not one for each
// request until it expires.
func TestBrokenBytesAreRemoved(t *testing.T) { synctest.Test(t, brokenBytesAreRemoved) }

func brokenBytesAreRemoved(t *testing.T) {
	s, o := newShared(), &faultyOracle{}
	c := newCache(t, pagecache.WithStore(s))
	h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private") // so that nothing takes the place of the rubbish
		o.ServeHTTP(w, r)
	}))
	call(newCache(t, pagecache.WithStore(s)).Page(time.Hour)(o), page("/x"))
	for _, key := range s.written() {
		if strings.HasPrefix(key, "p:") {
			_ = s.Set(t.Context(), []byte("rubbish"), time.Hour, key)
		}
	}
	for range 3 {
		if got := call(h, page("/x")); got.body != "/x for " {
			t.Errorf("got %q, want the page", got.body)
		}
	}
	if got := c.Stats().StoreErrors; got != 1 {
		t.Errorf("got %d store errors, want 1: the rubbish should be gone", got)
	}
}
