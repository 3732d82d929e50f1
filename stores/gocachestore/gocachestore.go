// Package gocachestore keeps cached pages in a go-cache that the application
// already has; go-cache has no size limit, so neither has this store: a flood
// of distinct URLs grows it until their lifetimes end. Where that matters, use
// stores/memstore, the default.
//
// What stays with the application:
//
//   - The cleanup interval given to cache.New frees the memory of expired
//     pages. With 0 they are not found any more, but stay in memory until
//     overwritten or until DeleteExpired is called.
//   - Nothing here closes, flushes or saves the go-cache.
//   - Save and SaveFile cannot write pages: gob knows neither their type nor
//     their unexported fields, and the whole call fails. Keep what you save in
//     a go-cache of its own.
//   - An OnEvicted function also sees our keys and values.
//
// Our keys begin with "pagecache:", followed by eight bytes that need not be
// text. Values that others put under such keys do no harm: the cache takes a
// value of a foreign type for a miss.
package gocachestore

import (
	"encoding/binary"
	"time"

	"github.com/patrickmn/go-cache"
)

const (
	prefix = "pagecache:"
	keyLen = len(prefix) + 8

	// longestTTL keeps the sum of now and ttl within what go-cache can hold: it
	// counts nanoseconds since 1970 in 64 bits, which end in the year 2262, and
	// it takes a sum that wrapped around for "never expires".
	longestTTL = 100 * 365 * 24 * time.Hour
)

// Store keeps values in a go-cache. It implements pagecache.Memory and the
// ability Len. It has no Bytes, because go-cache does not know sizes, and no
// Close, because the go-cache belongs to the application.
//
// All methods are safe for concurrent use, also with other users of the same
// go-cache. Load takes go-cache's read lock and allocates nothing.
type Store struct {
	cache *cache.Cache
}

// New returns a store in c, which may hold other things as well. It panics
// when c is nil.
func New(c *cache.Cache) *Store {
	if c == nil {
		panic("gocachestore: New(nil): it needs the go-cache to keep pages in; " +
			"for one of its own write gocachestore.New(cache.New(cache.NoExpiration, time.Minute))")
	}
	return &Store{cache: c}
}

// Load returns the value last stored under key, unless it was dropped or its
// ttl has passed. The value is whatever the go-cache holds there.
func (s *Store) Load(key uint64) (value any, ok bool) {
	// The conversion stays on the stack: Get is a method of a concrete type
	// and does not keep its argument.
	b := keyOf(key)
	return s.cache.Get(string(b[:]))
}

// Store keeps value under key for ttl, replacing what was there. size is not
// used: there is no limit. A ttl that is not positive drops the value together
// with what it would have replaced; one above a hundred years is cut to that.
func (s *Store) Store(key uint64, value any, size int, ttl time.Duration) {
	if ttl <= 0 {
		// To go-cache, 0 means its own default and -1 means for ever.
		s.Delete(key)
		return
	}
	b := keyOf(key)
	s.cache.Set(string(b[:]), value, min(ttl, longestTTL))
}

// Delete drops the value under key, if any.
func (s *Store) Delete(key uint64) {
	b := keyOf(key)
	s.cache.Delete(string(b[:]))
}

// Len returns the number of values in the whole go-cache: expired ones that
// were not cleaned up yet count, and so do values of other users.
func (s *Store) Len() int { return s.cache.ItemCount() }

// keyOf spells key for go-cache. The array is small enough for the compiler to
// keep the string made of it on the stack (the limit is 32 bytes).
func keyOf(key uint64) (b [keyLen]byte) {
	copy(b[:], prefix)
	binary.BigEndian.PutUint64(b[len(prefix):], key)
	return b
}
