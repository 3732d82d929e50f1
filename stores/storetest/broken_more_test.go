package storetest_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-pagecache/pagecache/stores/storetest"
)

type counter struct{ atomic.Int64 }

// changedTTL changes what GetTTL of all keys tells.
type changedTTL struct {
	*storetest.Map
	change func(left []time.Duration, timed int) []time.Duration
}

func (s changedTTL) GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error) {
	values, left, err := s.Map.GetTTL(ctx, len(keys), keys...)
	if err != nil {
		return nil, nil, err
	}
	return values, s.change(left, timed), nil
}

func constant(left []time.Duration, timed int) []time.Duration {
	return slices.Repeat([]time.Duration{time.Hour}, timed)
}

func unknown(_ []time.Duration, timed int) []time.Duration {
	return slices.Repeat([]time.Duration{-1}, timed)
}

func ofAll(left []time.Duration, _ int) []time.Duration { return left }

func reversed(left []time.Duration, timed int) []time.Duration {
	left = left[:timed]
	slices.Reverse(left)
	return left
}

func roundedUp(left []time.Duration, timed int) []time.Duration {
	for i := range left {
		left[i] = (left[i] + time.Hour - 1).Truncate(time.Hour)
	}
	return left[:timed]
}

type waitingGetTTL struct{ *storetest.Map }

func (s waitingGetTTL) GetTTL(context.Context, int, ...string) ([][]byte, []time.Duration, error) {
	select {}
}

type quietSubscribe struct{ *storetest.Map }

func (s quietSubscribe) Subscribe(ctx context.Context, _ func(), received func([]byte)) error {
	return s.Map.Subscribe(ctx, func() {}, received)
}

type losingPublish struct {
	*storetest.Map
	published *counter
}

func (s losingPublish) Publish(ctx context.Context, message []byte) error {
	if s.published.Add(1)%100 == 0 {
		return nil
	}
	return s.Map.Publish(ctx, message)
}

// disorderedSubscribe hands out two messages in reverse order.
type disorderedSubscribe struct{ *storetest.Map }

func (s disorderedSubscribe) Subscribe(ctx context.Context, lost func(), received func([]byte)) error {
	var held []byte
	n := 0
	return s.Map.Subscribe(ctx, lost, func(message []byte) {
		n++
		switch {
		case n == 50:
			held = message
			return
		case n == 51:
			received(message)
			message = held
		}
		received(message)
	})
}

type bufferedSubscribe struct{ *storetest.Map }

func (s bufferedSubscribe) Subscribe(ctx context.Context, lost func(), received func([]byte)) error {
	var buffer []byte
	return s.Map.Subscribe(ctx, lost, func(message []byte) {
		buffer = append(buffer[:0], message...)
		received(buffer)
	})
}

// parallelSubscribe calls received for two messages at a time.
type parallelSubscribe struct{ *storetest.Map }

func (s parallelSubscribe) Subscribe(ctx context.Context, lost func(), received func([]byte)) error {
	var running sync.WaitGroup
	defer running.Wait()
	return s.Map.Subscribe(ctx, lost, func(message []byte) {
		running.Go(func() { received(message) })
	})
}

type endlessSubscribe struct{ *storetest.Map }

func (s endlessSubscribe) Subscribe(_ context.Context, lost func(), received func([]byte)) error {
	return s.Map.Subscribe(context.Background(), lost, received)
}

// shortSubscribe ends after its first message.
type shortSubscribe struct{ *storetest.Map }

func (s shortSubscribe) Subscribe(ctx context.Context, lost func(), received func([]byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return s.Map.Subscribe(ctx, lost, func(message []byte) {
		received(message)
		cancel()
	})
}

type leavingSubscribe struct{ *storetest.Map }

func (s leavingSubscribe) Subscribe(ctx context.Context, lost func(), received func([]byte)) error {
	go func() { select {} }()
	return s.Map.Subscribe(ctx, lost, received)
}
