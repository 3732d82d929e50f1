package pagecache_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// breakdowns are handlers that fail. Each is to leave the old page in place.
var breakdowns = map[string]struct {
	reason pagecache.Reason
	do     http.HandlerFunc
}{
	"500":             {"status", response(500)},
	"502 with fields": {"set-cookie", response(502, "Set-Cookie", "a=b", "Cache-Control", "private")},
	"599 bare":        {"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) }},
	"503, flushed": {"status", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		w.(http.Flusher).Flush()
		write(w, "sorry")
	}},
	"panic":          {"handler-panic", func(http.ResponseWriter, *http.Request) { panic("out of paper") }},
	"abort":          {"handler-panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	"panic half-way": {"handler-panic", func(w http.ResponseWriter, _ *http.Request) { write(w, "half"); panic("out of paper") }},
	"length":         {"length-mismatch", response(200, "Content-Length", "9")},
	"late error":     {"late-error", func(w http.ResponseWriter, _ *http.Request) { write(w, "half"); w.WriteHeader(500) }},
	"broken source": {"broken-source", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("out of paper"))))
	}},
}

// TestRefreshThatFails leaves the page in place: it is served for the rest of
// its window, and gone after it. The handler is left alone for a second.
func TestRefreshThatFails(t *testing.T) {
	for name, failure := range breakdowns {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(failure.do)
			k.want(name+", stale", k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
			k.wantRuns(name, 2)
			if got := k.cache.Stats().NotRefreshed[failure.reason]; got != 1 {
				k.Errorf("%s: got %v, want one for %s", name, k.cache.Stats().NotRefreshed, failure.reason)
			}
			time.Sleep(time.Second - 1)
			k.want(name+", left alone", k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
			k.wantRuns(name+", left alone", 2)
			time.Sleep(time.Nanosecond)
			k.want(name+", tried again", k.ask("/"), 1, "hit; ttl=-1; detail=stale-while-revalidate")
			k.wantRuns(name+", tried again", 3)
			time.Sleep(fresh - time.Second)
			if got, _ := quietly(k.root, page("/")); strings.HasPrefix(got.body, "edition") {
				k.Errorf("%s: got %q after the window, want what the handler says", name, got.body)
			}
			k.press.print()
			if got := k.ask("/"); !strings.HasPrefix(got.body, "edition 5") || !got.stored() {
				k.Errorf("%s: got %q, %q; want the handler's new page", name, got.body, got.cacheStatus())
			}
		}, swrMinute)
	}
}

// TestRefreshBacksOff: 1 s, 2 s, 4 s and so on, a minute at most; a success
// begins it anew.
func TestRefreshBacksOff(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		var runs []time.Time
		fail := func(w http.ResponseWriter, _ *http.Request) {
			runs = append(runs, time.Now())
			w.WriteHeader(http.StatusInternalServerError)
		}
		follow := func(round string, want ...time.Duration) {
			runs = nil
			k.press.do(fail)
			for range 4 * 260 {
				if got := k.ask("/"); got.reason() != "stale-while-revalidate" || got.status != http.StatusOK {
					k.Errorf("%s: got %d %q, want the old page", round, got.status, got.cacheStatus())
				}
				time.Sleep(250 * time.Millisecond)
			}
			for i, want := range want {
				if i+1 >= len(runs) {
					k.Errorf("%s: got %d runs, want more than %d", round, len(runs), i+1)
				} else if got := runs[i+1].Sub(runs[i]); got != want*time.Second {
					k.Errorf("%s: got run %d %v after the one before, want %v", round, i+2, got, want*time.Second)
				}
			}
		}
		k.ask("/")
		time.Sleep(fresh)
		follow("first", 1, 2, 4, 8, 16, 32, 60, 60, 60)
		k.press.print()
		time.Sleep(time.Minute)
		k.ask("/")
		if got := k.ask("/"); !got.hit() || got.reason() != "" {
			k.Errorf("healed: got %q, want a hit", got.cacheStatus())
		}
		time.Sleep(fresh)
		follow("anew", 1, 2, 4, 8)
	}, swrHour)
}

// TestRefreshThatRefuses: the page is not for everybody any more, or is gone, and
// so is the old one. The next request gets the handler's word.
func TestRefreshThatRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reason pagecache.Reason
		do     http.HandlerFunc
	}{
		"Set-Cookie": {"set-cookie", response(200, "Set-Cookie", "a=b")},
		"private":    {"private", response(200, "Cache-Control", "private")},
		"no-store":   {"no-store", response(200, "Cache-Control", "no-store")},
		"no-cache":   {"no-cache", response(200, "Cache-Control", "no-cache")},
		"lifetime 0": {"ttl-zero", response(200, "Cache-Control", "max-age=0")},
		"redirect":   {"status", response(302, "Location", "/login")},
		"401":        {"status", response(401)},
		"403":        {"status", response(403)},
		"404":        {"status", response(404)},
		"410":        {"status", response(410)},
		"451":        {"status", response(451)},
		"too large":  {"too-large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) }},
		"flushed":    {"streaming", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
		"its own word": {"control", func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).NoStore()
			write(w, "page")
		}},
	} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(tt.do)
			k.want(name+", stale", k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
			if got := k.cache.Stats(); got.NotRefreshed[tt.reason] != 1 || got.Refreshed != 0 {
				k.Errorf("%s: got %v, want one for %s", name, got.NotRefreshed, tt.reason)
			}
			if got := k.ask("/"); got.body == "edition 1" || got.hit() || got.reason() != string(tt.reason) {
				k.Errorf("%s: got %q, %q; want the handler's word", name, got.body, got.cacheStatus())
			}
			k.wantRuns(name, 3)
		}, swrHour)
	}
}

// TestRefreshThatSaysNothing of the page: one client's mistake, or a handler that
// wrote nothing. The old page stays.
func TestRefreshThatSaysNothing(t *testing.T) {
	for name, do := range map[string]http.HandlerFunc{
		"400": response(400), "429": response(429), "408": response(408),
		"silent": func(http.ResponseWriter, *http.Request) {},
	} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(do)
			for range 3 {
				k.want(name, k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
			}
			k.press.print()
			time.Sleep(time.Second)
			k.ask("/")
			if got := k.ask("/"); got.body == "edition 1" || !got.hit() {
				k.Errorf("%s: got %q, %q; want a new page", name, got.body, got.cacheStatus())
			}
		}, swrMinute)
	}
}

// TestRefreshByNegativeTTL: a 404 that may be stored replaces the page.
func TestRefreshByNegativeTTL(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.do(response(404))
		k.want("stale", k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
		if got := k.ask("/"); got.status != http.StatusNotFound || got.cacheStatus() != "pagecache; hit; ttl=9; detail=negative" {
			k.Errorf("got %d, %q; want the stored 404", got.status, got.cacheStatus())
		}
	}, swrMinute, pagecache.NegativeTTL(9*time.Second))
}

// TestRefreshTimesOut: a handler that hangs is told to stop by its context, and
// what it writes then counts for nothing.
func TestRefreshTimesOut(t *testing.T) {
	for _, timeout := range []time.Duration{30 * time.Second, 2 * time.Second} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			time.Sleep(fresh)
			k.press.do(func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				write(w, "late")
			})
			k.ask("/")
			time.Sleep(timeout - 1)
			if got := k.ask("/"); got.reason() != "updating" || got.body != "edition 1" {
				k.Errorf("before %v: got %q, %q; want updating", timeout, got.body, got.cacheStatus())
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if got := k.ask("/"); got.reason() != "stale-while-revalidate" || got.body != "edition 1" {
				k.Errorf("after %v: got %q, %q; want it to be tried again soon", timeout, got.body, got.cacheStatus())
			}
			if got := k.cache.Stats().NotRefreshed; got["deadline"] != 1 {
				k.Errorf("after %v: got %v, want one for deadline", timeout, got)
			}
			k.wantRuns("so far", 2)
		}, swrHour, func(p *pagecache.Policy) { p.RefreshTimeout = timeout })
	}
}

// TestRefreshThatIgnoresItsDeadline is no success, whatever it brings: nobody can
// tell what else it did not finish. It is not tried again while it runs.
func TestRefreshThatIgnoresItsDeadline(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.take(40 * time.Second)
		for range 39 {
			k.ask("/")
			time.Sleep(time.Second)
		}
		k.wantRuns("while it runs", 2)
		time.Sleep(time.Second)
		synctest.Wait()
		k.want("when it has ended", k.ask("/"), 1, "hit; ttl=-40; detail=stale-while-revalidate")
		if s := k.cache.Stats(); s.NotRefreshed["deadline"] != 1 || s.Refreshed != 0 {
			k.Errorf("got %v, %d refreshed; want one for deadline", s.NotRefreshed, s.Refreshed)
		}
		k.wantRuns("left alone", 2)
	}, swrHour)
}

// TestPurgeDuringRefresh: what the refresh began before the purge is not stored,
// and nobody waits for it.
func TestPurgeDuringRefresh(t *testing.T) {
	for name, purge := range map[string]func(*pagecache.Cache, context.Context) error{
		"path": func(c *pagecache.Cache, ctx context.Context) error { return c.Purge(ctx, "/") },
		"tag":  func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeTags(ctx, "late") },
		"all":  func(c *pagecache.Cache, ctx context.Context) error { return c.PurgeAll(ctx) },
	} {
		inKiosk(t, func(k *kiosk) {
			k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				pagecache.FromContext(r.Context()).Tag("late")
				k.press.ServeHTTP(w, r)
			})))
			k.ask("/")
			time.Sleep(fresh)
			k.press.take(10 * time.Second)
			k.ask("/")
			time.Sleep(time.Second)
			if err := purge(k.cache, k.Context()); err != nil {
				k.Fatal(err)
			}
			k.press.take(time.Second)
			if got := k.ask("/"); got.body != "edition 3" || !got.stored() {
				k.Errorf("%s: got %q, %q; want a new page", name, got.body, got.cacheStatus())
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if got := k.ask("/"); got.body != "edition 3" || !got.hit() {
				k.Errorf("%s: got %q, %q after the refresh ended, want a hit on the new page", name, got.body, got.cacheStatus())
			}
			if s := k.cache.Stats(); s.NotRefreshed["invalidated"] != 1 || s.Refreshed != 0 {
				k.Errorf("%s: got %v and %d refreshed, want the refresh invalidated", name, s.NotRefreshed, s.Refreshed)
			}
		}, swrHour)
	}
}
