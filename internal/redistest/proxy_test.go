package redistest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// wire is a client without a will of its own.
type wire struct {
	*net.TCPConn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// ping returns the line that answers PING.
func (w *wire) ping(patience time.Duration) (string, error) {
	w.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(w, "PING\r\n"); err != nil {
		return "", err
	}
	return w.r.ReadString('\n')
}

func (w *wire) mustPing(t *testing.T) {
	t.Helper()
	if got, err := w.ping(5 * time.Second); err != nil || got != "+PONG\r\n" {
		t.Fatalf("got %q: %v, want a PONG", got, err)
	}
}

func proxied(t *testing.T) (*redistest.Server, *redistest.Proxy, *wire) {
	t.Helper()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	w := dial(t, proxy.Addr())
	w.mustPing(t)
	return server, proxy, w
}

// TestProxyEnds comes before the parallel tests, which have proxies as well.
func TestProxyEnds(t *testing.T) {
	t.Run("proxy", func(t *testing.T) {
		server, proxy, _ := proxied(t)
		dial(t, proxy.Addr()).mustPing(t)
		server.Freeze()
		proxy.Stall(true)
		if got, err := dial(t, proxy.Addr()).ping(50 * time.Millisecond); err == nil {
			t.Errorf("got %q from a frozen server", got)
		}
	})
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if strings.Contains(string(stacks), "redistest.(*Proxy)") || strings.Contains(string(stacks), "redistest.(*link)") {
		t.Errorf("goroutines are left:\n%s", stacks)
	}
}

func TestProxyPasses(t *testing.T) {
	t.Parallel()
	server, _, w := proxied(t)
	long := strings.Repeat("x", 1<<20)
	if _, err := server.Do("SET", "long", long); err != nil {
		t.Fatal(err)
	}
	w.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(w, "GET long\r\nQUIT\r\n")
	got, err := io.ReadAll(w.r)
	if want := "$1048576\r\n" + long + "\r\n+OK\r\n"; err != nil || string(got) != want {
		t.Errorf("got %d bytes: %v, want %d and an end", len(got), err, len(want))
	}
}

func TestProxyDelay(t *testing.T) {
	t.Parallel()
	_, proxy, w := proxied(t)
	proxy.Delay(100 * time.Millisecond)
	began := time.Now()
	w.mustPing(t)
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("got a reply after %v", took)
	}
	proxy.Delay(0)
	w.mustPing(t)
}

func TestProxyCut(t *testing.T) {
	t.Parallel()
	server, proxy, w := proxied(t)
	proxy.Cut()
	if got, err := w.ping(5 * time.Second); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %q: %v, want a reset", got, err)
	}
	dial(t, proxy.Addr()).mustPing(t)

	// With no server a client is reset, be it during its dial or after that.
	server.Kill()
	conn, err := net.Dial("tcp", proxy.Addr())
	if err == nil {
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v with no server, want a reset", err)
	}
}

func TestProxyRefuse(t *testing.T) {
	t.Parallel()
	_, proxy, w := proxied(t)
	for range 2 {
		proxy.Refuse(true)
		proxy.Refuse(true)
		if _, err := net.Dial("tcp", proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want a refusal", err)
		}
		w.mustPing(t)
		proxy.Refuse(false)
		proxy.Refuse(false)
		dial(t, proxy.Addr()).mustPing(t)
	}
}

func TestProxyHalfClose(t *testing.T) {
	t.Parallel()
	server, proxy, w := proxied(t)
	proxy.HalfClose()
	if got, err := w.ping(5 * time.Second); err != io.EOF {
		t.Errorf("got %q: %v, want the end", got, err)
	}
	if _, err := io.WriteString(w, "SET sent later\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the client sends arrives", func() error {
		if got, err := server.Do("GET", "sent"); err != nil || got != "later" {
			return errors.New("not there")
		}
		return nil
	})
}

func TestProxyGarbage(t *testing.T) {
	t.Parallel()
	_, proxy, w := proxied(t)
	proxy.Garbage(2)
	for range 2 {
		if got, err := w.ping(5 * time.Second); err != nil || got != "\xff\xff\xff\xff\xff\r\n" {
			t.Errorf("got %q: %v, want garbage", got, err)
		}
	}
	w.mustPing(t)
	proxy.Garbage(1)
	if err := connect(t, proxy.Addr()).Ping(within(t, 5*time.Second)).Err(); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want go-redis to find it out", err)
	}
}

func TestProxyStall(t *testing.T) {
	t.Parallel()
	_, proxy, w := proxied(t)
	proxy.Stall(true)
	proxy.Stall(true)
	var timeout net.Error
	if got, err := w.ping(100 * time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %q: %v, want a timeout", got, err)
	}
	if got, err := dial(t, proxy.Addr()).ping(100 * time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %q: %v on a new connection, want a timeout", got, err)
	}
	proxy.Stall(false)
	proxy.Stall(false)
	w.SetDeadline(time.Now().Add(5 * time.Second))
	if got, err := w.r.ReadString('\n'); err != nil || got != "+PONG\r\n" {
		t.Errorf("got %q: %v, want the reply that was held back", got, err)
	}
	w.mustPing(t)
}

// TestProxyConcurrently is for the race detector.
func TestProxyConcurrently(t *testing.T) {
	t.Parallel()
	_, proxy, _ := proxied(t)
	var all sync.WaitGroup
	faults := []func(){
		proxy.Cut, proxy.HalfClose,
		func() { proxy.Garbage(1) },
		func() { proxy.Delay(time.Millisecond) },
		func() { proxy.Stall(true); proxy.Stall(false) },
		func() { proxy.Refuse(true); proxy.Refuse(false) },
	}
	for _, fault := range faults {
		all.Go(func() {
			for range 20 {
				fault()
				if conn, err := net.Dial("tcp", proxy.Addr()); err == nil {
					w := &wire{conn.(*net.TCPConn), bufio.NewReader(conn)}
					w.ping(20 * time.Millisecond)
					conn.Close()
				}
			}
		})
	}
	all.Wait()
	proxy.Garbage(0)
	dial(t, proxy.Addr()).mustPing(t)
}
