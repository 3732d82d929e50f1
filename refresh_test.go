package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// TestRefreshInBackground: wherever the cache stands around a router that it
// knows, who finds the page stale is answered at once.
func TestRefreshInBackground(t *testing.T) {
	for _, p := range placements {
		inKiosk(t, func(k *kiosk) {
			k.root = p.build(k.cache.Page(fresh), k.press)
			k.ask("/")
			time.Sleep(fresh)
			k.press.take(time.Second)
			began := time.Now()
			k.want(p.name, k.ask("/"), 1, "hit; ttl=0; detail=stale-while-revalidate")
			if took := time.Since(began); took != 0 {
				k.Errorf("%s: got an answer after %v, want it at once", p.name, took)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			k.want(p.name+", refreshed", k.ask("/"), 2, "hit; ttl=60")
			if warnings := k.log.warnings(); len(warnings) > 0 {
				k.Errorf("%s: got warnings %q", p.name, warnings)
			}
		}, swrMinute)
	}
}

// TestRefreshKeepsTheRoute: the background run finds what the router knew of its
// own request, although the router has reused its memory for others since.
func TestRefreshKeepsTheRoute(t *testing.T) {
	show := func(k *kiosk, id func(*http.Request) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			before := id(r)
			time.Sleep(time.Duration(k.press.takes.Load()))
			fmt.Fprintf(w, "%d %s %s %s", k.press.runs.Add(1), before, id(r), r.Pattern)
		}
	}
	pathValue := func(r *http.Request) string { return r.PathValue("id") }
	routers := map[string]func(*kiosk) http.Handler{
		"chi With": func(k *kiosk) http.Handler {
			r := chi.NewRouter()
			r.With(k.cache.Page(fresh)).Get("/books/{id}", show(k, func(r *http.Request) string { return chi.URLParam(r, "id") }))
			return r
		},
		"chi Use": func(k *kiosk) http.Handler {
			r := chi.NewRouter()
			r.Use(k.cache.Page(fresh))
			r.Get("/books/{id}", show(k, pathValue))
			return r
		},
		"chi Mount": func(k *kiosk) http.Handler {
			sub := chi.NewRouter()
			sub.Get("/{id}", show(k, func(r *http.Request) string { return chi.URLParamFromCtx(r.Context(), "id") }))
			r := chi.NewRouter()
			r.With(k.cache.Page(fresh)).Mount("/books", sub)
			return r
		},
		"ServeMux": func(k *kiosk) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /books/{id}", k.cache.Page(fresh)(show(k, pathValue)))
			return mux
		},
		"outside of a ServeMux": func(k *kiosk) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /books/{id}", show(k, pathValue))
			return k.cache.Page(fresh)(mux)
		},
	}
	for name, build := range routers {
		inKiosk(t, func(k *kiosk) {
			k.root = build(k)
			pattern := strings.TrimPrefix(call(k.root, page("/books/a")).body, "1 a a ")
			time.Sleep(fresh)
			k.press.take(time.Second)
			k.ask("/books/a")
			k.press.take(0)
			for i := range 20 {
				k.ask(fmt.Sprintf("/books/other%d", i))
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got, want := k.ask("/books/a").body, "22 a a "+pattern; got != want || !strings.HasSuffix(want, "{id}") {
				k.Errorf("%s: got %q, want %q", name, got, want)
			}
			for _, e := range k.log.of(pagecache.KindRefresh) {
				if e.Route != "/books/{id}" || e.Status != http.StatusOK || !e.Stored || e.Fwd != "stale" || e.Duration != time.Second {
					k.Errorf("%s: got the event %+v of the refresh", name, e)
				}
			}
		}, swrMinute)
	}
}

// TestRefreshContext: values are kept, the end of the request is not, and the
// run has a deadline of its own.
func TestRefreshContext(t *testing.T) {
	type key struct{}
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		var value any
		var deadline time.Duration
		var why, outcome string
		k.press.do(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			value = ctx.Value(key{})
			if at, ok := ctx.Deadline(); ok {
				deadline = time.Until(at)
			}
			why = pagecache.FromContext(ctx).Why()
			time.Sleep(time.Second)
			outcome = fmt.Sprint(ctx.Err())
			write(w, "edition 2")
		})
		ctx, cancel := context.WithTimeout(context.WithValue(k.Context(), key{}, "trace"), time.Millisecond)
		got := call(k.root, page("/").WithContext(ctx))
		cancel() // the server does so when the request is answered
		k.want("stale", got, 1, "hit; ttl=0; detail=stale-while-revalidate")
		time.Sleep(time.Second)
		synctest.Wait()
		if value != "trace" || deadline != 7*time.Second || why != "stale" || outcome != "<nil>" {
			k.Errorf("the handler saw value %v, a deadline in %v, Why %q, and the end %s; want trace, 7s, stale, <nil>", value, deadline, why, outcome)
		}
		k.want("refreshed", k.ask("/"), 2, "hit; ttl=60")
	}, swrMinute, func(p *pagecache.Policy) { p.RefreshTimeout = 7 * time.Second })
}

// TestRefreshSeesTheRequest that any client could have sent for the page: no
// ignored cookies, and only the key's fields in strict mode.
func TestRefreshSeesTheRequest(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		var seen http.Header
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = r.Header.Clone()
			k.press.ServeHTTP(w, r)
		})
		for name, tt := range map[string]struct {
			opt        pagecache.Option
			cookie, ua string
		}{
			"cookies": {pagecache.IgnoreCookies("theme"), "", "curl"},
			"keyed":   {pagecache.Key(pagecache.Cookie("lang")), "lang=de", "curl"},
			"strict":  {pagecache.Strict(), "", ""},
		} {
			k.root = muxed(k.cache.Page(fresh, tt.opt)(handler))
			fields := []string{"Cookie", "_ga=1; theme=dark", "User-Agent", "curl"}
			switch name {
			case "keyed":
				fields[1] = "_ga=1; lang=de"
			case "strict":
				fields[1] = "_ga=1"
			}
			k.ask("/"+name, fields...)
			time.Sleep(fresh)
			seen = nil
			k.ask("/"+name, fields...)
			if seen == nil || seen.Get("Cookie") != tt.cookie || seen.Get("User-Agent") != tt.ua {
				k.Errorf("%s: the handler saw %v, want Cookie %q, User-Agent %q", name, seen, tt.cookie, tt.ua)
			}
		}
	}, swrMinute)
}

// TestRefreshKeepsOuterFieldsLive: what middleware outside sets is its word on
// this response; the background run stores none of it.
func TestRefreshKeepsOuterFieldsLive(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		number := 0
		inner := muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("X-Both", "inner")
			w.Header().Del("X-Dropped")
			k.press.ServeHTTP(w, r)
		})))
		k.root = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			number++
			for _, name := range []string{"X-Outer", "X-Both", "X-Dropped"} {
				w.Header().Set(name, fmt.Sprint("outer ", number))
			}
			inner.ServeHTTP(w, r)
		})
		want := func(what string, edition int, status string) {
			got := k.ask("/")
			k.want(what, got, edition, status)
			outer := fmt.Sprint("outer ", number)
			if h := got.header; fmt.Sprint(h["X-Outer"], h["X-Both"], h["X-Dropped"]) != fmt.Sprint([]string{outer}, []string{outer, "inner"}, []string(nil)) {
				k.Errorf("%s: got %q, %q and %q, want %q", what, h["X-Outer"], h["X-Both"], h["X-Dropped"], outer)
			}
		}
		want("fill", 1, "fwd=uri-miss; stored; ttl=60")
		time.Sleep(fresh)
		want("stale", 1, "hit; ttl=0; detail=stale-while-revalidate")
		want("refreshed", 2, "hit; ttl=60")
		want("again", 2, "hit; ttl=60")
	}, swrMinute)
}

// TestStaleStampede: one run, however many find the page stale at once, and
// nobody waits.
func TestStaleStampede(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh)
		k.press.take(3 * time.Second)
		replies, took := crowd(k.root, 1000, sameHome)
		details := make(map[string]int)
		for i, got := range replies {
			details[got.reason()]++
			if got.body != "edition 1" || took[i] != 0 {
				k.Fatalf("got %q after %v, want the old page at once", got.body, took[i])
			}
		}
		if details["stale-while-revalidate"] != 1 || details["updating"] != 999 {
			k.Errorf("got details %v, want one stale-while-revalidate, the rest updating", details)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		k.wantRuns("in all", 2)
		k.want("afterwards", k.ask("/"), 2, "hit; ttl=60")
	}, swrMinute)
}

// TestMaxRefreshes: there are never more runs in the background; who finds no
// room is served the old page, and a later request has it made.
func TestMaxRefreshes(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		var mu sync.Mutex
		running, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			count(1)
			defer count(-1)
			k.press.ServeHTTP(w, r)
		})))
		targets := []string{"/a", "/b", "/c", "/d", "/e"}
		for _, target := range targets {
			k.ask(target)
		}
		time.Sleep(fresh)
		k.press.take(time.Second)
		for round, want := range []int{2, 2, 1, 0} {
			began := 0
			for _, target := range targets {
				if k.ask(target).reason() == "stale-while-revalidate" {
					began++
				}
			}
			if began != want {
				k.Errorf("round %d: got %d refreshes, want %d", round, began, want)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if most != 2 {
			k.Errorf("got %d runs at one time, want 2", most)
		}
		k.wantRuns("in all", 10)
	}, swrMinute, func(p *pagecache.Policy) { p.MaxRefreshes = 2 })
}
