package pagecache

import (
	"context"
	"sync/atomic"
	"time"
)

// The calls of a Store, through the guard.

func (g *guard) get(spent *spending, keys []string) ([][]byte, error) {
	values, err := call(g, g.reads, spent, func(ctx context.Context) ([][]byte, error) { return g.store.Get(ctx, keys...) })
	if err == nil && len(values) != len(keys) {
		err = errRubbish
	}
	return values, err
}

// timed are values and how long the first of them have left; negative is not
// known.
type timed struct {
	values [][]byte
	left   []time.Duration
}

// getTimed reads values, of which the first n are pages. A store that cannot
// tell how long these have left leaves it to the clock of who wrote them.
func (g *guard) getTimed(spent *spending, n int, keys []string) (timed, error) {
	s, ok := g.store.(interface {
		GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error)
	})
	if !ok || n == 0 {
		values, err := g.get(spent, keys)
		return timed{values: values}, err
	}
	t, err := call(g, g.reads, spent, func(ctx context.Context) (t timed, err error) {
		t.values, t.left, err = s.GetTTL(ctx, n, keys...)
		return t, err
	})
	if err == nil && (len(t.values) != len(keys) || len(t.left) != n) {
		err = errRubbish
	}
	return t, err
}

// tellsTime reports whether the store can tell how long a page has left.
func (g *guard) tellsTime() bool {
	_, ok := g.store.(interface {
		GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error)
	})
	return ok
}

// leftOf is how long a page has left, or negative.
func (t *timed) leftOf(i int) time.Duration {
	if i < len(t.left) {
		return t.left[i]
	}
	return -1
}

func (g *guard) add(spent *spending, value []byte, ttl time.Duration, keys []string) ([][]byte, error) {
	values, err := call(g, g.notes, spent, func(ctx context.Context) ([][]byte, error) { return g.store.Add(ctx, value, ttl, keys...) })
	if err != nil {
		return nil, err
	}
	if len(values) != len(keys) {
		return nil, errRubbish
	}
	for _, v := range values {
		if len(v) == 0 {
			return nil, errRubbish
		}
	}
	return values, nil
}

func (g *guard) set(spent *spending, value []byte, ttl time.Duration, keys ...string) error {
	_, err := call(g, g.writes, spent, func(ctx context.Context) (struct{}, error) { return struct{}{}, g.store.Set(ctx, value, ttl, keys...) })
	return err
}

func (g *guard) delete(spent *spending, key string) error {
	_, err := call(g, g.writes, spent, func(ctx context.Context) (struct{}, error) { return struct{}{}, g.store.Delete(ctx, key) })
	return err
}

// setIf is set while another key holds something, which is dropped with it. With a
// store that cannot do this in one step it does not ask.
func (g *guard) setIf(spent *spending, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (set bool, err error) {
	s, ok := g.store.(interface {
		SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error)
	})
	if !ok {
		if err := g.set(spent, value, ttl, key); err != nil {
			return true, err
		}
		return true, g.delete(spent, ifKey)
	}
	return call(g, g.writes, spent, func(ctx context.Context) (bool, error) { return s.SetIf(ctx, value, ttl, key, ifKey, holds) })
}

// deleteIf drops a key that holds something still. A store that cannot do this in
// one step drops it in any case.
func (g *guard) deleteIf(spent *spending, key string, holds []byte) error {
	s, ok := g.store.(interface {
		DeleteIf(ctx context.Context, key string, holds []byte) (bool, error)
	})
	if !ok {
		return g.delete(spent, key)
	}
	_, err := call(g, g.writes, spent, func(ctx context.Context) (bool, error) { return s.DeleteIf(ctx, key, holds) })
	return err
}

// touchIf gives a key a new lifetime that holds something still.
func (g *guard) touchIf(spent *spending, ttl time.Duration, key string, holds []byte) (touched bool, err error) {
	s, ok := g.store.(interface {
		TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error)
	})
	if !ok {
		return false, nil
	}
	return call(g, g.writes, spent, func(ctx context.Context) (bool, error) { return s.TouchIf(ctx, ttl, key, holds) })
}

func (g *guard) publish(spent *spending, m messenger, message []byte) error {
	_, err := call(g, g.writes, spent, func(ctx context.Context) (struct{}, error) { return struct{}{}, m.Publish(ctx, message) })
	return err
}

// plainReads notes whether reads without lifetimes get stuck. The client of a store
// may have other connections for them, with none free, while those with lifetimes
// go well; these are used for a second then.
type plainReads struct {
	late  atomic.Int32 // in a row
	until atomic.Int64 // not used before
}

const lateReads = 3

func (p *plainReads) good(now int64) bool { return now >= p.until.Load() }

func (p *plainReads) ended(now int64, err error) {
	switch {
	case isSpared(err):
	case err == nil:
		p.late.Store(0)
	case p.late.Add(1) >= lateReads:
		p.until.Store(now + int64(time.Second))
	}
}
