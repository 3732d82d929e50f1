package pagecache

import (
	"net/http"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/go-chi/chi/v5"
)

// Stats is a snapshot of a cache's counters since it was made. Caches made by
// [Cache.With] share them.
type Stats struct {
	Requests                               uint64 // the sum of the five below
	Hits, Stale, Misses, Collapsed, Passes uint64

	Stored      uint64            // responses stored
	NotStored   map[Reason]uint64 // responses of misses that were not, by reason
	Passed      map[Reason]uint64 // requests that went past the cache, by reason
	StoreErrors uint64            // failures of the store

	Refreshed    uint64            // pages stored by handler runs that no client waited for
	NotRefreshed map[Reason]uint64 // such runs that stored nothing, by reason
	Purges       uint64            // purges and expiries

	Entries int   // values in the store, several for a page with variants or in a Store; -1 if it cannot tell
	Bytes   int64 // held by them, everything counted; -1 if the store cannot tell

	Routes []RouteStats // by route pattern, in the order of their first request
}

// RouteStats counts the requests of one route. At most 256 routes are told
// apart; "other" stands for the rest, and "" for requests whose router did not
// say.
type RouteStats struct {
	Route                                  string
	Hits, Stale, Misses, Collapsed, Passes uint64
}

const maxRoutes = 256

// routeStats is the live form of RouteStats. Hits on one hot page come from
// all processors at once; counting them in one word would cost more than the
// look-up, so each goroutine counts in a stripe that its stack's address picks.
type routeStats struct {
	label   string
	stripes [stripes]stripe

	cookiePasses atomic.Uint64 // requests that a cookie kept out of the cache
}

const stripes = 16

type stripe struct {
	counts [results]atomic.Uint64
	_      [128 - results*8]byte // a line pair of its own
}

// count counts one request. It must stay cheap: every hit calls it.
func (s *routeStats) count(r Result) {
	var local byte
	at := uintptr(unsafe.Pointer(&local)) // differs between goroutines; never used as a pointer
	s.stripes[(at>>11^at>>16)%stripes].counts[r].Add(1)
}

func (s *routeStats) total(r Result) (n uint64) {
	for i := range s.stripes {
		n += s.stripes[i].counts[r].Load()
	}
	return n
}

// routeStats returns the counters for a label.
func (c *core) routeStats(label string) *routeStats {
	c.routesMu.RLock()
	s := c.routes[label]
	c.routesMu.RUnlock()
	if s != nil {
		return s
	}
	c.routesMu.Lock()
	defer c.routesMu.Unlock()
	if s = c.routes[label]; s != nil {
		return s
	}
	if len(c.routes) >= maxRoutes {
		label = "other"
		if s = c.routes[label]; s != nil {
			return s
		}
	}
	s = &routeStats{label: strings.Clone(label)}
	c.routes[s.label] = s
	c.routeOrder = append(c.routeOrder, s)
	return s
}

// routeLabel is the route pattern of a request that has passed its router, or
// is past a part of it: without the method, which ServeMux patterns begin with.
func routeLabel(r *http.Request) string {
	pattern := r.Pattern
	if pattern == "" {
		if ctx := chi.RouteContext(r.Context()); ctx != nil {
			pattern = ctx.RoutePattern()
		}
	}
	return withoutMethod(pattern)
}

// withoutMethod drops the method that ServeMux patterns may begin with.
func withoutMethod(pattern string) string {
	if method, rest, ok := strings.Cut(pattern, " "); ok && !strings.Contains(method, "/") {
		return strings.TrimLeft(rest, " \t")
	}
	return pattern
}

// Stats returns a snapshot of the counters. It may be called at any time.
func (c *Cache) Stats() Stats { return c.core.stats() }

func (c *core) stats() Stats {
	s := Stats{
		Stored:      c.stored.Load(),
		StoreErrors: c.storeErrors.Load(),
		NotStored:   c.notStored.snapshot(),
		Passed:      c.passed.snapshot(),

		Refreshed:    c.refreshed.Load(),
		NotRefreshed: c.notRefreshed.snapshot(),
		Purges:       c.purges.Load(),
		Entries:      -1,
		Bytes:        -1,
	}
	if l, ok := ability[interface{ Len() int }](c.backend()); ok {
		s.Entries = l.Len()
	}
	if b, ok := ability[interface{ Bytes() int64 }](c.backend()); ok {
		s.Bytes = b.Bytes()
	}
	c.routesMu.RLock()
	defer c.routesMu.RUnlock()
	for _, live := range c.routeOrder {
		r := RouteStats{live.label, live.total(ResultHit), live.total(ResultStale), live.total(ResultMiss), live.total(ResultCollapsed), live.total(ResultPass)}
		s.Hits += r.Hits
		s.Stale += r.Stale
		s.Misses += r.Misses
		s.Collapsed += r.Collapsed
		s.Passes += r.Passes
		s.Routes = append(s.Routes, r)
	}
	s.Requests = s.Hits + s.Stale + s.Misses + s.Collapsed + s.Passes
	return s
}

// reasonCounts counts by reason. The list is closed, so its keys are known.
type reasonCounts map[Reason]*atomic.Uint64

func newReasonCounts() reasonCounts {
	m := make(reasonCounts, len(sentences))
	for _, s := range sentences {
		m[s.reason] = new(atomic.Uint64)
	}
	return m
}

func (m reasonCounts) add(why Reason) {
	if n := m[why]; n != nil {
		n.Add(1)
	}
}

func (m reasonCounts) snapshot() map[Reason]uint64 {
	s := make(map[Reason]uint64)
	for why, n := range m {
		if v := n.Load(); v > 0 {
			s[why] = v
		}
	}
	return s
}
