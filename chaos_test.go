package pagecache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// tally is an observer that counts.
type tally struct {
	requests [5]atomic.Uint64 // by result
	wrong    atomic.Uint64    // events that contradict themselves
}

func (c *tally) Observe(_ context.Context, e pagecache.Event) {
	if e.Kind != pagecache.KindRequest {
		return
	}
	c.requests[e.Result].Add(1)
	if e.Request == nil || e.Stored != (e.TTL > 0 && e.Result == pagecache.ResultMiss) || e.Result == pagecache.ResultPass && e.Reason == "" ||
		e.Result == pagecache.ResultMiss && !e.Stored && e.Reason == "" || e.Duration < 0 {
		c.wrong.Add(1)
	}
}

// chaosPage is a handler whose first path segment says how it behaves, and
// whose page ends with its own path.
func chaosPage(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Duration(len(r.URL.Path)) * time.Millisecond)
	switch kind := strings.Split(r.URL.Path, "/")[1]; kind {
	case "panic":
		panic("chaos")
	case "abort":
		write(w, "half")
		panic(http.ErrAbortHandler)
	case "goexit":
		runtime.Goexit()
	case "silent":
		return
	case "private":
		w.Header().Set("Cache-Control", "private")
	case "missing":
		w.WriteHeader(http.StatusNotFound)
	case "vary":
		w.Header().Set("Vary", "Accept-Language")
	case "flush":
		w.(http.Flusher).Flush()
	case "short":
		w.Header().Set("Content-Length", "9999")
	case "large":
		write(w, strings.Repeat("x", 5000))
	case "slow":
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
		}
	case "hijack":
		_, _, _ = w.(http.Hijacker).Hijack()
		return
	case "nostore":
		pagecache.FromContext(r.Context()).NoStore()
	case "tagged":
		pagecache.FromContext(r.Context()).Tag("a", "b")
	}
	write(w, r.Header.Get("Accept-Language"), r.URL.Path)
}

var chaosKinds = []string{"plain", "plain", "plain", "panic", "abort", "goexit", "silent", "private", "missing", "vary", "flush", "short", "large", "slow", "hijack", "nostore", "tagged"}

var chaosFields = [][]string{nil, nil, nil, nil, {"Cookie", "session=1"}, {"Authorization", "x"}, {"Range", "bytes=0-3"}, {"If-None-Match", "*"},
	{"If-Match", `"a"`}, {"Accept-Language", "de"}, {"Accept-Language", "en"}, {"X-Forwarded-Host", "evil.example"}, {"Upgrade", "websocket"}}

// chaosRequest makes a request of random kind.
func chaosRequest(rnd *rand.Rand) (r *http.Request, hangUp context.CancelFunc) {
	target := fmt.Sprintf("/%s/%d", pick(rnd, chaosKinds), rnd.IntN(4))
	r = page(target, pick(rnd, chaosFields)...)
	if n := rnd.IntN(20); n < 3 {
		r.Method = []string{"HEAD", "POST", "DELETE"}[n]
	}
	ctx, hangUp := context.WithCancel(context.Background())
	switch rnd.IntN(12) {
	case 0:
		ctx, hangUp = context.WithTimeout(ctx, time.Duration(1+rnd.IntN(20))*time.Millisecond)
	case 1:
		time.AfterFunc(time.Duration(1+rnd.IntN(20))*time.Millisecond, hangUp)
	}
	return r.WithContext(ctx), hangUp
}

// chaosInMemory and chaosInStore are what can go wrong. A Memory does not wait:
// the cache may hold a lock while it uses one.
var (
	chaosInMemory = []storetest.Hook{nil, nil, storetest.Fail(storetest.ErrFault), storetest.Panic("memory down")}
	chaosInStore  = append(chaosInMemory, storetest.Fail(storetest.ErrDrop), storetest.Delay(30*time.Millisecond), storetest.Delay(time.Second))
	chaosInValues = []func([][]byte) [][]byte{nil, nil, storetest.FlipBit, storetest.Truncate, storetest.Miscount, storetest.Swap}
)

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

// TestChaos sends thousands of random requests through a failing store. Each of
// them is counted and reported exactly once, and each page is its own.
func TestChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var faults storetest.Faults
			place := pagecache.WithMemory(storetest.FaultyMemory(newMapMemory(), &faults))
			chaos(t, seed, place, &faults, chaosInMemory)
		})
	})
	t.Run("store", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var faults storetest.Faults
			place := pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults))
			chaos(t, seed, place, &faults, chaosInStore)
		})
	})
}

func chaos(t *testing.T, seed uint64, place pagecache.Option, faults *storetest.Faults, hooks []storetest.Hook) {
	const clients, each = 20, 500
	t.Logf("seed %d", seed)
	var counts tally
	c := newCache(t, place, pagecache.WithObserver(&counts), pagecache.WithLogger(silence), pagecache.MaxBody(4<<10),
		func(p *pagecache.Policy) {
			p.MaxWait, p.AfterHangUp, p.HitForMiss = 50*time.Millisecond, 20*time.Millisecond, 100*time.Millisecond
		})
	h := c.Page(time.Second)(http.HandlerFunc(chaosPage))
	var all sync.WaitGroup
	for client := range clients {
		rnd := rand.New(rand.NewPCG(seed, uint64(client)))
		all.Go(func() {
			for range each {
				switch rnd.IntN(100) {
				case 0:
					faults.Before(pick(rnd, hooks))
					faults.After(pick(rnd, hooks))
					faults.Values(pick(rnd, chaosInValues))
				case 1, 2, 3:
					faults.Heal()
				}
				chaosAsk(t, h, rnd)
			}
		})
	}
	all.Wait()
	faults.Heal()
	s := c.Stats()
	for result, want := range map[pagecache.Result]uint64{
		pagecache.ResultHit: s.Hits, pagecache.ResultMiss: s.Misses, pagecache.ResultCollapsed: s.Collapsed, pagecache.ResultPass: s.Passes,
	} {
		if got := counts.requests[result].Load(); got != want {
			t.Errorf("%v: got %d events, %d in Stats", result, got, want)
		}
		if want == 0 {
			t.Errorf("%v: got none in %d requests", result, clients*each)
		}
	}
	if s.Requests != clients*each || counts.wrong.Load() != 0 {
		t.Errorf("got %d requests in Stats, %d events that contradict themselves; want %d, 0", s.Requests, counts.wrong.Load(), clients*each)
	}
	balanced(t, s)
}

// chaosAsk sends one request on a goroutine of its own, which it may end.
func chaosAsk(t *testing.T, h http.Handler, rnd *rand.Rand) {
	r, hangUp := chaosRequest(rnd)
	defer hangUp()
	w := hijackable{httptest.NewRecorder()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		h.ServeHTTP(w, r)
		want := r.URL.Path
		if strings.HasPrefix(want, "/vary/") {
			want = r.Header.Get("Accept-Language") + want
		}
		whole := r.Method == http.MethodGet && w.Code == http.StatusOK && w.Body.Len() > 0
		if whole && !strings.HasSuffix(w.Body.String(), want) {
			t.Errorf("%s for %v: got %q", r.URL.Path, r.Header, w.Body)
		}
	}()
	<-done
}
