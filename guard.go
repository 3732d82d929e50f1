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
	prompt bool // calls come back when their context ends, and need no goroutine

	reads, writes, notes *breaker
	plain                plainReads

	lent atomic.Pointer[lentContext]

	calls     sync.WaitGroup // all goroutines that are inside the store
	slots     chan struct{}  // one for each of them
	abandoned atomic.Int32

	mu       sync.Mutex
	draining bool // no further calls: somebody waits for those under way
}

// maxCalls is how many calls may be inside a store at one time that may leave
// them there.
const maxCalls = 64

var (
	errStoreHangs = errors.New("too many calls to the store have not come back")
	errStoreExits = errors.New("the store ended its goroutine")
	errDraining   = errors.New("the cache is being closed")
	errRubbish    = errors.New("the store returned another number of values than keys")
)

// spending is what is left of the time that one request may spend on its
// store. Handler runs do not count.
type spending struct {
	left time.Duration
	ctx  context.Context // of who asked, where that is not a request; or nil
}

func (g *guard) newSpending() *spending { return &spending{left: g.budget} }

// call runs op with what is left of the budget, and not longer.
func call[T any](g *guard, b *breaker, spent *spending, op func(ctx context.Context) (T, error)) (value T, err error) {
	if spent.left <= 0 {
		return value, context.DeadlineExceeded
	}
	began := g.core.now()
	done, err := g.admit(b, spent, began)
	if err != nil {
		return value, err
	}
	ctx, cancel := g.deadline(spent, began)
	defer func() {
		failed := ctx.Err() != nil || err != nil && !isReply(err)
		cancel()
		now := g.core.now()
		spent.left -= time.Duration(now - began)
		if done != nil {
			b.pulse.end(now, failed)
			b.report(done, began, now, err)
		}
	}()
	if g.prompt {
		return callHere(ctx, g, op)
	}
	return callAside(ctx, g, op)
}

// deadline is the context of a call. First calls of requests that come close upon
// another share one, and with it up to a sixteenth of the budget, where stores go
// by deadlines: a context of its own costs each as much as a tenth of the call.
func (g *guard) deadline(spent *spending, now int64) (context.Context, context.CancelFunc) {
	switch {
	case spent.ctx != nil:
		return context.WithTimeout(spent.ctx, spent.left)
	case !g.prompt || spent.left < g.budget:
		return context.WithTimeout(context.Background(), spent.left)
	}
	at := g.lent.Load()
	if at == nil || now-at.made > int64(g.budget/16) {
		ctx, cancel := context.WithTimeout(context.Background(), g.budget)
		at = &lentContext{ctx, cancel, now}
		g.lent.Store(at)
	}
	return at.ctx, func() {}
}

// lentContext ends by itself, when its time is up.
type lentContext struct {
	ctx    context.Context
	cancel context.CancelFunc // not called, for others have it too
	made   int64
}

// admit asks whether a call for a request is worth the try. Its outcome is to be
// reported. Calls for a program, which has time, are always made.
func (g *guard) admit(b *breaker, spent *spending, now int64) (done func(error), err error) {
	if spent.ctx != nil {
		return nil, nil
	}
	if !b.pulse.begin(now, g.budget*2/5) {
		return nil, errStalled
	}
	done, err = b.circuit.Allow()
	if err != nil {
		b.pulse.leave()
		return nil, errOpen
	}
	return done, nil
}

// callHere runs op on this goroutine.
func callHere[T any](ctx context.Context, g *guard, op func(ctx context.Context) (T, error)) (value T, err error) {
	if !g.enter() {
		return value, errDraining
	}
	defer g.calls.Done()
	defer recoverStore(&err)
	return op(ctx)
}

// callAside runs op on a goroutine that is left behind if it does not come back.
func callAside[T any](ctx context.Context, g *guard, op func(ctx context.Context) (T, error)) (value T, err error) {
	if g.abandoned.Load() >= maxCalls {
		return value, errStoreHangs
	}
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
			done <- r
			if left.Swap(true) {
				g.abandoned.Add(-1)
			}
			<-g.slots
		}()
		defer recoverStore(&r.err)
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

func recoverStore(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the store panicked: %v", p)
	}
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
