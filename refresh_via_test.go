package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestForegroundRevalidation: nothing is known of what routes to the handler, so
// one request that finds the page stale makes it anew. Nobody else waits.
func TestForegroundRevalidation(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.root = k.cache.Page(fresh)(k.press)
		k.ask("/")
		for round := range 2 {
			time.Sleep(fresh)
			k.press.take(2 * time.Second)
			replies, took := crowd(k.root, 10, sameHome)
			ran := 0
			for i, got := range replies {
				if got.reason() == "" {
					ran++
					k.want("one", got, round+2, "fwd=stale; stored; ttl=60")
					if took[i] != 2*time.Second {
						k.Errorf("one: got an answer after %v, want 2s", took[i])
					}
					continue
				}
				k.want("the rest", got, round+1, "hit; ttl=0; detail=updating")
				if took[i] != 0 {
					k.Errorf("the rest: got an answer after %v, want it at once", took[i])
				}
			}
			if ran != 1 {
				k.Errorf("got %d requests that ran the handler, want 1", ran)
			}
			k.want("afterwards", k.ask("/"), round+2, "hit; ttl=60")
		}
		warnings := k.log.warnings()
		if len(warnings) != 1 || !strings.Contains(warnings[0], "RefreshVia(root)") {
			k.Errorf("got warnings %q, want one that names RefreshVia(root)", warnings)
		}
		if n := len(k.log.of(pagecache.KindRefresh)); n > 0 {
			k.Errorf("got %d events of refreshes that no client waits for, want none", n)
		}
	}, swrMinute)
}

// TestForegroundKindsOfRequests: the one that makes the page anew is answered as
// it asked to be, from the new page. HEAD makes nothing, and a range makes no
// page.
func TestForegroundKindsOfRequests(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		fields       []string
		status       int
		body, line   string
	}{
		{"old tag", http.MethodGet, []string{"If-None-Match", `"1"`}, http.StatusOK, "edition 2", "fwd=stale; stored; ttl=60"},
		{"new tag", http.MethodGet, []string{"If-None-Match", `"2"`}, http.StatusNotModified, "", "fwd=stale; stored; ttl=60"},
		{"HEAD", http.MethodHead, nil, http.StatusOK, "", "hit; ttl=0; detail=stale-while-revalidate"},
		{"range", http.MethodGet, []string{"Range", "bytes=0-6"}, http.StatusPartialContent, "edition", "hit; ttl=0; detail=stale-while-revalidate"},
	} {
		inKiosk(t, func(k *kiosk) {
			k.root = k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Etag", fmt.Sprintf("%q", fmt.Sprint(k.press.runs.Load()+1)))
				if r.Header["If-None-Match"] != nil || r.Header["Range"] != nil {
					k.Errorf("%s: the handler saw %v", tt.name, r.Header)
				}
				k.press.ServeHTTP(w, r)
			}))
			k.ask("/")
			time.Sleep(fresh)
			r := page("/", tt.fields...)
			r.Method = tt.method
			if got := call(k.root, r); got.status != tt.status || got.body != tt.body || got.cacheStatus() != "pagecache; "+tt.line {
				k.Errorf("%s: got %d %q, %q; want %d %q, %q", tt.name, got.status, got.body, got.cacheStatus(), tt.status, tt.body, tt.line)
			}
		}, swrMinute)
	}
}

// TestForegroundFailure: the old page is the best there is; the handler is left
// alone for a while.
func TestForegroundFailure(t *testing.T) {
	for name, failure := range breakdowns {
		inKiosk(t, func(k *kiosk) {
			k.root = k.cache.Page(fresh)(k.press)
			k.ask("/")
			time.Sleep(fresh + 3*time.Second)
			k.press.do(failure.do)
			got := k.ask("/")
			if got.body != "edition 1" || got.status != http.StatusOK || !strings.HasSuffix(got.cacheStatus(), "; ttl=-3; detail=stale-if-error") {
				k.Errorf("%s: got %d %q, %q; want the old page", name, got.status, got.body, got.cacheStatus())
			}
			time.Sleep(time.Second - 1)
			k.want(name+", left alone", k.ask("/"), 1, "hit; ttl=-3; detail=stale-while-revalidate")
			k.wantRuns(name, 2)
			k.press.print()
			time.Sleep(time.Nanosecond)
			k.want(name+", tried again", k.ask("/"), 3, "fwd=stale; stored; ttl=60")
		}, swrMinute)
	}
}

// TestAdapters wrap the handler for each request anew, so that a route that was
// made for one request must not run its handler after it.
func TestAdapters(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.root = muxed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			over := false // as a router would have it that reuses its context
			k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if over {
					k.Error("the handler ran after its request was answered")
				}
				k.press.ServeHTTP(w, r)
			})).ServeHTTP(w, r)
			over = true
		}))
		for i := range 5 {
			line := "fwd=stale; stored; ttl=60"
			if i == 0 {
				line = "fwd=uri-miss; stored; ttl=60"
			}
			k.want(fmt.Sprint("round ", i), k.ask("/"), i+1, line)
			k.want(fmt.Sprint("round ", i, ", next"), k.ask("/"), i+1, "hit; ttl=60")
			time.Sleep(fresh)
		}
		if s := k.cache.Stats(); s.Refreshed != 0 || len(k.log.warnings()) > 0 {
			k.Errorf("got %d refreshes and warnings %q, want none", s.Refreshed, k.log.warnings())
		}
	}, swrMinute)
}

// anteroom is the handler that the server serves, given to the cache before
// there is one: a router that is none of those known, behind a middleware.
type anteroom struct{ http.Handler }

// inAnteroom is inKiosk with RefreshVia and with outer in front of the cache.
func inAnteroom(t *testing.T, outer func(http.Handler) http.Handler, test func(*kiosk), opts ...pagecache.Option) {
	t.Helper()
	root := new(anteroom)
	inKiosk(t, func(k *kiosk) {
		root.Handler = outer(k.cache.Page(fresh)(k.press))
		k.root = root
		test(k)
	}, append(opts, pagecache.RefreshVia(root))...)
}

type clientKey struct{}

// askAsClient asks as a server does, with something in the context that a
// request without a client lacks.
func (k *kiosk) askAsClient(target string, fields ...string) reply {
	r := page(target, fields...)
	got := call(k.root, r.WithContext(context.WithValue(r.Context(), clientKey{}, "connection")))
	synctest.Wait()
	return got
}

// TestRefreshVia: what stands in front sees the request that found the page
// stale once more, without its conditions and with a context of its own. What it
// sets in front of the page is not stored.
func TestRefreshVia(t *testing.T) {
	var seen []*http.Request
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r)
			w.Header().Set("X-Request", fmt.Sprint(len(seen)))
			next.ServeHTTP(w, r)
		})
	}
	inAnteroom(t, outer, func(k *kiosk) {
		const target = "https://shop.example/b%C3%BCcher?b=2&a=1"
		fields := []string{"Accept", "text/html", "Cookie", "_ga=1"}
		k.askAsClient(target, fields...)
		time.Sleep(fresh)
		k.press.take(time.Second)
		got := k.askAsClient(target, append(fields, "Range", "bytes=0-6", "If-None-Match", `"x"`, "If-Modified-Since", "x")...)
		if got.status != http.StatusPartialContent || got.body != "edition" || got.reason() != "stale-while-revalidate" || got.header.Get("X-Request") != "2" {
			k.Errorf("got %d %q of request %s, %q; want a part of the stale page", got.status, got.body, got.header.Get("X-Request"), got.cacheStatus())
		}
		if len(seen) != 3 {
			k.Fatalf("got %d requests in front of the cache, want 3", len(seen))
		}
		first, again := seen[0], seen[2]
		for what, pair := range map[string][2]any{
			"method": {again.Method, "GET"}, "host": {again.Host, "shop.example"}, "target": {again.RequestURI, first.RequestURI}, "URL": {again.URL.String(), first.URL.String()},
			"path": {again.URL.Path, "/bücher"}, "protocol": {again.Proto, first.Proto}, "client": {again.RemoteAddr, first.RemoteAddr}, "TLS": {again.TLS != nil, true},
			"fields": {fmt.Sprint(again.Header), fmt.Sprint(first.Header)}, "value of the context": {again.Context().Value(clientKey{}), nil},
		} {
			if pair[0] != pair[1] {
				k.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
			}
		}
		if at, ok := again.Context().Deadline(); !ok || time.Until(at) != 30*time.Second {
			k.Errorf("got the deadline %v, want one in 30s", at)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		got = k.askAsClient(target, fields...)
		k.want("refreshed", got, 2, "hit; ttl=60")
		if n := got.header.Get("X-Request"); n != "4" {
			k.Errorf("got X-Request %q on the new page, want that of this request", n)
		}
	}, swrMinute)
}

// TestRefreshViaUnreadableTarget: a request that cannot be sent anew makes the
// page itself.
func TestRefreshViaUnreadableTarget(t *testing.T) {
	inAnteroom(t, func(h http.Handler) http.Handler { return h }, func(k *kiosk) {
		odd := func() *http.Request {
			r := page("/")
			r.RequestURI = "/%zz"
			return r
		}
		k.want("fill", call(k.root, odd()), 1, "fwd=uri-miss; stored; ttl=60")
		time.Sleep(fresh)
		k.want("stale", call(k.root, odd()), 2, "fwd=stale; stored; ttl=60")
	}, swrMinute)
}

// TestRefreshViaInVain: what stands in front does not let the request through, or
// makes another page of it. The old page is served on, somebody is told once, and
// it is tried again as after a failure.
func TestRefreshViaInVain(t *testing.T) {
	for name, tt := range map[string]struct {
		instead func(w http.ResponseWriter, r *http.Request, next http.Handler)
		warning string
		timeout time.Duration
	}{
		"another key": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Host = "other.example"
			next.ServeHTTP(w, r)
		}, "with another key", 0},
		"turned away": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusForbidden) }, "did not come to a handler", 0},
		"panic":       {func(http.ResponseWriter, *http.Request, http.Handler) { panic("who are you?") }, "did not come to a handler", 0},
		"hang":        {func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }, "did not come to a handler", time.Second},
	} {
		tries := 0
		outer := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Context().Value(clientKey{}) != nil {
					next.ServeHTTP(w, r)
					return
				}
				tries++
				tt.instead(w, r, next)
			})
		}
		inAnteroom(t, outer, func(k *kiosk) {
			k.askAsClient("/")
			time.Sleep(fresh)
			for _, want := range []struct {
				after time.Duration
				tries int
			}{{0, 1}, {tt.timeout, 1}, {time.Second - 1, 1}, {1, 2}, {tt.timeout, 2}, {2*time.Second - 1, 2}, {1, 3}} {
				time.Sleep(want.after)
				synctest.Wait()
				if got := k.askAsClient("/"); got.body != "edition 1" || !got.hit() {
					k.Errorf("%s: got %q, %q; want the old page", name, got.body, got.cacheStatus())
				}
				if tries != want.tries {
					k.Errorf("%s: got %d tries, want %d", name, tries, want.tries)
				}
			}
			if warnings := k.log.warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], tt.warning) {
				k.Errorf("%s: got warnings %q, want one about %q", name, warnings, tt.warning)
			}
			k.wantRuns(name, 1)
			time.Sleep(fresh)
			k.want(name+", after the window", k.askAsClient("/"), 2, "fwd=uri-miss; stored; ttl=60")
		}, swrMinute, func(p *pagecache.Policy) { p.RefreshTimeout = max(tt.timeout, time.Millisecond) })
	}
}
