package storetest

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/go-pagecache/pagecache"
)

// having runs a check of an optional ability, if the store has it.
func having[A any](ability string, check func(*trial, A)) func(*trial) {
	return func(tr *trial) {
		if a, ok := tr.Store.(A); ok {
			check(tr, a)
		} else {
			missing(tr.T, tr.Store, ability)
		}
	}
}

func storeAbilities(tr *trial) {
	tr.set(strings.Repeat("x", 1000), longLife, "a", "b", "c")
	if l, ok := tr.Store.(interface{ Len() int }); !ok {
		missing(tr.T, tr.Store, "Len")
	} else if got := l.Len(); got < 3 {
		tr.Errorf("Len: got %d, want at least 3", got)
	}
	if s, ok := tr.Store.(interface{ Bytes() int64 }); !ok {
		missing(tr.T, tr.Store, "Bytes")
	} else if got := s.Bytes(); got < 3000 {
		tr.Errorf("Bytes: got %d, want at least 3000", got)
	}
	if _, ok := tr.Store.(interface{ Close() error }); !ok {
		missing(tr.T, tr.Store, "Close")
	}
}

// checkStoreClose closes twice, calls a closed store, and counts goroutines.
func checkStoreClose(t *testing.T, open func(testing.TB) pagecache.Store) {
	before := runtime.NumGoroutine()
	tr := newTrial(t, open)
	s := tr.Store
	if _, ok := s.(interface{ Close() error }); !ok {
		missing(t, s, "Close")
		return
	}
	tr.set("value", longLife, "a")
	closeStore(t, s)
	closeStore(t, s)
	for op, call := range tr.calls() {
		tr.returns(op+" after Close", func() { _ = call(t.Context()) })
	}
	wantGoroutines(t, "Close", before)
}

// wantGoroutines waits until there are no more than before.
func wantGoroutines(t *testing.T, after string, before int) {
	t.Helper()
	if !eventually(t.Context(), func() bool { return runtime.NumGoroutine() <= before }) {
		stacks := make([]byte, 1<<16)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Errorf("goroutines after %s: got %d, want %d\n%s", after, runtime.NumGoroutine(), before, stacks)
	}
}

// optionalCalls returns one call of each optional method that the store has.
func (tr *trial) optionalCalls() map[string]func(context.Context) error {
	key, value := tr.key("a"), []byte("value")
	calls := map[string]func(context.Context) error{}
	if s, ok := tr.Store.(ttlGetter); ok {
		calls["GetTTL"] = func(ctx context.Context) error {
			_, _, err := s.GetTTL(ctx, 1, key)
			return err
		}
	}
	if s, ok := tr.Store.(ifSetter); ok {
		calls["SetIf"] = func(ctx context.Context) error {
			_, err := s.SetIf(ctx, value, longLife, key, tr.key("b"), value)
			return err
		}
	}
	if s, ok := tr.Store.(ifDeleter); ok {
		calls["DeleteIf"] = func(ctx context.Context) error {
			_, err := s.DeleteIf(ctx, key, value)
			return err
		}
	}
	if s, ok := tr.Store.(ifToucher); ok {
		calls["TouchIf"] = func(ctx context.Context) error {
			_, err := s.TouchIf(ctx, longLife, key, value)
			return err
		}
	}
	if s, ok := tr.Store.(messenger); ok {
		calls["Publish"] = func(ctx context.Context) error { return s.Publish(ctx, value) }
	}
	return calls
}
