package storetest

import (
	"context"
	"io"
	"time"

	"github.com/go-pagecache/pagecache"
)

// abilities are what a store has beyond its contract; nil is what it has not.
type abilities struct {
	conditional conditional
	messenger   messenger
	closer      io.Closer
}

type (
	conditionalStore struct {
		pagecache.Store
		conditional
	}
	messengerStore struct {
		pagecache.Store
		messenger
	}
	ableStore struct {
		pagecache.Store
		conditional
		messenger
	}
)

// on returns s with these abilities and no others. The cache asks for them by
// type, so each combination needs a type of its own.
func (a abilities) on(s pagecache.Store) pagecache.Store {
	switch {
	case a.closer != nil:
		return a.onCloser(s)
	case a.conditional != nil && a.messenger != nil:
		return ableStore{s, a.conditional, a.messenger}
	case a.conditional != nil:
		return conditionalStore{s, a.conditional}
	case a.messenger != nil:
		return messengerStore{s, a.messenger}
	}
	return s
}

func (a abilities) onCloser(s pagecache.Store) pagecache.Store {
	switch {
	case a.conditional != nil && a.messenger != nil:
		return struct {
			ableStore
			io.Closer
		}{ableStore{s, a.conditional, a.messenger}, a.closer}
	case a.conditional != nil:
		return struct {
			conditionalStore
			io.Closer
		}{conditionalStore{s, a.conditional}, a.closer}
	case a.messenger != nil:
		return struct {
			messengerStore
			io.Closer
		}{messengerStore{s, a.messenger}, a.closer}
	}
	return struct {
		pagecache.Store
		io.Closer
	}{s, a.closer}
}

type faultyConditional struct {
	*faultyStore
	inner conditional
}

func (s *faultyConditional) GetTTL(ctx context.Context, timed int, keys ...string) (values [][]byte, left []time.Duration, err error) {
	dropped, err := s.around(ctx, "Get", keys, func() (err error) {
		values, left, err = s.inner.GetTTL(ctx, timed, keys...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if dropped {
		values, left = make([][]byte, len(keys)), make([]time.Duration, timed)
		for i := range left {
			left[i] = -1
		}
	}
	return s.faults.change(values), left, nil
}

func (s *faultyConditional) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	return s.ifHolds(ctx, "Set", []string{key, ifKey}, func() (bool, error) {
		return s.inner.SetIf(ctx, value, ttl, key, ifKey, holds)
	})
}

func (s *faultyConditional) DeleteIf(ctx context.Context, key string, holds []byte) (bool, error) {
	return s.ifHolds(ctx, "Delete", []string{key}, func() (bool, error) {
		return s.inner.DeleteIf(ctx, key, holds)
	})
}

func (s *faultyConditional) TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error) {
	return s.ifHolds(ctx, "Touch", []string{key}, func() (bool, error) {
		return s.inner.TouchIf(ctx, ttl, key, holds)
	})
}

// ifHolds runs call between the hooks. Dropped, it claims to have found what it
// should, for the caller relies on that.
func (s *faultyConditional) ifHolds(ctx context.Context, op string, keys []string, call func() (bool, error)) (done bool, err error) {
	dropped, err := s.around(ctx, op, keys, func() (err error) {
		done, err = call()
		return err
	})
	return err == nil && (done || dropped), err
}

type faultyMessenger struct {
	*faultyStore
	inner messenger
}

func (s *faultyMessenger) Publish(ctx context.Context, message []byte) error {
	_, err := s.around(ctx, "Publish", nil, func() error { return s.inner.Publish(ctx, message) })
	return err
}

func (s *faultyMessenger) Subscribe(ctx context.Context, lost func(), received func(message []byte)) error {
	dropped, err := s.around(ctx, "Subscribe", nil, func() error { return s.inner.Subscribe(ctx, lost, received) })
	if dropped {
		<-ctx.Done()
	}
	return err
}
