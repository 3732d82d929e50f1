package redisstore_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// server is a redis-server of this test.
type server struct {
	tb   testing.TB
	addr string
	args []string
	cmd  *exec.Cmd
}

// startServer starts a redis-server on a free port, which ends with the test.
func startServer(tb testing.TB, args ...string) *server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("PAGECACHE_NO_SKIPS") != "" {
			tb.Fatalf("there is no redis-server: %v", err)
		}
		tb.Skipf("NOT CHECKED, there is no redis-server: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{tb: tb, addr: l.Addr().String()}
	_, port, _ := net.SplitHostPort(s.addr)
	_ = l.Close()
	// A configuration file, which Sentinels insist on, has to come first.
	s.args = append(slices.Clone(args), "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", tb.TempDir())
	s.start()
	tb.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.tb.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
			return
		}
	}
	s.tb.Fatal("redis-server does not listen after 10 s")
}

func (s *server) kill() {
	s.signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
}

func (s *server) signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// freeze stops the process without closing its connections.
func (s *server) freeze() { s.signal(syscall.SIGSTOP) }
func (s *server) thaw()   { s.signal(syscall.SIGCONT) }

// client returns one as NewClient makes them, with the options changed.
func (s *server) client(change ...func(*redis.UniversalOptions)) redis.UniversalClient {
	o := &redis.UniversalOptions{Addrs: []string{s.addr}}
	for _, c := range change {
		c(o)
	}
	client := redisstore.NewClient(o)
	s.tb.Cleanup(func() { _ = client.Close() })
	return client
}

// patient is for tests under load that are not about time limits.
func patient(o *redis.UniversalOptions) {
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = 5*time.Second, 5*time.Second, 5*time.Second, 5*time.Second
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
