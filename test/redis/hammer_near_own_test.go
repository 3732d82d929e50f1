package redis_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestNearForgetsOwnPurge: a request that reads the store while this process
// purges finds the old page standing. The copy that it makes must not outlive the
// purge: what a process purges itself it does not serve any more. TestFigureHammerNear
// finds the same on a real server.
func TestNearForgetsOwnPurge(t *testing.T) {
	for name, refused := range map[string]error{"purge succeeds": nil, "purge is refused": storetest.ErrFault} {
		t.Run(name, func(t *testing.T) {
			var faults storetest.Faults
			cache := pagecache.New(pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)), pagecache.NearCache(1<<20, time.Hour))
			defer cache.Close(t.Context())
			var version atomic.Int64
			h := cache.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, "version ", version.Load())
			}))
			ask := func() string {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
				return w.Body.String()
			}
			ask()
			var once atomic.Bool
			faults.Before(func(_ context.Context, op string, keys []string) error {
				if op != "Set" || !strings.HasPrefix(keys[0], "f:") || once.Swap(true) {
					return nil
				}
				ask() // it began before the purge has returned, so it may get anything
				return refused
			})
			version.Add(1)
			if err := cache.Purge(t.Context(), "/"); (err != nil) != (refused != nil) {
				t.Fatalf("Purge: got error %v", err)
			}
			if got := ask(); got != "version 1" {
				t.Errorf("after the purge: got %q, want version 1", got)
			}
		})
	}
}
