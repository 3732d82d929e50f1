package redisstore_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// listener is a subscription under test.
type listener struct {
	mu       sync.Mutex
	lost     int
	messages []string
	ended    chan error
	cancel   context.CancelFunc
}

func listen(t *testing.T, s *redisstore.Store) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{ended: make(chan error, 1), cancel: cancel}
	go func() {
		l.ended <- s.Subscribe(ctx, func() {
			l.mu.Lock()
			l.lost++
			l.mu.Unlock()
		}, func(message []byte) {
			l.mu.Lock()
			l.messages = append(l.messages, string(message))
			l.mu.Unlock()
		})
	}()
	t.Cleanup(cancel)
	return l
}

func (l *listener) losses() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *listener) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.messages) == 0 {
		return ""
	}
	return l.messages[len(l.messages)-1]
}

// wantEnd fails unless Subscribe returns soon; it returns its error.
func (l *listener) wantEnd(t *testing.T) (err error) {
	t.Helper()
	select {
	case err = <-l.ended:
	case <-time.After(5 * time.Second):
		t.Error("Subscribe has not returned after 5 s")
	}
	return err
}

// wantHeard publishes until the listener hears it.
func wantHeard(t *testing.T, s *redisstore.Store, l *listener, message string) {
	t.Helper()
	eventually(t, "heard "+message, func() bool {
		_ = s.Publish(t.Context(), []byte(message))
		time.Sleep(5 * time.Millisecond)
		return l.last() == message
	})
}

func TestSubscribe(t *testing.T) {
	server := startServer(t)
	client := server.client()
	before := runtime.NumGoroutine()
	s := redisstore.New(client, "shop", redisstore.SignWith(key1))
	l := listen(t, s)
	eventually(t, "lost before the first message", func() bool { return l.losses() == 1 })
	for _, message := range []string{"one", "pgs two", "\x00\xff"} {
		wantHeard(t, s, l, message)
	}

	// What others send is not taken for a message, but for the loss of one.
	client.Publish(t.Context(), "4:shop:2s:purges", "forged")
	eventually(t, "a forged message", func() bool { return l.losses() == 2 })
	_ = redisstore.New(client, "sho").Publish(t.Context(), []byte("elsewhere"))

	client.Do(t.Context(), "client", "kill", "type", "pubsub")
	eventually(t, "lost when killed and when it stands again", func() bool { return l.losses() >= 4 })
	wantHeard(t, s, l, "after the kill")

	count := l.losses()
	server.kill()
	eventually(t, "lost when the server ends", func() bool { return l.losses() > count })
	time.Sleep(time.Second)
	if got := l.losses() - count; got > 8 {
		t.Errorf("attempts in a second without a server: got %d, want a few", got)
	}
	count = l.losses()
	server.start()
	eventually(t, "lost when it stands again", func() bool { return l.losses() > count })
	wantHeard(t, s, l, "after the restart")

	// Later losses are of a connection that stands still, not one that breaks.
	time.Sleep(50 * time.Millisecond)
	count = l.losses()
	server.freeze()
	begin := time.Now()
	eventually(t, "lost when frozen", func() bool { return l.losses() > count })
	if took := time.Since(begin); took > 3500*time.Millisecond {
		t.Errorf("noticed a dead connection after %v, want about 3 s", took)
	}
	l.cancel()
	if err := l.wantEnd(t); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	server.thaw()
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+2 })
}

func TestSubscribeEnds(t *testing.T) {
	server := startServer(t)
	secret := startServer(t, "--requirepass", "geheim")
	gone := startServer(t)
	gone.kill()

	client := server.client()
	s := redisstore.New(client, "shop")
	l := listen(t, s)
	wantHeard(t, s, l, "one")
	_ = s.Close()
	wantClass(t, "store closed", l.wantEnd(t), "closed")

	other := server.client()
	s = redisstore.New(other, "shop")
	l = listen(t, s)
	wantHeard(t, s, l, "one")
	_ = other.Close()
	wantClass(t, "client closed", l.wantEnd(t), "closed")

	l = listen(t, redisstore.New(secret.client(), "shop"))
	wantClass(t, "no password", l.wantEnd(t), "auth")

	l = listen(t, redisstore.New(gone.client(), "shop"))
	eventually(t, "lost", func() bool { return l.losses() > 1 })
	l.cancel()
	if err := l.wantEnd(t); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// TestOrder: messages arrive in the order of one sender, none is left out.
func TestOrder(t *testing.T) {
	server := startServer(t)
	s := redisstore.New(server.client(func(o *redis.UniversalOptions) { patient(o) }), "shop")
	l := listen(t, s)
	eventually(t, "it stands", func() bool { return l.losses() == 1 })
	const n = 2000
	for i := range n {
		if err := s.Publish(t.Context(), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all arrived", func() bool { return l.last() == fmt.Sprint(n-1) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range l.messages {
		if m != fmt.Sprint(i) {
			t.Fatalf("message %d: got %s", i, m)
		}
	}
}
