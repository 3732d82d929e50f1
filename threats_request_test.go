package pagecache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

func fmtD(format string, n int) string { return strings.Replace(format, "%d", fmt.Sprint(n), 1) }

// outsiders are requests that must neither get a stored page nor leave one, and
// the reason that they are given. The axes on which such checks fail are all
// there: case, white space, a second field line, an empty first one.
var outsiders = []struct{ name, text, reason string }{
	{"S12 body", wire("GET", "/", "Content-Length", "3") + "abc", "request-body"},
	{"S12 chunked body", wire("GET", "/", "Transfer-Encoding", "chunked") + "3\r\nabc\r\n0\r\n\r\n", "request-body"},
	{"S12 empty chunked body", wire("GET", "/", "Transfer-Encoding", "chunked") + "0\r\n\r\n", "request-body"},
	{"S13 override", wire("GET", "/", "X-HTTP-Method-Override", "DELETE"), "method-override"},
	{"S13 override, case", wire("GET", "/", "x-http-method-OVERRIDE", "POST"), "method-override"},
	{"S13 override, other name", wire("GET", "/", "X-HTTP-Method", "POST"), "method-override"},
	{"S13 override, third name", wire("GET", "/", "X-Method-Override", "POST"), "method-override"},
	{"S13 override, empty", wire("GET", "/", "X-Method-Override", ""), "method-override"},
	{"S18 authorization", wire("GET", "/", "Authorization", "Bearer x"), "authorization"},
	{"S18 authorization, case", wire("GET", "/", "aUTHORIZATION", "bearer x"), "authorization"},
	{"S18 authorization, empty", wire("GET", "/", "Authorization", ""), "authorization"},
	{"S18 authorization, second line", wire("GET", "/", "Authorization", "", "Authorization", "Bearer x"), "authorization"},
	{"S18 authorization, white space", "GET / HTTP/1.1\r\nHost: books.example\r\nAuthorization:\t Bearer x \r\n\r\n", "authorization"},
	{"S18 proxy authorization", wire("GET", "/", "Proxy-Authorization", "Basic x"), "authorization"},
	{"S18 API key", wire("GET", "/", "X-Api-Key", "k"), "identity"},
	{"S18 API key, case", wire("GET", "/", "X-API-KEY", "k"), "identity"},
	{"S18 token", wire("GET", "/", "X-Auth-Token", "k"), "identity"},
	{"S18 user by a proxy", wire("GET", "/", "X-Forwarded-User", "bob"), "identity"},
	{"S18 user by a family of fields", wire("GET", "/", "Cf-Access-Jwt-Assertion", "x"), "identity"},
	{"S18 user by another family", wire("GET", "/", "X-Amzn-Oidc-Data", "x"), "identity"},
	{"S18 tenant", wire("GET", "/", "X-Tenant-ID", "7"), "identity"},
	{"S19 cookie", wire("GET", "/", "Cookie", "session=1"), "cookie"},
	{"S19 cookie, case", wire("GET", "/", "COOKIE", "session=1"), "cookie"},
	{"S19 cookie, second line", wire("GET", "/", "Cookie", "_ga=1", "Cookie", "session=1"), "cookie"},
	{"S19 cookie, behind others", wire("GET", "/", "Cookie", "_ga=1; _gid=2;session=1"), "cookie"},
	{"S19 cookie, white space", wire("GET", "/", "Cookie", "_ga=1;\t session=1"), "cookie"},
	{"S19 cookie, quotes", wire("GET", "/", "Cookie", `_ga="1; session=1"`), "cookie"},
	{"S19 cookie, no value", wire("GET", "/", "Cookie", "session"), "cookie"},
	{"S19 cookie, no name", wire("GET", "/", "Cookie", "=session"), "cookie"},
	{"S19 cookie, nearly analytics", wire("GET", "/", "Cookie", "_GA=1"), "cookie"},
	{"S19 cookie, nearly analytics, too", wire("GET", "/", "Cookie", "_gax=1"), "cookie"},
	{"S28 If-Match", wire("GET", "/", "If-Match", `"v1"`), "precondition"},
	{"S28 If-Unmodified-Since", wire("GET", "/", "If-Unmodified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), "precondition"},
	{"S37 upgrade", wire("GET", "/", "Connection", "Upgrade", "Upgrade", "websocket"), "upgrade"},
	{"S37 upgrade, case", wire("GET", "/", "connection", "UPGRADE", "uPGRADE", "WebSocket"), "upgrade"},
	{"S37 event stream", wire("GET", "/", "Accept", "text/event-stream"), "event-stream"},
	{"S37 event stream, in a list", wire("GET", "/", "Accept", "text/event-stream;q=1, */*;q=0.5"), "event-stream"},
	{"S37 event stream, second line", wire("GET", "/", "Accept", "text/html", "Accept", "text/event-stream"), "event-stream"},
	{"S37 event stream, case", wire("GET", "/", "accept", "Text/Event-Stream"), "event-stream"},
}

func TestThreats_OutsidersGoPast(t *testing.T) {
	var o oracle
	everywhere(t, &o, func(t *testing.T, srv *httptest.Server) {
		for i, tc := range outsiders {
			target := fmt.Sprintf("/%d", i) // a page of its own for each case
			text := strings.Replace(tc.text, " / ", " "+target+" ", 1)
			t.Run(tc.name, func(t *testing.T) {
				wantReason(t, "with nothing stored", raw(t, srv, text), tc.reason)
				plain := raw(t, srv, wire("GET", target))
				wantRun(t, "plain request", plain)
				got := raw(t, srv, text)
				wantReason(t, "with a page stored", got, tc.reason)
				if got.saw(t).Run == plain.saw(t).Run {
					t.Error("got the stored page")
				}
				wantHit(t, "plain request again", raw(t, srv, wire("GET", target)), plain)
			})
		}
	})
}

// TestThreats_OutsidersWaitForNobody: neither for each other nor for a page
// that is being made.
func TestThreats_OutsidersWaitForNobody(t *testing.T) {
	for _, tc := range outsiders {
		r := parse(tc.text)
		if r.Body == nil || r.ContentLength != 0 {
			continue // a body is read once
		}
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := oracle{first: func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }}
				h := newCache(t).Page(time.Minute)(&o)
				plain := r.Clone(t.Context())
				plain.Header = http.Header{}
				waiters(5, h, func(i int) *http.Request {
					if i == 0 {
						return plain
					}
					return r.Clone(t.Context())
				})
				if o.runs.Load() != 5 {
					t.Errorf("got %d runs for 5 clients, want 5", o.runs.Load())
				}
			})
		})
	}
}

// TestThreatS17_ShapeOfTheTargetIsNoReason to store or not: a cookie and a
// private response count under every name.
func TestThreatS17_ShapeOfTheTargetIsNoReason(t *testing.T) {
	o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/account") {
			w.Header().Set("Cache-Control", "private")
		}
	}}
	everywhere(t, &o, func(t *testing.T, srv *httptest.Server) {
		for _, target := range []string{"/account", "/account/x.css", "/account;x.css", "/account%0A.css", "/account%00.js", "/account%3f.png", "/account%23x.css", "/account/static/a.css?v=1.css"} {
			for range 2 {
				wantReason(t, target, raw(t, srv, wire("GET", target, "Cookie", "session=1")), "cookie")
				wantReason(t, target, raw(t, srv, wire("GET", target)), "private")
			}
		}
	})
}

// TestThreatS42_ReloadIsNoLever: a client cannot have the page made anew.
func TestThreatS42_ReloadIsNoLever(t *testing.T) {
	var o oracle
	everywhere(t, &o, func(t *testing.T, srv *httptest.Server) {
		miss := get(t, srv.URL)
		for _, fields := range [][]string{
			{"Cache-Control", "no-cache"}, {"Cache-Control", "max-age=0"}, {"Cache-Control", "no-store"}, {"Pragma", "no-cache"},
			{"Cache-Control", "no-cache", "Pragma", "no-cache"}, {"Cache-Control", "min-fresh=99999"},
		} {
			wantHit(t, fmt.Sprint(fields), get(t, srv.URL, fields...), miss)
		}
		if got := get(t, srv.URL+"/x", "Cache-Control", "only-if-cached"); got.status != 200 {
			t.Errorf("only-if-cached: got status %d, want 200", got.status)
		}
	})
}

// TestThreatS39_StatusDoesNotTellTheKey.
func TestThreatS39_StatusDoesNotTellTheKey(t *testing.T) {
	s := newSite(t, nil, pagecache.Key(pagecache.Header("Authorization"), pagecache.Cookie("session")))
	for range 2 {
		got := get(t, s.URL+"/secret-path?q=secret-query", "Authorization", "secret-token", "Cookie", "session=secret-cookie")
		if line := strings.Join(got.header.Values("Cache-Status"), ", "); strings.Contains(line, "secret") || strings.Contains(line, "key=") {
			t.Errorf("got Cache-Status %q, want nothing of the request in it", line)
		}
	}
}

// TestThreatS10_S11_QueryLists: what an ignore-list drops is dropped only where
// everybody agrees what the parameter is.
func TestThreatS10_S11_QueryLists(t *testing.T) {
	for _, tc := range []struct {
		name   string
		key    pagecache.KeyPart
		a, b   string
		shared bool
	}{
		{"tracking", pagecache.TrackingParams(), "?id=1&utm_source=x", "?id=1", true},
		{"tracking, first", pagecache.TrackingParams(), "?gclid=x&id=1", "?id=1", true},
		{"tracking, cloaked by a semicolon", pagecache.TrackingParams(), "?utm_source=x;id=2", "", false},
		{"tracking, cloaked behind another", pagecache.TrackingParams(), "?id=1&utm_source=x;id=2", "?id=1", false},
		{"tracking, encoded", pagecache.TrackingParams(), "?utm%5Fsource=x", "", false},
		{"tracking, case", pagecache.TrackingParams(), "?UTM_SOURCE=x", "", false},
		{"tracking, brackets", pagecache.TrackingParams(), "?utm_source[]=x", "", false},
		{"ignored, with plus", pagecache.IgnoreQuery("a"), "?a+=1", "", false},
		{"ignored, order of the rest", pagecache.IgnoreQuery("a"), "?id=1&id=2", "?id=2&id=1", false},
		{"ignored, other path", pagecache.IgnoreQuery("a"), "x?a=1", "y?a=1", false},
		{"listed", pagecache.Query("id"), "?id=1&x=2", "?id=1&x=3", true},
		{"listed, names in any order", pagecache.Query("id", "x"), "?id=1&x=2", "?x=2&id=1", true},
		{"listed, values", pagecache.Query("id"), "?id=1&id=2", "?id=2&id=1", false},
		{"listed, encoded name", pagecache.Query("id"), "?%69d=1", "", false},
		{"listed, cloaked by a semicolon", pagecache.Query("id"), "?x=1;id=2", "", false},
		{"listed, no value", pagecache.Query("id"), "?id", "?id=", false},
		{"listed, other path", pagecache.Query("id"), "x?id=1", "y?id=1", false},
		{"path alone", pagecache.Path(), "?id=1", "?id=2", true},
		{"path alone, other path", pagecache.Path(), "a%2fb", "a/b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, nil, pagecache.Key(tc.key))
			a := raw(t, s.Server, wire("GET", "/"+tc.a))
			b := raw(t, s.Server, wire("GET", "/"+tc.b))
			if b.hit() != tc.shared {
				t.Errorf("%q then %q: got hit %v, want %v", tc.a, tc.b, b.hit(), tc.shared)
			}
			wantHit(t, "first again", raw(t, s.Server, wire("GET", "/"+tc.a)), a)
		})
	}
}
