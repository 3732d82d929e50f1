package pagecache

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// breaker leaves a store alone that fails: after five failures in a row, or
// when half of at least twenty calls within ten seconds failed, no calls are made
// but one a second that tries. There is one for reads, one for writes, and one for
// additions: a store that is full, or a replica, can still be read, and the client of
// a store may have connections left for additions when it has none for writes.
type breaker struct {
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
	failed  atomic.Int64 // when the last failure was that counts
	pulse   pulse
}

const (
	failuresInRow = 5
	failuresOf    = 20
	failureSpan   = 10 * time.Second
	probeEvery    = time.Second
)

func (c *core) newBreaker(what string) *breaker {
	return &breaker{circuit: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        what,
		MaxRequests: 1,
		Interval:    failureSpan,
		Timeout:     probeEvery - rand.N(probeEvery/5), // processes do not try in step
		ReadyToTrip: func(n gobreaker.Counts) bool {
			calls := n.Requests - n.TotalExclusions
			return n.ConsecutiveFailures >= failuresInRow || calls >= failuresOf && 2*n.TotalFailures >= calls
		},
		IsSuccessful:  func(err error) bool { return err == nil || isReply(err) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errDraining) || errors.Is(err, errSameFailure) },
		OnStateChange: c.breakerChanged,
	})}
}

func (c *core) breakerChanged(what string, from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed:
		c.logger().Warn("pagecache: the store fails; it is left alone and tried once a second", "for", what)
	case to == gobreaker.StateClosed:
		c.logger().Info("pagecache: the store answers again", "for", what)
	}
}

// report tells how a call fared. Calls that were under way together and fail
// together do so for one reason: all but the first do not count, so that a moment's
// silence is one failure, however many wait in it.
func (b *breaker) report(done func(error), began, now int64, err error) {
	if err != nil {
		last := b.failed.Load()
		if last != 0 && began < last || !b.failed.CompareAndSwap(last, now) {
			err = errSameFailure
		}
	}
	done(err)
}

var errSameFailure = errors.New("the failure of another call as well")

// isReply reports whether an error is about one value, from a store that is well.
func isReply(err error) bool {
	class := classOf(err)
	return class == "wrongtype" || class == "too-large"
}

// classOf is the kind of a store's failure, for the log.
func classOf(err error) string {
	var known interface{ Class() string }
	switch {
	case errors.As(err, &known):
		return known.Class()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "other"
}

// Calls that were not made because of how others fared. They are no failures.
var (
	errOpen    = errors.New("the store is left alone after failures")
	errStalled = errors.New("the store answers no call")
)

func isSpared(err error) bool { return errors.Is(err, errOpen) || errors.Is(err, errStalled) }

// pulse tells a store that answers slowly from one that does not answer at all:
// calls wait in it, and none has come back for some time. It does not take until
// the first has given up to know that, so fewer requests pay. After that, and after
// any failure, one call at a time is made, until one succeeds.
type pulse struct {
	waiting atomic.Int64
	beat    atomic.Int64 // when a call came back, or the first set out
	silent  atomic.Bool  // the last call that ended has failed
}

// begin counts a call in, unless the store has stopped.
func (p *pulse) begin(now int64, patience time.Duration) bool {
	waiting := p.waiting.Add(1)
	if waiting > 1 && (p.silent.Load() || now-p.beat.Load() > int64(patience)) {
		p.waiting.Add(-1)
		return false
	}
	if waiting == 1 {
		p.beat.Store(now)
	}
	return true
}

// end counts a call out that succeeded, or failed.
func (p *pulse) end(now int64, failed bool) {
	p.silent.Store(failed)
	if !failed {
		p.beat.Store(now)
	}
	p.waiting.Add(-1)
}

// leave counts a call out that was not made.
func (p *pulse) leave() { p.waiting.Add(-1) }
