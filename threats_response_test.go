package pagecache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// unstorable are response fields that forbid storing, on the axes on which such
// checks fail: case of the name and of the value, a second line, white space,
// quotes. The reason is empty where the response may be stored.
var unstorable = []struct {
	name, reason string
	fields       []string
}{
	{"S20 cookie", "set-cookie", []string{"Set-Cookie", "a=1"}},
	{"S20 cookie, case", "set-cookie", []string{"set-cookie", "a=1"}},
	{"S20 cookie, empty", "set-cookie", []string{"Set-Cookie", ""}},
	{"S20 cookie, second line", "set-cookie", []string{"Set-Cookie", "", "Set-Cookie", "a=1"}},
	{"S20 cookie, old name", "set-cookie", []string{"Set-Cookie2", "a=1"}},
	{"S20 cookie, explicitly public", "set-cookie", []string{"Set-Cookie", "a=1", "Cache-Control", "public, s-maxage=60"}},
	{"S21 private", "private", []string{"Cache-Control", "private"}},
	{"S21 private, case", "private", []string{"Cache-Control", "PriVate"}},
	{"S21 private, case of the name", "private", []string{"cache-control", "private"}},
	{"S21 private, two names", "private", []string{"Cache-Control", "max-age=60", "CACHE-CONTROL", "private"}},
	{"S21 private, second line", "private", []string{"Cache-Control", "public, max-age=60", "Cache-Control", "private"}},
	{"S21 private, white space", "private", []string{"Cache-Control", "max-age=60 \t,\tprivate "}},
	{"S21 private, no white space", "private", []string{"Cache-Control", "max-age=60,private"}},
	{"S21 private, empty members", "private", []string{"Cache-Control", ",,,private,,"}},
	{"S21 private, qualified", "private", []string{"Cache-Control", `private="X-User", max-age=60`}},
	{"S21 private, qualified by nothing", "private", []string{"Cache-Control", `private=""`}},
	{"S21 private, qualified without quotes", "private", []string{"Cache-Control", "private=x-user"}},
	{"S21 private, quotes that do not end", "private", []string{"Cache-Control", `private="x`}},
	{"S21 private, behind quotes that do not end", "private", []string{"Cache-Control", `ext="x, private`}},
	{"S21 private, behind quotes", "private", []string{"Cache-Control", `ext="a\", b", private`}},
	{"S21 private, in quotes", "", []string{"Cache-Control", `ext="a, private, b", max-age=60`}},
	{"S21 no-store", "no-store", []string{"Cache-Control", "no-store"}},
	{"S21 no-store, case and line", "no-store", []string{"Cache-Control", "max-age=60", "Cache-Control", "NO-STORE"}},
	{"S21 no-store with a value", "no-store", []string{"Cache-Control", "no-store=1"}},
	{"S21 no-store for us alone", "no-store", []string{"Pagecache-Cache-Control", "no-store", "Cache-Control", "max-age=60"}},
	{"S21 no-store, part of a word", "", []string{"Cache-Control", "x-no-store, no-storex, max-age=60"}},
	{"S21 no-cache", "no-cache", []string{"Cache-Control", "no-cache"}},
	{"S21 no-cache, qualified", "no-cache", []string{"Cache-Control", `no-cache="Set-Cookie", max-age=60`}},
	{"S21 two lifetimes", "ttl-zero", []string{"Cache-Control", "max-age=0", "Cache-Control", "max-age=60"}},
	{"S22 star", "vary-star", []string{"Vary", "*"}},
	{"S22 star, white space", "vary-star", []string{"Vary", " \t* "}},
	{"S22 star, in a list", "vary-star", []string{"Vary", "Accept , *, X"}},
	{"S22 star, second line", "vary-star", []string{"Vary", "Accept", "Vary", "*"}},
	{"S22 star, case of the name", "vary-star", []string{"vary", "*"}},
	{"S23 varies on cookies", "vary-unkeyed", []string{"Vary", "Cookie"}},
	{"S23 varies on cookies, case", "vary-unkeyed", []string{"Vary", "accept,cOOKIE"}},
	{"S23 varies on authorization", "vary-unkeyed", []string{"Vary", "Accept-Encoding", "Vary", " authorization"}},
	{"S23 varies on an identity", "vary-unkeyed", []string{"Vary", "x-api-key"}},
	{"S26 varies on too much", "vary-too-many", []string{"Vary", "A, B, C, D, E, F, G, H, I"}},
	{"S26 varies on the same", "", []string{"Vary", "A, a, A ,A,A,A,A,A,A"}},
	{"S30 connection names content", "connection-field", []string{"Connection", "Content-Type"}},
	{"S30 connection names vary", "connection-field", []string{"Connection", "close, vARY"}},
	{"S30 connection names cache control", "connection-field", []string{"Connection", "X", "Connection", "\tCache-Control"}},
	{"S30 connection names the cookie", "connection-field", []string{"connection", "Set-Cookie"}},
	{"S33 nonce", "csp-nonce", []string{"Content-Security-Policy", "script-src 'nonce-abc'"}},
	{"S33 nonce, case", "csp-nonce", []string{"content-security-policy", "script-src 'NONCE-abc'"}},
	{"S33 nonce, second line", "csp-nonce", []string{"Content-Security-Policy", "default-src 'self'", "Content-Security-Policy", "script-src 'nonce-abc'"}},
	{"S33 nonce, only reported", "csp-nonce", []string{"Content-Security-Policy-Report-Only", "script-src 'nonce-abc'"}},
	{"S33 no nonce", "", []string{"Content-Security-Policy", "script-src 'self'"}},
	{"site data", "clear-site-data", []string{"Clear-Site-Data", `"cookies"`}},
}

// testUnstorable asks twice for each case of the table.
func testUnstorable(t *testing.T, srv *httptest.Server) {
	t.Helper()
	for i, tc := range unstorable {
		t.Run(tc.name, func(t *testing.T) {
			url := fmt.Sprintf("%s/%d", srv.URL, i)
			first, second := get(t, url), get(t, url)
			if tc.reason == "" {
				wantHit(t, "second", second, first)
				return
			}
			wantReason(t, "first", first, tc.reason)
			wantReason(t, "second", second, tc.reason)
			if first.saw(t).Run == second.saw(t).Run {
				t.Error("both clients got one page")
			}
		})
	}
}

// setUnstorable sets the fields of the case that the last part of the path
// names.
func setUnstorable(w http.ResponseWriter, r *http.Request) {
	var i int
	_, _ = fmt.Sscanf(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], "%d", &i)
	for f := unstorable[i].fields; len(f) > 0; f = f[2:] {
		w.Header()[f[0]] = append(w.Header()[f[0]], f[1])
	}
}

func TestThreats_UnstorableResponses(t *testing.T) {
	everywhere(t, &oracle{first: setUnstorable}, func(t *testing.T, srv *httptest.Server) { testUnstorable(t, srv) })
}

// TestThreats_UnstorableOutside: what outer middleware sets before the handler
// runs counts just as much.
func TestThreats_UnstorableOutside(t *testing.T) {
	for _, p := range placements {
		t.Run(p.name, func(t *testing.T) {
			h := p.build(newCache(t).Page(time.Minute), new(oracle))
			testUnstorable(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				setUnstorable(w, r)
				h.ServeHTTP(w, r)
			})))
		})
	}
}

// TestThreats_Statuses: what is stored on the strength of the route's lifetime,
// and what when the response states one. Redirects keep their Location.
func TestThreats_Statuses(t *testing.T) {
	byRoute := []int{200, 203, 301, 308}
	ifStated := append([]int{204, 300, 302, 307, 404, 405, 410, 414, 501}, byRoute...)
	h := newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.Header().Set("Location", "/elsewhere")
		if stated := r.URL.Query().Get("cc"); stated != "" {
			w.Header().Set("Cache-Control", stated)
		}
		w.WriteHeader(status)
	}))
	for stated, storable := range map[string][]int{"": byRoute, "max-age=60": ifStated, "s-maxage=60": ifStated} {
		for status := 200; status < 600; status++ {
			target := fmt.Sprintf("/%d?cc=%s", status, stated)
			call(h, page(target))
			got := call(h, page(target))
			if want := slices.Contains(storable, status); got.hit() != want || got.status != status {
				t.Errorf("%d with Cache-Control %q: got %q, status %d; want hit %v", status, stated, got.cacheStatus(), got.status, want)
			}
			if got.header.Get("Location") != "/elsewhere" {
				t.Errorf("%d: got Location %q, want it as it was", status, got.header.Get("Location"))
			}
		}
	}
}

// TestThreatS16_SilenceIsNoPage, even if a lifetime was stated.
func TestThreatS16_SilenceIsNoPage(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Field", "v") })
	everywhere(t, h, func(t *testing.T, srv *httptest.Server) {
		for range 2 {
			wantReason(t, "silent", get(t, srv.URL), "handler-silent")
		}
	})
}

// TestThreatS43_RecoveredPanicIsNoPage: neither recovered inside nor outside,
// and whatever lifetime the handler had stated before.
func TestThreatS43_RecoveredPanicIsNoPage(t *testing.T) {
	fails := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		panic("boom")
	})
	quiet := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	cache := newCache(t).Page(time.Minute)
	for name, h := range map[string]http.Handler{"inside": cache(quiet(fails)), "outside": quiet(cache(fails))} {
		srv := serve(t, h)
		for range 2 {
			if got := get(t, srv.URL+"/"+name); got.status != 500 || got.hit() || got.stored() {
				t.Errorf("%s: got status %d, %q; want 500 from a run", name, got.status, got.cacheStatus())
			}
		}
	}
}
