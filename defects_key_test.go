package pagecache_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// parse makes of a wire what a server would make of it, or nil.
func parse(text string) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return nil
	}
	return r
}

// FuzzDefect06_KeyIsInjective sends two requests to one cache: whatever they
// are, each must get the page that was made for it. The seeds are what joining
// the parts by some separator would confuse.
func FuzzDefect06_KeyIsInjective(f *testing.F) {
	for _, seed := range [][6]string{
		{"/a", "b", "", "/ab", "", ""},
		{"/a", "b", "c", "/a", "bc", ""},
		{"/a", "b,c", "", "/a", "b", "c"},
		{"/a", "", "b", "/a", "b", ""},
		{"/a?b", "c", "", "/a", "?bc", ""},
		{"/a%00b", "c", "", "/a", "%00bc", ""},
		{"/a?x=1&x=2", "", "", "/a?x=2&x=1", "", ""},
		{"/a?x=1", "", "", "/a?x=1&y", "", ""},
		{"/a#b", "", "", "/a%23b", "", ""},
		{"/a\t", "k", "k", "/a", "\tk", "k"},
		{"/\x00\x00\x00\x01b", "x", "", "/", "\x00\x00\x00\x01bx", ""},
		{"http://other.example/a", "", "", "/a", "", ""},
		{"/a?", "", "", "/a", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	var o oracle
	c := newCache(f, pagecache.WithLogger(silence))
	handlers := []http.Handler{
		c.Page(time.Minute)(&o),
		c.Page(time.Minute, pagecache.Version("2"), pagecache.Key(pagecache.Header("X-Key")))(&o),
		c.Page(time.Minute, pagecache.Version("3"), pagecache.Key(pagecache.Cookie("k"), pagecache.Query("x")))(&o),
		c.Page(time.Minute, pagecache.Version("4"), pagecache.Key(pagecache.Header("X-Key"), pagecache.Header("Authorization"), pagecache.Cookie("k")))(&o),
		c.Page(time.Minute, pagecache.Version("5"), pagecache.Key(named("X-Key"), named("X-Two")))(&o),
	}
	f.Fuzz(func(t *testing.T, target1, a1, b1, target2, a2, b2 string) {
		for i, h := range handlers {
			for range 2 {
				checkOwnPage(t, h, i, target1, a1, b1)
				checkOwnPage(t, h, i, target2, a2, b2)
			}
		}
	})
}

func named(field string) pagecache.KeyFunc {
	return func(r *http.Request) string { return r.Header.Get(field) }
}

// cookieValues takes a Cookie field apart as far as all parsers agree.
func cookieValues(lines []string) (values []string) {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if name, value, _ := strings.Cut(strings.TrimLeft(pair, " \t"), "="); name+value != "" {
				values = append(values, strings.Trim(name, " \t")+"="+value)
			}
		}
	}
	return values
}

// onPage returns s as an oracle's page shows it: JSON has no broken UTF-8.
func onPage(t *testing.T, s sight) sight {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return reply{body: string(text)}.saw(t)
}

// checkOwnPage sends one request; which of the handlers decides which fields
// have to be the same on the page.
func checkOwnPage(t *testing.T, h http.Handler, which int, target, a, b string) {
	var fields []string
	switch which {
	case 1:
		fields = []string{"X-Key", a, "X-Key", b}
	case 2:
		fields = []string{"Cookie", "k=" + a + "; k=" + b}
	case 3:
		fields = []string{"X-Key", a, "Authorization", b}
	case 4:
		fields = []string{"X-Key", a, "X-Two", b}
	}
	r := parse(wire("GET", target, fields...))
	if r == nil {
		return // no server accepts it
	}
	want := onPage(t, sight{Host: r.Host, Target: r.RequestURI, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone()})
	got := call(h, r)
	if got.reason() == "cookie" {
		return // more cookies than k
	}
	saw := got.saw(t)
	if which == 4 { // functions replace the whole target
		saw.Target, saw.Path, saw.Query = want.Target, want.Path, want.Query
	}
	if which == 2 { // Query("x"): others of its parameters are free
		x := func(query string) (pairs []string) {
			for pair := range strings.SplitSeq(query, "&") {
				if pair == "x" || strings.HasPrefix(pair, "x=") {
					pairs = append(pairs, pair)
				}
			}
			return pairs
		}
		if !slices.Equal(x(saw.Query), x(want.Query)) {
			t.Errorf("got the page of %q, want of %q", saw.Query, want.Query)
		}
	} else if !strings.EqualFold(saw.Host, want.Host) || saw.Target != want.Target || saw.Query != want.Query {
		t.Errorf("got the page of %s %q, want of %s %q", saw.Host, saw.Target, want.Host, want.Target)
	}
	if saw, want := cookieValues(saw.Header["Cookie"]), cookieValues(want.Header["Cookie"]); !slices.Equal(saw, want) {
		t.Errorf("got the page of the cookies %q, want of %q", saw, want)
	}
	for _, name := range []string{"X-Key", "X-Two", "Authorization"} {
		if !slices.Equal(saw.Header[name], want.Header[name]) {
			t.Errorf("%s: got the page of %q, want of %q", name, saw.Header[name], want.Header[name])
		}
	}
	if saw.Path != want.Path {
		t.Errorf("got the page of path %q, want of %q", saw.Path, want.Path)
	}
}
