package storetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// calls returns one call of each method that takes no time, by name.
func (tr *trial) calls() map[string]func(context.Context) error {
	key := tr.key("a")
	calls := map[string]func(context.Context) error{
		"Get": func(ctx context.Context) error {
			_, err := tr.Get(ctx, key)
			return err
		},
		"Set": func(ctx context.Context) error {
			return tr.Set(ctx, []byte("value"), longLife, key)
		},
		"Add": func(ctx context.Context) error {
			_, err := tr.Add(ctx, []byte("value"), longLife, key)
			return err
		},
		"Delete": func(ctx context.Context) error {
			return tr.Delete(ctx, key)
		},
	}
	maps.Copy(calls, tr.optionalCalls())
	return calls
}

// returns fails the test when call takes longer than patience.
func (tr *trial) returns(what string, call func()) {
	tr.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		tr.Errorf("%s: has not returned after %v", what, patience)
	}
}

// storeEndedContext: a call whose context has ended may fail or succeed, as
// long as it returns, and the store is usable afterwards.
func storeEndedContext(tr *trial) {
	cancelled, cancel := context.WithCancel(tr.Context())
	cancel()
	late, cancelLate := context.WithDeadline(tr.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for what, ctx := range map[string]context.Context{"cancelled": cancelled, "deadline exceeded": late} {
		calls := tr.calls()
		if m, ok := tr.Store.(messenger); ok {
			calls["Subscribe"] = func(ctx context.Context) error { return m.Subscribe(ctx, func() {}, func([]byte) {}) }
		}
		for op, call := range calls {
			tr.returns(op+" with its context "+what, func() {
				if err := call(ctx); err == nil {
					tr.Logf("%s with its context %s succeeds", op, what)
				}
			})
		}
	}
	tr.set("value", longLife, "a")
	tr.wantGet("a", "value")
}

// storeModel gives each goroutine keys of its own and compares with a map.
// Since no one else writes them, every read must be as fresh as the last write.
func storeModel(tr *trial) {
	var wg sync.WaitGroup
	for worker := range uint64(6) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(worker, 3))
			model := map[string]string{}
			for step := range 200 {
				name := fmt.Sprintf("w%d:%d", worker, rnd.IntN(8))
				value := strings.Repeat(fmt.Sprintf("%s/%d ", name, step), 1+rnd.IntN(20))
				switch rnd.IntN(6) {
				case 0, 1:
					tr.set(value, longLife, name)
					model[name] = value
				case 2:
					if model[name] == "" {
						model[name] = value
					}
					tr.want("Add", tr.add(value, longLife, name)[0], model[name])
				case 3:
					tr.remove(name)
					delete(model, name)
				default:
					tr.wantGet(name, model[name])
				}
			}
		})
	}
	wg.Wait()
}

// storeShared lets all write the same keys. A value begins with its key and
// repeats one byte, so that values mixed up or torn show.
func storeShared(tr *trial) {
	var wg sync.WaitGroup
	for worker := range uint64(6) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(worker, 4))
			for range 200 {
				name := fmt.Sprintf("k%d", rnd.IntN(5))
				value := name + strings.Repeat(string(rune('a'+rnd.IntN(26))), 1+rnd.IntN(5000))
				switch rnd.IntN(6) {
				case 0, 1:
					tr.set(value, longLife, name)
				case 2:
					tr.wantWhole(name, tr.add(value, longLife, name)[0])
				case 3:
					tr.remove(name)
				default:
					tr.wantWhole(name, tr.get(name)[0])
				}
			}
		})
	}
	wg.Wait()
}

func (tr *trial) wantWhole(name string, value []byte) {
	tr.Helper()
	if value == nil {
		return
	}
	rest, ok := bytes.CutPrefix(value, []byte(name))
	if !ok || len(rest) == 0 || bytes.Count(rest, rest[:1]) != len(rest) {
		tr.Errorf("value under %s: got %.40q (%d bytes), which nobody stored", name, value, len(value))
	}
}
