package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// stuck is a client that does not read until the gate opens.
type stuck struct {
	http.ResponseWriter
	gate chan struct{}
}

func (w stuck) Write(p []byte) (int, error) {
	<-w.gate
	return w.ResponseWriter.Write(p)
}

// TestDefect19_SlowReaderBlocksNobody: neither of a hit nor of the response it
// ran the handler for. In a bubble, to be blocked is to be found out.
func TestDefect19_SlowReaderBlocksNobody(t *testing.T) {
	for _, b := range backends {
		for _, slow := range []string{"of a miss", "of a hit"} {
			t.Run(b.name+"/"+slow, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var o oracle
					h := newCache(t, b.with()...).Page(time.Minute)(&o)
					if slow == "of a hit" {
						call(h, page("/"))
					}
					gate := make(chan struct{})
					defer close(gate)
					go h.ServeHTTP(stuck{httptest.NewRecorder(), gate}, page("/"))
					synctest.Wait()
					began := time.Now()
					if got := call(h, page("/")); !got.hit() || got.saw(t).Run != 1 {
						t.Errorf("same page: got %q, want a hit", got.cacheStatus())
					}
					wantRun(t, "other page", call(h, page("/other")))
					if took := time.Since(began); took != 0 {
						t.Errorf("others took %v, want no time", took)
					}
				})
			})
		}
	}
}

// TestDefect19_PagesDoNotWaitForEachOther: one page's handler, or its trip to
// the store, must hold nothing that another page needs.
func TestDefect19_PagesDoNotWaitForEachOther(t *testing.T) {
	for _, stalled := range []string{"handler", "Get", "Add", "Set"} {
		t.Run(stalled, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Vary", "Accept-Language") // the list of variants is shared, too
					if stalled == "handler" && r.URL.Path == "/slow" {
						time.Sleep(time.Second)
					}
				}}
				var faults storetest.Faults
				var stalls atomic.Int64
				faults.Before(storetest.Only(func(ctx context.Context, op string, keys []string) error {
					if stalls.Add(1) > 1 { // only the first call is slow
						return nil
					}
					return storetest.Delay(40*time.Millisecond)(ctx, op, keys)
				}, stalled))
				h := newCache(t, pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults))).Page(time.Minute)(&o)
				done := make(chan reply, 1)
				go func() { done <- call(h, page("/slow")) }()
				synctest.Wait()
				began := time.Now()
				wantRun(t, "other page", call(h, page("/other")))
				if took := time.Since(began); took != 0 {
					t.Errorf("the other page took %v, want no time", took)
				}
				wantRun(t, "slow page", <-done)
			})
		})
	}
}

// TestDefect27_MemoryIsBounded under a flood of keys that are asked for once,
// wherever their weight is: in the body, the fields, the key, or the variants.
func TestDefect27_MemoryIsBounded(t *testing.T) {
	const bound = 1 << 20
	pad := strings.Repeat("x", 4<<10)
	for name, tc := range map[string]struct {
		h      http.HandlerFunc
		target func(i int) string
		flood  int
	}{
		"bodies": {text(pad), func(i int) string { return fmt.Sprint("/", i) }, 700},
		"fields": {text("", "X-Pad", pad), func(i int) string { return fmt.Sprint("/", i) }, 700},
		"keys":   {text(""), func(i int) string { return fmt.Sprint("/?", pad, i) }, 700},
		"tags": {func(w http.ResponseWriter, r *http.Request) {
			for i := range 60 {
				pagecache.FromContext(r.Context()).Tag(fmt.Sprint(i, pad[:60]))
			}
			_, _ = w.Write(nil)
		}, func(i int) string { return fmt.Sprint("/", i) }, 700},
		"framed keys": {text(""), func(i int) string { return fmt.Sprint("/a%2fb?", pad, i) }, 700},
		"small pages": {text(""), func(i int) string { return fmt.Sprint("/", i) }, 3000},
		"variants":    {text("", "Vary", "X-Lang"), func(i int) string { return fmt.Sprint("/", i/8) }, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(t, pagecache.WithMemory(memstore.New(bound)))
			h := c.Page(time.Hour)(tc.h)
			var most int64
			for i := range tc.flood {
				call(h, page(tc.target(i), "X-Lang", fmt.Sprint(pad[:400], i)))
				most = max(most, c.Stats().Bytes)
			}
			if limit := int64(bound * 5 / 4); most > limit {
				t.Errorf("Stats().Bytes reached %d, want %d at most", most, limit)
			}
			s := c.Stats()
			if name != "small pages" && name != "variants" && s.Entries > bound/(len(pad)-1) {
				t.Errorf("got %d entries of more than %d bytes in %d bytes: something is not counted", s.Entries, len(pad), bound)
			}
			if s.Entries == 0 || s.Bytes == 0 {
				t.Errorf("got %d entries, %d bytes; want some", s.Entries, s.Bytes)
			}
		})
	}
}

func TestDefect30_ShorterBodyReplacesLonger(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := strings.Repeat("long ", 1000)
				h := newCache(t, b.with()...).Page(time.Second)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte(body))
				}))
				call(h, page("/"))
				time.Sleep(time.Second)
				body = "short"
				for range 2 {
					if got := call(h, page("/")); got.body != "short" || got.header.Get("Content-Length") != "5" && got.hit() {
						t.Errorf("got %.20q, Content-Length %q; want \"short\", 5", got.body, got.header.Get("Content-Length"))
					}
				}
			})
		})
	}
}

func TestDefect30_LongTargets(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			var o oracle
			h := newCache(t, b.with()...).Page(time.Minute)(&o)
			long := "/?" + strings.Repeat("a", 8<<10-3)
			one, two := call(h, page(long+"1")), call(h, page(long+"2"))
			wantRun(t, "differs in byte 8192", two)
			wantHit(t, "first", call(h, page(long+"1")), one)
			wantHit(t, "second", call(h, page(long+"2")), two)
			wantReason(t, "8193 bytes", call(h, page(long+"12")), "target-too-long")
		})
	}
}

func TestDefect30_LifetimeBelowOneSecond(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var o oracle
				h := newCache(t, b.with()...).Page(500 * time.Millisecond)(&o)
				miss := call(h, page("/"))
				time.Sleep(499 * time.Millisecond)
				wantHit(t, "after 499ms", call(h, page("/")), miss)
				time.Sleep(time.Millisecond)
				wantRun(t, "after 500ms", call(h, page("/")))
			})
		})
	}
}
