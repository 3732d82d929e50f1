package pagecache_test

import (
	"testing"
	"time"
)

// eventually waits until ok, for tests over a network; inside a bubble there is
// no need to.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
