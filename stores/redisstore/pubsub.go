package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// A subscription is pinged each pingEvery, and given up when nothing has
	// come back for silence.
	pingEvery = time.Second
	silence   = 3 * time.Second

	// Pauses before the next attempt double between these two.
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
)

var errClosed = errors.New("the store is closed")

// Publish sends message to all who subscribe in the same namespace and format.
// Redis forgets it at once: who is not connected misses it, and is told so.
func (s *Store) Publish(ctx context.Context, message []byte) error {
	sealed := s.sealer.sign(s.channel(), packed{kindPlain, message})
	cmd := redis.NewIntCmd(ctx, "publish", s.channel(), &payload{sealed})
	// Otherwise a ring sends it to any of its servers, and Subscribe listens to
	// that of the channel.
	cmd.SetFirstKeyPos(1)
	return s.failed("Publish", s.do(ctx, []redis.Cmder{cmd}))
}

// Subscribe calls received for each message and lost before the first one and
// whenever some may have been missed: when the connection has broken, when it
// has not answered for 3 seconds, when it stands again, and when a message came
// that is not ours. Both are called by this goroutine. While Redis cannot be
// reached it tries again, every 2 seconds at last.
//
// It returns nil when ctx has ended, and an error of the class "closed" when
// the store or the client was closed, or "auth" when the user may not subscribe
// from the first attempt on. It leaves no goroutine behind. It holds one
// connection outside of the client's pool.
func (s *Store) Subscribe(ctx context.Context, lost func(), received func(message []byte)) error {
	pause, stood := minPause, false
	for {
		err := s.listen(ctx, lost, received, func() { pause, stood = minPause, true })
		if ctx.Err() != nil {
			return nil
		}
		if class := classOf(err); class == classClosed || class == classAuth && !stood {
			return failed("Subscribe", err)
		}
		lost()
		select {
		case <-ctx.Done():
			return nil
		case <-s.done:
			return failed("Subscribe", errClosed)
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, maxPause)
	}
}

// arrival is what a connection yields: a message, or the error it ended with.
type arrival struct {
	message any
	err     error
}

// listen serves one connection until it breaks. confirmed is called when the
// subscription stands.
func (s *Store) listen(ctx context.Context, lost func(), received func([]byte), confirmed func()) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrivals := make(chan arrival)
	// All that may wait for the network is done elsewhere, so that lost is
	// called in time.
	running.Go(func() { s.receive(ctx, arrivals) })

	silent := time.NewTimer(silence)
	defer silent.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return errClosed
		case <-silent.C:
			return context.DeadlineExceeded
		case a := <-arrivals:
			switch m := a.message.(type) {
			case *redis.Subscription:
				confirmed()
				lost()
			case *redis.Message:
				s.hand(m, lost, received)
			}
			if a.err != nil {
				return a.err
			}
			silent.Reset(silence)
		}
	}
}

// hand passes a message on. One that is not ours may have displaced, or been
// made of, one that is.
func (s *Store) hand(m *redis.Message, lost func(), received func([]byte)) {
	message, ok := s.sealer.opened(m.Channel, []byte(m.Payload))
	if !ok {
		lost()
		return
	}
	received(message)
}

// receive subscribes and reads until the first error, or until ctx has ended. It
// never reads with a time limit, for one that struck in the middle of a message
// would leave the connection there.
func (s *Store) receive(ctx context.Context, arrivals chan<- arrival) {
	pubsub, err := s.subscribe(ctx)
	if err == nil {
		var keeping sync.WaitGroup
		defer keeping.Wait()
		keeping.Go(func() { keep(ctx, pubsub) })
	}
	for {
		var a arrival
		if a.err = err; err == nil {
			a.message, a.err = pubsub.Receive(ctx)
		}
		select {
		case arrivals <- a:
		case <-ctx.Done():
			return
		}
		if a.err != nil {
			return
		}
	}
}

// subscribe returns a subscription, whose first error is that of its first
// Receive. A ring none of whose servers answers panics.
func (s *Store) subscribe(ctx context.Context) (pubsub *redis.PubSub, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("go-redis: %v", r)
		}
	}()
	return s.client.Subscribe(ctx, s.channel()), nil
}

// keep makes a connection that still stands answer, and closes it when ctx has
// ended, which wakes its reader. Errors are the reader's.
func keep(ctx context.Context, pubsub *redis.PubSub) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = pubsub.Close()
			return
		case <-ticker.C:
			_ = pubsub.Ping(ctx)
		}
	}
}
