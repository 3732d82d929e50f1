package pagecache_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

func TestDefect11_PanicLooksAsWithoutTheCache(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"before anything": func(http.ResponseWriter, *http.Request) { panic("boom") },
		"after the status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			panic("boom")
		},
		"after a write": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half a page")
			panic(http.ErrAbortHandler)
		},
		"after a flush": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half a page")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cached, bare := compare(t, h, func(srv *httptest.Server) reply {
				get(t, srv.URL)
				return get(t, srv.URL) // and again: nothing of the first may be left
			})
			likeBare(t, cached, bare, "Content-Length")
		})
	}
}

// TestDefect11_PanicReleasesTheWaiters: they run the handler themselves, and the
// panic stays one client's problem.
func TestDefect11_PanicReleasesTheWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o oracle
		o.first = func(w http.ResponseWriter, _ *http.Request) {
			run := o.runs.Load()
			time.Sleep(time.Second)
			if run == 1 {
				_, _ = io.WriteString(w, "half")
				panic("boom")
			}
		}
		h := newCache(t).Page(time.Minute)(&o)
		panics := make(chan any, 8)
		replies := gather(8, func(int) (got reply) {
			defer func() {
				if p := recover(); p != nil {
					panics <- p
				}
			}()
			return call(h, page("/"))
		})
		var whole int
		for _, got := range replies {
			if got.status == 200 && got.saw(t).Run == 2 {
				whole++
			}
		}
		if len(panics) != 1 || <-panics != "boom" || whole != 7 || o.runs.Load() != 2 {
			t.Errorf("got %d whole pages and %d runs; want one panic, 7 pages of the second run", whole, o.runs.Load())
		}
		if got := call(h, page("/")); !got.hit() || got.saw(t).Run != 2 {
			t.Errorf("later: got %q, want the page of the second run", got.cacheStatus())
		}
	})
}

// TestDefect12_LeaderHangsUp: its handler goes on, for those who wait.
func TestDefect12_LeaderHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := oracle{first: func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
				t.Error("the handler was cancelled although others wait for its page")
			case <-time.After(5 * time.Second):
			}
		}}
		h := newCache(t, func(p *pagecache.Policy) { p.MaxWait = time.Minute }).Page(time.Minute)(&o)
		ctx, hangUp := context.WithCancel(t.Context())
		go call(h, page("/").WithContext(ctx))
		synctest.Wait()
		time.AfterFunc(time.Second, hangUp)
		for _, got := range waiters(3, h, func(int) *http.Request { return page("/") }) {
			if got.status != 200 || got.saw(t).Run != 1 {
				t.Errorf("waiter: got status %d, %q; want the page of the first run", got.status, got.cacheStatus())
			}
		}
	})
}

// TestDefect12_CutShortIsNotStored: a handler whose context ended returns as if
// it had succeeded. Nobody else may get its page.
func TestDefect12_CutShortIsNotStored(t *testing.T) {
	const grace = 10 * time.Second
	for name, cut := range map[string]func(*http.Request) (*http.Request, context.CancelFunc){
		"client gone": func(r *http.Request) (*http.Request, context.CancelFunc) {
			ctx, cancel := context.WithCancel(r.Context())
			time.AfterFunc(time.Second, cancel)
			return r.WithContext(ctx), cancel
		},
		"deadline": func(r *http.Request) (*http.Request, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			return r.WithContext(ctx), cancel
		},
	} {
		for _, b := range backends {
			t.Run(name+"/"+b.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var o oracle
					o.first = func(_ http.ResponseWriter, r *http.Request) {
						if o.runs.Load() == 1 {
							<-r.Context().Done()
						}
					}
					c := newCache(t, append(b.with(), func(p *pagecache.Policy) { p.AfterHangUp = grace })...)
					h := c.Page(time.Minute)(&o)
					r, cancel := cut(page("/"))
					defer cancel()
					wantReason(t, "cut short", call(h, r), map[string]string{"client gone": "client-gone", "deadline": "deadline"}[name])
					if got := call(h, page("/")); got.status != 200 || got.saw(t).Run != 2 {
						t.Errorf("got %q, run %d; want the second run", got.cacheStatus(), got.saw(t).Run)
					}
				})
			})
		}
	}
}

func TestDefect12_WrongLengthIsNotStored(t *testing.T) {
	for name, declared := range map[string]string{"too short": "20", "too long": "3", "nothing": "20", "exact": "10", "exact, and then more": "10"} {
		t.Run(name, func(t *testing.T) {
			h := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", declared)
				if name != "nothing" {
					_, _ = io.WriteString(w, "0123456789")
				}
				if name == "exact, and then more" {
					_, _ = io.WriteString(w, "more")
				}
			}
			cached, bare := compare(t, http.HandlerFunc(h), func(srv *httptest.Server) reply {
				get(t, srv.URL)
				return get(t, srv.URL)
			})
			likeBare(t, cached, bare, "Content-Length")
			if cached.hit() != (name == "exact") {
				t.Errorf("got %q, hit %v", cached.cacheStatus(), cached.hit())
			}
		})
	}
}

// TestDefect13_OversizeBodyIsDeliveredWhole: to the one who ran the handler,
// and to those who waited for it.
func TestDefect13_OversizeBodyIsDeliveredWhole(t *testing.T) {
	const pieces = 50
	whole := strings.Repeat("0123456789", pieces)
	write := func(w http.ResponseWriter) {
		for range pieces {
			time.Sleep(10 * time.Millisecond)
			_, _ = io.WriteString(w, "0123456789")
		}
	}
	for name, body := range map[string]http.HandlerFunc{
		"of unknown length": func(w http.ResponseWriter, _ *http.Request) { write(w) },
		"of stated length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
			write(w)
		},
		"in one piece": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(whole)) },
		"copied":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader(whole)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newCache(t, pagecache.MaxBody(100)).Page(time.Minute)(body)
				began := time.Now()
				for i, got := range waiters(4, h, func(int) *http.Request { return page("/") }) {
					if got.body != whole || got.status != 200 {
						t.Errorf("client %d: got %d bytes, status %d; want %d, 200", i, len(got.body), got.status, len(whole))
					}
					wantReason(t, "client", got, "too-large")
				}
				if took := time.Since(began); took > 2*pieces*10*time.Millisecond {
					t.Errorf("took %v: the clients waited for each other", took)
				}
			})
		})
	}
}

func TestDefect14_ZeroIsNotForEver(t *testing.T) {
	past, now := "Mon, 01 Jan 2001 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT" // a bubble begins at this time
	for name, fields := range map[string][]string{
		"max-age=0":               {"Cache-Control", "max-age=0"},
		"s-maxage=0":              {"Cache-Control", "max-age=60, s-maxage=0"},
		"max-age without a value": {"Cache-Control", "max-age="},
		"max-age below zero":      {"Cache-Control", "max-age=-1"},
		"max-age of letters":      {"Cache-Control", "max-age=soon"},
		"targeted field":          {"Pagecache-Cache-Control", "max-age=0", "Cache-Control", "max-age=60"},
		"Expires: 0":              {"Expires", "0"},
		"Expires: -1":             {"Expires", "-1"},
		"Expires now":             {"Expires", now},
		"Expires before Date":     {"Expires", past, "Date", "Mon, 01 Jan 2001 00:00:01 GMT"},
		"as old as it may be":     {"Cache-Control", "max-age=60", "Age", "60"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newCache(t).Page(time.Minute)(text("page", fields...))
				call(h, page("/"))
				wantReason(t, "second request", call(h, page("/")), "ttl-zero")
			})
		})
	}
	t.Run("Control.TTL(0)", func(t *testing.T) {
		s := newSite(t, func(_ http.ResponseWriter, r *http.Request) { pagecache.FromContext(r.Context()).TTL(0) })
		get(t, s.URL)
		wantReason(t, "second request", get(t, s.URL), "ttl-zero")
	})
	t.Run("more than a number holds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var o oracle
			o.first = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "max-age=99999999999999999999")
			}
			h := newCache(t).Page(time.Minute)(&o)
			miss := call(h, page("/"))
			time.Sleep(time.Minute - 1)
			wantHit(t, "before the end", call(h, page("/")), miss)
			time.Sleep(time.Nanosecond)
			wantRun(t, "at the end", call(h, page("/")))
		})
	})
}

func TestDefect15_ImplicitStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		h      http.HandlerFunc
		stored bool
	}{
		"write without status":         {text("<p>page"), true},
		"write of nothing":             {text(""), true},
		"status without body":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }, true},
		"nothing at all":               {func(http.ResponseWriter, *http.Request) {}, false},
		"204":                          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, false},
		"second status is superfluous": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(200) }, false},
		"fields after the status": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "page")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Type", "late/type")
		}, true},
		"fields after the status, then a flush": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/early")
			_, _ = io.WriteString(w, "page")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Type", "late/type")
			_ = http.NewResponseController(w).Flush()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range 2 {
				cached, bare := compare(t, tc.h, func(srv *httptest.Server) reply {
					for range i {
						get(t, srv.URL)
					}
					return get(t, srv.URL)
				})
				likeBare(t, cached, bare, "Content-Type", "Content-Length", "Cache-Control")
				if i > 0 && cached.hit() != tc.stored {
					t.Errorf("second request: got %q, want hit %v", cached.cacheStatus(), tc.stored)
				}
			}
		})
	}
}
