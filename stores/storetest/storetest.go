// Package storetest checks that a store keeps its contract with pagecache, and
// lends tests of applications a store that needs no server and stores that
// fail on command.
//
// The author of a store writes one test:
//
//	func TestConformance(t *testing.T) {
//		storetest.Store(t, func(tb testing.TB) pagecache.Store {
//			return mystore.New(dial(tb))
//		})
//	}
//
// The package imports testing: use it from tests only.
package storetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

const (
	// patience is how long, in real time, anything may take that has to happen
	// at some time: an expiry, the return of a call, the end of a goroutine. It
	// leaves room for stores that count lifetimes in whole seconds.
	patience = 5 * time.Second

	// grace is how much later than its ttl a Memory may still find a value, in
	// the time of a synctest bubble.
	grace = time.Minute

	// tenYears exceeds every limit that a store may have by accident: 32-bit
	// milliseconds, or memcached's 30 days, above which it takes a lifetime for
	// a date.
	tenYears = 10 * 365 * 24 * time.Hour

	longLife = time.Hour
)

// Memory checks an in-process store. open returns a new, empty one for each
// case; it must hold 1 MiB without dropping anything. When it has a Close
// method, the suite calls it.
//
// Every case runs in a bubble of testing/synctest, and so does open: time is
// not real, and a goroutine that outlives Close fails the test.
func Memory(t *testing.T, open func(testing.TB) pagecache.Memory) {
	for _, c := range memoryCases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := open(t)
				t.Cleanup(func() { closeStore(t, m) })
				c.run(t, m)
			})
		})
	}
}

// Store checks a store of bytes, and each optional ability that it has; the log
// names the others. open returns a store for each case, and for some a second
// one. What is behind them may be shared and need not be empty, since every case
// uses keys of its own, but it must hold 16 MiB without dropping anything. When
// a store has a Close method, the suite calls it.
//
// The cases run in real time, with short lifetimes and patient polling,
// because a server lives outside of synctest bubbles. They take some seconds.
// Do not run other tests at the same time: goroutines are counted.
func Store(t *testing.T, open func(testing.TB) pagecache.Store) {
	for _, c := range storeCases {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrial(t, open)
			t.Cleanup(func() { closeStore(t, tr.Store) })
			c.run(tr)
		})
	}
	t.Run("Close", func(t *testing.T) { checkStoreClose(t, open) })
}

// closeStore calls the optional Close of a store.
func closeStore(t *testing.T, store any) {
	t.Helper()
	c, ok := store.(interface{ Close() error })
	if !ok {
		return
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close: got error %v, want none", err)
	}
}

// missing notes an optional ability that a store does not have. It is no
// failure, but whoever reads the log should not believe that it was checked.
func missing(t *testing.T, store any, ability string) {
	t.Helper()
	t.Logf("%T has no %s: not checked", store, ability)
}
