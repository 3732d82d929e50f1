package pagecache

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-pagecache/pagecache/stores/memstore"
)

// defaultMemory is the size of the built-in store.
const defaultMemory = 64 << 20

// Cache stores responses and answers requests with them. Make one with [New]
// and share it; its methods may be called at any time and concurrently.
type Cache struct {
	core *core
	base Policy
}

// core is what a Cache and all caches derived from it share.
type core struct {
	memory  Memory  // in process, or
	remote  *remote // in a Store
	near    *near   // copies of pages in the Store; nil for none
	guarded bool    // the memory is not our own: recover its panics
	seed    maphash.Seed
	epoch   time.Time

	firstHost atomic.Pointer[hostHash]

	stamps       *stamps
	flights      flights
	refreshes    refreshes
	setbacks     setbacks
	inside       atomic.Int64  // how many requests are behind this cache, in handlers
	turns        atomic.Uint64 // tells, without a clock, what came first among misses
	marks        marks
	recording    atomic.Int64
	maxRecording int64
	closed       atomic.Bool

	observer Observer
	log      *slog.Logger

	routesMu   sync.RWMutex
	routes     map[string]*routeStats
	routeOrder []*routeStats

	stored       atomic.Uint64
	notStored    reasonCounts
	passed       reasonCounts
	refreshed    atomic.Uint64
	notRefreshed reasonCounts
	purges       atomic.Uint64
	storeErrors  atomic.Uint64
	storeLog     rarely

	warnedMu sync.Mutex
	warned   map[string]bool

	linesMu sync.Mutex
	lines   map[string]*statusLines // by the name in Cache-Status
}

// New makes a cache. Without options it keeps up to 64 MiB of pages in process,
// everything counted, under the default [Policy]. It panics on options that
// contradict each other.
func New(opts ...Option) *Cache {
	p := defaultPolicy().apply("New", opts)
	if p.memory != nil && p.store != nil {
		panic("pagecache: New: WithMemory and WithStore name two places for the same pages; give one of them")
	}
	c := &core{
		memory:       p.memory,
		guarded:      p.memory != nil,
		seed:         maphash.MakeSeed(),
		epoch:        time.Now(),
		maxRecording: p.MaxRecording,
		observer:     p.observer,
		log:          p.logger,
		routes:       make(map[string]*routeStats),
		notStored:    newReasonCounts(),
		passed:       newReasonCounts(),
		notRefreshed: newReasonCounts(),
		lines:        make(map[string]*statusLines),
	}
	c.refreshes.open(p.MaxRefreshes)
	switch {
	case p.store != nil:
		c.remote = newRemote(c, &p)
	case p.memory == nil:
		c.memory = memstore.New(defaultMemory)
	}
	c.stamps = newStamps(stampsFor(c.memory))
	c.openNear(&p)
	return &Cache{core: c, base: p}
}

// With returns a cache that shares everything with c but has its policy edited
// by opts: a name for a group of routes.
func (c *Cache) With(opts ...Option) *Cache {
	return &Cache{core: c.core, base: c.base.derive("With", opts)}
}

// Close stops what the cache has running and closes its store if that can be
// closed. Requests that come from then on go straight to their handlers. It
// waits for background refreshes and store calls under way; when ctx ends before
// they do, it cancels their contexts and returns ctx's error. Closing again does
// nothing.
func (c *Cache) Close(ctx context.Context) error {
	if c.core.closed.Swap(true) {
		return nil
	}
	errs := []error{c.core.refreshes.close(ctx)}
	if c.core.near != nil {
		errs = append(errs, c.core.near.close(ctx))
	}
	if c.core.remote != nil {
		errs = append(errs, c.core.remote.queue.drain(ctx), c.core.remote.lastSettle(ctx))
		errs = append(errs, c.core.remote.drain(ctx))
	}
	if closer, ok := ability[interface{ Close() error }](c.core.backend()); ok {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// backend is the store in use, whichever kind it is.
func (c *core) backend() any {
	if c.remote != nil {
		return c.remote.store
	}
	return c.memory
}

// ability finds a method that a store may have, also behind decorators with an
// Unwrap method. It is only for methods that carry neither keys nor values:
// for those a decorator must not be stepped around.
func ability[T any](store any) (T, bool) {
	for store != nil {
		if a, ok := store.(T); ok {
			return a, true
		}
		switch s := store.(type) {
		case interface{ Unwrap() Memory }:
			store = s.Unwrap()
		case interface{ Unwrap() Store }:
			store = s.Unwrap()
		default:
			store = nil
		}
	}
	var none T
	return none, false
}

// now is the time since the cache's epoch, by the monotonic clock: the one
// reading of a hit.
func (c *core) now() int64 { return int64(time.Since(c.epoch)) }

func (c *core) logger() *slog.Logger {
	if c.log != nil {
		return c.log
	}
	return slog.Default()
}

// route is one wrapped handler. Some adapters wrap anew for each request, so a
// route is small and owns nothing.
type route struct {
	core   *core
	policy Policy
	plain  bool // the key is the default one
	lines  *statusLines
	next   http.Handler
	used   atomic.Bool // it has filled the cache before: it was not made for one request
}

func (c *Cache) route(where string, p Policy, next http.Handler) *route {
	if isNil(next) {
		panic("pagecache: " + where + ": the handler is nil; give it the handler whose responses are to be stored")
	}
	return &route{core: c.core, policy: p, plain: p.keys.isDefault() && c.core.remote == nil, lines: c.core.statusLines(p.Name), next: next}
}
