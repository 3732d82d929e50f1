package pagecache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// vary makes pages that vary on these fields.
func vary(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header()["Vary"] = lines }
}

// TestThreats_Variants: each of these clients gets a page of its own.
func TestThreats_Variants(t *testing.T) {
	for _, tc := range []struct {
		name    string
		first   http.HandlerFunc
		clients [][]string
	}{
		{"S22 absent, empty, set", vary("X-Lang"), [][]string{{}, {"X-Lang", ""}, {"X-Lang", "de"}, {"X-Lang", "DE"}}},
		{"S22 case of the name", vary("x-LANG"), [][]string{{"X-Lang", "de"}, {"X-Lang", "en"}}},
		{"S22 second line", vary("Accept", "X-Lang"), [][]string{{"X-Lang", "de"}, {"X-Lang", "en"}, {"Accept", "x", "X-Lang", "de"}}},
		{"S22 white space", vary(" Accept ,\tX-Lang"), [][]string{{"X-Lang", "de"}, {"X-Lang", "en"}}},
		{"S25 lines", vary("X-Lang"), [][]string{{"X-Lang", "a"}, {"X-Lang", "a", "X-Lang", "b"}, {"X-Lang", "b", "X-Lang", "a"}, {"X-Lang", "a, b"}, {"X-Lang", "ab"}}},
		{"S25 one field or the other", vary("X-A, X-B"), [][]string{{"X-A", "1"}, {"X-B", "1"}, {"X-A", "1", "X-B", "1"}, {"X-A", "1", "X-A", "1"}}},
		{"S32 origin", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		}, [][]string{{"Origin", "https://a.example"}, {"Origin", "https://b.example"}, {"Origin", "null"}, {}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			everywhere(t, &oracle{first: tc.first}, func(t *testing.T, srv *httptest.Server) {
				pages := make([]reply, len(tc.clients))
				for i, fields := range tc.clients {
					pages[i] = raw(t, srv, wire("GET", "/", fields...))
					wantRun(t, join(fields), pages[i])
				}
				for i, fields := range tc.clients {
					wantHit(t, join(fields)+" again", raw(t, srv, wire("GET", "/", fields...)), pages[i])
				}
			})
		})
	}
}

// TestThreatS32_OriginForAll needs no variants.
func TestThreatS32_OriginForAll(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") })
	miss := get(t, s.URL, "Origin", "https://a.example")
	wantHit(t, "other origin", get(t, s.URL, "Origin", "https://b.example"), miss)
}

// TestThreatS24_ValuesAreThoseOfTheClient: a handler may edit its request, and
// the page is still filed under what the client had sent.
func TestThreatS24_ValuesAreThoseOfTheClient(t *testing.T) {
	edits := map[string]func(*http.Request){
		"set":            func(r *http.Request) { r.Header.Set("Accept-Language", "xx") },
		"delete":         func(r *http.Request) { r.Header.Del("Accept-Language") },
		"add":            func(r *http.Request) { r.Header.Add("Accept-Language", "xx") },
		"edit in place":  func(r *http.Request) { r.Header["Accept-Language"][0] = "xx" },
		"replace header": func(r *http.Request) { r.Header = http.Header{"Accept-Language": {"xx"}} },
		"host":           func(r *http.Request) { r.Host = "evil.example" },
		"path":           func(r *http.Request) { r.URL.Path = "/other" },
		"query":          func(r *http.Request) { r.URL.RawQuery = "evil" },
		"target":         func(r *http.Request) { r.RequestURI = "/other" },
		"routing fields": func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "evil.example") },
	}
	for name, edit := range edits {
		for _, b := range backends {
			t.Run(name+"/"+b.name, func(t *testing.T) {
				o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Vary", "Accept-Language")
					w.Header().Set("X-Lang", r.Header.Get("Accept-Language"))
					edit(r)
				}}
				h := newCache(t, b.with()...).Page(time.Minute)(&o)
				for _, lang := range []string{"de", "en", "xx"} {
					miss := call(h, page("/", "Accept-Language", lang))
					wantRun(t, lang, miss)
					got := call(h, page("/", "Accept-Language", lang))
					wantHit(t, lang+" again", got, miss)
					if got.header.Get("X-Lang") != lang {
						t.Errorf("%s: got the page for %q", lang, got.header.Get("X-Lang"))
					}
				}
				for _, r := range []*http.Request{page("/other", "Accept-Language", "de"), page("/?evil", "Accept-Language", "de"), page("http://evil.example/", "Accept-Language", "de")} {
					wantRun(t, "what the handler made of it", call(h, r))
				}
			})
		}
	}
}

// TestThreatS26_VariantsAreBounded: more than 32 fresh ones are not stored, and
// do not drive out those that are.
func TestThreatS26_VariantsAreBounded(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newCache(t, b.with()...).Page(time.Minute)(&oracle{first: vary("X-Lang")})
				ask := func(i int) reply { return call(h, page("/", "X-Lang", fmt.Sprint(i))) }
				var pages []reply
				for i := range 40 {
					got := ask(i)
					if i >= 32 {
						wantReason(t, fmt.Sprint("variant ", i), got, "variants-full")
					}
					pages = append(pages, got)
				}
				for i := range 32 {
					wantHit(t, fmt.Sprint("variant ", i), ask(i), pages[i])
				}
				time.Sleep(time.Minute)
				fresh := ask(40)
				wantHit(t, "when the others are over", ask(40), fresh)
			})
		})
	}
}

// TestThreatS26_NamesOnlyGrow: a response that names fewer fields than one
// before it does not undo the distinction.
func TestThreatS26_NamesOnlyGrow(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-B") != "" {
					w.Header().Set("Vary", "X-A, X-B")
				} else {
					w.Header().Set("Vary", "X-A")
				}
			}}
			h := newCache(t, b.with()...).Page(time.Minute)(&o)
			for range 3 {
				for _, fields := range [][]string{{"X-A", "1", "X-B", "1"}, {"X-A", "1"}, {"X-A", "1", "X-B", "2"}, {"X-A", "2"}} {
					got := call(h, page("/", fields...)).saw(t)
					if strings.Join(append(got.Header["X-A"], got.Header["X-B"]...), "/") != strings.Join(every2nd(fields), "/") {
						t.Errorf("%v: got the page for %v", fields, got.Header)
					}
				}
			}
		})
	}
}

func every2nd(fields []string) (values []string) {
	for i := 1; i < len(fields); i += 2 {
		values = append(values, fields[i])
	}
	return values
}

// TestThreatS31_PerResponseFieldsAreNotReplayed, whoever set them.
func TestThreatS31_PerResponseFieldsAreNotReplayed(t *testing.T) {
	once := []string{
		"X-Request-Id", "X-Correlation-Id", "Traceparent", "Tracestate", "Server-Timing", "RateLimit", "Ratelimit-Remaining", "X-RateLimit-Limit",
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Connection", "Te", "Upgrade", "Http2-Settings", "X-Listed", "x-listed-too",
	}
	o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
		for _, name := range once {
			w.Header()[name] = []string{"mine"}
		}
		w.Header()["Connection"] = []string{"X-Listed", " X-LISTED-too"}
		w.Header().Set("X-Stays", "mine")
	}}
	everywhere(t, &o, func(t *testing.T, srv *httptest.Server) {
		miss, hit := get(t, srv.URL), get(t, srv.URL)
		wantHit(t, "second", hit, miss)
		for _, name := range once {
			if miss.header.Get(name) == "" && !strings.HasPrefix(name, "Connection") && !strings.HasPrefix(name, "Te") {
				t.Errorf("%s: the first client got none, want the handler's", name)
			}
			if lines := hit.header.Values(name); len(lines) > 0 {
				t.Errorf("%s: got %q on a hit, want none", name, lines)
			}
		}
		if hit.header.Get("X-Stays") != "mine" || hit.header.Get("Date") != miss.header.Get("Date") {
			t.Errorf("got X-Stays %q, Date %q; want them as stored", hit.header.Get("X-Stays"), hit.header.Get("Date"))
		}
	})
}

// TestThreatS31_RequestIDStaysLive with the request ids of chi's own kind.
func TestThreatS31_RequestIDStaysLive(t *testing.T) {
	for _, p := range placements {
		t.Run(p.name, func(t *testing.T) {
			n := 0
			h := p.build(newCache(t).Page(time.Minute), &oracle{first: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Inner", "v") }})
			srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n++
				w.Header().Set("X-Id", fmt.Sprint(n)) // a name that no list knows
				h.ServeHTTP(w, r)
			}))
			for i := range 3 {
				got := get(t, srv.URL)
				if got.header.Get("X-Id") != fmt.Sprint(i+1) || got.header.Get("X-Inner") != "v" || got.hit() != (i > 0) {
					t.Errorf("request %d: got X-Id %q, X-Inner %q, %q", i+1, got.header.Get("X-Id"), got.header.Get("X-Inner"), got.cacheStatus())
				}
			}
		})
	}
}
