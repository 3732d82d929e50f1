package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// storeFaults are the ways in which a store fails. Each returns how to end it.
var storeFaults = map[string]func(*storetest.Faults) (end func()){
	"Get fails":       before(storetest.Only(storetest.Fail(storetest.ErrFault), "Get")),
	"Set fails":       before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set")),
	"Add fails":       before(storetest.Only(storetest.Fail(storetest.ErrFault), "Add")),
	"all fails":       before(storetest.Fail(storetest.ErrFault)),
	"writes are lost": before(storetest.Only(storetest.Fail(storetest.ErrDrop), "Set", "Add", "Delete")),
	"all is lost":     before(storetest.Fail(storetest.ErrDrop)),
	"panics":          before(storetest.Panic("boom")),
	"slow":            before(storetest.Delay(time.Second)),
	"ignores context": before(storetest.Stall(time.Second)),
	"hangs": func(f *storetest.Faults) func() {
		hook, release := storetest.Hang()
		f.Before(hook)
		return release
	},
	"acknowledges nothing": func(f *storetest.Faults) func() {
		f.After(storetest.Fail(storetest.ErrFault))
		return func() {}
	},
	"flips a bit": values(storetest.FlipBit),
	"flips a bit of a body": values(func(all [][]byte) [][]byte {
		all = slices.Clone(all)
		for i, v := range all {
			if len(v) > 100 { // a page, and no bookkeeping; its body stands at the end
				all[i] = slices.Clone(v)
				all[i][len(v)-20] ^= 1
			}
		}
		return all
	}),
	"truncates":        values(storetest.Truncate),
	"empties":          values(storetest.Empty),
	"answers rubbish":  values(storetest.Foreign),
	"mixes keys up":    values(storetest.Swap),
	"returns too few":  values(storetest.Miscount),
	"returns too many": values(storetest.Surplus),
}

func before(hook storetest.Hook) func(*storetest.Faults) func() {
	return func(f *storetest.Faults) func() {
		f.Before(hook)
		return func() {}
	}
}

func values(hook func([][]byte) [][]byte) func(*storetest.Faults) func() {
	return func(f *storetest.Faults) func() {
		f.Values(hook)
		return func() {}
	}
}

// withFaultyStore runs test in a bubble with a cache over a store that holds
// /old and then begins to fail, and heals at the end.
func withFaultyStore(t *testing.T, fail func(*storetest.Faults) func(), test func(t *testing.T, o *oracle, h http.Handler, old reply)) {
	synctest.Test(t, func(t *testing.T) {
		var faults storetest.Faults
		var o oracle
		c := newCache(t, pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)))
		h := c.Page(time.Hour)(&o)
		old := call(h, page("/old"))
		wantHit(t, "before the fault", call(h, page("/old")), old)
		end := fail(&faults)
		test(t, &o, h, old)
		faults.Heal()
		end()
		synctest.Wait()
		time.Sleep(time.Minute) // whatever was remembered of the failure is over
		miss := call(h, page("/new"))
		if got := call(h, page("/new")); !got.hit() || miss.status != 200 || got.body != miss.body {
			t.Errorf("healed: got %q, want a hit", got.cacheStatus())
		}
	})
}

// TestDefect16_StoreFaultsCostTimeOnly: and little of it.
func TestDefect16_StoreFaultsCostTimeOnly(t *testing.T) {
	for name, fail := range storeFaults {
		t.Run(name, func(t *testing.T) {
			withFaultyStore(t, fail, func(t *testing.T, _ *oracle, h http.Handler, old reply) {
				made := map[string]string{"/old": old.body}
				for _, target := range []string{"/old", "/other", "/old", "/other"} {
					began := time.Now()
					got := call(h, page(target))
					if got.status != 200 || got.saw(t).Path != target {
						t.Errorf("%s: got status %d, body %q; want 200 and its page", target, got.status, got.body)
					}
					if !got.hit() {
						made[target] = got.body
					} else if got.body != made[target] {
						t.Errorf("%s: got %q, which the handler never wrote", target, got.body)
					}
					if took := time.Since(began); took > 50*time.Millisecond {
						t.Errorf("%s: took %v, want 50ms at most", target, took)
					}
				}
			})
		})
	}
}

// TestDefect16_StoreFaultsAreNoHerd: the page is fit to be shared, only its
// store is not there, so those who wait for it need not run the handler.
func TestDefect16_StoreFaultsAreNoHerd(t *testing.T) {
	for name, fail := range storeFaults {
		t.Run(name, func(t *testing.T) {
			withFaultyStore(t, fail, func(t *testing.T, o *oracle, h http.Handler, _ reply) {
				o.first = func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }
				began := o.runs.Load()
				for i, got := range waiters(20, h, func(int) *http.Request { return page("/other") }) {
					if got.status != 200 || got.saw(t).Path != "/other" {
						t.Errorf("client %d: got status %d, body %q; want 200 and its page", i, got.status, got.body)
					}
				}
				if runs := o.runs.Load() - began; runs > 2 {
					t.Errorf("got %d runs for 20 clients, want 1, or 2 in unlucky order", runs)
				}
				o.first = nil
			})
		})
	}
}

func TestDefect16_MemoryFaultsCostNothing(t *testing.T) {
	for name, fail := range map[string]func(*storetest.Faults, pagecache.Memory){
		"Load panics": func(f *storetest.Faults, _ pagecache.Memory) {
			f.Before(storetest.Only(storetest.Panic("boom"), "Load"))
		},
		"Store panics": func(f *storetest.Faults, _ pagecache.Memory) {
			f.Before(storetest.Only(storetest.Panic("boom"), "Store"))
		},
		"all panics":  func(f *storetest.Faults, _ pagecache.Memory) { f.Before(storetest.Panic("boom")) },
		"all is lost": func(f *storetest.Faults, _ pagecache.Memory) { f.Before(storetest.Fail(storetest.ErrDrop)) },
		"rubbish": func(f *storetest.Faults, _ pagecache.Memory) {
			f.Loaded(func(uint64, any, bool) (any, bool) { return "?", true })
		},
		"nil": func(f *storetest.Faults, _ pagecache.Memory) {
			f.Loaded(func(uint64, any, bool) (any, bool) { return nil, true })
		},
		"always the same value": func(f *storetest.Faults, m pagecache.Memory) {
			var last atomic.Value
			f.Loaded(func(key uint64, v any, ok bool) (any, bool) {
				if ok {
					last.CompareAndSwap(nil, v)
				}
				return last.Load(), last.Load() != nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var faults storetest.Faults
			m := memstore.New(1 << 20)
			h := newCache(t, pagecache.WithMemory(storetest.FaultyMemory(m, &faults))).Page(time.Minute)(
				&oracle{first: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "Accept-Language") }})
			call(h, page("/old"))
			fail(&faults, m)
			for _, target := range []string{"/old", "/other", "/old", "/other"} {
				for _, lang := range []string{"de", "en"} {
					got := call(h, page(target, "Accept-Language", lang))
					if s := got.saw(t); got.status != 200 || s.Path != target || s.Header.Get("Accept-Language") != lang {
						t.Errorf("%s in %s: got status %d, body %q", target, lang, got.status, got.body)
					}
				}
			}
		})
	}
}

// countingBackends are the backends, with the number of values written.
func countingBackends() map[string]func(*atomic.Int64) pagecache.Option {
	count := func(writes *atomic.Int64, f *storetest.Faults) *storetest.Faults {
		f.Before(storetest.Only(func(context.Context, string, []string) error {
			writes.Add(1)
			return nil
		}, "Set", "Store"))
		return f
	}
	return map[string]func(*atomic.Int64) pagecache.Option{
		"Memory": func(writes *atomic.Int64) pagecache.Option {
			return pagecache.WithMemory(storetest.FaultyMemory(memstore.New(1<<20), count(writes, new(storetest.Faults))))
		},
		"Store": func(writes *atomic.Int64) pagecache.Option {
			return pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), count(writes, new(storetest.Faults))))
		},
	}
}

func TestDefect17_ConcurrentMissesWriteOnce(t *testing.T) {
	for name, with := range countingBackends() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var writes atomic.Int64
				var o oracle
				body := strings.Repeat("0123456789", 1000)
				h := newCache(t, with(&writes)).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					o.runs.Add(1)
					for piece := range strings.SplitSeq(body, "9") {
						time.Sleep(time.Millisecond)
						if piece != "" {
							_, _ = w.Write([]byte(piece + "9"))
						}
					}
				}))
				for i, got := range waiters(50, h, func(int) *http.Request { return page("/") }) {
					if got.status != 200 || got.body != body {
						t.Errorf("client %d: got status %d, %d bytes; want 200, %d", i, got.status, len(got.body), len(body))
					}
				}
				if writes.Load() != 1 || o.runs.Load() != 1 {
					t.Errorf("got %d writes and %d runs, want 1 and 1", writes.Load(), o.runs.Load())
				}
			})
		})
	}
}

// TestDefect18_NoTornPage: pages are made anew all the time, while a part of
// what is stored gets lost. Each must be of one piece: the body, its fields and
// the language asked for.
func TestDefect18_NoTornPage(t *testing.T) {
	var loads atomic.Int64
	lose := storetest.Only(func(context.Context, string, []string) error {
		if loads.Add(1)%5 == 0 {
			return storetest.ErrDrop
		}
		return nil
	}, "Load", "Get")
	var faults, remote storetest.Faults
	faults.After(lose)
	remote.Before(lose)
	for name, option := range map[string]pagecache.Option{
		"Memory": pagecache.WithMemory(storetest.FaultyMemory(memstore.New(1<<20), &faults)),
		"Store":  pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &remote)),
	} {
		t.Run(name, func(t *testing.T) {
			var runs atomic.Int64
			h := newCache(t, option).Page(time.Millisecond)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mark := fmt.Sprintf("%s%d ", r.Header.Get("Accept-Language"), runs.Add(1))
				w.Header().Set("Vary", "Accept-Language")
				w.Header().Set("X-Mark", mark)
				for range 20 {
					_, _ = w.Write([]byte(mark))
					runtime.Gosched()
				}
			}))
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					for j := range 150 {
						lang := []string{"de", "en", "fr"}[(i+j)%3]
						got := call(h, page("/", "Accept-Language", lang))
						mark := got.header.Get("X-Mark")
						if mark == "" || !strings.HasPrefix(mark, lang) || got.body != strings.Repeat(strings.Trim(mark, " ")+" ", 20) {
							t.Errorf("asked for %s, got mark %q, body %q", lang, mark, got.body)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
