package pagecache

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// receivedRequest parses a request as a server does; lines follow the request line.
func receivedRequest(t testing.TB, target string, lines ...string) *http.Request {
	t.Helper()
	host := "Host: shop.test\r\n"
	for _, line := range lines {
		if strings.HasPrefix(line, "Host:") {
			host = ""
		}
	}
	text := "GET " + target + " HTTP/1.1\r\n" + host + strings.Join(append(lines, "", ""), "\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r
}

// keyed is the key at rest that a route gives a request; ok is false if the
// request goes past the cache.
func keyed(rt *route, r *http.Request) (k key, ok bool) {
	a := rt.admit(r)
	if !a.admitted() {
		return key{}, false
	}
	if rt.plainKey(&k, r, a) {
		return k.owned(), true
	}
	if !rt.framedKey(&k, new([]byte), r, a) {
		return key{}, false
	}
	return k.owned(), true
}

// sameKey compares keys as a look-up does. Their hashes only say where to look:
// keys that differ nowhere else would be a collision away from being one.
func sameKey(a, b key) bool { return a.equal(&b) && b.equal(&a) }

// keyRoutes are one route in process and one over a Store with the same policy:
// they build keys in two ways.
func keyRoutes(opts ...Option) map[string]*route {
	h := http.NotFoundHandler()
	local, remote := New(), New(WithStore(noStore{}))
	return map[string]*route{
		"in process": local.Page(routeTTL, opts...)(h).(*route),
		"in a store": remote.Page(routeTTL, opts...)(h).(*route),
	}
}

// noStore is a Store that is never called.
type noStore struct{ Store }

type keyCase struct {
	name         string
	a, b         string   // targets
	aFields      []string // lines
	bFields      []string
	aEdit, bEdit func(*http.Request) *http.Request
	same         bool
}

func checkKeys(t *testing.T, opts []Option, cases []keyCase) {
	t.Helper()
	for where, rt := range keyRoutes(opts...) {
		for _, c := range cases {
			a, b := receivedRequest(t, c.a, c.aFields...), receivedRequest(t, c.b, c.bFields...)
			if c.aEdit != nil {
				a = c.aEdit(a)
			}
			if c.bEdit != nil {
				b = c.bEdit(b)
			}
			ka, okA := keyed(rt, a)
			kb, okB := keyed(rt, b)
			if !okA || !okB {
				t.Errorf("%s, %s: got no key (%t, %t)", where, c.name, okA, okB)
				continue
			}
			if got := sameKey(ka, kb); got != c.same {
				t.Errorf("%s, %s: %s and %s share a key: got %t, want %t", where, c.name, c.a, c.b, got, c.same)
			}
			if c.same && ka.hash != kb.hash {
				t.Errorf("%s, %s: equal keys have different hashes", where, c.name)
			}
		}
	}
}

func stripped(prefix string) func(*http.Request) *http.Request {
	return func(r *http.Request) (got *http.Request) {
		http.StripPrefix(prefix, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })).ServeHTTP(nil, r)
		return got
	}
}

func overTLS(r *http.Request) *http.Request {
	r.TLS = new(tls.ConnectionState)
	return r
}

func TestDefaultKey(t *testing.T) {
	checkKeys(t, nil, []keyCase{
		{name: "equal", a: "/a?x=1", b: "/a?x=1", same: true},
		{name: "path", a: "/a", b: "/b"},
		{name: "case of the path", a: "/a", b: "/A"},
		{name: "query", a: "/a?x=1", b: "/a?x=2"},
		{name: "no query", a: "/a?x=1", b: "/a"},
		{name: "order of the query", a: "/a?x=1&y=2", b: "/a?y=2&x=1"},
		{name: "semicolons", a: "/a?x=1;y=2", b: "/a?x=1&y=2"},
		{name: "empty query", a: "/a?", b: "/a"},
		{name: "question mark twice", a: "/a??", b: "/a?"},
		{name: "number sign", a: "/a#b", b: "/a%23b"},
		{name: "encoded slash", a: "/a%2Fb", b: "/a/b"},
		{name: "encoded question mark", a: "/a%3Fx", b: "/a?x"},
		{name: "case of an encoding", a: "/%c3%a9", b: "/%C3%A9"},
		{name: "needless encoding", a: "/%61", b: "/a"},
		{name: "trailing slash", a: "/a/", b: "/a"},
		{name: "two slashes", a: "//a", b: "/a"},
		{name: "dot segment", a: "/b/../a", b: "/a"},
		{name: "NUL in the path", a: "/a%00b", b: "/a"},
		{name: "path and query swapped", a: "/a?b", b: "/b?a"},

		{name: "host", a: "/", b: "/", bFields: []string{"Host: mail.test"}},
		{name: "port", a: "/", b: "/", bFields: []string{"Host: shop.test:8080"}},
		{name: "case of the host", a: "/", b: "/", bFields: []string{"Host: Shop.TEST"}, same: true},
		{name: "two odd cases of the host", a: "/", aFields: []string{"Host: SHOP.test"}, b: "/", bFields: []string{"Host: Shop.TEST"}, same: true},
		{name: "host against the target", a: "/", aFields: []string{"Host: a.test"}, b: "http://b.test/", bFields: []string{"Host: a.test"}},
		{name: "scheme", a: "/", b: "/", bEdit: overTLS},
		{name: "both over TLS", a: "/", aEdit: overTLS, b: "/", bEdit: overTLS, same: true},
		{name: "HEAD", a: "/", b: "/", bEdit: func(r *http.Request) *http.Request { r.Method = "HEAD"; return r }, same: true},
		{name: "fields of no meaning", a: "/", b: "/", bFields: []string{"User-Agent: x", "Accept-Language: de"}, same: true},

		{name: "mounts", a: "/a/x", aEdit: stripped("/a"), b: "/b/x", bEdit: stripped("/b")},
		{name: "mount and no mount", a: "/a/x", aEdit: stripped("/a"), b: "/a/x"},
		{name: "mount and its target", a: "/a/x", aEdit: stripped("/a"), b: "/x"},
		{name: "equal mounts", a: "/a/x?q", aEdit: stripped("/a"), b: "/a/x?q", bEdit: stripped("/a"), same: true},
		{name: "empty query behind a mount", a: "/a/x?", aEdit: stripped("/a"), b: "/a/x", bEdit: stripped("/a")},
		{name: "encoded path set further out", a: "/a", aEdit: func(r *http.Request) *http.Request { r.URL.RawPath = "/%61"; return r }, b: "/a"},
		{name: "empty query set further out", a: "/a", aEdit: func(r *http.Request) *http.Request { r.URL.ForceQuery = true; return r }, b: "/a"},
		{name: "rewritten query", a: "/a?x", aEdit: func(r *http.Request) *http.Request { r.URL.RawQuery = "y"; return r }, b: "/a?x"},
	})
}

// TestRoutingFieldsAreKeyed: applications build links from them, so they are
// part of what makes the page; the client's own address is not.
func TestRoutingFieldsAreKeyed(t *testing.T) {
	var cases []keyCase
	for _, name := range append([]string{"Forwarded"}, routingFields...) {
		value := "evil.test"
		if name == "Forwarded" {
			value = "host=evil.test"
		}
		cases = append(cases,
			keyCase{name: name + " present", a: "/", b: "/", bFields: []string{name + ": " + value}},
			keyCase{name: name + " empty", a: "/", b: "/", bFields: []string{name + ":"}},
			keyCase{name: name + " differs", a: "/", aFields: []string{name + ": " + value}, b: "/", bFields: []string{name + ": " + value + "x"}},
			keyCase{name: name + " twice", a: "/", aFields: []string{name + ": " + value}, b: "/", bFields: []string{name + ": " + value, name + ": " + value}},
			keyCase{name: name + " on two lines and one", a: "/", aFields: []string{name + ": " + value, name + ": " + value}, b: "/", bFields: []string{name + ": " + value + "," + value}},
			keyCase{name: name + " equal", a: "/", aFields: []string{name + ": " + value}, b: "/", bFields: []string{name + ": " + value}, same: true},
		)
	}
	cases = append(cases,
		keyCase{name: "values in two fields swapped", a: "/", aFields: []string{"X-Forwarded-Host: a", "X-Host: b"}, b: "/", bFields: []string{"X-Forwarded-Host: b", "X-Host: a"}},
		keyCase{name: "X-Forwarded-For", a: "/", aFields: []string{"X-Forwarded-For: 1.1.1.1"}, b: "/", same: true},
		keyCase{name: "Forwarded: for", a: "/", aFields: []string{"Forwarded: for=1.1.1.1;host=a"}, b: "/", bFields: []string{"Forwarded: For=2.2.2.2;host=a"}, same: true},
		keyCase{name: "Forwarded: by", a: "/", aFields: []string{`Forwarded: by="[::1]:80";proto=http`}, b: "/", bFields: []string{"Forwarded: by=x;proto=http"}, same: true},
		keyCase{name: "Forwarded: proto", a: "/", aFields: []string{"Forwarded: for=a;proto=http"}, b: "/", bFields: []string{"Forwarded: for=a;proto=https"}},
		keyCase{name: "Forwarded: host in a quoted string", a: "/", aFields: []string{`Forwarded: host="a;for=b"`}, b: "/", bFields: []string{`Forwarded: host="a;for=c"`}},
	)
	checkKeys(t, nil, cases)
}

// TestForwardedIsNotMerged: two Forwarded fields that an application may read
// differently must not have one key, or one client chooses everybody's links.
func TestForwardedIsNotMerged(t *testing.T) {
	checkKeys(t, nil, []keyCase{
		// One hop that says both, and two hops that say one each.
		{name: "hops and parameters", a: "/", aFields: []string{"Forwarded: proto=https;host=evil.test"}, b: "/", bFields: []string{"Forwarded: proto=https,host=evil.test"}},
		// A parser that does not know quotes sees a host here.
		{name: "quote without end", a: "/", aFields: []string{`Forwarded: for="x;host=evil.test`}, b: "/", bFields: []string{"Forwarded: for=1.1.1.1"}},
		{name: "separator in quotes", a: "/", aFields: []string{`Forwarded: for="x;host=evil.test"`}, b: "/", bFields: []string{"Forwarded: for=1.1.1.1"}},
	})
}

// TestProgrammaticRequests: whoever warms a page has no request line, and must
// still fill the page that visitors get.
func TestProgrammaticRequests(t *testing.T) {
	for where, rt := range keyRoutes() {
		for _, target := range []string{"/", "/a", "/a?x=1&y=2", "/a?", "/a%2Fb", "/%c3%a9", "/%C3%A9?q=%20", "/a%00b", "/a;b", "/a?x;y"} {
			made, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://shop.test"+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, okGot := keyed(rt, made)
			want, okWant := keyed(rt, receivedRequest(t, target))
			if !okGot || !okWant || !sameKey(got, want) {
				t.Errorf("%s, %s: got key %q (%t), want %q (%t)", where, target, got.text(), okGot, want.text(), okWant)
			}
		}
	}
}

func TestVersionIsKeyed(t *testing.T) {
	a, b := keyRoutes(Version("1")), keyRoutes(Version("2"))
	for where := range a {
		// Routes of one cache, for two caches have two seeds.
		other := &route{core: a[where].core, policy: a[where].policy, plain: a[where].plain}
		other.policy.Version = b[where].policy.Version
		for _, target := range []string{"/a", "/a%2Fb"} {
			ka, _ := keyed(a[where], receivedRequest(t, target))
			kb, _ := keyed(other, receivedRequest(t, target))
			if ka.equal(&kb) {
				t.Errorf("%s, %s: two versions share a key", where, target)
			}
		}
	}
}

// certified is a request over TLS whose client showed a certificate.
func certified(raw string) func(*http.Request) *http.Request {
	return func(r *http.Request) *http.Request {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Raw: []byte(raw)}}}}
		return r
	}
}

// text shows a key in a test's messages.
func (k key) text() string {
	return fmt.Sprintf("%t %s %s %s%s", k.tls, k.host, k.target, k.frames, k.raw)
}
