package storetest

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Map is a pagecache.Store in the memory of the test: a test double, not for
// production, because it has no bound and frees expired values only when their
// key is used again.
//
// It is safe for concurrent use, fails like a real store when its context has
// ended, and works in and out of synctest bubbles. It copies what goes in and
// out, so a test cannot change what is stored by writing to a slice.
//
// It has the abilities GetTTL, SetIf, DeleteIf, TouchIf, Publish and Subscribe;
// messages stay within the Map. For a store without them, hide them:
//
//	plain := struct{ pagecache.Store }{storetest.NewMap()}
type Map struct {
	mu        sync.Mutex
	values    map[string]mapValue
	listeners []*mapListener
}

type mapValue struct {
	bytes   []byte
	expires time.Time
}

// NewMap returns an empty Map.
func NewMap() *Map { return &Map{values: map[string]mapValue{}} }

// Get returns the values under keys in the same order, nil for absent. The only
// error is that of an ended context.
func (m *Map) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = m.get(key)
	}
	return values, nil
}

// Set keeps value under each key for ttl. A ttl that is not positive drops it.
// The only error is that of an ended context.
func (m *Map) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		m.set(key, value, ttl)
	}
	return nil
}

// Add keeps value under those keys that are absent and returns what is under
// each key now. The only error is that of an ended context.
func (m *Map) Add(ctx context.Context, value []byte, ttl time.Duration, keys ...string) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := make([][]byte, len(keys))
	for i, key := range keys {
		if m.get(key) == nil {
			m.set(key, value, ttl)
		}
		now[i] = m.get(key)
	}
	return now, nil
}

// Delete drops the values under keys. The only error is that of an ended
// context.
func (m *Map) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.values, key)
	}
	return nil
}

// Len returns the number of values that have not expired.
func (m *Map) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.values {
		m.get(key)
	}
	return len(m.values)
}

// get returns a copy of the value under key and drops it when it has expired.
func (m *Map) get(key string) []byte {
	v, ok := m.values[key]
	if ok && !time.Now().Before(v.expires) {
		delete(m.values, key)
		return nil
	}
	return slices.Clone(v.bytes)
}

func (m *Map) set(key string, value []byte, ttl time.Duration) {
	m.values[key] = mapValue{bytes: slices.Clone(value), expires: time.Now().Add(ttl)}
}
