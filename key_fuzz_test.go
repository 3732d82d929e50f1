package pagecache

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// choices makes decisions out of fuzzed bytes.
type choices struct{ rest []byte }

func (c *choices) byte() byte {
	if len(c.rest) == 0 {
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *choices) of(list []string) string { return list[int(c.byte())%len(list)] }

// Few and similar values, so that two requests often agree in most parts.
var (
	fuzzHosts   = []string{"a.test", "A.test", "b.test", "a.test:80"}
	fuzzPaths   = []string{"/a", "/a/b", "/a%2Fb", "/%61", "/a/", "/é", "/%C3%A9", "/a;b", "/b"}
	fuzzPairs   = []string{"x=1", "x=2", "x", "x=", "y=1", "%78=1", "x=1;y=2", "x+y=1", "", "z=x=1", "utm_source=1"}
	fuzzRouting = []string{"X-Forwarded-Host: a", "X-Forwarded-Host: b", "X-Host: a", "X-Forwarded-Proto: a", "X-Forwarded-Host:", "X-Forwarded-For: 1"}
	fuzzFields  = []string{"X-A: 1", "X-A: 2", "X-B: 1", "X-B:", "X-A: 1, 2", "Authorization: 1", "Authorization: 2"}
)

// request makes a request as a server gets it.
func (c *choices) request() (*http.Request, bool) {
	var text strings.Builder
	text.WriteString("GET " + c.of(fuzzPaths))
	for i := range c.byte() % 4 {
		text.WriteString([]string{"?", "&", "&"}[i] + c.of(fuzzPairs))
	}
	text.WriteString(" HTTP/1.1\r\nHost: " + c.of(fuzzHosts) + "\r\n")
	for range c.byte() % 3 {
		text.WriteString(c.of(fuzzRouting) + "\r\n")
	}
	for range c.byte() % 3 {
		text.WriteString(c.of(fuzzFields) + "\r\n")
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text.String() + "\r\n")))
	if err != nil {
		return nil, false
	}
	switch c.byte() % 4 {
	case 1:
		r = overTLS(r)
	case 2:
		r.URL.Path, r.URL.RawPath = strings.TrimPrefix(r.URL.Path, "/a"), ""
	case 3:
		r.URL.RawQuery = c.of(fuzzPairs)
	}
	return r, true
}

// fuzzKeys are the ways to key that the model knows.
var fuzzKeys = [][]Option{
	nil,
	{Key(Header("Authorization"))},
	{Key(Path(), Header("Authorization"))},
	{Key(Query("x", "y"), Header("Authorization"), Header("X-A"))},
	{Key(Query("x"), Header("X-B"), Header("X-A"), Header("Authorization"))},
	{Key(IgnoreQuery("x"), Header("Authorization"))},
	{Key(KeyFunc(func(r *http.Request) string { return r.Header.Get("X-A") + "." }), Header("Authorization"))},
	{Key(KeyFunc(func(r *http.Request) string { return "." + r.Header.Get("X-A") }), KeyFunc(func(r *http.Request) string { return r.Header.Get("X-B") + "." }), Header("Authorization"))},
}

// modelPage says, part by part and without any encoding, what page a request
// asks for. It is written from the documentation of the key parts.
func modelPage(way int, r *http.Request) []string {
	parts := []string{"host " + strings.ToLower(r.Host), fmt.Sprint("tls ", r.TLS != nil)}
	add := func(name string, values ...string) { parts = append(parts, fmt.Sprintf("%s %q", name, values)) }
	switch {
	case way == 6:
		add("func", r.Header.Get("X-A")+".")
	case way == 7:
		add("func", "."+r.Header.Get("X-A"), r.Header.Get("X-B")+".")
	default:
		path, query, has := strings.Cut(r.RequestURI, "?")
		add("path", path)
		add("query", modelQuery(way, query, has)...)
		add("path here", r.URL.Path, r.URL.RawPath)
		add("query here", modelQuery(way, r.URL.RawQuery, r.URL.RawQuery != "" || r.URL.ForceQuery)...)
	}
	names := slices.Clone(routingFields)
	switch way {
	case 1, 2, 5, 6, 7:
		names = append(names, "Authorization")
	case 3, 4:
		names = append(names, "Authorization", "X-A")
	}
	if way == 4 {
		names = append(names, "X-B")
	}
	for _, name := range names {
		if lines, ok := r.Header[name]; ok {
			add("field "+name, lines...)
		}
	}
	return parts
}

// modelQuery is what of the query counts.
func modelQuery(way int, query string, present bool) (counts []string) {
	var listed []string
	switch way {
	case 2:
		return nil
	case 3:
		listed = []string{"x", "y"}
	case 4:
		listed = []string{"x"}
	case 5:
	default:
		return []string{fmt.Sprint(present), query}
	}
	var unsure []string
	byName := make(map[string][]string)
	for _, pair := range strings.Split(query, "&") {
		name := strings.SplitN(pair, "=", 2)[0]
		switch {
		case strings.ContainsAny(name, "%+") || strings.Contains(pair, ";"):
			unsure = append(unsure, pair)
			counts = append(counts, pair)
		case way == 5 && pair != "" && name != "x":
			counts = append(counts, pair)
		case slices.Contains(listed, name):
			byName[name] = append(byName[name], pair)
		}
	}
	if way == 5 {
		return counts
	}
	return []string{fmt.Sprintf("%q", byName), fmt.Sprintf("%q", unsure)}
}

// FuzzKey: two requests have one key if and only if they ask for one page.
func FuzzKey(f *testing.F) {
	f.Add(byte(0), []byte{}, []byte{})
	f.Add(byte(3), []byte{0, 2, 0, 4, 0, 1, 0, 1, 0}, []byte{0, 2, 4, 0, 0, 1, 0, 1, 0})
	f.Add(byte(4), []byte{0, 2, 0, 1, 0, 0, 2, 0, 2}, []byte{0, 2, 1, 0, 0, 0, 2, 2, 0})
	f.Add(byte(5), []byte{0, 3, 0, 4, 10}, []byte{0, 1, 4})
	f.Add(byte(7), []byte{0, 0, 0, 0, 2, 0, 2}, []byte{0, 0, 0, 0, 2, 2, 0})
	f.Add(byte(1), []byte{1, 0, 0, 2, 0, 2, 0, 2}, []byte{1, 0, 0, 2, 2, 0, 0, 2})
	routes := make([]map[string]*route, len(fuzzKeys))
	for i, opts := range fuzzKeys {
		routes[i] = keyRoutes(opts...)
	}
	f.Fuzz(func(t *testing.T, way byte, first, second []byte) {
		a, okA := (&choices{first}).request()
		b, okB := (&choices{second}).request()
		if !okA || !okB {
			t.Skip("no request")
		}
		n := int(way) % len(fuzzKeys)
		same := slices.Equal(modelPage(n, a), modelPage(n, b))
		for where, rt := range routes[n] {
			ka, okA := keyed(rt, a)
			kb, okB := keyed(rt, b)
			if !okA || !okB {
				continue
			}
			got := sameKey(ka, kb)
			if got && !same {
				t.Errorf("%s, way %d: one key for two pages:\n%q\n%q", where, n, modelPage(n, a), modelPage(n, b))
			}
			// A target that is not spelled as its URL, and a host that is not in
			// lower case, may have a key of their own; that costs a miss.
			odd := (ka.frames == "") != (kb.frames == "") || sameTarget(received(a), a.URL) != sameTarget(received(b), b.URL)
			if same && !got && !odd {
				t.Errorf("%s, way %d: two keys for one page:\n%q\n%q\n%q", where, n, ka.frames, kb.frames, modelPage(n, a))
			}
		}
	})
}
