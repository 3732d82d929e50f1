// Package memstore is the default in-process store: live Go values in a cache
// that is bounded in bytes, keeps what is asked for often through floods of
// keys that are asked for once, and frees what has expired.
//
// It is a thin layer over github.com/maypok86/otter/v2, which brings the
// lock-free look-up and the W-TinyLFU admission policy. The layer adds a bound
// that holds during bursts too, honest accounting of what an entry costs
// beyond its value, and a short cut to the values that are hot right now.
package memstore

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

const (
	// minBytes is the smallest budget New accepts: below it the fixed cost
	// would leave no room for a few small pages.
	minBytes = 64 << 10

	// fixedOverhead is what an empty store holds: timer wheel, buffers, the
	// smallest hash table. TestOverhead measures it.
	fixedOverhead = 24 << 10

	// entryOverhead is what one entry costs beyond its value: otter's node and
	// our item (about 130 bytes), its slot in the hash table and its counters
	// in the frequency sketch (20 to 60 bytes, depending on how full the two
	// power-of-two tables are). TestOverhead measures it.
	entryOverhead = 200

	// heaviestFraction: one entry takes at most this part of the budget. Larger
	// ones would push out too much for one page, and the bound during bursts
	// is as coarse as the largest entry.
	heaviestFraction = 8

	// burstFraction is how far the entries in the table may exceed the budget,
	// and garbageFraction how much removed memory may wait for maintenance,
	// before a writer stops to clean up. Both together stay below 1/4.
	burstFraction   = 8
	garbageFraction = 16

	// reserveAttempts bounds the work of one writer in a burst. When it is
	// used up, the value is dropped: the bound comes first.
	reserveAttempts = 8

	// clockResolution is how far the clock of look-ups may lag. The cache
	// judges lifetimes itself, so an entry that is found a second late costs
	// nothing, while reading the precise time would double the cost of a Load.
	clockResolution = time.Second

	// longestTTL keeps deadlines clear of integer overflow.
	longestTTL = 100 * 365 * 24 * time.Hour
)

// Store keeps values in this process, within a budget in bytes. It implements
// pagecache.Memory and the abilities Close, Len and Bytes.
//
// All methods are safe for concurrent use. Load allocates nothing and takes no
// lock, but that a read now and then does maintenance that is due. Store and
// Delete wait for nothing but such maintenance, which is short.
//
// Two goroutines belong to a Store. Close stops them; they also end by
// themselves some time after the Store has become unreachable.
type Store struct {
	cache    *otter.Cache[uint64, *item]
	clock    *otter.CoarseClock
	front    front
	start    time.Time // epoch of deadlines; carries the monotonic reading
	epoch    int64     // start as otter's clock tells it
	heaviest int64     // largest weight of one entry
	limit    int64     // live may not exceed it, even in a burst
	slack    int64     // garbage above it is cleaned up by the writer

	// Writers change what follows; readers of cache must not share its line.
	_       [64]byte
	live    atomic.Int64 // weight in the table or about to enter it
	garbage atomic.Int64 // weight removed, perhaps still held by otter's buffers
	closed  atomic.Bool
	once    sync.Once
}

// item is one value with what otter's callbacks need to know of it.
type item struct {
	key      uint64
	value    any
	deadline time.Duration // since Store.start
	weight   uint32
	gone     atomic.Bool   // it left the table
	told     atomic.Uint64 // see worthTelling
}

// tells is how many reads of a value the policy learns of in one tick of the
// coarse clock: as many as its counters can tell apart. Learning of all would
// make readers do the policy's maintenance every few hits.
const tells = 16

// worthTelling decides whether the policy learns of a read. The counter of a
// hot value is mostly read, so that the processors do not fight for its line.
// told holds the tick in its upper bits and the count in its lower ones.
func (it *item) worthTelling(tick int64) bool {
	told := it.told.Load()
	if told>>8 != uint64(tick) {
		it.told.Store(uint64(tick)<<8 | 1) // racing readers may tell once more each
		return true
	}
	if told&0xff >= tells {
		return false
	}
	it.told.Add(1)
	return true
}

// New returns an empty store that holds at most maxBytes bytes, everything
// counted: the sizes given to [Store.Store] and about 200 bytes for each entry.
// In a burst of writes it may hold up to a quarter more for a moment.
//
// New panics when maxBytes is below 65536 (64 KiB), zero and negative included:
// there is no unlimited mode. A size of 64 MiB suits most applications.
func New(maxBytes int64) *Store {
	if maxBytes < minBytes {
		panic(fmt.Sprintf("memstore: New(%d): the budget is in bytes and must be at least %d (64 KiB); "+
			"for 64 MiB write memstore.New(64 << 20)", maxBytes, minBytes))
	}
	front := newFront(maxBytes)
	budget := maxBytes - fixedOverhead - front.size()
	s := &Store{
		clock:    otter.NewCoarseClock(clockResolution),
		start:    time.Now(),
		heaviest: min(maxBytes/heaviestFraction, math.MaxUint32),
		limit:    budget + budget/burstFraction,
		slack:    budget / garbageFraction,
		front:    front,
	}
	s.epoch = s.start.UnixNano()
	s.cache = otter.Must(&otter.Options[uint64, *item]{
		MaximumWeight: uint64(budget),
		Weigher:       func(_ uint64, it *item) uint32 { return it.weight },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[uint64, *item]) time.Duration {
			// otter adds this to its own lagging clock. The difference to that
			// very reading makes the deadline exact: otherwise a lifetime of
			// one second could be over before it began.
			return time.Duration(s.epoch + int64(e.Value.deadline) - e.SnapshotAtNano)
		}),
		OnAtomicDeletion: s.removed,
		// Maintenance is short. Done where it comes up it costs a writer less
		// than waking a goroutine for it.
		Executor: func(task func()) { task() },
		Clock:    s.clock,
	})
	return s
}

// Load returns the value last stored under key, unless it was dropped. An
// expired value may be returned for up to two seconds after its ttl has passed;
// the cache judges lifetimes itself. After Close nothing is found.
func (s *Store) Load(key uint64) (value any, ok bool) {
	if it := s.front.get(key); it != nil {
		now := s.clock.NowNano()
		if now-s.epoch < int64(it.deadline) && !it.worthTelling((now-s.epoch)/int64(clockResolution)) {
			return it.value, true
		}
	}
	it, ok := s.cache.GetIfPresent(key)
	if !ok {
		return nil, false
	}
	s.front.put(it)
	return it.value, true
}

// Store keeps value under key for ttl, replacing what was there. size is the
// memory that value holds, in bytes; the store adds its own cost per entry.
//
// A value heavier than an eighth of the budget is dropped, together with what
// it would have replaced; so is one with a ttl or size that is not positive.
// A new value may be dropped at once when the store is full of values that are
// asked for more often. After Close every value is dropped.
func (s *Store) Store(key uint64, value any, size int, ttl time.Duration) {
	// The limits come before the sum: a huge size must not wrap around.
	if size < 0 || int64(size) > s.heaviest-entryOverhead || ttl <= 0 || s.closed.Load() {
		s.Delete(key)
		return
	}
	weight := int64(size) + entryOverhead
	if !s.reserve(weight) {
		s.Delete(key)
		return
	}
	s.cache.Set(key, &item{
		key:      key,
		value:    value,
		deadline: time.Since(s.start) + min(ttl, longestTTL),
		weight:   uint32(weight),
	})
	// A Close that ran in between has emptied the table before this entry
	// came. Looking again keeps the check out of every Load.
	if s.closed.Load() {
		s.cache.Invalidate(key)
	}
	s.collect()
}

// MaxSize returns the size, in bytes, of the largest value that the store keeps.
func (s *Store) MaxSize() int { return int(s.heaviest - entryOverhead) }

// Delete drops the value under key, if any.
func (s *Store) Delete(key uint64) {
	s.cache.Invalidate(key)
	s.collect()
}

// Close drops all values and stops the goroutines of the store. After it, Load
// finds nothing and Store keeps nothing. Further calls do nothing. The error is
// always nil; it is there so that Store is an io.Closer.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.closed.Store(true)
		s.cache.InvalidateAll()
		s.cache.CleanUp()
		s.cache.StopAllGoroutines()
		s.clock.Stop()
	})
	return nil
}

// Len returns the number of values, expired ones that were not freed yet
// included. It is exact when nothing is written at the same time.
func (s *Store) Len() int { return s.cache.EstimatedSize() }

// Bytes returns the memory charged for all values, in bytes: the sizes given to
// Store plus about 200 bytes for each. It costs one atomic read.
func (s *Store) Bytes() int64 { return s.live.Load() }

// reserve charges weight before the value enters the table, so that the bound
// holds however far otter's maintenance, which comes after the values, is behind
// in a burst.
func (s *Store) reserve(weight int64) bool {
	for range reserveAttempts {
		if s.live.Add(weight) <= s.limit {
			return true
		}
		s.live.Add(-weight)
		s.cache.CleanUp()
	}
	return false
}

// removed is called by otter for each value that leaves the table, under the
// lock of its bucket: it must not call the cache.
func (s *Store) removed(e otter.DeletionEvent[uint64, *item]) {
	weight := int64(e.Value.weight)
	s.front.drop(e.Value)
	s.live.Add(-weight)
	if e.Cause != otter.CauseOverflow {
		// Eviction runs inside maintenance and leaves nothing behind. What a
		// writer removes stays referenced by its task in otter's write buffer.
		s.garbage.Add(weight)
	}
}

// collect runs maintenance once enough removed memory waits for it: the write
// buffer holds hundreds of tasks, which is a lot when each holds a megabyte.
func (s *Store) collect() {
	g := s.garbage.Load()
	// When the exchange fails, another writer is at it, or will be with its
	// next removal.
	if g > s.slack && s.garbage.CompareAndSwap(g, 0) {
		s.cache.CleanUp()
	}
}
