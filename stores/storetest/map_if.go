package storetest

import (
	"context"
	"slices"
	"time"
)

// GetTTL is Get that tells how long the first timed values have left; for
// absent values that is -1. The only error is that of an ended context.
func (m *Map) GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	values, left := make([][]byte, len(keys)), make([]time.Duration, min(timed, len(keys)))
	for i, key := range keys {
		values[i] = m.get(key)
		if i < timed {
			left[i] = m.left(key)
		}
	}
	return values, left, nil
}

// SetIf keeps value under key for ttl and drops ifKey, if ifKey holds just
// these bytes. The only error is that of an ended context.
func (m *Map) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	return m.ifHolds(ctx, ifKey, holds, func() {
		m.set(key, value, ttl)
		delete(m.values, ifKey)
	})
}

// DeleteIf drops the value under key, if it is just these bytes. The only error
// is that of an ended context.
func (m *Map) DeleteIf(ctx context.Context, key string, holds []byte) (bool, error) {
	return m.ifHolds(ctx, key, holds, func() { delete(m.values, key) })
}

// TouchIf gives the value under key a new ttl, if it is just these bytes. The
// only error is that of an ended context.
func (m *Map) TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error) {
	return m.ifHolds(ctx, key, holds, func() { m.set(key, holds, ttl) })
}

// ifHolds calls change under the lock, if key holds just these bytes.
func (m *Map) ifHolds(ctx context.Context, key string, holds []byte, change func()) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.get(key)
	if held == nil || !slices.Equal(held, holds) {
		return false, nil
	}
	change()
	return true, nil
}

func (m *Map) left(key string) time.Duration {
	if v, ok := m.values[key]; ok {
		return time.Until(v.expires)
	}
	return -1
}
