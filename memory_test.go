package pagecache_test

import (
	"sync"
	"time"

	"github.com/go-pagecache/pagecache"
)

// mapMemory is a Memory without a bound and without expiry, for tests that put
// faults in front of it.
type mapMemory struct{ m sync.Map }

func newMapMemory() pagecache.Memory { return new(mapMemory) }

func (m *mapMemory) Load(key uint64) (any, bool)                     { return m.m.Load(key) }
func (m *mapMemory) Store(key uint64, v any, _ int, _ time.Duration) { m.m.Store(key, v) }
func (m *mapMemory) Delete(key uint64)                               { m.m.Delete(key) }
