//go:build race

package pagecache_test

// The race detector watches 8128 goroutines at most, and allocates.
const (
	raceEnabled    = true
	manyGoroutines = 5_000
)
