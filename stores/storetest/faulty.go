package storetest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/go-pagecache/pagecache"
)

// FaultyStore returns s with the faults that f switches on, now and later. It
// has those of these abilities that s has: Close, which has no faults; Publish
// and Subscribe; GetTTL, SetIf, DeleteIf and TouchIf, if s has all four. Other
// abilities of s are hidden.
func FaultyStore(s pagecache.Store, f *Faults) pagecache.Store {
	faulty := &faultyStore{store: s, faults: f}
	var a abilities
	if c, ok := s.(conditional); ok {
		a.conditional = &faultyConditional{faulty, c}
	}
	if m, ok := s.(messenger); ok {
		a.messenger = &faultyMessenger{faulty, m}
	}
	a.closer, _ = s.(io.Closer)
	return a.on(faulty)
}

type faultyStore struct {
	store  pagecache.Store
	faults *Faults
}

// around runs call between the hooks. dropped tells that a hook wants nothing
// done and no error.
func (s *faultyStore) around(ctx context.Context, op string, keys []string, call func() error) (dropped bool, err error) {
	if err = run(&s.faults.before, ctx, op, keys); err == nil {
		if err = call(); err == nil {
			err = run(&s.faults.after, ctx, op, keys)
		}
	}
	if errors.Is(err, ErrDrop) {
		return true, nil
	}
	return false, err
}

func (s *faultyStore) Get(ctx context.Context, keys ...string) (values [][]byte, err error) {
	dropped, err := s.around(ctx, "Get", keys, func() (err error) {
		values, err = s.store.Get(ctx, keys...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if dropped {
		values = make([][]byte, len(keys))
	}
	return s.faults.change(values), nil
}

func (s *faultyStore) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	_, err := s.around(ctx, "Set", keys, func() error {
		return s.store.Set(ctx, value, ttl, keys...)
	})
	return err
}

func (s *faultyStore) Add(ctx context.Context, value []byte, ttl time.Duration, keys ...string) (now [][]byte, err error) {
	dropped, err := s.around(ctx, "Add", keys, func() (err error) {
		now, err = s.store.Add(ctx, value, ttl, keys...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if dropped {
		// The lie that costs most: the caller believes its value is there.
		now = make([][]byte, len(keys))
		for i := range now {
			now[i] = value
		}
	}
	return s.faults.change(now), nil
}

func (s *faultyStore) Delete(ctx context.Context, keys ...string) error {
	_, err := s.around(ctx, "Delete", keys, func() error {
		return s.store.Delete(ctx, keys...)
	})
	return err
}

// FaultyMemory returns m with the faults that f switches on, now and later. Its
// Close is that of m, if m has one. Other abilities of m are hidden.
func FaultyMemory(m pagecache.Memory, f *Faults) pagecache.Memory {
	faulty := &faultyMemory{memory: m, faults: f}
	if c, ok := m.(io.Closer); ok {
		return struct {
			pagecache.Memory
			io.Closer
		}{faulty, c}
	}
	return faulty
}

type faultyMemory struct {
	memory pagecache.Memory
	faults *Faults
}

func (m *faultyMemory) Load(key uint64) (value any, ok bool) {
	if !m.around("Load", func() { value, ok = m.memory.Load(key) }) {
		value, ok = nil, false
	}
	if hook := m.faults.loaded.Load(); hook != nil && *hook != nil {
		return (*hook)(key, value, ok)
	}
	return value, ok
}

func (m *faultyMemory) Store(key uint64, value any, size int, ttl time.Duration) {
	m.around("Store", func() { m.memory.Store(key, value, size, ttl) })
}

func (m *faultyMemory) Delete(key uint64) {
	m.around("Delete", func() { m.memory.Delete(key) })
}

// around reports whether both hooks let the call pass.
func (m *faultyMemory) around(op string, call func()) bool {
	ctx := context.Background()
	if run(&m.faults.before, ctx, op, nil) != nil {
		return false
	}
	call()
	return run(&m.faults.after, ctx, op, nil) == nil
}
