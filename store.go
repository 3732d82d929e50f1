package pagecache

import (
	"context"
	"time"
)

// Memory keeps live Go values inside one process. It is the contract of the
// in-process stores: stores/memstore (the default) and stores/gocachestore.
//
// Implementations must be safe for concurrent use and must not block: there is
// no context and no error because nothing here can wait or fail. They may drop
// anything at any time. Keys are seeded 64-bit hashes, passed by value, so a
// look-up owns nothing and allocates nothing; the cache compares the full key
// of what it finds, so a collision costs a miss and never a wrong page.
//
// Expiry is housekeeping: the cache judges lifetimes itself, so a value may be
// dropped early (a miss) or found some time after its ttl (ignored).
//
// A Memory may also implement Close() error, Len() int and Bytes() int64;
// [Cache.Close] and [Cache.Stats] use them. With MaxSize() int, the size of the
// largest value it keeps, the cache does not even try larger ones.
type Memory interface {
	// Load returns the value last stored under key, unless it was dropped.
	// Both sides treat the value as immutable.
	Load(key uint64) (value any, ok bool)

	// Store keeps value under key, replacing what was there, for about ttl.
	// size is the memory the value holds, in bytes, everything counted; ttl is
	// positive. A value that could never fit is dropped, together with what it
	// would have replaced.
	Store(key uint64, value any, size int, ttl time.Duration)

	// Delete drops the value under key, if any.
	Delete(key uint64)
}

// Store keeps bytes that several processes share or that outlive this one.
//
// Implementations must be safe for concurrent use. Each call should be one
// round trip and should give up when its context ends. Values that crossed are
// never changed by either side, and the cache never stores an empty value, so
// nil always means absent. Keys are at most 64 bytes of [A-Za-z0-9:_-].
//
// Expiry is housekeeping: the cache judges lifetimes itself, so a store may
// drop a value early (a miss) or late (ignored). Get must be as fresh as the
// last acknowledged Set, which rules out reading from replicas.
//
// Keys have two or three parts, divided by colons. Operations that must be one
// step, see below, name keys of the same second part only, so that a store that
// is spread over several servers can keep those together.
//
// A Store may also implement Close() error, Len() int and Bytes() int64, and any
// of these methods, which the cache finds on the store itself only, for a
// decorator must not be stepped around:
//
//   - GetTTL(ctx context.Context, timed int, keys ...string) (values [][]byte, left []time.Duration, err error)
//     is Get that tells how long the first timed values have left by the clock of
//     the store, with a negative number for those of which it does not know. With
//     it the age of a page does not depend on clocks that differ.
//   - SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (set bool, err error)
//     keeps value under key and drops ifKey, in one step, if ifKey holds just
//     these bytes. With it a page is refused that was made by a process which has
//     lost its lease meanwhile.
//   - DeleteIf(ctx context.Context, key string, holds []byte) (deleted bool, err error)
//     drops the value under key, in one step, if it is just these bytes.
//   - TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (touched bool, err error)
//     gives the value under key a new ttl, in one step, if it is just these bytes.
//     Without it a lease is not renewed.
//   - Publish(ctx context.Context, message []byte) error and
//     Subscribe(ctx context.Context, lost func(), received func(message []byte)) error
//     carry messages of up to some KiB between all processes that share the store.
//     Subscribe calls both functions from one goroutine, lost before the first
//     message and whenever messages may have been missed, and returns when ctx
//     has ended, or with an error if it can never work. [NearCache] needs them.
//   - Prompt() bool reports that every call returns when its context ends. Calls
//     to other stores run on goroutines of their own, which can be left behind.
//
// An error of a Store may have a method Class() string, with one word for its
// kind: the log tells of each kind once a second.
type Store interface {
	// Get returns the values under keys in the same order, nil for absent.
	Get(ctx context.Context, keys ...string) (values [][]byte, err error)

	// Set keeps the same value under each key for ttl, which is positive.
	Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error

	// Add keeps value under those keys that are absent and returns what is
	// under each key now, in the same order.
	Add(ctx context.Context, value []byte, ttl time.Duration, keys ...string) (now [][]byte, err error)

	// Delete drops the values under keys; absent keys are no error.
	Delete(ctx context.Context, keys ...string) error
}
