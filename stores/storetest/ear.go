package storetest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ear is one subscription. It keeps messages of this trial only, because the
// store may be shared.
type ear struct {
	tr     *trial
	cancel context.CancelFunc
	ended  chan struct{}
	err    error       // what Subscribe returned, once ended is closed
	busy   atomic.Bool // in one of the functions

	mu       sync.Mutex
	lost     int
	probed   bool
	messages [][]byte // as they came
	copies   []string
	faults   []string
}

func (tr *trial) listen(s messenger) *ear {
	ctx, cancel := context.WithCancel(tr.Context())
	e := &ear{tr: tr, cancel: cancel, ended: make(chan struct{})}
	tr.Cleanup(cancel)
	go func() {
		defer close(e.ended)
		e.err = s.Subscribe(ctx, e.onLost, e.onMessage)
	}()
	return e
}

func (e *ear) onLost() {
	e.alone(func() { e.lost++ })
}

func (e *ear) onMessage(message []byte) {
	e.alone(func() {
		if e.lost == 0 {
			e.fault("received a message before lost was called")
		}
		_, text, ours := bytes.Cut(message, []byte(e.tr.prefix))
		switch {
		case !ours:
		case string(text) == "probe":
			e.probed = true
		default:
			e.messages = append(e.messages, message)
			e.copies = append(e.copies, string(message))
		}
	})
}

// alone notes when the functions are called at the same time.
func (e *ear) alone(note func()) {
	if !e.busy.CompareAndSwap(false, true) {
		e.mu.Lock()
		e.fault("called its functions at the same time")
		e.mu.Unlock()
		return
	}
	defer e.busy.Store(false)
	time.Sleep(10 * time.Microsecond) // so that a second call would meet this one
	e.mu.Lock()
	defer e.mu.Unlock()
	note()
}

func (e *ear) fault(text string) {
	if !slices.Contains(e.faults, text) {
		e.faults = append(e.faults, text)
	}
}

// wantReady publishes until all subscriptions stand, and returns how often each
// has been told of a loss.
func (tr *trial) wantReady(s messenger, ears ...*ear) (losses []int) {
	tr.Helper()
	losses = make([]int, len(ears))
	ready := func() bool {
		if err := s.Publish(tr.Context(), []byte(tr.prefix+"probe")); err != nil {
			tr.Fatalf("Publish: got error %v, want none", err)
		}
		return !slices.ContainsFunc(ears, func(e *ear) bool { return !e.heard() })
	}
	if !eventually(tr.Context(), ready) {
		for _, e := range ears {
			e.cancel() // for the reason to come out, if there is one
			tr.returns("Subscribe, after its context has ended", func() { <-e.ended })
			tr.Errorf("Subscribe: has heard nothing: %v; error %v", !e.heard(), e.result())
		}
		tr.Fatalf("Subscribe: some of %d subscriptions have heard nothing after %v", len(ears), patience)
	}
	for i, e := range ears {
		losses[i] = e.losses()
	}
	return losses
}

// result is what Subscribe has returned, if it has.
func (e *ear) result() error {
	select {
	case <-e.ended:
		return e.err
	default:
		return nil
	}
}

func (e *ear) heard() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.probed
}

func (e *ear) losses() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lost
}

func (e *ear) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.copies)
}

// wantMessages: those of each sender in order, byte for byte, and no others.
func (e *ear) wantMessages(who string, sent map[string][]string) {
	e.tr.Helper()
	total := 0
	for _, messages := range sent {
		total += len(messages)
	}
	eventually(e.tr.Context(), func() bool { return e.count() >= total })
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.copies) != total {
		e.tr.Errorf("%s: got %d messages, want %d", who, len(e.copies), total)
	}
	for sender, want := range sent {
		mark := e.tr.prefix + sender
		got := slices.DeleteFunc(slices.Clone(e.copies), func(m string) bool { return !strings.Contains(m, mark) })
		if !slices.Equal(got, want) {
			e.tr.Errorf("%s: got %d messages of the sender %s, which are not the %d sent, in order and byte for byte", who, len(got), sender, len(want))
		}
	}
	for i, m := range e.messages {
		if string(m) != e.copies[i] {
			e.tr.Errorf("%s: message %d has changed after it was received", who, i)
		}
	}
}

// wantEnd ends a subscription, which must have lasted until now.
func (e *ear) wantEnd(who string) {
	e.tr.Helper()
	select {
	case <-e.ended:
		e.tr.Errorf("%s: Subscribe has returned before its context ended, with error %v", who, e.err)
	default:
	}
	e.cancel()
	e.tr.returns("Subscribe, "+who+", after its context has ended", func() { <-e.ended })
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, text := range e.faults {
		e.tr.Errorf("%s: Subscribe has %s", who, text)
	}
}
