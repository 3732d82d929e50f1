package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrDrop is what a hook returns to have the store do nothing and claim
// success: reads find nothing, writes and messages are lost, who subscribes hears
// nothing. What depends on a value claims that it was there.
var ErrDrop = errors.New("storetest: dropped")

// ErrFault is an error for hooks to return when any will do.
var ErrFault = errors.New("storetest: fault")

// A Hook runs before or after a call of a decorated store. op is the name of
// the method, except that GetTTL counts as "Get", SetIf as "Set", DeleteIf as
// "Delete" and TouchIf as "Touch": a fault means the same, whichever way the
// cache takes. keys are those of the call, of SetIf key and ifKey; a Memory, and
// messages, have none to show. ctx is that of the call; of a Memory it is
// context.Background().
//
// For Subscribe, the one hook runs before it begins, the other after it ended.
//
// A hook may wait or panic. When it returns an error, the call ends with it;
// a Memory, which cannot tell, then finds nothing and writes nothing.
type Hook func(ctx context.Context, op string, keys []string) error

// Faults are the switches of [FaultyStore] and [FaultyMemory]. The zero value
// injects nothing. All methods are safe for concurrent use, also while the
// stores are in use; a call under way keeps the hooks it has met already.
//
//	var faults storetest.Faults
//	store := storetest.FaultyStore(storetest.NewMap(), &faults)
//	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
type Faults struct {
	before, after atomic.Pointer[Hook]
	values        atomic.Pointer[func([][]byte) [][]byte]
	loaded        atomic.Pointer[func(uint64, any, bool) (any, bool)]
}

// Before sets what runs before each call; nil ends it. An error keeps the call
// from the store.
func (f *Faults) Before(hook Hook) { f.before.Store(&hook) }

// After sets what runs after each successful call; nil ends it. An error is
// returned instead of the result, as when the acknowledgement is lost: the
// store has done its work. A Memory that has found a value forgets it.
func (f *Faults) After(hook Hook) { f.after.Store(&hook) }

// Values sets what changes the values that Get, GetTTL and Add return; nil ends
// it. The hook must not write to the values it is given.
func (f *Faults) Values(hook func(values [][]byte) [][]byte) { f.values.Store(&hook) }

// Loaded sets what changes the answer of a Memory's Load; nil ends it. It may
// return a value of another type, or one loaded under another key.
func (f *Faults) Loaded(hook func(key uint64, value any, ok bool) (any, bool)) {
	f.loaded.Store(&hook)
}

// Heal ends all faults. It does not release who waits in [Hang].
func (f *Faults) Heal() {
	f.before.Store(nil)
	f.after.Store(nil)
	f.values.Store(nil)
	f.loaded.Store(nil)
}

// run calls the hook that p points to, if there is one.
func run(p *atomic.Pointer[Hook], ctx context.Context, op string, keys []string) error {
	if hook := p.Load(); hook != nil && *hook != nil {
		return (*hook)(ctx, op, keys)
	}
	return nil
}

func (f *Faults) change(values [][]byte) [][]byte {
	if hook := f.values.Load(); hook != nil && *hook != nil {
		return (*hook)(values)
	}
	return values
}

// Only limits hook to the named methods; see [Hook] for their names.
func Only(hook Hook, ops ...string) Hook {
	return func(ctx context.Context, op string, keys []string) error {
		if !slices.Contains(ops, op) {
			return nil
		}
		return hook(ctx, op, keys)
	}
}

// Fail lets each call end with err; ErrDrop lets it do nothing.
func Fail(err error) Hook {
	return func(context.Context, string, []string) error { return err }
}

// Panic lets each call panic with v.
func Panic(v any) Hook {
	return func(context.Context, string, []string) error { panic(v) }
}

// Delay lets each call take d longer, or until its context ends.
func Delay(d time.Duration) Hook {
	return func(ctx context.Context, _ string, _ []string) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Stall lets each call take d longer, whatever its context says.
func Stall(d time.Duration) Hook {
	return func(context.Context, string, []string) error {
		time.Sleep(d)
		return nil
	}
}

// Hang lets each call wait until release is called, whatever its context says.
// After that, calls pass. release may be called more than once; call it before
// the test ends, or the goroutines stay for ever.
func Hang() (hook Hook, release func()) {
	released := make(chan struct{})
	wait := func(context.Context, string, []string) error {
		<-released
		return nil
	}
	return wait, sync.OnceFunc(func() { close(released) })
}
