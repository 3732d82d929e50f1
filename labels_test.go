package pagecache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// patternLog is middleware that notes the route pattern a logger outside the
// cache would see.
type patternLog struct{ seen []string }

func (l *patternLog) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		l.seen = append(l.seen, r.Pattern)
	})
}

// mounts are the places where a cache can stand. Each serves /api/books/312.
var mounts = map[string]func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler{
	"chi With": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(log)
		r.With(cache).Get("/api/books/{id}", h.ServeHTTP)
		return r
	},
	"chi Use": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(log, cache)
		r.Get("/api/books/{id}", h.ServeHTTP)
		return r
	},
	"chi Route": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(log)
		r.Route("/api", func(r chi.Router) {
			r.Use(cache)
			r.Get("/books/{id}", h.ServeHTTP)
		})
		return r
	},
	"chi Mount": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		r, sub := chi.NewRouter(), chi.NewRouter()
		r.Use(log)
		sub.With(cache).Get("/books/{id}", h.ServeHTTP)
		r.Mount("/api", sub)
		return r
	},
	"ServeMux inside": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /api/books/{id}", h)
		return log(cache(mux))
	},
	"ServeMux outside": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /api/books/{id}", cache(h))
		return log(mux)
	},
	"between two ServeMuxes": func(cache, log func(http.Handler) http.Handler, h http.Handler) http.Handler {
		outer, inner := http.NewServeMux(), http.NewServeMux()
		inner.Handle("GET /api/books/{id}", h)
		outer.Handle("/api/", cache(inner))
		return log(outer)
	},
}

// TestRouteLabels: misses, hits, collapsed requests and those that go past the
// cache are filed under the same route, and a logger outside sees one pattern.
func TestRouteLabels(t *testing.T) {
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			var log eventLog
			var patterns patternLog
			var o oracle
			c := newCache(t, pagecache.WithObserver(&log))
			h := mount(c.Page(time.Minute), patterns.wrap, &o)
			for _, r := range []*http.Request{
				page("/api/books/312"), page("/api/books/312"), page("/api/books/321"), page("/api/books/312", "Cookie", "a=b"),
				page("/api/books/312", "If-None-Match", "*"),
			} {
				call(h, r)
			}
			const route = "/api/books/{id}"
			for i, e := range log.of(pagecache.KindRequest) {
				if e.Route != route {
					t.Errorf("request %d, a %v: got route %q, want %q", i, e.Result, e.Route, route)
				}
				if got := strings.TrimPrefix(patterns.seen[i], "GET "); got != route {
					t.Errorf("request %d, a %v: a logger outside saw %q, want %q", i, e.Result, patterns.seen[i], route)
				}
			}
			want := []pagecache.RouteStats{{Route: route, Hits: 2, Misses: 2, Passes: 1}}
			if got := c.Stats().Routes; !slices.Equal(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestCollapsedPattern: who is answered by another's run sees its pattern too.
func TestCollapsedPattern(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("GET /books/{id}", worker(time.Second))
		h := newCache(t).Page(time.Minute)(mux)
		requests := []*http.Request{page("/books/312"), page("/books/312")}
		crowd(h, 2, func(i int) *http.Request { return requests[i] })
		for _, r := range requests {
			if r.Pattern != "GET /books/{id}" {
				t.Errorf("got pattern %q, want GET /books/{id}", r.Pattern)
			}
		}
	})
}

// TestRouteLimit: 256 routes are told apart, whoever invents more.
func TestRouteLimit(t *testing.T) {
	c := newCache(t)
	mux := http.NewServeMux()
	for i := range 300 {
		mux.Handle(fmt.Sprintf("GET /r%d/{x}", i), c.PageFunc(time.Minute, response(200)))
	}
	for i := range 300 {
		for range 2 {
			call(mux, page(fmt.Sprintf("/r%d/x", i)))
		}
	}
	s := c.Stats()
	other := s.Routes[len(s.Routes)-1]
	if len(s.Routes) != 257 || other.Route != "other" || other.Misses != 44 || other.Hits != 44 {
		t.Errorf("got %d routes, the last %+v; want 256 and other with 44 of each", len(s.Routes), other)
	}
	if s.Hits != 300 || s.Misses != 300 || s.Requests != 600 {
		t.Errorf("got %d hits, %d misses of %d requests; want 300, 300, 600", s.Hits, s.Misses, s.Requests)
	}
	if first := s.Routes[0]; first.Route != "/r0/{x}" {
		t.Errorf("got %q first, want the first one asked for", first.Route)
	}
}

// TestCookieWarning: a route of which cookies keep nine requests in ten out of
// the cache is reported once, after a hundred of them, by the cookies' names.
func TestCookieWarning(t *testing.T) {
	for name, tt := range map[string]struct {
		before *http.Request
		warns  int
	}{
		"every request":                   {nil, 1},
		"one without a cookie, a miss":    {page("/books"), 1},
		"one past for another reason":     {page("/books", "Authorization", "x"), 1},
		"one of another method":           {httptest.NewRequest("POST", "/books", nil), 1},
		"one with a harmless cookie":      {page("/books", "Cookie", "_ga=1"), 1},
		"one of another route, and a hit": {page("/authors"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log eventLog
			c := newCache(t, pagecache.WithObserver(&log), pagecache.WithLogger(silence))
			mux := http.NewServeMux()
			mux.Handle("/books", c.PageFunc(time.Minute, response(200)))
			mux.Handle("/authors", c.PageFunc(time.Minute, response(200)))
			if tt.before != nil {
				call(mux, tt.before)
			}
			for range 99 {
				call(mux, page("/books", "Cookie", "_ga=1; session=x; lang=de; session=y"))
			}
			if got := log.warnings(); len(got) != 0 {
				t.Errorf("after 99: got %q, want nothing", got)
			}
			for range 200 {
				call(mux, page("/books", "Cookie", "_ga=1; session=x; lang=de; session=y"))
			}
			got := log.warnings()
			if len(got) != tt.warns {
				t.Fatalf("got warnings %q, want %d", got, tt.warns)
			}
			if tt.warns > 0 && (!strings.Contains(got[0], `"/books"`) || !strings.Contains(got[0], "(session, lang)")) {
				t.Errorf("got %q, want the route and its cookies named", got[0])
			}
		})
	}
}
