package pagecache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

var (
	sieMinute = pagecache.StaleIfError(time.Minute)
	sieHour   = pagecache.StaleIfError(time.Hour)
)

// fwdStatus is what a handler of breakdowns sends for a status, if it differs from
// the page's.
var fwdStatus = map[string]string{"500": "500", "502 with fields": "502", "599 bare": "599", "503, flushed": "503"}

// TestStaleIfError: when the handler fails, the old page is served and not a
// trace of what the handler sent. Then the handler is left alone, and asked again.
func TestStaleIfError(t *testing.T) {
	for name, failure := range breakdowns {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh + 7*time.Second)
			k.press.do(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Failure", "secret")
				w.Header().Set("Content-Type", "text/failure")
				failure.do(w, r)
			})
			line := "fwd=stale; ttl=-7; detail=stale-if-error"
			if status := fwdStatus[name]; status != "" {
				line = "fwd=stale; fwd-status=" + status + "; ttl=-7; detail=stale-if-error"
			}
			got := k.ask("/")
			k.want(name, got, 1, line)
			h := got.header
			if got.status != http.StatusOK || h["X-Failure"] != nil || h["Set-Cookie"] != nil || h["Cache-Control"] != nil || h.Get("Content-Type") == "text/failure" || h.Get("Age") != "67" {
				k.Errorf("%s: got %d with %v, want the page's own header", name, got.status, h)
			}
			if e := k.log.last(); e.Result != pagecache.ResultStale || e.Fwd != "stale" || e.Reason != "stale-if-error" || e.Status != http.StatusOK || e.Stored {
				k.Errorf("%s: got the event %+v", name, e)
			}
			time.Sleep(time.Second - 1)
			k.want(name+", left alone", k.ask("/"), 1, "hit; ttl=-7; detail=stale-if-error")
			k.wantRuns(name+", left alone", 2)
			if e := k.log.last(); e.Result != pagecache.ResultStale || e.Fwd != "" || e.Reason != "stale-if-error" {
				k.Errorf("%s, left alone: got the event %+v", name, e)
			}
			time.Sleep(time.Nanosecond)
			k.want(name+", asked again", k.ask("/"), 1, strings.Replace(line, "-7", "-8", 1))
			time.Sleep(2*time.Second - 1)
			k.wantRuns(name+", left alone longer", 3)
			k.press.print()
			time.Sleep(time.Nanosecond)
			k.want(name+", healed", k.ask("/"), 4, "fwd=stale; stored; ttl=60")
			k.want(name+", next", k.ask("/"), 4, "hit; ttl=60")
			if s := k.cache.Stats(); s.Stale != 3 || s.Misses != 2 || s.Hits != 1 {
				k.Errorf("%s: got %d stale, %d misses, %d hits; want 3, 2, 1", name, s.Stale, s.Misses, s.Hits)
			}
		}, sieMinute)
	}
}

// TestErrorWindowEnds: past it, and where there is none, an error goes through as
// it came, and a panic does.
func TestErrorWindowEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		age  time.Duration
		opts []pagecache.Option
		old  bool
	}{
		{"at the last moment", 2*fresh - 1, []pagecache.Option{sieMinute}, true},
		{"past it", 2 * fresh, []pagecache.Option{sieMinute}, false},
		{"none", fresh, nil, false},
		{"past the longer one, too", 2 * fresh, []pagecache.Option{sieMinute, pagecache.StaleWhileRevalidate(time.Second)}, false},
		{"past the shorter one", 2*fresh - 1, []pagecache.Option{sieMinute, pagecache.StaleWhileRevalidate(time.Second)}, true},
	} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(tt.age)
			k.press.do(response(502, "X-Failure", "for you"))
			got := k.ask("/")
			if tt.old {
				if got.status != http.StatusOK || got.body != "edition 1" || got.reason() != "stale-if-error" {
					k.Errorf("%s: got %d %q, %q; want the old page", tt.name, got.status, got.body, got.cacheStatus())
				}
				return
			}
			if got.status != 502 || got.body != "page" || got.header.Get("X-Failure") == "" || got.reason() != "status" {
				k.Errorf("%s: got %d %q, %q; want the handler's error", tt.name, got.status, got.body, got.cacheStatus())
			}
			k.press.do(func(http.ResponseWriter, *http.Request) { panic("out of paper") })
			if _, panicked := quietly(k.root, page("/")); panicked != "out of paper" {
				k.Errorf("%s: got the panic %v, want the handler's", tt.name, panicked)
			}
			k.wantRuns(tt.name, 3)
		}, tt.opts...)
	}
}

// TestErrorWindowEndsMeanwhile: what counts is when the answer is sent.
func TestErrorWindowEndsMeanwhile(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(2*fresh - time.Second)
		k.press.take(time.Second)
		k.press.do(response(500))
		if got := k.ask("/"); got.status != 500 || got.body != "page" {
			k.Errorf("got %d %q, want the handler's error", got.status, got.body)
		}
	}, sieMinute)
}

// TestStaleForPanics: a panic that nobody else sees is logged with its stack; the
// one that means an abort is not.
func TestStaleForPanics(t *testing.T) {
	for _, tt := range []struct {
		value  any
		logged bool
	}{{"out of paper", true}, {errors.New("out of ink"), true}, {http.ErrAbortHandler, false}} {
		var log bytes.Buffer
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(func(http.ResponseWriter, *http.Request) { panicDeepInside(tt.value) })
			k.want(fmt.Sprint(tt.value), k.ask("/"), 1, "fwd=stale; ttl=0; detail=stale-if-error")
		}, sieMinute, pagecache.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		text := log.String()
		if logged := text != ""; logged != tt.logged {
			t.Errorf("%v: got the log %q", tt.value, text)
		}
		if tt.logged && (!strings.Contains(text, "level=ERROR") || !strings.Contains(text, fmt.Sprint(tt.value)) || !strings.Contains(text, "panicDeepInside") || !strings.Contains(text, "route=/")) {
			t.Errorf("%v: got the log %q, want an error with panic, stack and route", tt.value, text)
		}
	}
}

func panicDeepInside(v any) { panic(v) }

// TestStaleForDeadlines: the handler ran past the deadline of its context,
// whether it has written or not.
func TestStaleForDeadlines(t *testing.T) {
	for name, do := range map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"late":   func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); write(w, "half a page") },
	} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(do)
			got := call(k.root, timedPage(k.T, time.Second, "/"))
			k.want(name, got, 1, "fwd=stale; ttl=-1; detail=stale-if-error")
			k.want(name+", next", k.ask("/"), 1, "hit; ttl=-1; detail=stale-if-error")
			k.wantRuns(name, 2)
		}, sieMinute)
	}
}

// TestNoStaleForOthers: what is no failure of the handler goes to the client.
func TestNoStaleForOthers(t *testing.T) {
	for _, status := range []int{400, 403, 404, 410, 429, 499} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(response(status))
			if got := k.ask("/"); got.status != status || got.reason() != "status" {
				k.Errorf("got %d, %q; want %d", got.status, got.cacheStatus(), status)
			}
			k.press.do(response(500))
			got := k.ask("/")
			if gone := lessonIsGone(status); gone != (got.status == 500) {
				k.Errorf("an error after %d: got %d %q, want the page gone %t", status, got.status, got.body, gone)
			}
		}, sieMinute)
	}
}

// lessonIsGone: such a status says that there is no such page any more, or not
// for everybody.
func lessonIsGone(status int) bool { return status == 403 || status == 404 || status == 410 }

// TestErrorSentInFull: once bytes are with the client, it is too late.
func TestErrorSentInFull(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.do(func(w http.ResponseWriter, _ *http.Request) {
			write(w, "half")
			w.(http.Flusher).Flush()
			panic("out of paper")
		})
		if _, panicked := quietly(k.root, page("/")); panicked != "out of paper" {
			k.Errorf("got the panic %v, want the handler's", panicked)
		}
	}, sieMinute)
}

// TestHushedWriter: a handler that fails can do what it likes with its writer;
// none of it reaches the client.
func TestHushedWriter(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.do(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			w.WriteHeader(http.StatusOK)
			if n, err := io.WriteString(w, "sorry"); n != 5 || err != nil {
				k.Errorf("WriteString: got %d, %v", n, err)
			}
			if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader(strings.Repeat("x", 3<<20))); n != 3<<20 || err != nil {
				k.Errorf("ReadFrom: got %d, %v", n, err)
			}
			if n, err := w.Write(make([]byte, 3<<20)); n != 3<<20 || err != nil {
				k.Errorf("Write: got %d, %v", n, err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				k.Errorf("Flush: got %v", err)
			}
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
				k.Errorf("Hijack: got %v, want %v", err, http.ErrNotSupported)
			}
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
			w.WriteHeader(http.StatusEarlyHints)
		})
		got := k.ask("/")
		k.want("failed", got, 1, "fwd=stale; fwd-status=502; ttl=0; detail=stale-if-error")
		if got.header.Get("Content-Length") != "9" || len(got.trailer) > 0 {
			k.Errorf("got %v and trailers %v, want the page's own header", got.header, got.trailer)
		}
	}, sieMinute)
}

// TestStaleIfErrorOverStore is the same where the page lies in a Store, found by
// another process than the one that filled it.
func TestStaleIfErrorOverStore(t *testing.T) {
	store := storetest.NewMap()
	synctest.Test(t, func(t *testing.T) {
		a := newKiosk(t, pagecache.WithStore(store), sieMinute)
		b := newKiosk(t, pagecache.WithStore(store), sieMinute)
		a.ask("/")
		time.Sleep(fresh + time.Second)
		b.press.do(response(500))
		b.want("failed", b.ask("/"), 1, "fwd=stale; fwd-status=500; ttl=-1; detail=stale-if-error")
		b.want("left alone", b.ask("/"), 1, "hit; ttl=-1; detail=stale-if-error")
		a.want("elsewhere", a.ask("/"), 2, "fwd=stale; stored; ttl=60")
		b.want("for all", b.ask("/"), 2, "hit; ttl=60")
		time.Sleep(2 * fresh)
		b.press.do(response(404))
		if got := b.ask("/"); got.status != 404 {
			t.Errorf("got %d, want the handler's 404", got.status)
		}
	})
}
