package pagecache

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

func TestQueryKey(t *testing.T) {
	checkKeys(t, []Option{Key(Query("page", "sort"))}, []keyCase{
		{name: "equal", a: "/a?page=1", b: "/a?page=1", same: true},
		{name: "listed differs", a: "/a?page=1", b: "/a?page=2"},
		{name: "listed absent", a: "/a?page=1", b: "/a"},
		{name: "path differs", a: "/a?page=1", b: "/b?page=1"},
		{name: "other parameters", a: "/a?page=1&x=1", b: "/a?y=2&page=1", same: true},
		{name: "order of names", a: "/a?page=1&sort=n", b: "/a?sort=n&page=1", same: true},
		{name: "order of values", a: "/a?page=1&page=2", b: "/a?page=2&page=1"},
		{name: "order of values among others", a: "/a?page=1&x&page=2", b: "/a?page=1&page=2", same: true},
		{name: "value twice", a: "/a?page=1", b: "/a?page=1&page=1"},
		{name: "value moved to another name", a: "/a?page=1&page=2", b: "/a?page=1&sort=2"},
		{name: "empty value and no value", a: "/a?page=", b: "/a?page"},
		{name: "empty value and absent", a: "/a?page=", b: "/a"},
		{name: "longer name", a: "/a?pages=1", b: "/a", same: true},
		{name: "case of the name", a: "/a?Page=1", b: "/a", same: true},
		{name: "empty pairs", a: "/a?&&page=1&", b: "/a?page=1", same: true},
		// Nobody can be sure what these are, so they count although not listed.
		{name: "encoded name", a: "/a?p%61ge=1", b: "/a"},
		{name: "encoded name against the listed one", a: "/a?p%61ge=1", b: "/a?page=1"},
		{name: "plus in a name", a: "/a?x+y=1", b: "/a"},
		{name: "semicolon", a: "/a?x=1;page=2", b: "/a?x=1"},
		{name: "semicolon in a listed one", a: "/a?page=1;x=2", b: "/a?page=1"},
		{name: "encoded value of another", a: "/a?x=%61", b: "/a", same: true},
		{name: "encoded value of a listed one", a: "/a?page=%31", b: "/a?page=1"},
		{name: "unsure pairs keep their order", a: "/a?%61=1&%62=2", b: "/a?%62=2&%61=1"},
		{name: "mounts", a: "/a/x?page=1", aEdit: stripped("/a"), b: "/b/x?page=1", bEdit: stripped("/b")},
		{name: "mounts and other parameters", a: "/a/x?page=1&u=1", aEdit: stripped("/a"), b: "/a/x?page=1&u=2", bEdit: stripped("/a"), same: true},
	})
}

func TestIgnoreQueryKey(t *testing.T) {
	checkKeys(t, []Option{Key(IgnoreQuery("ref", "session"))}, []keyCase{
		{name: "ignored differs", a: "/a?ref=1", b: "/a?ref=2", same: true},
		{name: "ignored absent", a: "/a?ref=1", b: "/a", same: true},
		{name: "ignored twice", a: "/a?ref=1&x=1&ref=2&session", b: "/a?x=1", same: true},
		{name: "others differ", a: "/a?x=1&ref=1", b: "/a?x=2&ref=1"},
		{name: "order of others", a: "/a?x=1&y=2", b: "/a?y=2&x=1"},
		{name: "path", a: "/a?ref=1", b: "/b?ref=1"},
		{name: "longer name", a: "/a?refs=1", b: "/a"},
		{name: "case of the name", a: "/a?Ref=1", b: "/a"},
		{name: "encoded name", a: "/a?r%65f=1", b: "/a"},
		{name: "semicolon", a: "/a?ref=1;x=2", b: "/a"},
		{name: "encoded value", a: "/a?ref=%61", b: "/a", same: true},
		{name: "joined pairs", a: "/a?x=1&y=2", b: "/a?x=1%26y=2"},
	})
}

func TestTrackingParamsKey(t *testing.T) {
	var cases []keyCase
	for _, name := range trackingParams {
		cases = append(cases, keyCase{name: name, a: "/a?x=1&" + name + "=click", b: "/a?x=1", same: true})
	}
	cases = append(cases, keyCase{name: "others stay", a: "/a?x=1", b: "/a"})
	checkKeys(t, []Option{Key(TrackingParams())}, cases)
	checkKeys(t, []Option{Key(TrackingParams(), IgnoreQuery("ref"))}, []keyCase{
		{name: "with another list", a: "/a?ref=1&gclid=2", b: "/a", same: true},
	})
}

func TestPathKey(t *testing.T) {
	checkKeys(t, []Option{Key(Path())}, []keyCase{
		{name: "query", a: "/a?x=1", b: "/a?x=2", same: true},
		{name: "path", a: "/a", b: "/b"},
		{name: "encoded question mark", a: "/a%3Fx", b: "/a?x"},
		{name: "host", a: "/a", b: "/a", bFields: []string{"Host: mail.test"}},
		{name: "mounts", a: "/a/x", aEdit: stripped("/a"), b: "/b/x", bEdit: stripped("/b")},
	})
}

func TestHeaderKey(t *testing.T) {
	checkKeys(t, []Option{Key(Header("x-shop"))}, []keyCase{
		{name: "equal", a: "/", aFields: []string{"X-Shop: 1"}, b: "/", bFields: []string{"x-shop: 1"}, same: true},
		{name: "differs", a: "/", aFields: []string{"X-Shop: 1"}, b: "/", bFields: []string{"X-Shop: 2"}},
		{name: "absent and empty", a: "/", b: "/", bFields: []string{"X-Shop:"}},
		{name: "two lines and one", a: "/", aFields: []string{"X-Shop: 1", "X-Shop: 2"}, b: "/", bFields: []string{"X-Shop: 1, 2"}},
		{name: "order of lines", a: "/", aFields: []string{"X-Shop: 1", "X-Shop: 2"}, b: "/", bFields: []string{"X-Shop: 2", "X-Shop: 1"}},
		{name: "target stays", a: "/a?x", aFields: []string{"X-Shop: 1"}, b: "/a?y", bFields: []string{"X-Shop: 1"}},
		{name: "others do not count", a: "/", aFields: []string{"X-Other: 1"}, b: "/", same: true},
	})
	for _, name := range []string{"Authorization", "X-Api-Key", "Cf-Access-Jwt-Assertion", "Cookie"} {
		checkKeys(t, []Option{Key(Header(name))}, []keyCase{
			{name: name + " equal", a: "/", aFields: []string{name + ": a=1"}, b: "/", bFields: []string{name + ": a=1"}, same: true},
			{name: name + " differs", a: "/", aFields: []string{name + ": a=1"}, b: "/", bFields: []string{name + ": a=2"}},
			{name: name + " absent", a: "/", aFields: []string{name + ": a=1"}, b: "/"},
			{name: name + " empty", a: "/", aFields: []string{name + ":"}, b: "/"},
			{name: name + " on two lines", a: "/", aFields: []string{name + ": a=1", name + ": b"}, b: "/", bFields: []string{name + ": a=1b"}},
		})
	}
	checkKeys(t, []Option{Key(Header("X-A"), Header("X-B"))}, []keyCase{
		{name: "value moved", a: "/", aFields: []string{"X-A: 1"}, b: "/", bFields: []string{"X-B: 1"}},
		{name: "line moved", a: "/", aFields: []string{"X-A: 1", "X-A: 2"}, b: "/", bFields: []string{"X-A: 1", "X-B: 2"}},
	})
}

func TestCookieKey(t *testing.T) {
	checkKeys(t, []Option{Key(Cookie("lang"), Cookie("theme"))}, []keyCase{
		{name: "equal", a: "/", aFields: []string{"Cookie: lang=de; theme=x"}, b: "/", bFields: []string{"Cookie: theme=x; lang=de"}, same: true},
		{name: "differs", a: "/", aFields: []string{"Cookie: lang=de"}, b: "/", bFields: []string{"Cookie: lang=en"}},
		{name: "absent", a: "/", aFields: []string{"Cookie: lang=de"}, b: "/"},
		{name: "absent and empty", a: "/", aFields: []string{"Cookie: lang="}, b: "/"},
		{name: "value moved", a: "/", aFields: []string{"Cookie: lang=x"}, b: "/", bFields: []string{"Cookie: theme=x"}},
		{name: "twice", a: "/", aFields: []string{"Cookie: lang=de; lang=en"}, b: "/", bFields: []string{"Cookie: lang=de"}},
		{name: "order of values", a: "/", aFields: []string{"Cookie: lang=de; lang=en"}, b: "/", bFields: []string{"Cookie: lang=en; lang=de"}},
		{name: "two lines", a: "/", aFields: []string{"Cookie: lang=de", "Cookie: theme=x"}, b: "/", bFields: []string{"Cookie: lang=de; theme=x"}, same: true},
		{name: "an ignored one does not count", a: "/", aFields: []string{"Cookie: _ga=1; lang=de"}, b: "/", bFields: []string{"Cookie: lang=de"}, same: true},
	})
}

func TestClientCertificateKey(t *testing.T) {
	checkKeys(t, []Option{Key(ClientCertificate())}, []keyCase{
		{name: "equal", a: "/", aEdit: certified("anna"), b: "/", bEdit: certified("anna"), same: true},
		{name: "differs", a: "/", aEdit: certified("anna"), b: "/", bEdit: certified("berta")},
		{name: "none", a: "/", aEdit: certified("anna"), b: "/", bEdit: overTLS},
	})
}

// TestSecretsAreDigests: keys lie in memory, go to stores, and are shown when
// somebody asks for an explanation.
func TestSecretsAreDigests(t *testing.T) {
	secrets := []string{"topsecret1", "topsecret2", "topsecret3", "topsecret4"}
	opts := []Option{Key(Header("Authorization"), Header("X-Api-Key"), Cookie("sid"), ClientCertificate())}
	for where, rt := range keyRoutes(opts...) {
		r := certified(secrets[3])(receivedRequest(t, "/a", "Authorization: Bearer "+secrets[0], "X-Api-Key: "+secrets[1], "Cookie: sid="+secrets[2]))
		k, ok := keyed(rt, r)
		if !ok {
			t.Fatalf("%s: got no key", where)
		}
		if i := slices.IndexFunc(secrets, func(s string) bool { return strings.Contains(k.text()+k.frames, s) }); i >= 0 {
			t.Errorf("%s: the key shows %q", where, secrets[i])
		}
	}
}

func TestKeyFuncKey(t *testing.T) {
	tail := func(r *http.Request) string { return r.Header.Get("X-Page") }
	checkKeys(t, []Option{Key(KeyFunc(tail))}, []keyCase{
		{name: "target does not count", a: "/a?x=1", aFields: []string{"X-Page: p"}, b: "/b", bFields: []string{"X-Page: p"}, same: true},
		{name: "differs", a: "/a", aFields: []string{"X-Page: p"}, b: "/a", bFields: []string{"X-Page: q"}},
		{name: "host counts", a: "/a", aFields: []string{"X-Page: p"}, b: "/a", bFields: []string{"X-Page: p", "Host: mail.test"}},
		{name: "scheme counts", a: "/a", aFields: []string{"X-Page: p"}, b: "/a", bFields: []string{"X-Page: p"}, bEdit: overTLS},
		{name: "routing fields count", a: "/a", aFields: []string{"X-Page: p"}, b: "/a", bFields: []string{"X-Page: p", "X-Forwarded-Host: x"}},
	})
	other := func(r *http.Request) string { return r.Header.Get("X-Other") }
	checkKeys(t, []Option{Key(KeyFunc(tail), KeyFunc(other))}, []keyCase{
		{name: "bytes moved", a: "/", aFields: []string{"X-Page: ab", "X-Other: c"}, b: "/", bFields: []string{"X-Page: a", "X-Other: bc"}},
	})
	for name, f := range map[string]KeyFunc{
		"empty": func(*http.Request) string { return "" },
		"panic": func(*http.Request) string { panic("no key") },
		"error": func(r *http.Request) string { return r.URL.Query()["x"][0] },
	} {
		for where, rt := range keyRoutes(Key(f)) {
			if k, ok := keyed(rt, receivedRequest(t, "/a")); ok {
				t.Errorf("%s, %s: got key %q, want none", where, name, k.text())
			}
		}
	}
}

// TestPathValueKey asks routers for their wildcards.
func TestPathValueKey(t *testing.T) {
	for where, rt := range keyRoutes(Key(PathValue("id"))) {
		mux, router := http.NewServeMux(), chi.NewRouter()
		var k key
		var ok bool
		probe := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { k, ok = keyed(rt, r) })
		for _, pattern := range []string{"/books/{id}", "/films/{id}", "/files/{id}/{name}", "/list"} {
			mux.Handle("GET "+pattern, probe)
			router.Get(pattern, probe.ServeHTTP)
		}
		for name, h := range map[string]http.Handler{"ServeMux": mux, "chi": router, "behind StripPrefix": http.StripPrefix("/v1", mux)} {
			ask := func(target string) (key, bool) {
				if strings.HasPrefix(name, "behind") {
					target = "/v1" + target
				}
				k, ok = key{}, false
				h.ServeHTTP(nowhere{http.Header{}}, receivedRequest(t, target))
				return k, ok
			}
			for _, c := range []keyCase{
				{name: "equal", a: "/books/1", b: "/books/1", same: true},
				{name: "value", a: "/books/1", b: "/books/2"},
				{name: "pattern", a: "/books/1", b: "/films/1"},
				{name: "another value", a: "/files/1/a", b: "/files/1/b", same: true},
				{name: "query", a: "/books/1?x", b: "/books/1?y"},
			} {
				ka, okA := ask(c.a)
				kb, okB := ask(c.b)
				if !okA || !okB || sameKey(ka, kb) != c.same {
					t.Errorf("%s, %s, %s: keys of %s and %s: got equal %t (%t, %t), want %t", where, name, c.name, c.a, c.b, sameKey(ka, kb), okA, okB, c.same)
				}
			}
			if _, ok := ask("/list"); ok {
				t.Errorf("%s, %s: a pattern without the wildcard: got a key, want none", where, name)
			}
		}
		if _, ok := keyed(rt, receivedRequest(t, "/books/1")); ok {
			t.Errorf("%s: outside of a router: got a key, want none", where)
		}
	}
}

// TestPathValueKeepsMountsApart: two mounts of one router have equal patterns.
func TestPathValueKeepsMountsApart(t *testing.T) {
	for where, rt := range keyRoutes(Key(PathValue("id"))) {
		var keys []key
		inner := http.NewServeMux()
		inner.HandleFunc("/books/{id}", func(_ http.ResponseWriter, r *http.Request) {
			k, _ := keyed(rt, r)
			keys = append(keys, k)
		})
		http.StripPrefix("/a", inner).ServeHTTP(nowhere{http.Header{}}, receivedRequest(t, "/a/books/1"))
		http.StripPrefix("/b", inner).ServeHTTP(nowhere{http.Header{}}, receivedRequest(t, "/b/books/1"))
		if len(keys) != 2 || sameKey(keys[0], keys[1]) {
			t.Errorf("%s: two mounts share a key", where)
		}
	}
}

// TestKeysOfTwoRoutes: routes of one cache that key by different parts do not
// share what these parts tell apart.
func TestKeysOfTwoRoutes(t *testing.T) {
	c := New()
	one := func(*http.Request) string { return "1" }
	tests := []struct {
		name string
		a, b []Option
	}{
		{"two fields", []Option{Key(Header("X-A"))}, []Option{Key(Header("X-B"))}},
		{"field and cookie", []Option{Key(Header("X-A"))}, []Option{Key(Cookie("X-A"))}},
		{"two cookies", []Option{Key(Cookie("a"))}, []Option{Key(Cookie("b"))}},
		{"path value and query", []Option{Key(Path())}, []Option{Key(Query("q"))}},
		{"one function and two", []Option{Key(KeyFunc(one))}, []Option{Key(KeyFunc(one), KeyFunc(one))}},
		{"function and path", []Option{Key(KeyFunc(func(r *http.Request) string { return r.URL.Path }))}, []Option{Key(Path())}},
		{"two versions", []Option{Version("1")}, []Option{Version("2")}},
		{"field and default", []Option{Key(Header("X-A"))}, nil},
	}
	r := receivedRequest(t, "/a?q=1", "X-A: 1", "X-B: 1")
	for _, tt := range tests {
		a, okA := keyed(c.Page(routeTTL, tt.a...)(http.NotFoundHandler()).(*route), r)
		b, okB := keyed(c.Page(routeTTL, tt.b...)(http.NotFoundHandler()).(*route), r)
		if !okA || !okB || sameKey(a, b) {
			t.Errorf("%s: got one key for both (%t, %t): %q", tt.name, okA, okB, a.text())
		}
	}
}
