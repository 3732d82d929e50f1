package pagecache

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// storableCase is a response that would be stored but for one thing.
type storableCase struct {
	name   string
	policy Policy // of a Page where zero
	status int    // 0: 200
	header http.Header
	body   string
	said   remarks
	why    Reason
}

func (c storableCase) decide() verdict {
	p, status := c.policy, c.status
	if p.MaxBody == 0 {
		p = pageOf()
	}
	if status == 0 {
		status = http.StatusOK
	}
	return storable(&p, response{status, canonical(c.header), []byte(c.body)}, c.said, noon)
}

func limited(edit func(*Policy)) Policy { return pageOf(edit) }

func manyFields(n int) http.Header {
	h := make(http.Header)
	for i := range n {
		h["X-"+strconv.Itoa(i)] = []string{"v"}
	}
	return h
}

var storableCases = []storableCase{
	{name: "plain page", header: fields("Content-Type", "text/html"), body: "page"},
	{name: "empty page", header: fields()},
	{name: "Control.NoStore", said: remarks{noStore: true}, why: reasonControl},
	{name: "Control.NoStore before all else", said: remarks{noStore: true, ttl: time.Hour, hasTTL: true}, header: cc("private"), why: reasonControl},

	{name: "206", status: 206, header: cc("max-age=60"), why: reasonStatus},
	{name: "304", status: 304, header: cc("max-age=60"), why: reasonStatus},
	{name: "412", status: 412, header: cc("max-age=60"), why: reasonStatus},
	{name: "416", status: 416, header: cc("max-age=60"), why: reasonStatus},
	{name: "101", status: 101, header: cc("max-age=60"), why: reasonStatus},
	{name: "199", status: 199, header: cc("max-age=60"), why: reasonStatus},
	{name: "600", status: 600, header: cc("max-age=60"), why: reasonStatus},
	{name: "206 with an option that names it by hand", status: 206, policy: limited(func(p *Policy) { p.StatusTTL = map[int]time.Duration{206: time.Hour} }), why: reasonStatus},
	{name: "206 by Control.TTL", status: 206, said: remarks{ttl: time.Hour, hasTTL: true}, why: reasonStatus},

	{name: "Set-Cookie", header: fields("Set-Cookie", "a=b"), why: reasonSetCookie},
	{name: "set-cookie written by hand", header: http.Header{"set-cookie": {"a=b"}}, why: reasonSetCookie},
	{name: "Set-Cookie without lines", header: http.Header{"Set-Cookie": nil}, why: reasonSetCookie},
	{name: "Set-Cookie2", header: fields("Set-Cookie2", "a=b"), why: reasonSetCookie},
	{name: "Set-Cookie and s-maxage", header: fields("Set-Cookie", "a=b", "Cache-Control", "public, s-maxage=60"), why: reasonSetCookie},
	{name: "Clear-Site-Data", header: fields("Clear-Site-Data", `"cache"`), why: reasonClearSiteData},
	{name: "Trailer", header: fields("Trailer", "X-Sum"), why: reasonTrailers},

	{name: "nonce", header: fields("Content-Security-Policy", "script-src 'nonce-abc'"), why: reasonCSPNonce},
	{name: "nonce in other case", header: fields("Content-Security-Policy", "script-src 'NONCE-abc'"), why: reasonCSPNonce},
	{name: "nonce on the second line", header: fields("Content-Security-Policy", "default-src 'self'", "Content-Security-Policy", "script-src 'nonce-abc'"), why: reasonCSPNonce},
	{name: "nonce, report only", header: fields("Content-Security-Policy-Report-Only", "script-src 'nonce-abc'"), why: reasonCSPNonce},
	{name: "nonce allowed", policy: limited(func(p *Policy) { p.StoreNonce = true }), header: fields("Content-Security-Policy", "script-src 'nonce-abc'")},
	{name: "policy without nonce", header: fields("Content-Security-Policy", "script-src 'self'")},

	{name: "Connection: close", header: fields("Connection", "close")},
	{name: "Connection drops a field", header: fields("Connection", "X-Hop", "X-Hop", "1")},
	{name: "Connection: Content-Length", header: fields("Connection", "Content-Length"), why: reasonConnection},
	{name: "Connection: set-cookie, padded", header: fields("Connection", "close ,\t set-cookie "), why: reasonConnection},
	{name: "Connection: etag on the second line", header: fields("Connection", "close", "Connection", "etag"), why: reasonConnection},

	{name: "as many fields as there may be", header: manyFields(64)},
	{name: "one field more", header: manyFields(65), why: reasonHeaderTooLarge},
	{name: "as large a header as there may be", policy: limited(func(p *Policy) { p.MaxHeader = 16 }), header: fields("X-Ab", "12345678")},
	{name: "one byte more", policy: limited(func(p *Policy) { p.MaxHeader = 16 }), header: fields("X-Ab", "123456789"), why: reasonHeaderTooLarge},
	{name: "as large a body as there may be", policy: pageOf(MaxBody(4)), header: fields(), body: "1234"},
	{name: "one byte more of it", policy: pageOf(MaxBody(4)), header: fields(), body: "12345", why: reasonTooLarge},

	{name: "no-store", header: cc("no-store"), why: reasonNoStore},
	{name: "private", header: cc("private"), why: reasonPrivate},
	{name: "no-cache", header: cc("no-cache"), why: reasonNoCache},
	{name: "other case", header: cc("No-Store"), why: reasonNoStore},
	{name: "on the second line", header: cc("max-age=60", "private"), why: reasonPrivate},
	{name: "cache-control written by hand", header: http.Header{"cache-control": {"private"}}, why: reasonPrivate},
	{name: "both spellings of the field", header: http.Header{"Cache-Control": {"max-age=60"}, "cache-control": {"private"}}, why: reasonPrivate},
	{name: "qualified private", header: cc(`private="X-User"`), why: reasonPrivate},
	{name: "malformed private", header: cc(`private=""`), why: reasonPrivate},
	{name: "qualified no-cache", header: cc(`no-cache="X-User"`), why: reasonNoCache},
	{name: "padded qualified no-cache", header: cc(`no-cache=" x , y "`), why: reasonNoCache},
	{name: "private and public", header: cc("public, private"), why: reasonPrivate},
	{name: "quoted text", header: cc(`ext="no-store, private"`)},
	{name: "behind an unterminated quote", header: cc(`ext="no-store`), why: reasonNoStore},
	{name: "OverrideTTL does not lift private", policy: pageOf(OverrideTTL()), header: cc("private"), why: reasonPrivate},
	{name: "Control.TTL does not lift no-store", said: remarks{ttl: time.Hour, hasTTL: true}, header: cc("no-store"), why: reasonNoStore},
	{name: "targeted private", header: fields("Pagecache-Cache-Control", "private, max-age=60"), why: reasonPrivate},
	{name: "targeted no-store", header: fields("Pagecache-Cache-Control", "no-store"), why: reasonNoStore},
	{name: "targeted max-age does not lift private", header: fields("Pagecache-Cache-Control", "max-age=60", "Cache-Control", "private"), why: reasonPrivate},
	{name: "somebody else's targeted field", header: fields("Cdn-Cache-Control", "no-store")},

	{name: "Vary", header: fields("Vary", "Accept-Language")},
	{name: "Vary: *", header: fields("Vary", "*"), why: reasonVaryStar},
	{name: "Vary: Cookie", header: fields("Vary", "Cookie"), why: reasonVaryUnkeyed},
	{name: "too many names", header: fields("Vary", "a, b, c, d, e, f, g, h, i"), why: reasonVaryTooMany},

	{name: "204", status: 204, header: fields(), why: reasonStatus},
	{name: "404 in Handler", policy: handlerOf(), status: 404, header: fields(), why: reasonNoFreshness},
	{name: "500 with a lifetime left behind", status: 500, header: cc("max-age=60"), why: reasonStatus},
	{name: "500 that an option names", policy: pageOf(NegativeTTL(time.Minute, 500)), status: 500, header: fields()},
	{name: "no lifetime", policy: handlerOf(), header: fields(), why: reasonNoFreshness},
	{name: "over already", header: cc("max-age=0"), why: reasonTTLZero},
}

func TestStorable(t *testing.T) {
	for _, c := range storableCases {
		if got := c.decide().why; got != c.why {
			t.Errorf("%s: got %q, want %q", c.name, got, c.why)
		}
	}
}

// TestStorableReasonsAreAllReached keeps the table in step with the decision.
func TestStorableReasonsAreAllReached(t *testing.T) {
	for _, why := range []Reason{reasonControl, reasonSetCookie, reasonNoStore, reasonPrivate, reasonNoCache, reasonVaryStar,
		reasonVaryUnkeyed, reasonVaryTooMany, reasonStatus, reasonNoFreshness, reasonTTLZero, reasonCSPNonce, reasonClearSiteData,
		reasonConnection, reasonTooLarge, reasonHeaderTooLarge, reasonTrailers} {
		if !slices.ContainsFunc(storableCases, func(c storableCase) bool { return c.decide().why == why }) {
			t.Errorf("no response of the table is refused for %q", why)
		}
	}
}

// TestEveryErrorStatusStaysOut: a status that one client's bad request provokes
// must not become everybody's page on the strength of the route's TTL.
func TestEveryErrorStatusStaysOut(t *testing.T) {
	for _, status := range []int{400, 401, 403, 407, 408, 412, 413, 415, 416, 417, 421, 422, 425, 426, 429, 431, 500, 502, 503, 504, 511} {
		for _, h := range []http.Header{fields(), cc("max-age=60"), cc("public, s-maxage=60"), fields("Expires", at(time.Hour))} {
			if got := (storableCase{status: status, header: h}).decide(); got.why != reasonStatus {
				t.Errorf("%d with %v: got %q, want %q", status, h, got.why, reasonStatus)
			}
		}
	}
}

// TestControlTTL: what the handler says outweighs every field, within the
// limits of the statuses.
func TestControlTTL(t *testing.T) {
	say := func(ttl time.Duration) remarks { return remarks{ttl: ttl, hasTTL: true} }
	tests := []struct {
		name   string
		policy Policy
		status int
		header http.Header
		ttl    time.Duration
		fresh  time.Duration
		why    Reason
	}{
		{"longer than the route", pageOf(), 200, fields(), time.Hour, time.Hour, ""},
		{"shorter", pageOf(), 200, fields(), time.Second, time.Second, ""},
		{"over s-maxage", pageOf(), 200, cc("s-maxage=60"), time.Hour, time.Hour, ""},
		{"over max-age zero", pageOf(), 200, cc("max-age=0"), time.Hour, time.Hour, ""},
		{"over OverrideTTL", pageOf(OverrideTTL()), 200, fields(), time.Hour, time.Hour, ""},
		{"in Handler", handlerOf(), 200, fields(), time.Hour, time.Hour, ""},
		{"404", pageOf(), 404, fields(), time.Hour, time.Hour, ""},
		{"404 over NegativeTTL", pageOf(NegativeTTL(time.Minute)), 404, fields(), time.Hour, time.Hour, ""},
		{"429", pageOf(), 429, fields(), time.Hour, 0, reasonStatus},
		{"500", pageOf(), 500, fields(), time.Hour, 0, reasonStatus},
		{"500 that an option names", pageOf(NegativeTTL(time.Minute, 500)), 500, fields(), time.Hour, time.Hour, ""},
		{"zero", pageOf(), 200, fields(), 0, 0, reasonTTLZero},
		{"negative", pageOf(), 200, cc("s-maxage=60"), -time.Second, 0, reasonTTLZero},
		{"longest", pageOf(), 200, fields(), 1<<63 - 1, maxLifetime, ""},
	}
	for _, tt := range tests {
		got := storable(&tt.policy, response{status: tt.status, header: tt.header}, say(tt.ttl), noon)
		if got.why != tt.why || got.life.fresh != tt.fresh {
			t.Errorf("%s: got %v, %q; want %v, %q", tt.name, got.life.fresh, got.why, tt.fresh, tt.why)
		}
	}
	p := pageOf()
	if got := storable(&p, response{status: 200, header: fields("Age", "40")}, say(time.Hour), noon); got.life.age != 40*time.Second {
		t.Errorf("with Age: got age %v, want 40s", got.life.age)
	}
}

// TestListMembers: a list may be spread over lines and hold empty members.
func TestListMembers(t *testing.T) {
	got := slices.Collect(listMembers([]string{" a,\tb ,, c", "", "d"}))
	if want := "a b c d"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
