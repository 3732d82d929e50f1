package pagecache_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// The tests of these files are numbered as in our list of threats. They run on
// real servers, and on each placement where it matters.

// strangers are pairs of requests that must never share a page. Both are sent
// as bytes, for clients tidy up what attackers do not.
var strangers = []struct{ name, a, b string }{
	{"S01 query", wire("GET", "/p?id=1"), wire("GET", "/p?id=2")},
	{"S01 query or none", wire("GET", "/p"), wire("GET", "/p?id=1")},
	{"S01 path case", wire("GET", "/p"), wire("GET", "/P")},
	{"S02 host", wire("GET", "/"), wire("GET", "/", "Host", "evil.example")},
	{"S02 port", wire("GET", "/"), wire("GET", "/", "Host", "books.example:81")},
	{"S02 final dot", wire("GET", "/"), wire("GET", "/", "Host", "books.example.")},
	{"S04 no separator", wire("GET", "/a%00b"), wire("GET", "/a%00", "Host", "b")},
	{"S06 slash", wire("GET", "/a%2Fb"), wire("GET", "/a/b")},
	{"S06 slash, lower case", wire("GET", "/a%2fb"), wire("GET", "/a/b")},
	{"S06 question mark", wire("GET", "/a%3Fx"), wire("GET", "/a?x")},
	{"S06 question mark in query", wire("GET", "/a%3Fx?"), wire("GET", "/a?x")},
	{"S06 letter", wire("GET", "/%61"), wire("GET", "/a")},
	{"S06 final slash", wire("GET", "/a/"), wire("GET", "/a")},
	{"S06 plus", wire("GET", "/?q=a+b"), wire("GET", "/?q=a%20b")},
	{"S07 fragment", wire("GET", "/a#b"), wire("GET", "/a%23b")},
	{"S07 fragment or none", wire("GET", "/a#b"), wire("GET", "/a")},
	{"S07 empty query", wire("GET", "/a?"), wire("GET", "/a")},
	{"S07 encoded or not", wire("GET", "/a%7e"), wire("GET", "/a~")},
	{"S09 absolute form", wire("GET", "http://evil.example/"), wire("GET", "/")},
	{"S09 absolute form, user", wire("GET", "http://bob@books.example/"), wire("GET", "/")},
	{"S09 absolute form, scheme", wire("GET", "https://books.example/"), wire("GET", "/")},
	{"S10 order of values", wire("GET", "/?id=9&id=1"), wire("GET", "/?id=1&id=9")},
	{"S10 order of names", wire("GET", "/?a=1&b=2"), wire("GET", "/?b=2&a=1")},
	{"S10 semicolon", wire("GET", "/?x=1;y=2"), wire("GET", "/")},
	{"S10 semicolon or ampersand", wire("GET", "/?x=1;y=2"), wire("GET", "/?x=1&y=2")},
	{"S10 broken escape", wire("GET", "/?x=%zz"), wire("GET", "/?x=%yy")},
	{"S10 empty pair", wire("GET", "/?x=1&"), wire("GET", "/?x=1")},
	{"S14 Forwarded host", wire("GET", "/", "Forwarded", "for=1.2.3.4;host=evil"), wire("GET", "/", "Forwarded", "for=1.2.3.4")},
	{"S14 Forwarded host, first", wire("GET", "/", "Forwarded", "host=evil;for=1.2.3.4"), wire("GET", "/", "Forwarded", "for=1.2.3.4")},
	{"S14 Forwarded proto", wire("GET", "/", "Forwarded", "for=1.2.3.4;proto=https"), wire("GET", "/", "Forwarded", "for=1.2.3.4;proto=http")},
	{"S14 Forwarded second line", wire("GET", "/", "Forwarded", "for=1", "Forwarded", "host=evil"), wire("GET", "/", "Forwarded", "for=1")},
	{"S14 Forwarded second element", wire("GET", "/", "Forwarded", "for=1, for=2;host=evil"), wire("GET", "/", "Forwarded", "for=1, for=2")},
	{"S14 Forwarded case", wire("GET", "/", "Forwarded", "FOR=1;HOST=evil"), wire("GET", "/", "Forwarded", "for=1")},
	{"S14 Forwarded elements or parameters", wire("GET", "/", "Forwarded", "host=a,proto=https"), wire("GET", "/", "Forwarded", "host=a;proto=https")},
	{"S14 Forwarded, of which element", wire("GET", "/", "Forwarded", "for=1,host=a"), wire("GET", "/", "Forwarded", "for=1;host=a")},
	{"S14 Forwarded in quotes", wire("GET", "/", "Forwarded", `for="1;host=evil"`), wire("GET", "/", "Forwarded", "for=1")},
	{"S14 Forwarded in quotes that do not end", wire("GET", "/", "Forwarded", `for="1;host=evil`), wire("GET", "/", "Forwarded", "for=1")},
	{"S14 Forwarded or nothing", wire("GET", "/", "Forwarded", "host=evil"), wire("GET", "/")},
	{"S25 second line", wire("GET", "/", "X-Forwarded-Host", "a", "X-Forwarded-Host", "b"), wire("GET", "/", "X-Forwarded-Host", "a")},
	{"S25 lines or members", wire("GET", "/", "X-Forwarded-Host", "a", "X-Forwarded-Host", "b"), wire("GET", "/", "X-Forwarded-Host", "a, b")},
	{"S25 lines or members, no space", wire("GET", "/", "X-Forwarded-Host", "a", "X-Forwarded-Host", "b"), wire("GET", "/", "X-Forwarded-Host", "a,b")},
	{"S25 empty or absent", wire("GET", "/", "X-Forwarded-Host", ""), wire("GET", "/")},
}

func TestThreats_StrangersNeverShare(t *testing.T) {
	for _, p := range placements {
		t.Run(p.name, func(t *testing.T) {
			for _, tc := range strangers {
				t.Run(tc.name, func(t *testing.T) {
					var o oracle
					srv := serve(t, p.build(newCache(t).Page(time.Minute), &o))
					a := raw(t, srv, tc.a)
					b := raw(t, srv, tc.b)
					wantRun(t, "second", b)
					wantHit(t, "first again", raw(t, srv, tc.a), a)
					wantHit(t, "second again", raw(t, srv, tc.b), b)
				})
			}
		})
	}
}

// TestThreatS14_RoutingFieldsAreKeyed: what links and redirects are made from,
// whatever proxies stand in front.
func TestThreatS14_RoutingFieldsAreKeyed(t *testing.T) {
	var o oracle
	everywhere(t, &o, func(t *testing.T, srv *httptest.Server) {
		for _, name := range []string{
			"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Forwarded-Server",
			"X-Forwarded-Ssl", "X-Host", "X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "x-forwarded-host", "X-HTTP-Host-Override", "Front-End-Https",
		} {
			evil := raw(t, srv, wire("GET", "/"+name, name, "evil.example"))
			plain := raw(t, srv, wire("GET", "/"+name))
			wantRun(t, name+" absent", plain)
			wantRun(t, name+" other", raw(t, srv, wire("GET", "/"+name, name, "other.example")))
			wantHit(t, name+" absent again", raw(t, srv, wire("GET", "/"+name)), plain)
			wantHit(t, name+" again", raw(t, srv, wire("GET", "/"+name, name, "evil.example")), evil)
		}
	})
}

// TestThreatS14_ClientsAddressIsNoPage: or behind a proxy nothing was shared.
func TestThreatS14_ClientsAddressIsNoPage(t *testing.T) {
	s := newSite(t, nil)
	for _, pair := range [][2]string{{"X-Forwarded-For", "1.2.3.%d"}, {"Forwarded", "for=1.2.3.%d"}, {"Forwarded", `for="[2001:db8::%d]:80";proto=https`}, {"Forwarded", "by=a;for=1%d;host=h"}} {
		target := "/" + pair[1][:6]
		one := raw(t, s.Server, wire("GET", target, pair[0], fmtD(pair[1], 1)))
		wantHit(t, pair[0]+": "+pair[1], raw(t, s.Server, wire("GET", target, pair[0], fmtD(pair[1], 2))), one)
	}
}

// TestThreatS08_MountsNeverShare: behind each of these mounts the URL is the
// same, and so may be the route's pattern.
func TestThreatS08_MountsNeverShare(t *testing.T) {
	sub := func(h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Handle("/{id}", h)
		return r
	}
	subMux := func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/{id}", h)
		return mux
	}
	rewrite := func(h http.Handler) http.Handler { // by something that the target does not show
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if lang := r.Header.Get("Accept-Language"); lang != "" {
				r.URL.Path = "/" + lang + r.URL.Path
			}
			h.ServeHTTP(w, r)
		})
	}
	reescape := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if raw := r.Header.Get("X-Escapes"); raw != "" {
				r.URL.Path, r.URL.RawPath = "/a/b", raw
			}
			h.ServeHTTP(w, r)
		})
	}
	rehost := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if host := r.Header.Get("X-Real-Host"); host != "" {
				r.Host = host
			}
			h.ServeHTTP(w, r)
		})
	}
	mounts := map[string]struct {
		build func(h http.Handler) http.Handler
		asks  [][]string // target, then fields
	}{
		"StripPrefix": {func(h http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/x/", http.StripPrefix("/x", h))
			mux.Handle("/y/", http.StripPrefix("/y", h))
			mux.Handle("/", h)
			return mux
		}, [][]string{{"/x/1"}, {"/y/1"}, {"/1"}, {"/x/%31"}}},
		"chi, one sub-router": {func(h http.Handler) http.Handler {
			r, s := chi.NewRouter(), sub(h)
			r.Mount("/x", s)
			r.Mount("/y", s)
			return r
		}, [][]string{{"/x/1"}, {"/y/1"}, {"/x/2"}}},
		"ServeMux, one sub-router": {func(h http.Handler) http.Handler {
			mux, s := http.NewServeMux(), subMux(h)
			mux.Handle("/x/", http.StripPrefix("/x", s))
			mux.Handle("/y/", http.StripPrefix("/y", s))
			return mux
		}, [][]string{{"/x/1"}, {"/y/1"}, {"/x/2"}}},
		"chi Mount": {func(h http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Mount("/x", sub(h))
			r.Mount("/y", sub(h))
			return r
		}, [][]string{{"/x/1"}, {"/y/1"}}},
		"chi Mount and StripPrefix": {func(h http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Mount("/x", http.StripPrefix("/x", h))
			r.Mount("/y", http.StripPrefix("/y", h))
			return r
		}, [][]string{{"/x/1"}, {"/y/1"}}},
		"rewritten path":    {rewrite, [][]string{{"/1"}, {"/1", "Accept-Language", "de"}, {"/1", "Accept-Language", "en"}}},
		"rewritten escapes": {reescape, [][]string{{"/1"}, {"/1", "X-Escapes", "/a/b"}, {"/1", "X-Escapes", "/a%2Fb"}, {"/a/b"}, {"/a/b", "X-Escapes", "/a%2Fb"}}},
		"rewritten host":    {rehost, [][]string{{"/1"}, {"/1", "X-Real-Host", "evil.example"}}},
	}
	for name, m := range mounts {
		for part, key := range map[string][]pagecache.Option{"default": nil, "query": {pagecache.Key(pagecache.Query("q"))}, "path value": {pagecache.Key(pagecache.PathValue("id"))}} {
			if part == "path value" && name != "chi, one sub-router" && name != "ServeMux, one sub-router" {
				continue // there is none
			}
			t.Run(name+", "+part, func(t *testing.T) {
				var o oracle
				srv := serve(t, m.build(newCache(t, key...).Page(time.Minute)(&o)))
				pages := make([]reply, len(m.asks))
				for i, ask := range m.asks {
					pages[i] = raw(t, srv, wire("GET", ask[0], ask[1:]...))
					wantRun(t, ask[0], pages[i])
				}
				for i, ask := range m.asks {
					wantHit(t, ask[0]+" again", raw(t, srv, wire("GET", ask[0], ask[1:]...)), pages[i])
				}
			})
		}
	}
}

// TestThreatS03_SchemeIsInTheKey: the same handler on a plain and a TLS
// listener.
func TestThreatS03_SchemeIsInTheKey(t *testing.T) {
	var o oracle
	h := newCache(t).Page(time.Minute)(&o)
	plain, secure := serve(t, h), httptest.NewTLSServer(h)
	defer secure.Close()
	for _, target := range []string{"/a", "/a%2fb"} {
		one := get(t, plain.URL+target, "Host", "books.example")
		r := request(t, "GET", secure.URL+target, "Host", "books.example")
		two := overTLS(t, secure, r)
		wantRun(t, "over TLS", two)
		wantHit(t, "over TLS again", overTLS(t, secure, r), two)
		wantHit(t, "plain again", get(t, plain.URL+target, "Host", "books.example"), one)
	}
}
