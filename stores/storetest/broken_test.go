package storetest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// brokenEnv names the broken store that a second process of this test checks.
const brokenEnv = "STORETEST_BROKEN"

// TestSuiteCatches runs the suite on broken stores. It does so in a process of
// its own for each, for a test that fails cannot be made to pass.
func TestSuiteCatches(t *testing.T) {
	if b, ok := broken[os.Getenv(brokenEnv)]; ok {
		storetest.Store(t, func(testing.TB) pagecache.Store { return b.open() })
		return
	}
	var wg sync.WaitGroup
	room := make(chan struct{}, 8) // most of them wait most of the time
	for name, b := range broken {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			wantCaught(t, name, b.by)
		})
	}
	wg.Wait()
}

func wantCaught(t *testing.T, name, by string) {
	test := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSuiteCatches$/^"+by+"$")
	test.Env = append(os.Environ(), brokenEnv+"="+name)
	begin := time.Now()
	out, err := test.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestSuiteCatches/"+by)) || bytes.Contains(out, []byte("panic:")) {
		t.Errorf("%s: got error %v, want that %s fails\n%s", name, err, by, out)
	}
	t.Logf("%s: %s after %v", name, by, time.Since(begin))
}

// broken are stores that break their contract, with the case that notices.
var broken = map[string]struct {
	by   string
	open func() pagecache.Store
}{
	"SetIf ignores the token":        {"SetIf", breaks(func(m *storetest.Map) any { return ignoringSetIf{m} })},
	"SetIf compares a prefix":        {"SetIf", breaks(func(m *storetest.Map) any { return prefixSetIf{m} })},
	"SetIf leaves the lease":         {"SetIf", breaks(func(m *storetest.Map) any { return leavingSetIf{m} })},
	"SetIf in two steps":             {"SetIfContention", breaks(func(m *storetest.Map) any { return steppingSetIf{m} })},
	"SetIf lives for ever":           {"SetIf", breaks(func(m *storetest.Map) any { return livingSetIf{m} })},
	"SetIf drops the lease anyway":   {"SetIf", breaks(func(m *storetest.Map) any { return droppingSetIf{m} })},
	"DeleteIf always deletes":        {"DeleteIf", breaks(func(m *storetest.Map) any { return alwaysDeleteIf{m} })},
	"DeleteIf claims it":             {"DeleteIf", breaks(func(m *storetest.Map) any { return claimingDeleteIf{m} })},
	"DeleteIf in two steps":          {"DeleteIfContention", breaks(func(m *storetest.Map) any { return steppingDeleteIf{m} })},
	"TouchIf revives":                {"TouchIf", breaks(func(m *storetest.Map) any { return revivingTouchIf{m} })},
	"TouchIf does nothing":           {"TouchIf", breaks(func(m *storetest.Map) any { return idleTouchIf{m} })},
	"TouchIf touches anything":       {"TouchIf", breaks(func(m *storetest.Map) any { return anyTouchIf{m} })},
	"GetTTL is constant":             {"GetTTL", breaks(func(m *storetest.Map) any { return changedTTL{m, constant} })},
	"GetTTL does not know":           {"GetTTL", breaks(func(m *storetest.Map) any { return changedTTL{m, unknown} })},
	"GetTTL tells of all":            {"GetTTL", breaks(func(m *storetest.Map) any { return changedTTL{m, ofAll} })},
	"GetTTL in another order":        {"GetTTL", breaks(func(m *storetest.Map) any { return changedTTL{m, reversed} })},
	"GetTTL tells the first ttl":     {"GetTTLFollows", breaks(func(m *storetest.Map) any { return changedTTL{m, roundedUp} })},
	"Subscribe without lost":         {"Messages", breaks(func(m *storetest.Map) any { return quietSubscribe{m} })},
	"Subscribe loses some":           {"Messages", breaks(func(m *storetest.Map) any { return losingPublish{m, new(counter)} })},
	"Subscribe in another order":     {"Messages", breaks(func(m *storetest.Map) any { return disorderedSubscribe{m} })},
	"Subscribe uses a buffer again":  {"Messages", breaks(func(m *storetest.Map) any { return bufferedSubscribe{m} })},
	"Subscribe on two goroutines":    {"Messages", breaks(func(m *storetest.Map) any { return parallelSubscribe{m} })},
	"Subscribe does not end":         {"SubscribeEnds", breaks(func(m *storetest.Map) any { return endlessSubscribe{m} })},
	"Subscribe ends at once":         {"SubscribeEnds", breaks(func(m *storetest.Map) any { return shortSubscribe{m} })},
	"Subscribe leaves its goroutine": {"SubscribeEnds", breaks(func(m *storetest.Map) any { return leavingSubscribe{m} })},
	"GetTTL waits for ever":          {"EndedContext", breaks(func(m *storetest.Map) any { return waitingGetTTL{m} })},
}

func breaks(a func(*storetest.Map) any) func() pagecache.Store {
	return func() pagecache.Store { return a(storetest.NewMap()).(pagecache.Store) }
}

type ignoringSetIf struct{ *storetest.Map }

func (s ignoringSetIf) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, _ []byte) (bool, error) {
	_ = s.Delete(ctx, ifKey)
	return true, s.Set(ctx, value, ttl, key)
}

// holding reports whether key holds holds, before something else is done.
func holding(ctx context.Context, m *storetest.Map, key string, holds []byte) bool {
	values, err := m.Get(ctx, key)
	time.Sleep(time.Millisecond)
	return err == nil && values[0] != nil && bytes.Equal(values[0], holds)
}

type steppingSetIf struct{ *storetest.Map }

func (s steppingSetIf) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	if !holding(ctx, s.Map, ifKey, holds) {
		return false, nil
	}
	_ = s.Delete(ctx, ifKey)
	return true, s.Set(ctx, value, ttl, key)
}

type prefixSetIf struct{ *storetest.Map }

func (s prefixSetIf) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	values, _ := s.Get(ctx, ifKey)
	if !strings.HasPrefix(string(values[0]), string(holds)) || len(holds) == 0 {
		return false, nil
	}
	return s.Map.SetIf(ctx, value, ttl, key, ifKey, values[0])
}

type leavingSetIf struct{ *storetest.Map }

func (s leavingSetIf) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	if !holding(ctx, s.Map, ifKey, holds) {
		return false, nil
	}
	return true, s.Set(ctx, value, ttl, key)
}

type droppingSetIf struct{ *storetest.Map }

func (s droppingSetIf) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	set, err := s.Map.SetIf(ctx, value, ttl, key, ifKey, holds)
	_ = s.Delete(ctx, ifKey)
	return set, err
}

type livingSetIf struct{ *storetest.Map }

func (s livingSetIf) SetIf(ctx context.Context, value []byte, _ time.Duration, key, ifKey string, holds []byte) (bool, error) {
	return s.Map.SetIf(ctx, value, time.Hour, key, ifKey, holds)
}

type alwaysDeleteIf struct{ *storetest.Map }

func (s alwaysDeleteIf) DeleteIf(ctx context.Context, key string, _ []byte) (bool, error) {
	return true, s.Delete(ctx, key)
}

type claimingDeleteIf struct{ *storetest.Map }

func (s claimingDeleteIf) DeleteIf(ctx context.Context, key string, holds []byte) (bool, error) {
	_, err := s.Map.DeleteIf(ctx, key, holds)
	return true, err
}

type steppingDeleteIf struct{ *storetest.Map }

func (s steppingDeleteIf) DeleteIf(ctx context.Context, key string, holds []byte) (bool, error) {
	if !holding(ctx, s.Map, key, holds) {
		return false, nil
	}
	return true, s.Delete(ctx, key)
}

type revivingTouchIf struct{ *storetest.Map }

func (s revivingTouchIf) TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error) {
	now, err := s.Add(ctx, holds, ttl, key)
	if err != nil || !bytes.Equal(now[0], holds) {
		return false, err
	}
	return true, s.Set(ctx, holds, ttl, key)
}

type idleTouchIf struct{ *storetest.Map }

func (s idleTouchIf) TouchIf(ctx context.Context, _ time.Duration, key string, holds []byte) (bool, error) {
	return holding(ctx, s.Map, key, holds), nil
}

type anyTouchIf struct{ *storetest.Map }

func (s anyTouchIf) TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error) {
	values, err := s.Get(ctx, key)
	if err != nil || values[0] == nil {
		return false, err
	}
	return bytes.Equal(values[0], holds), s.Set(ctx, values[0], ttl, key)
}
