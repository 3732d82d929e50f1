package pagecache_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// sent is the request that a client sends for a URL. What follows a blank is the
// language that it asks for.
func sent(address string) *http.Request {
	scheme, rest, _ := strings.Cut(address, "://")
	rest, language, _ := strings.Cut(rest, " ")
	slash := strings.IndexByte(rest, '/')
	r := page(rest[slash:])
	r.Host = rest[:slash]
	if scheme == "https" {
		r.TLS = new(tls.ConnectionState)
	}
	if language != "" {
		r.Header.Set("Accept-Language", language)
	}
	return r
}

// strike is a method of Cache that invalidates by names.
type strike func(c *pagecache.Cache, ctx context.Context, names ...string) error

// strikes are the hard and the soft method of each kind.
var strikes = map[string][2]strike{
	"address": {(*pagecache.Cache).Purge, (*pagecache.Cache).Expire},
	"tag":     {(*pagecache.Cache).PurgeTags, (*pagecache.Cache).ExpireTags},
	"prefix":  {(*pagecache.Cache).PurgePrefix, (*pagecache.Cache).ExpirePrefix},
	"route":   {(*pagecache.Cache).PurgeRoute, (*pagecache.Cache).ExpireRoute},
	"all": {
		func(c *pagecache.Cache, ctx context.Context, _ ...string) error { return c.PurgeAll(ctx) },
		func(c *pagecache.Cache, ctx context.Context, _ ...string) error { return c.ExpireAll(ctx) },
	},
}

// purgeCase is one purge with the pages that it is about and others.
type purgeCase struct {
	name       string
	kind       string
	names      []string
	gone, kept []string // URLs, see sent
}

// sparing runs a case that must not lose the pages it tells of. Tags share
// places in a table, so that a page is lost to a neighbour once in some ten
// thousand purges; it is not three times in a row.
func sparing(t *testing.T, try func() (lost []string)) {
	t.Helper()
	var lost []string
	for range 3 {
		if lost = try(); len(lost) == 0 {
			return
		}
	}
	t.Errorf("lost %q too", lost)
}

// check runs the cases hard and soft, each in a cache of its own.
func (tt purgeCase) check(t *testing.T, site func(testing.TB) (*pagecache.Cache, http.Handler)) {
	for soft, how := range []string{"purge", "expire"} {
		t.Run(tt.name+", "+how, func(t *testing.T) {
			sparing(t, func() []string {
				c, h := site(t)
				return tt.run(t, c, h, soft)
			})
		})
	}
}

func (tt purgeCase) run(t *testing.T, c *pagecache.Cache, h http.Handler, soft int) (lost []string) {
	t.Helper()
	fill(t, h, tt.gone...)
	fill(t, h, tt.kept...)
	if err := strikes[tt.kind][soft](c, t.Context(), tt.names...); err != nil {
		t.Fatal(err)
	}
	for _, url := range tt.kept {
		if !call(h, sent(url)).hit() {
			lost = append(lost, url)
		}
	}
	fwd := [][]string{{"uri-miss", "vary-miss"}, {"stale", "stale"}}[soft]
	for _, url := range tt.gone {
		got := call(h, sent(url))
		if s := got.cacheStatus(); !strings.Contains(s, "fwd="+fwd[0]+"; stored") && !strings.Contains(s, "fwd="+fwd[1]+"; stored") {
			t.Errorf("%s: got %q, want it filled anew, fwd=%s", url, s, fwd[0])
		}
		if got = call(h, sent(url)); !got.hit() {
			t.Errorf("%s: got %q once it was filled anew, want a hit", url, got.cacheStatus())
		}
	}
	return lost
}

// fill has the pages stored.
func fill(t *testing.T, h http.Handler, urls ...string) {
	t.Helper()
	for _, url := range urls {
		call(h, sent(url))
		if got := call(h, sent(url)); !got.hit() {
			t.Fatalf("%s: got %q, want it stored", url, got.cacheStatus())
		}
	}
}

// tagged is a page that has tags from everywhere, and variants.
func tagged(w http.ResponseWriter, r *http.Request) {
	pagecache.FromContext(r.Context()).Tag("title:"+r.URL.Path, "by-control")
	h := w.Header()
	h.Set("Vary", "Accept-Language")
	h.Set("Surrogate-Key", "key:"+r.URL.Path+"  shelf\tby-key")
	h.Set("Cache-Tag", "cdn:"+r.URL.Path+", by-cdn,,")
	_, _ = w.Write([]byte(r.URL.Path))
}

// bookshop is a site with a group of routes that have tags, and others.
func bookshop(t testing.TB) (*pagecache.Cache, http.Handler) {
	c := newCache(t)
	group := c.With(pagecache.Tags("by-group"))
	byRequest := pagecache.Tags("by-route",
		func(r *http.Request) string { return "id:" + r.PathValue("id") },
		func(r *http.Request) []string { return []string{"", "host:" + r.Host, "by-list"} })
	mux := http.NewServeMux()
	mux.Handle("GET /books/{id}", group.Page(time.Hour, byRequest)(http.HandlerFunc(tagged)))
	mux.Handle("GET /authors/{id}", group.Page(time.Hour)(http.HandlerFunc(tagged)))
	mux.Handle("a.example/hosted", c.Page(time.Hour)(http.HandlerFunc(tagged)))
	mux.Handle("/", c.Page(time.Hour)(http.HandlerFunc(tagged)))
	return c, mux
}

// TestPurge: every kind purges what it says, in all its forms, and nothing else.
func TestPurge(t *testing.T) {
	for _, tt := range []purgeCase{
		{"path", "address", []string{"/books/312"},
			[]string{"http://a.example/books/312", "http://a.example/books/312 de", "https://a.example/books/312", "http://b.example:8080/books/312",
				"http://a.example/books/312?page=2", "http://a.example/books/312?", "https://b.example/books/312?page=2&x=%2F de"},
			[]string{"http://a.example/books/3120", "http://a.example/books/31", "http://a.example/books/312/", "http://a.example/books",
				"http://a.example/", "http://a.example/?/books/312", "http://a.example/books/312/reviews", "http://a.example/Books/312"}},
		{"root", "address", []string{"/"},
			[]string{"http://a.example/", "https://b.example/?q=x"},
			[]string{"http://a.example/books", "http://a.example/x/"}},
		{"several paths", "address", []string{"/a", "/b", "/c/d"},
			[]string{"http://a.example/a", "http://a.example/b?x", "http://a.example/c/d"},
			[]string{"http://a.example/c", "http://a.example/d"}},
		{"question mark in the path", "address", []string{"/a%3Fb"},
			[]string{"http://a.example/a%3Fb", "http://a.example/a%3fb?c"},
			[]string{"http://a.example/a?b", "http://a.example/a"}},
		{"fragment does not count", "address", []string{"/a#b"},
			[]string{"http://a.example/a", "http://a.example/a?q"},
			[]string{"http://a.example/b"}},
		{"path with a query", "address", []string{"/books?page=2"},
			[]string{"http://a.example/books?page=2", "http://a.example/books?page=2 de", "https://b.example/books?page=2"},
			[]string{"http://a.example/books", "http://a.example/books?page=20", "http://a.example/books?page=2&x=1", "http://a.example/books/?page=2", "http://a.example/?page=2"}},
		{"path with an empty query", "address", []string{"/books?"},
			[]string{"http://a.example/books", "http://a.example/books?"},
			[]string{"http://a.example/books?x"}},
		{"path beside a path with a query", "address", []string{"/a", "/books?page=2"},
			[]string{"http://a.example/a?x", "http://a.example/books?page=2"},
			[]string{"http://a.example/books", "http://a.example/books?page=3"}},
		{"path with a query beside a path", "address", []string{"/books?page=2", "/a"},
			[]string{"http://a.example/a?x", "http://a.example/books?page=2"},
			[]string{"http://a.example/books", "http://a.example/books?page=3"}},
		{"URL", "address", []string{"https://a.example/books?page=2"},
			[]string{"https://a.example/books?page=2", "http://a.example/books?page=2", "http://A.Example/books?page=2 de"},
			[]string{"https://b.example/books?page=2", "https://a.example:8443/books?page=2", "https://a.example/books", "https://a.example/books?page=3", "http://x.a.example/books?page=2"}},
		{"URL without a query", "address", []string{"http://a.example/books"},
			[]string{"http://a.example/books", "https://a.example/books"},
			[]string{"http://a.example/books?page=2", "http://b.example/books"}},
		{"URL in capitals with a port and a fragment", "address", []string{"HTTP://A.Example:8080/books?page=2#top"},
			[]string{"http://a.example:8080/books?page=2", "https://a.EXAMPLE:8080/books?page=2"},
			[]string{"http://a.example/books?page=2"}},
		{"URL without a path", "address", []string{"https://a.example"},
			[]string{"http://a.example/"},
			[]string{"http://b.example/", "http://a.example/?q=1"}},
		{"URL of a query alone", "address", []string{"https://a.example?q=/1"},
			[]string{"http://a.example/?q=/1"},
			[]string{"http://a.example/", "http://b.example/?q=/1", "http://a.example/1"}},
		{"several URLs beside a path", "address", []string{"http://a.example/a", "/p", "http://b.example/b?x"},
			[]string{"http://a.example/a", "http://b.example/b?x", "http://c.example/p?q"},
			[]string{"http://b.example/a", "http://a.example/b?x"}},
		{"everything", "all", nil,
			[]string{"http://a.example/", "https://b.example/books/312?page=2 de", "http://a.example/books/312", "http://a.example/hosted"}, nil},
	} {
		tt.check(t, bookshop)
	}
}

// TestPurgeByTag: tags of every source, and no tag is taken for another kind of
// name.
func TestPurgeByTag(t *testing.T) {
	const book, other, author, outside = "http://a.example/books/312", "http://b.example/books/313", "http://a.example/authors/312", "http://a.example/x"
	for _, tt := range []purgeCase{
		{"group", "tag", []string{"by-group"}, []string{book, book + " de", other, author}, []string{outside}},
		{"route", "tag", []string{"by-route"}, []string{book, book + "?x", other}, []string{author, outside}},
		{"function", "tag", []string{"id:312"}, []string{book, book + " de", book + "?x"}, []string{other, author, outside}},
		{"function of several", "tag", []string{"host:a.example"}, []string{book}, []string{other, author, outside}},
		{"the last of several", "tag", []string{"by-list"}, []string{book, other}, []string{author, outside}},
		{"Control", "tag", []string{"title:/books/312"}, []string{book, book + " de"}, []string{other, author, outside}},
		{"the last of Control", "tag", []string{"by-control"}, []string{book, other, author, outside}, nil},
		{"Surrogate-Key", "tag", []string{"key:/x"}, []string{outside, outside + "?q de"}, []string{book, author}},
		{"the last of Surrogate-Key", "tag", []string{"by-key"}, []string{book, outside}, nil},
		{"Cache-Tag", "tag", []string{"cdn:/x"}, []string{outside}, []string{book, author}},
		{"the last of Cache-Tag", "tag", []string{"by-cdn"}, []string{book, outside}, nil},
		{"several", "tag", []string{"id:313", "none", "cdn:/x"}, []string{other, outside}, []string{book, author}},
		{"of no page", "tag", []string{"none", "by-rout", "by-route2", "BY-ROUTE"}, nil, []string{book, author, outside}},
		{"that looks like a path", "tag", []string{"/books/312", "/x", "/"}, nil, []string{book, author, outside}},
		{"that looks like a route", "tag", []string{"/books/{id}"}, nil, []string{book, author, outside}},
		{"path that looks like a tag", "address", []string{"/by-group", "/id:312"}, nil, []string{book, author, outside}},
	} {
		tt.check(t, bookshop)
	}
}

// TestPurgeSharedWithDerivedCaches: one cache and all that are derived from it
// purge the same pages, in both directions.
func TestPurgeSharedWithDerivedCaches(t *testing.T) {
	c := newCache(t)
	a, b := c.With(pagecache.Tags("a")), c.With(pagecache.Version("2")).With(pagecache.Tags("b"))
	ha, hb := a.Page(time.Hour)(http.HandlerFunc(tagged)), b.Page(time.Hour)(http.HandlerFunc(tagged))
	const url = "http://a.example/p"
	for name, purge := range map[string]func() error{
		"path by the other":       func() error { return b.Purge(t.Context(), "/p") },
		"tag by the other":        func() error { return b.PurgeTags(t.Context(), "a", "b") },
		"prefix by the first":     func() error { return c.PurgePrefix(t.Context(), "/") },
		"everything by the other": func() error { return a.PurgeAll(t.Context()) },
	} {
		fill(t, ha, url)
		fill(t, hb, url)
		if err := purge(); err != nil {
			t.Fatal(err)
		}
		if got := call(ha, sent(url)); got.hit() {
			t.Errorf("%s: got %q from one cache, want the page gone", name, got.cacheStatus())
		}
		if got := call(hb, sent(url)); got.hit() {
			t.Errorf("%s: got %q from the other cache, want the page gone", name, got.cacheStatus())
		}
	}
}

// TestPurgeCanceled: in process a purge waits for nothing, so the end of its
// context does not matter.
func TestPurgeCanceled(t *testing.T) {
	c, h := bookshop(t)
	fill(t, h, "http://a.example/p")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Purge(ctx, "/p"); err != nil {
		t.Fatal(err)
	}
	if got := call(h, sent("http://a.example/p")); got.hit() {
		t.Errorf("got %q, want the page gone", got.cacheStatus())
	}
}
