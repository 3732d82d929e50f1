package pagecache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// guard stands between the cache and a Store that may err, hang, panic or
// return rubbish: a call costs its budget at most, whatever the Store does with
// its context. A call that does not come back is left behind; too many of them
// and no further ones are made.
type guard struct {
	core   *core
	store  Store
	budget time.Duration

	calls     sync.WaitGroup // all goroutines that are inside the store
	slots     chan struct{}  // one for each of them
	abandoned atomic.Int32

	mu       sync.Mutex
	draining bool // no further calls: somebody waits for those under way
}

// maxCalls is how many calls may be inside the store at one time, and therefore
// how many may be left behind there.
const maxCalls = 64

var (
	errStoreHangs = errors.New("too many calls to the store have not come back")
	errStoreExits = errors.New("the store ended its goroutine")
	errDraining   = errors.New("the cache is being closed")
	errRubbish    = errors.New("the store returned another number of values than keys")
)

func newRemote(c *core, s Store, budget time.Duration) *remote {
	return &remote{guard: guard{core: c, store: s, budget: budget, slots: make(chan struct{}, maxCalls)}}
}

// spending is what is left of the time that one request may spend on its
// store. Handler runs do not count.
type spending struct {
	left time.Duration
	ctx  context.Context // of who asked, where that is not a request; or nil
}

func (g *guard) newSpending() *spending { return &spending{left: g.budget} }

// call runs op with what is left of the budget, and not longer.
func call[T any](g *guard, spent *spending, op func(ctx context.Context) (T, error)) (value T, err error) {
	if spent.left <= 0 {
		return value, context.DeadlineExceeded
	}
	if g.abandoned.Load() >= maxCalls {
		return value, errStoreHangs
	}
	parent := spent.ctx
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, spent.left)
	defer cancel()
	began := time.Now()
	defer func() { spent.left -= time.Since(began) }()
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return value, ctx.Err()
	}
	if !g.enter() {
		<-g.slots
		return value, errDraining
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	var left atomic.Bool // whoever comes second settles the count
	go func() {
		r := result{err: errStoreExits}
		defer g.calls.Done()
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("the store panicked: %v", p)
			}
			done <- r
			if left.Swap(true) {
				g.abandoned.Add(-1)
			}
			<-g.slots
		}()
		r.value, r.err = op(ctx)
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	g.abandoned.Add(1)
	if left.Swap(true) { // it came back just now
		g.abandoned.Add(-1)
	}
	return value, ctx.Err()
}

func (g *guard) get(spent *spending, keys []string) ([][]byte, error) {
	values, err := call(g, spent, func(ctx context.Context) ([][]byte, error) { return g.store.Get(ctx, keys...) })
	if err == nil && len(values) != len(keys) {
		err = errRubbish
	}
	return values, err
}

func (g *guard) add(spent *spending, value []byte, ttl time.Duration, keys []string) ([][]byte, error) {
	values, err := call(g, spent, func(ctx context.Context) ([][]byte, error) { return g.store.Add(ctx, value, ttl, keys...) })
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
	_, err := call(g, spent, func(ctx context.Context) (struct{}, error) { return struct{}{}, g.store.Set(ctx, value, ttl, keys...) })
	return err
}

func (g *guard) delete(spent *spending, key string) error {
	_, err := call(g, spent, func(ctx context.Context) (struct{}, error) { return struct{}{}, g.store.Delete(ctx, key) })
	return err
}

// enter counts a call in, unless the store is being closed.
func (g *guard) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return false
	}
	g.calls.Add(1)
	return true
}

// drain lets no further calls in and waits for those under way.
func (g *guard) drain(ctx context.Context) error {
	g.mu.Lock()
	g.draining = true
	g.mu.Unlock()
	done := make(chan struct{})
	go func() {
		g.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pagecache: Close: calls to the store have not come back: %w", ctx.Err())
	}
}
