package pagecache_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestPageLandsBeforeJoining: a request looks the page up in vain, and it is
// stored before the request joins who waits for it.
func TestPageLandsBeforeJoining(t *testing.T) {
	late := func(ctx context.Context, op string, _ []string) error {
		time.Sleep(10 * time.Millisecond) // the answer is on its way while the page lands
		return nil
	}
	var faults storetest.Faults
	for name, place := range map[string]func() pagecache.Option{
		"memory": func() pagecache.Option { return pagecache.WithMemory(storetest.FaultyMemory(newMapMemory(), &faults)) },
		"store": func() pagecache.Option {
			return pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults.Heal()
				o := worker(5 * time.Millisecond)
				h := newCache(t, place()).Page(time.Minute)(o)
				go call(h, page("/"))
				synctest.Wait()
				faults.After(storetest.Only(late, "Get", "Load"))
				second := make(chan reply, 1)
				go func() { second <- call(h, page("/")) }()
				synctest.Wait()
				faults.Heal()
				if got := <-second; got.saw(t).Run != 1 || o.runs.Load() != 1 {
					t.Errorf("got %q, %d runs; want the page that landed meanwhile and 1 run", got.cacheStatus(), o.runs.Load())
				}
			})
		})
	}
}

// TestOwnPage: a handler that asks for its own page over the network waits for
// itself. MaxWait gets it out.
func TestOwnPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h http.Handler
		var o oracle
		o.first = func(http.ResponseWriter, *http.Request) {
			if o.runs.Load() == 1 {
				call(h, page("/"))
			}
		}
		h = newCache(t).Page(time.Minute)(&o)
		_, took := crowd(h, 1, sameHome)
		if took[0] != 5*time.Second || o.runs.Load() != 2 {
			t.Errorf("got an answer after %v and %d runs, want 5s and 2", took[0], o.runs.Load())
		}
	})
}
