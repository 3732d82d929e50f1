package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// bareSite is a cache around one handler, without a router.
func bareSite(opts ...pagecache.Option) func(testing.TB) (*pagecache.Cache, http.Handler) {
	return func(t testing.TB) (*pagecache.Cache, http.Handler) {
		c := newCache(t)
		return c, c.Page(time.Hour, opts...)(http.HandlerFunc(tagged))
	}
}

// TestPurgeSpellings: a path that is escaped in another way is the same path,
// in the request and in the address.
func TestPurgeSpellings(t *testing.T) {
	requests := []string{"http://a.example/caf%C3%A9", "http://a.example/caf%c3%a9", "http://a.example/café", "http://a.example/%63af%C3%a9?q de"}
	others := []string{"http://a.example/cafe", "http://a.example/caf", "http://a.example/caf%25C3%25A9"}
	for _, spelling := range []string{"/caf%C3%A9", "/caf%c3%a9", "/café", "/%63%61f%C3%A9"} {
		purgeCase{"path " + spelling, "address", []string{spelling}, requests, others}.check(t, bareSite())
		purgeCase{"query " + spelling, "address", []string{spelling + "?q"}, requests[3:], append(others, requests[:3]...)}.check(t, bareSite())
		purgeCase{"URL " + spelling, "address", []string{"https://a.example" + spelling}, requests[:3], append(others, requests[3])}.check(t, bareSite())
	}
	for _, spelling := range []string{"/a%2Fb", "/a%2fb", "/a/b"} {
		purgeCase{spelling, "address", []string{spelling}, []string{"http://a.example/a%2Fb", "http://a.example/a/b", "http://a.example/a%2fb?q"}, []string{"http://a.example/a%252Fb"}}.check(t, bareSite())
	}
	// What is no escape stands for itself, as in http.Request.URL.Path.
	purgeCase{"per cent", "address", []string{"/100%"}, []string{"http://a.example/100%25"}, []string{"http://a.example/100"}}.check(t, bareSite())
}

// TestPurgeOfMountedPages: pages have the path that clients send and the one
// that the handler sees.
func TestPurgeOfMountedPages(t *testing.T) {
	mounted := func(t testing.TB) (*pagecache.Cache, http.Handler) {
		c := newCache(t)
		page := c.Page(time.Hour)(http.HandlerFunc(tagged))
		mux := http.NewServeMux()
		mux.Handle("/shop/", http.StripPrefix("/shop", page))
		mux.Handle("/", page)
		return c, mux
	}
	const mountedPage, bare = "http://a.example/shop/b%6Foks?q", "http://a.example/books?q"
	for _, tt := range []purgeCase{
		{"the client's path", "address", []string{"/shop/books"}, []string{mountedPage}, []string{bare}},
		{"the handler's path", "address", []string{"/books"}, []string{mountedPage, bare}, []string{"http://a.example/shop/x"}},
		{"the client's target", "address", []string{"/shop/books?q"}, []string{mountedPage}, []string{bare, "http://a.example/shop/books"}},
		{"the handler's target", "address", []string{"/books?q"}, []string{mountedPage, bare}, []string{"http://a.example/shop/books"}},
		{"the client's URL", "address", []string{"http://a.example/shop/books?q"}, []string{mountedPage}, []string{bare, "http://b.example/shop/books?q"}},
		{"the handler's URL", "address", []string{"http://a.example/books?q"}, []string{mountedPage, bare}, []string{"http://b.example/shop/books?q"}},
		{"the client's prefix", "prefix", []string{"/shop/"}, []string{mountedPage, "http://a.example/shop/"}, []string{bare}},
		{"the handler's prefix", "prefix", []string{"/x/"}, []string{"http://a.example/shop/x/y", "http://a.example/x/y"}, []string{mountedPage, bare}},
	} {
		tt.check(t, mounted)
	}
}

// TestPurgeOfRewrittenPages: middleware in front of the cache may change the
// path without a trace in the request line.
func TestPurgeOfRewrittenPages(t *testing.T) {
	rewritten := func(t testing.TB) (*pagecache.Cache, http.Handler) {
		c := newCache(t)
		page := c.Page(time.Hour)(http.HandlerFunc(tagged))
		return c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "/old/", "/new/", 1)
			page.ServeHTTP(w, r)
		})
	}
	for _, path := range []string{"/old/x", "/new/x"} {
		purgeCase{path, "address", []string{path}, []string{"http://a.example/old/x?q"}, []string{"http://a.example/old/y"}}.check(t, rewritten)
	}
}

// TestPurgeOfAbsoluteForm: a proxy may send the whole URL in the request line
// (RFC 9112 section 3.2.2). It is the same page for whoever purges it.
func TestPurgeOfAbsoluteForm(t *testing.T) {
	for _, tt := range []struct{ kind, name string }{
		{"address", "/books"}, {"address", "/books?page=2"}, {"address", "http://shop.example/books?page=2"}, {"prefix", "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, h := bareSite()(t)
			srv := serve(t, h)
			ask := func() reply {
				return raw(t, srv, "GET http://shop.example/books?page=2 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
			}
			ask()
			if got := ask(); !got.hit() {
				t.Fatalf("got %q, want it stored", got.cacheStatus())
			}
			if err := strikes[tt.kind][0](c, t.Context(), tt.name); err != nil {
				t.Fatal(err)
			}
			if got := ask(); got.hit() {
				t.Errorf("got %q, want the page gone", got.cacheStatus())
			}
		})
	}
}

// keyedSite has pages of the key given, on a router so that there are path
// values.
func keyedSite(parts ...pagecache.KeyPart) func(testing.TB) (*pagecache.Cache, http.Handler) {
	return func(t testing.TB) (*pagecache.Cache, http.Handler) {
		c := newCache(t)
		mux := http.NewServeMux()
		mux.Handle("/books/{id}/{rest...}", c.Page(time.Hour, pagecache.Key(parts...))(http.HandlerFunc(tagged)))
		mux.Handle("/", c.Page(time.Hour, pagecache.Key(parts...))(http.HandlerFunc(tagged)))
		return c, mux
	}
}

// TestPurgeOfKeysWithoutQuery: an address with a query may be of a page whose key
// leaves out that part of it. The whole path is purged then.
func TestPurgeOfKeysWithoutQuery(t *testing.T) {
	for _, key := range []struct {
		name string
		part pagecache.KeyPart
	}{
		{"Query", pagecache.Query("page")},
		{"IgnoreQuery", pagecache.IgnoreQuery("utm_source")},
		{"TrackingParams", pagecache.TrackingParams()},
		{"Path", pagecache.Path()},
	} {
		for _, address := range []string{"/list", "/list?page=2", "/list?page=2&utm_source=x", "/list?utm_source=y", "https://a.example/list?utm_source=y&page=2"} {
			purgeCase{key.name + " " + address, "address", []string{address}, []string{"http://a.example/list?page=2"}, []string{"http://a.example/lis?page=2"}}.check(t, keyedSite(key.part))
		}
	}
	purgeCase{"field", "address", []string{"/list?page=2"}, []string{"http://a.example/list?page=2"}, []string{"http://a.example/list?page=3"}}.check(t, keyedSite(pagecache.Header("X-Page")))
}

// TestPurgeOfKeysWithoutPath: where requests for several paths share a page,
// none of them is answered with what was purged by its own path, whichever of
// them filled it. The others keep it.
func TestPurgeOfKeysWithoutPath(t *testing.T) {
	keys := map[string]pagecache.KeyPart{"PathValue": pagecache.PathValue("id"), "KeyFunc": pagecache.KeyFunc(func(r *http.Request) string { return "all" })}
	for name, key := range keys {
		for _, tt := range []struct{ kind, name string }{
			{"address", "/books/1/b"},
			{"address", "/books/1/%62"},
			{"address", "/books/1/b?x"},
			{"address", "http://a.example/books/1/b?y"},
			{"prefix", "/books/1/b/"},
		} {
			for soft, how := range []string{"purge", "expire"} {
				t.Run(name+", "+tt.name+", "+how, func(t *testing.T) {
					sparing(t, func() []string { return purgeOfSharedPage(t, key, strikes[tt.kind][soft], tt.name) })
				})
			}
		}
	}
}

// purgeOfSharedPage fills a page by one path and asks for it by another.
func purgeOfSharedPage(t *testing.T, key pagecache.KeyPart, purge strike, name string) (lost []string) {
	c, h := keyedSite(key)(t)
	const filledBy = "http://a.example/books/1/a"
	asked := "http://a.example/books/1/b"
	if strings.HasSuffix(name, "/b/") {
		asked += "/c"
	}
	fill(t, h, filledBy, asked) // the second is a hit already
	if s := c.Stats(); s.Misses != 1 {
		t.Fatalf("got %d misses, want one page for both paths", s.Misses)
	}
	if err := purge(c, t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if got := call(h, sent(filledBy)); !got.hit() {
		lost = append(lost, filledBy)
	}
	if got := call(h, sent(asked)); got.hit() {
		t.Errorf("got %q (%q) for the path that was purged, want it made anew", got.cacheStatus(), got.body)
	}
	if got := call(h, sent(asked)); !got.hit() || got.body != "/books/1/"+strings.TrimPrefix(asked, "http://a.example/books/1/") {
		t.Errorf("got %q (%q) after that, want a hit on the new page", got.cacheStatus(), got.body)
	}
	return lost
}

// TestPurgeOfSharedPageByItsFiller: the path that filled the page counts for
// requests of all paths, and so do the tags.
func TestPurgeOfSharedPageByItsFiller(t *testing.T) {
	for _, tt := range []struct{ kind, name string }{{"address", "/a"}, {"tag", "title:/a"}, {"tag", "key:/a"}, {"all", ""}} {
		c, h := bareSite(pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "all" })))(t)
		fill(t, h, "http://a.example/a", "http://a.example/b")
		if err := strikes[tt.kind][0](c, t.Context(), tt.name); err != nil {
			t.Fatal(err)
		}
		if got := call(h, sent("http://a.example/b")); got.hit() {
			t.Errorf("%s %s: got %q, want the page gone", tt.kind, tt.name, got.cacheStatus())
		}
	}
}

// TestPurgeOfSharedStalePage: the same where the page is not fresh any more. What
// was purged by the path of the request is not served stale, and what was expired
// by it is, no longer than its window.
func TestPurgeOfSharedStalePage(t *testing.T) {
	const ends, window = time.Hour, 10 * time.Minute
	for _, tt := range []struct {
		name          string
		strike, asked time.Duration // when
		soft          int
		path          string
		want          string // in Cache-Status of /b
	}{
		{"purged while fresh, asked when stale", time.Minute, ends + time.Minute, 0, "/b", "fwd=uri-miss; stored; ttl=3600"},
		{"purged when stale", ends + time.Second, ends + time.Minute, 0, "/b", "fwd=uri-miss; stored; ttl=3600"},
		{"expired while fresh", time.Minute, 2 * time.Minute, 1, "/b", "hit; ttl=-60; detail=stale-while-revalidate"},
		{"expired by the path that filled it", time.Minute, 2 * time.Minute, 1, "/a", "hit; ttl=-60; detail=stale-while-revalidate"},
		{"expired long ago", time.Minute, time.Minute + window, 1, "/b", "fwd=stale; stored; ttl=3600"},
		{"expired long ago, stale by itself too", ends - 5*time.Minute, ends + 5*time.Minute, 1, "/b", "fwd=stale; stored; ttl=3600"},
		{"expired when stale", ends + time.Minute, ends + 2*time.Minute, 1, "/b", "hit; ttl=-120; detail=stale-while-revalidate"},
		{"expired when stale, at its end", ends + time.Minute, ends + window, 1, "/b", "fwd="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t)
				all := pagecache.KeyFunc(func(*http.Request) string { return "all" })
				mux := http.NewServeMux()
				mux.Handle("/", c.Page(ends, pagecache.Key(all), pagecache.StaleWhileRevalidate(window))(text("page")))
				call(mux, page("/a"))
				time.Sleep(tt.strike)
				if err := strikes["address"][tt.soft](c, t.Context(), tt.path); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.asked - tt.strike)
				if got := call(mux, page("/b")); !strings.HasPrefix(strings.TrimPrefix(got.cacheStatus(), "pagecache; "), tt.want) {
					t.Errorf("got %q, want %q", got.cacheStatus(), tt.want)
				}
				synctest.Wait()
			})
		})
	}
}
