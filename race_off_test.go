//go:build !race

package pagecache_test

const (
	raceEnabled    = false
	manyGoroutines = 10_000
)
