package storetest

import (
	"context"
	"slices"
)

// mapListener is one call of Subscribe.
type mapListener struct {
	waiting [][]byte
	wake    chan struct{} // holds at most one
}

// Publish hands message to all that subscribe to this Map. It does not wait for
// them, and none misses it. The only error is that of an ended context.
func (m *Map) Publish(ctx context.Context, message []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.listeners {
		l.waiting = append(l.waiting, slices.Clone(message))
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// Subscribe calls lost once and then received for each message, in the order
// in which they were published, until ctx has ended. It returns nil.
func (m *Map) Subscribe(ctx context.Context, lost func(), received func(message []byte)) error {
	l := &mapListener{wake: make(chan struct{}, 1)}
	m.mu.Lock()
	m.listeners = append(m.listeners, l)
	m.mu.Unlock()
	defer m.leave(l)
	lost()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
		for _, message := range m.take(l) {
			if ctx.Err() != nil {
				return nil
			}
			received(message)
		}
	}
}

func (m *Map) take(l *mapListener) [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	messages := l.waiting
	l.waiting = nil
	return messages
}

func (m *Map) leave(l *mapListener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners = slices.DeleteFunc(m.listeners, func(other *mapListener) bool { return other == l })
}
