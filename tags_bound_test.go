package pagecache_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
)

// heapInUse is what is left after a collection.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// millionTags is a site of a small memory in which each page has ten tags of its
// own, one from each source at least.
func millionTags(t *testing.T) (c *pagecache.Cache, h http.Handler) {
	c = newCache(t, pagecache.WithMemory(memstore.New(1<<20)))
	own := func(r *http.Request, n int) string { return "tag:" + r.URL.Path + ":" + strconv.Itoa(n) }
	return c, c.Page(time.Hour, pagecache.Tags(func(r *http.Request) string { return own(r, 0) }))(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for n := range 8 {
				pagecache.FromContext(r.Context()).Tag(own(r, n+1))
			}
			w.Header().Set("Surrogate-Key", own(r, 9))
			_, _ = w.Write([]byte("page"))
		}))
}

// TestMillionTags: a tag costs nothing once its page is gone, and one that was
// purged costs nothing at all: a million of each leave nothing behind.
func TestMillionTags(t *testing.T) {
	pages := 100_000
	if raceEnabled || testing.Short() {
		pages = 10_000
	}
	c, h := millionTags(t)
	ask := func(i int) { h.ServeHTTP(new(sink).reset(), page("/"+strconv.Itoa(i))) }
	for i := range 2_000 { // fills the memory, and whatever is kept once for all
		ask(-i)
	}
	before := heapInUse()
	for i := range pages {
		ask(i)
		if err := c.PurgeTags(t.Context(), "purged:"+strconv.Itoa(10*i), fmt.Sprintf("tag:/%d:%d", i-5, i%10)); err != nil {
			t.Fatal(err)
		}
		for n := 1; n < 10; n++ {
			if err := c.ExpireTags(t.Context(), "purged:"+strconv.Itoa(10*i+n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if growth := heapInUse() - before; growth > 4<<20 {
		t.Errorf("got %d KiB more after %d pages with 10 tags each and as many purges, want 4 MiB at most", growth>>10, pages)
	}
	if s := c.Stats(); int(s.Stored) < pages || int(s.Purges) != 10*pages || s.Bytes > 1<<20 {
		t.Errorf("got %d pages stored, %d purges, %d bytes; want each counted and the memory within its bound", s.Stored, s.Purges, s.Bytes)
	}
	ask(pages - 1)
	runtime.KeepAlive(c)
}

// TestMillionPlaces: the other names by which a page is purged leave nothing
// behind either: paths, targets, URLs, prefixes and routes.
func TestMillionPlaces(t *testing.T) {
	names := 100_000
	if raceEnabled || testing.Short() {
		names = 10_000
	}
	c, h := millionTags(t)
	h.ServeHTTP(new(sink).reset(), page("/"))
	before := heapInUse()
	for i := range names {
		n := strconv.Itoa(i)
		for kind, name := range map[string]string{"address": "/path/" + n, "prefix": "/directory/" + n + "/", "route": "/route/" + n + "/{id}", "tag": n} {
			if err := strikes[kind][i%2](c, t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Purge(t.Context(), "/target?"+n, "https://a.example/"+n); err != nil {
			t.Fatal(err)
		}
	}
	if growth := heapInUse() - before; growth > 4<<20 {
		t.Errorf("got %d KiB more after %d names of each kind, want 4 MiB at most", growth>>10, names)
	}
}

// reset makes a sink ready for a response.
func (w *sink) reset() *sink {
	*w = sink{header: make(http.Header)}
	return w
}

// TestHitsAfterPurgesAllocateNothing, whatever was purged meanwhile, and although
// a key without a path has them look for the purges of their own.
func TestHitsAfterPurgesAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, opt := range map[string]pagecache.Option{
		"default": noOption, "tags": pagecache.Tags("a", "b"), "hidden tags": hideTags,
		"query":   pagecache.Key(pagecache.Query("page")),
		"KeyFunc": pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "all" })),
	} {
		sparing(t, func() (lost []string) {
			c := newCache(t)
			h := c.Page(time.Hour, opt)(text("page", "Cache-Tag", "c d"))
			r, w := page("/books/c/d?page=2"), new(sink)
			call(h, r)
			for kind, tag := range map[string]string{"address": "/other", "tag": "other", "prefix": "/other/", "route": "/other"} {
				if err := strikes[kind][0](c, t.Context(), tag); err != nil {
					t.Fatal(err)
				}
			}
			header := make(http.Header)
			n := testing.AllocsPerRun(100, func() {
				clear(header)
				*w = sink{header: header}
				h.ServeHTTP(w, r)
			})
			if !(reply{header: header}).hit() {
				return []string{"the page"}
			}
			if n != 0 {
				t.Errorf("%s: got %v allocations for a hit, want none", name, n)
			}
			return nil
		})
	}
}

// TestPurgeCostsTheSameForAnyNumber: a purge does not look at pages. It is by
// the count of what it does to the memory, not by the clock.
func TestPurgeCostsTheSameForAnyNumber(t *testing.T) {
	m := &countingMemory{Memory: newMapMemory()}
	c := newCache(t, pagecache.WithMemory(m))
	h := c.Page(time.Hour, pagecache.Tags("all"))(text("page"))
	for i := range 1_000 {
		call(h, page("/"+strconv.Itoa(i)))
	}
	calls := m.calls
	for kind, name := range map[string]string{"tag": "all", "address": "/1", "prefix": "/", "route": "/{id}", "all": ""} {
		for soft := range 2 {
			if err := strikes[kind][soft](c, t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m.calls != calls {
		t.Errorf("got %d calls of the memory by ten purges, want none", m.calls-calls)
	}
	// Its memory is given back when it is asked for, although nothing new is stored.
	m.deletes = 0
	call(h, submitted(http.MethodHead, "/1"))
	if m.deletes != 1 {
		t.Errorf("got %d pages deleted when one that was purged is asked for, want it", m.deletes)
	}
}

// countingMemory counts what is asked of it.
type countingMemory struct {
	pagecache.Memory
	calls, deletes int
}

func (m *countingMemory) Load(key uint64) (any, bool) {
	m.calls++
	return m.Memory.Load(key)
}

func (m *countingMemory) Store(key uint64, v any, size int, ttl time.Duration) {
	m.calls++
	m.Memory.Store(key, v, size, ttl)
}

func (m *countingMemory) Delete(key uint64) {
	m.calls++
	m.deletes++
	m.Memory.Delete(key)
}
