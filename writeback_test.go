package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

func writeBack(p *pagecache.Policy) { p.WriteBack = true }

const writing = 40 * time.Millisecond // how long a slow store takes for a page

// slowPages makes a store slow where a page is written, and only there.
func (s *shared) slowPages() {
	delay := storetest.Delay(writing)
	s.faults.Before(func(ctx context.Context, op string, keys []string) error {
		if op != "Set" || !slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, "p:") || strings.HasPrefix(key, "v:") }) {
			return nil
		}
		return delay(ctx, op, keys)
	})
}

// inBackKiosk runs a test with a store that is slow to write pages, and two
// processes that share it and write back.
func inBackKiosk(t *testing.T, test func(s *shared, a, b *kiosk), opts ...pagecache.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		opts = append(opts, pagecache.WithStore(s), writeBack)
		a, b := newKiosk(t, opts...), newKiosk(t, opts...)
		s.slowPages()
		test(s, a, b)
		time.Sleep(time.Hour)
		a.checkSums()
		b.checkSums()
	})
}

// TestWriteBack: the page is with its client first, and in the store a moment
// later. Its Cache-Status claims no more than that.
func TestWriteBack(t *testing.T) {
	inBackKiosk(t, func(_ *shared, a, b *kiosk) {
		began := time.Now()
		a.want("fill", a.ask("/"), 1, "fwd=uri-miss; ttl=60; detail=write-back")
		a.want("before it is written", a.ask("/"), 2, "fwd=uri-miss; ttl=60; detail=write-back")
		if took := time.Since(began); took != 0 {
			a.Errorf("got two answers after %v, want them at once", took)
		}
		time.Sleep(2 * writing)
		synctest.Wait()
		if got := a.ask("/"); !got.hit() {
			a.Errorf("got %q, want a hit", got.cacheStatus())
		}
		if got := b.ask("/"); !got.hit() {
			b.Errorf("elsewhere: got %q, want a hit", got.cacheStatus())
		}
		if e := a.log.of(pagecache.KindRequest)[0]; e.Reason != "write-back" || !e.Stored || e.Result != pagecache.ResultMiss {
			a.Errorf("got the event %+v", e)
		}
	})
}

// TestWriteBackInProcess changes nothing where storing takes no time.
func TestWriteBackInProcess(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.want("fill", k.ask("/"), 1, "fwd=uri-miss; stored; ttl=60")
		k.want("next", k.ask("/"), 1, "hit; ttl=60")
	}, writeBack)
}

// TestWriteBackFollowers are given the page that was not written yet.
func TestWriteBackFollowers(t *testing.T) {
	inBackKiosk(t, func(_ *shared, a, _ *kiosk) {
		a.ask("/?another") // so that the fences are there, and all agree on them
		a.press.take(time.Second)
		replies, took := crowd(a.root, 20, sameHome)
		for i, got := range replies {
			if got.body != "edition 2" || took[i] != time.Second {
				a.Errorf("got %q after %v, want the page after 1s", got.body, took[i])
			}
		}
		a.wantRuns("in all", 2)
	})
}

// TestWriteBackOfVariants: the page and its list of variants follow.
func TestWriteBackOfVariants(t *testing.T) {
	inBackKiosk(t, func(s *shared, a, b *kiosk) {
		s.faults.Heal() // two writes as slow as that are more than a request's share
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Accept")
			pagecache.FromContext(r.Context()).Tag("late")
			write(w, r.Header.Get("Accept"))
		})
		a.root, b.root = muxed(a.cache.Page(fresh)(h)), muxed(b.cache.Page(fresh)(h))
		for _, accept := range []string{"x", "y"} {
			a.ask("/", "Accept", accept)
			time.Sleep(time.Second)
		}
		for _, accept := range []string{"x", "y"} {
			if got := b.ask("/", "Accept", accept); got.body != accept || !got.hit() {
				b.Errorf("%s: got %q, %q; want a hit", accept, got.body, got.cacheStatus())
			}
		}
	})
}

// TestWriteBackQueue: when as many pages wait as may, the next one is written
// before it is sent, as without a queue.
func TestWriteBackQueue(t *testing.T) {
	inBackKiosk(t, func(_ *shared, a, b *kiosk) {
		const bound = 256
		began := time.Now()
		for i := range 1 + bound { // one is being written
			if got := a.ask(fmt.Sprintf("/%d", i)); got.reason() != "write-back" || time.Since(began) != 0 {
				a.Fatalf("page %d: got %q after %v, want it written later", i, got.cacheStatus(), time.Since(began))
			}
		}
		a.want("one more", a.ask("/more"), bound+2, "fwd=uri-miss; stored; ttl=60")
		if took := time.Since(began); took != writing {
			a.Errorf("one more: got an answer after %v, want %v", took, writing)
		}
		time.Sleep((bound + 2) * writing)
		synctest.Wait()
		a.want("when there is room", a.ask("/room"), bound+3, "fwd=uri-miss; ttl=60; detail=write-back")
		time.Sleep(time.Second)
		for _, target := range []string{"/0", fmt.Sprintf("/%d", bound), "/more", "/room"} {
			if got := b.ask(target); !got.hit() {
				b.Errorf("%s: got %q, want a hit", target, got.cacheStatus())
			}
		}
	})
}

// TestWriteBackBudget: pages that wait count for what may be recorded at one
// time, until they are written.
func TestWriteBackBudget(t *testing.T) {
	body := make([]byte, 40<<10)
	for limit, detail := range map[int64]string{70 << 10: "", 200 << 10: "write-back"} {
		inBackKiosk(t, func(_ *shared, a, _ *kiosk) {
			a.press.do(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
			for i := range 20 {
				if got := a.ask(fmt.Sprintf("/%d", i)); got.reason() != detail {
					a.Errorf("at %d: page %d: got %q, want detail %q", limit, i, got.cacheStatus(), detail)
				}
				time.Sleep(time.Second)
			}
		}, func(p *pagecache.Policy) { p.MaxRecording = limit })
	}
}

// TestWriteBackToAStoreThatFails: who was sent the page knows nothing of it; the
// next one finds nothing.
func TestWriteBackToAStoreThatFails(t *testing.T) {
	inBackKiosk(t, func(s *shared, a, _ *kiosk) {
		a.ask("/x") // so that the fences are there
		time.Sleep(time.Second)
		hang, release := storetest.Hang()
		defer release()
		for _, hook := range []storetest.Hook{storetest.Fail(storetest.ErrFault), storetest.Panic("store"), hang} {
			s.faults.Before(storetest.Only(hook, "Set"))
			before := a.cache.Stats().StoreErrors
			began := time.Now()
			if got := a.ask("/x?q"); got.reason() != "write-back" || time.Since(began) != 0 {
				a.Errorf("got %q after %v, want the page at once", got.cacheStatus(), time.Since(began))
			}
			time.Sleep(time.Second)
			if errs := a.cache.Stats().StoreErrors - before; errs != 1 {
				a.Errorf("got %d failures of the store counted, want 1", errs)
			}
		}
	})
}

// TestPurgeOfPagesThatWait: a page that was purged before it was written is never
// served, by whomever and by whatever it was purged.
func TestPurgeOfPagesThatWait(t *testing.T) {
	for name, purge := range map[string]func(*pagecache.Cache, context.Context) error{
		"path":  func(c *pagecache.Cache, ctx context.Context) error { return c.Purge(ctx, "/p") },
		"tag":   func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeTags(ctx, "late") },
		"route": func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeRoute(ctx, "/") },
		"all":   func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeAll(ctx) },
	} {
		for _, where := range []string{"here", "elsewhere"} {
			for waiting := range 3 { // before it in the queue, being written included
				inBackKiosk(t, func(_ *shared, a, b *kiosk) {
					h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						pagecache.FromContext(r.Context()).Tag("late")
						a.press.ServeHTTP(w, r)
					})
					a.root, b.root = muxed(a.cache.Page(fresh)(h)), muxed(b.cache.Page(fresh)(h))
					for i := range waiting {
						a.ask(fmt.Sprintf("/%d", i))
					}
					a.ask("/p")
					time.Sleep(writing / 2)
					purger := a
					if where == "elsewhere" {
						purger = b
					}
					if err := purge(purger.cache, a.Context()); err != nil {
						a.Fatal(err)
					}
					for _, wait := range []time.Duration{0, writing, time.Second} {
						time.Sleep(wait)
						synctest.Wait()
						for _, k := range []*kiosk{a, b} {
							if got := k.ask("/p"); got.body == fmt.Sprintf("edition %d", waiting+1) {
								k.Errorf("%s purged %s, %d pages before it: got %q, %q", name, where, waiting, got.body, got.cacheStatus())
							}
						}
					}
				})
			}
		}
	}
}

// TestWriteBackDuringClose: a page that is made when the queue is closed is not
// promised to be written.
func TestWriteBackDuringClose(t *testing.T) {
	inBackKiosk(t, func(_ *shared, a, b *kiosk) {
		a.press.take(time.Second)
		time.AfterFunc(time.Second/2, func() {
			if err := a.cache.Close(a.Context()); err != nil {
				a.Error(err)
			}
		})
		a.want("fill", a.ask("/"), 1, "fwd=uri-miss; detail=store-error")
		if got := b.ask("/"); got.hit() {
			b.Errorf("got %q, want nothing written", got.cacheStatus())
		}
	})
}

// TestRefusedPurgeOfPagesThatWait: a page that waits is not written once it is
// purged here, even where the store does not take the purge.
func TestRefusedPurgeOfPagesThatWait(t *testing.T) {
	inBackKiosk(t, func(s *shared, a, b *kiosk) {
		a.ask("/first")
		a.ask("/p")
		s.faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
		if err := a.cache.Purge(a.Context(), "/p"); err == nil {
			a.Error("got no error of the purge")
		}
		s.faults.Heal()
		time.Sleep(time.Second)
		if got := b.ask("/first"); !got.hit() {
			b.Errorf("the page before it: got %q, want a hit", got.cacheStatus())
		}
		if got := b.ask("/p"); got.hit() {
			b.Errorf("the purged page: got %q, want it unwritten", got.cacheStatus())
		}
	})
}
