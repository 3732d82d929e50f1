// Package redistest runs real Redis servers for tests and benchmarks: single
// ones, a cluster, a master with sentinels, and a proxy that misbehaves on the
// way to any of them.
//
// Everything listens on the loopback interface only, keeps no data on disk, and
// ends with the test that started it.
package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

// TB is what this package needs of a test or benchmark. It is an interface of
// our own because packages other than tests must not import testing.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

const program = "redis-server"

// Installed reports whether there is a redis-server to run.
func Installed() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Need skips a test where there is no redis-server, and fails it instead where
// PAGECACHE_NO_SKIPS is set. Everything here that starts a server calls it.
func Need(tb TB) {
	tb.Helper()
	if Installed() {
		return
	}
	if os.Getenv("PAGECACHE_NO_SKIPS") != "" {
		tb.Fatalf("there is no %s on PATH, and PAGECACHE_NO_SKIPS is set", program)
	}
	tb.Skipf("NOT TESTED: there is no %s on PATH", program)
}

// poll calls try until it returns nil, and gives up with its last error.
func poll(atMost time.Duration, try func() error) error {
	deadline := time.Now().Add(atMost)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %w", atMost, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
