package pagecache_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/go-pagecache/pagecache"
)

// eventLog is an observer that remembers.
type eventLog struct {
	mu     sync.Mutex
	events []pagecache.Event
}

func (l *eventLog) Observe(_ context.Context, e pagecache.Event) {
	e.Request = nil // must not be kept
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// of returns the events of a kind so far.
func (l *eventLog) of(kind pagecache.Kind) (list []pagecache.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// last returns the newest request event.
func (l *eventLog) last() (e pagecache.Event) {
	if list := l.of(pagecache.KindRequest); len(list) > 0 {
		e = list[len(list)-1]
	}
	return e
}

// one waits for the only request event: over a network the client may have its
// answer before the handler has returned.
func (l *eventLog) one(t *testing.T) pagecache.Event {
	t.Helper()
	eventually(t, "a request event", func() bool { return len(l.of(pagecache.KindRequest)) > 0 })
	if list := l.of(pagecache.KindRequest); len(list) != 1 {
		t.Errorf("got %d request events, want 1: %+v", len(list), list)
	}
	return l.last()
}

// warnings returns the texts of the misuse events.
func (l *eventLog) warnings() (texts []string) {
	for _, e := range l.of(pagecache.KindMisuse) {
		texts = append(texts, e.Message)
	}
	slices.Sort(texts)
	return texts
}
