package redis_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestCommitsThatTimeOut: where pages cannot be written but leases can, as with a
// client whose only free connections are those for pipelines, each miss must not
// go on to wait out its budget.
func TestCommitsThatTimeOut(t *testing.T) { synctest.Test(t, commitsThatTimeOut) }

func commitsThatTimeOut(t *testing.T) {
	var faults, more storetest.Faults
	faults.Before(storetest.Only(storetest.Delay(time.Hour), "Set"))
	more.Before(storetest.Only(storetest.Delay(time.Hour), "SetIf"))
	store := storetest.FaultyStore(storetest.FaultyStore(storetest.NewMap(), &faults), &more)
	var log faultLog
	c := pagecache.New(pagecache.WithStore(store), pagecache.WithLogger(log.logger()))
	h := c.Page(time.Hour)(http.HandlerFunc(faultHandler))
	began := time.Now()
	paid := 0
	for i := range 200 {
		asked := time.Now()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprintf("/%d", i), nil))
		if time.Since(asked) > 10*time.Millisecond {
			paid++
		}
		time.Sleep(10 * time.Millisecond)
	}
	seconds := int(time.Since(began)/time.Second) + 1
	if most := 20 + 2*seconds; paid > most {
		t.Errorf("got %d misses of 200 that waited for a write, want %d at most: the first, and then one or two a second", paid, most)
	}
	faults.Heal()
	more.Heal()
	time.Sleep(2 * time.Hour)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestShortStalls: a process, or its server, that stands still for 60 ms once in a
// second, as under a limit of processor time, must not be without hits for the rest
// of it: calls that time out together are one failure, and not five in a row.
func TestShortStalls(t *testing.T) { synctest.Test(t, shortStalls) }

func shortStalls(t *testing.T) {
	const every, stall = time.Second, 60 * time.Millisecond
	var faults storetest.Faults
	began := time.Now()
	var log faultLog
	c := pagecache.New(pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)), pagecache.WithLogger(log.logger()))
	h := c.Page(time.Hour)(http.HandlerFunc(faultHandler))
	ask := func() (hit bool) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/page", nil))
		return strings.Contains(w.Header().Get("Cache-Status"), "; hit")
	}
	ask()
	faults.Before(func(ctx context.Context, _ string, _ []string) error {
		since := time.Since(began) % every
		if since >= stall {
			return nil
		}
		select {
		case <-time.After(stall - since):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	var hits atomic.Int64
	var all sync.WaitGroup
	const visitors = 5000
	for range visitors {
		all.Go(func() {
			if ask() {
				hits.Add(1)
			}
		})
		time.Sleep(time.Millisecond)
	}
	all.Wait()
	t.Logf("got %d hits of %d requests, with a store that is well %v of the time", hits.Load(), visitors, 1-float64(stall)/float64(every))
	if hits.Load() < visitors/2 {
		t.Errorf("got %d hits of %d requests, want half of them at least", hits.Load(), visitors)
	}
	faults.Heal()
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
