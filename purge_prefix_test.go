package pagecache_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// deep is a path of n directories.
func deep(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "/%d", i)
	}
	return b.String() + "/"
}

// TestPurgePrefix: what is below a directory goes, at the bounds of its segments.
func TestPurgePrefix(t *testing.T) {
	const host = "http://a.example"
	for _, tt := range []purgeCase{
		{"directory", "prefix", []string{"/books/"},
			[]string{host + "/books/", host + "/books/312", host + "/books/312/reviews?page=2", "https://b.example/books/x de"},
			[]string{host + "/books", host + "/booksellers", host + "/booksellers/1", host + "/x/books/1", host + "/", host + "/?/books/"}},
		{"further down", "prefix", []string{"/books/312/"},
			[]string{host + "/books/312/", host + "/books/312/reviews/1"},
			[]string{host + "/books/312", host + "/books/313/reviews", host + "/books/", host + "/books/3"}},
		{"root", "prefix", []string{"/"},
			[]string{host + "/", host + "/books", host + "/books/312?q", "https://b.example/a/b/c de"}, nil},
		{"several", "prefix", []string{"/a/", "/b/c/"},
			[]string{host + "/a/x", host + "/b/c/x"},
			[]string{host + "/b/x", host + "/c/x"}},
		{"spelled otherwise", "prefix", []string{"/caf%c3%a9/"},
			[]string{host + "/caf%C3%A9/x", host + "/café/y", host + "/%63afé/"},
			[]string{host + "/café", host + "/cafe/x"}},
		{"escaped slash", "prefix", []string{"/a%2Fb/"},
			[]string{host + "/a/b/c", host + "/a%2fb/c"},
			[]string{host + "/a/bc"}},
		{"in a query", "prefix", []string{"/x/"}, nil, []string{host + "/y?/x/", host + "/y/?p=/x/"}},
		{"like a path and a tag", "prefix", []string{"/by-control/"}, nil, []string{host + "/by-control", host + "/x"}},
		{"deepest", "prefix", []string{deep(15)},
			[]string{host + deep(15), host + deep(16), host + deep(17), host + deep(40) + "x?q"},
			[]string{host + deep(14), host + deep(14) + "x/y"}},
		{"high above deep paths", "prefix", []string{"/0/"},
			[]string{host + deep(15) + "x", host + deep(16) + "x", host + deep(60)},
			[]string{host + "/1" + deep(16)}},
	} {
		tt.check(t, bareSite())
	}
}

// TestPurgeRoute: by the pattern as it was registered, with its method or
// without.
func TestPurgeRoute(t *testing.T) {
	const host = "http://a.example"
	books := []string{host + "/books/312", host + "/books/313?x de", "https://b.example/books/312"}
	others := []string{host + "/authors/312", host + "/x", host + "/books/", host + "/hosted"}
	for _, pattern := range []string{"/books/{id}", "GET /books/{id}", "POST  /books/{id}"} {
		purgeCase{pattern, "route", []string{pattern}, books, others}.check(t, bookshop)
	}
	purgeCase{"with a host", "route", []string{"a.example/hosted"}, []string{host + "/hosted"}, []string{host + "/x"}}.check(t, bookshop)
	purgeCase{"several", "route", []string{"GET /authors/{id}", "/"}, []string{host + "/authors/1", host + "/x"}, books}.check(t, bookshop)
	purgeCase{"of no page", "route", []string{"/books/{name}", "/books/312", "/books/"}, nil, append(books, others...)}.check(t, bookshop)
}

// routers register the same two pages, /shop/books/{id} and /shop/about.
var routers = map[string]func(page func(http.Handler) http.Handler) http.Handler{
	"With": func(page func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		r.With(page).Get("/shop/books/{id}", tagged)
		r.With(page).Get("/shop/about", tagged)
		return r
	},
	"Use": func(page func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(page)
		r.Get("/shop/books/{id}", tagged)
		r.Get("/shop/about", tagged)
		return r
	},
	"Route": func(page func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Route("/shop", func(r chi.Router) {
			r.Use(page)
			r.Get("/books/{id}", tagged)
			r.Get("/about", tagged)
		})
		return r
	},
	"Mount": func(page func(http.Handler) http.Handler) http.Handler {
		sub := chi.NewRouter()
		sub.Get("/books/{id}", tagged)
		sub.Get("/about", tagged)
		r := chi.NewRouter()
		r.With(page).Mount("/shop", sub)
		return r
	},
	"ServeMux inside": func(page func(http.Handler) http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /shop/books/{id}", tagged)
		mux.HandleFunc("GET /shop/about", tagged)
		return page(mux)
	},
	"ServeMux outside": func(page func(http.Handler) http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /shop/books/{id}", page(http.HandlerFunc(tagged)))
		mux.Handle("GET /shop/about", page(http.HandlerFunc(tagged)))
		return mux
	},
}

// TestPurgeRouteOfRouters: the pattern is the whole one wherever the cache
// stands, and however much of it the router knew when the page was looked up.
func TestPurgeRouteOfRouters(t *testing.T) {
	for name, build := range routers {
		purgeCase{name, "route", []string{"/shop/books/{id}"},
			[]string{"http://a.example/shop/books/1", "http://a.example/shop/books/2?q de"}, []string{"http://a.example/shop/about"}}.
			check(t, func(t testing.TB) (*pagecache.Cache, http.Handler) {
				c := newCache(t)
				return c, build(c.Page(time.Hour))
			})
	}
}

// TestPurgeRouteAfterRefresh: a page that was made anew in the background has its
// pattern still, and all its other names.
func TestPurgeRouteAfterRefresh(t *testing.T) {
	for name, build := range routers {
		for kind, tag := range map[string]string{"route": "/shop/books/{id}", "address": "/shop/books/1?q", "prefix": "/shop/books/", "tag": "path:/shop/books/1"} {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t)
				byPath := pagecache.Tags(func(r *http.Request) string { return "path:" + r.URL.Path })
				h := build(c.Page(time.Hour, byPath, pagecache.StaleWhileRevalidate(time.Hour)))
				const url = "http://a.example/shop/books/1?q"
				fill(t, h, url)
				time.Sleep(90 * time.Minute)
				call(h, sent(url))
				synctest.Wait()
				if s := c.Stats(); s.Refreshed != 1 {
					t.Fatalf("%s: got %+v, want one refresh", name, s)
				}
				if err := strikes[kind][0](c, t.Context(), tag); err != nil {
					t.Fatal(err)
				}
				if got := call(h, sent(url)); got.hit() {
					t.Errorf("%s, %s: got %q, want the page gone", name, kind, got.cacheStatus())
				}
			})
		}
	}
}

// TestPurgeRouteOfMany: Stats tells only some routes apart; purging tells them
// all apart.
func TestPurgeRouteOfMany(t *testing.T) {
	c, mux := newCache(t), http.NewServeMux()
	const routes = 300
	for i := range routes {
		mux.Handle(fmt.Sprintf("GET /r%d/{id}", i), c.Page(time.Hour)(http.HandlerFunc(tagged)))
	}
	for i := range routes {
		fill(t, mux, fmt.Sprintf("http://a.example/r%d/1", i))
	}
	for i := range routes {
		if err := c.PurgeRoute(t.Context(), fmt.Sprintf("/r%d/{id}", i)); err != nil {
			t.Fatal(err)
		}
		if got := call(mux, sent(fmt.Sprintf("http://a.example/r%d/1", i))); got.hit() {
			t.Fatalf("route %d: got %q, want its page gone", i, got.cacheStatus())
		}
	}
}
