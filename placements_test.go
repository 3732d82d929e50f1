package pagecache_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

type middleware = func(http.Handler) http.Handler

// placements are the places in a program where a cache may stand. What is safe
// in one must be safe in all.
var placements = []struct {
	name  string
	build func(cache middleware, h http.Handler) http.Handler
}{
	{"chi Use", func(cache middleware, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(cache)
		r.Handle("/*", h)
		return r
	}},
	{"chi With", func(cache middleware, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.With(cache).Handle("/*", h)
		return r
	}},
	{"chi Route", func(cache middleware, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Route("/", func(r chi.Router) {
			r.Use(cache)
			r.Handle("/*", h)
		})
		return r
	}},
	{"chi Mount", func(cache middleware, h http.Handler) http.Handler {
		sub := chi.NewRouter()
		sub.With(cache).Handle("/*", h)
		r := chi.NewRouter()
		r.Mount("/", sub)
		return r
	}},
	{"ServeMux outside", func(cache middleware, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", h)
		return cache(mux)
	}},
	{"ServeMux inside", func(cache middleware, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", cache(h))
		return mux
	}},
}

// everywhere runs a test on a server for each placement of a cache around h.
func everywhere(t *testing.T, h http.Handler, test func(*testing.T, *httptest.Server), opts ...pagecache.Option) {
	t.Helper()
	for _, p := range placements {
		t.Run(p.name, func(t *testing.T) {
			test(t, serve(t, p.build(newCache(t, opts...).Page(time.Minute), h)))
		})
	}
}

// backends are the two kinds of places where pages are kept.
var backends = []struct {
	name string
	with func() []pagecache.Option
}{
	{"Memory", func() []pagecache.Option { return nil }},
	{"Store", func() []pagecache.Option {
		return []pagecache.Option{pagecache.WithStore(storetest.NewMap())}
	}},
}

// site is a server with an oracle behind a cache.
type site struct {
	*oracle
	*httptest.Server
	cache *pagecache.Cache
}

func newSite(t testing.TB, first http.HandlerFunc, opts ...pagecache.Option) *site {
	t.Helper()
	o := &oracle{first: first}
	c := newCache(t, opts...)
	return &site{o, serve(t, c.Page(time.Minute)(o)), c}
}

// wire is a request as bytes; fields are name, value pairs, sent as they are.
func wire(method, target string, fields ...string) string {
	text, host := method+" "+target+" HTTP/1.1\r\n", "books.example"
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			host = fields[i+1]
			continue
		}
		text += fields[i] + ": " + fields[i+1] + "\r\n"
	}
	return text + "Host: " + host + "\r\n\r\n"
}

// gather makes n calls at a time and returns what came of them.
func gather(n int, one func(i int) reply) []reply {
	all := make([]reply, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i] = one(i) })
	}
	wg.Wait()
	return all
}

// wantHit fails the test unless got is the stored page.
func wantHit(t testing.TB, what string, got, page reply) {
	t.Helper()
	if got.err != nil || !got.hit() || got.status != page.status || got.body != page.body {
		t.Errorf("%s: got %q, status %d, body %.200q, error %v; want a hit with status %d, body %.200q", what,
			got.cacheStatus(), got.status, got.body, got.err, page.status, page.body)
	}
}

// wantRun fails the test unless the handler ran for got.
func wantRun(t testing.TB, what string, got reply) {
	t.Helper()
	if got.err != nil || got.hit() || !strings.Contains(got.cacheStatus(), "; fwd=") || strings.Contains(got.cacheStatus(), "; collapsed;") {
		t.Errorf("%s: got %q, status %d, error %v; want the handler to run", what, got.cacheStatus(), got.status, got.err)
	}
}

// wantReason fails the test unless the handler ran for got, and for this reason.
func wantReason(t testing.TB, what string, got reply, reason string) {
	t.Helper()
	wantRun(t, what, got)
	if got.reason() != reason || got.stored() {
		t.Errorf("%s: got %q, want detail=%s and nothing stored", what, got.cacheStatus(), reason)
	}
}

// likeBare fails the test unless a client of h behind the cache sees what it
// would see without: status, body, the way the body ends, and these fields.
func likeBare(t *testing.T, cached, bare reply, fields ...string) {
	t.Helper()
	if cached.status != bare.status || cached.body != bare.body || (cached.err == nil) != (bare.err == nil) {
		t.Errorf("got status %d, body %.200q, error %v; want as without a cache: %d, %.200q, %v",
			cached.status, cached.body, cached.err, bare.status, bare.body, bare.err)
	}
	for _, name := range fields {
		if got, want := cached.header.Values(name), bare.header.Values(name); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got %q, want as without a cache: %q", name, got, want)
		}
	}
}

// text is a handler that sets fields, name, value pairs, and writes body.
func text(body string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header()[fields[i]] = append(w.Header()[fields[i]], fields[i+1])
		}
		_, _ = io.WriteString(w, body)
	}
}
