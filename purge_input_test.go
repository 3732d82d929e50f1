package pagecache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// badName is a name that is none, with what the error has to say.
type badName struct {
	name string
	says []string
}

var badNames = map[string][]badName{
	"address": {
		{"", []string{`""`, `"/books/312"`, `"https://shop.example/books/312"`}},
		{"books/312", []string{`"books/312"`, `"/books/312"`}},
		{"shop.example/books/312", []string{`"shop.example/books/312"`, `"/books/312"`}},
		{"?page=2", []string{`"?page=2"`, `"/books/312"`}},
		{"#top", []string{`"#top"`, `"/books/312"`}},
		{" /books", []string{`" /books"`, `"/books/312"`}},
		{"://shop.example/", []string{`"://shop.example/"`, `"/books/312"`}},
		{"ht!tp//x", []string{`"ht!tp//x"`, `"/books/312"`}},
		{"https:/shop.example/x", []string{`"https:/shop.example/x"`, `"/books/312"`}},
		{"mailto:shop@shop.example", []string{`"mailto:shop@shop.example"`, `"/books/312"`}},
		{"https://", []string{`"https://"`, "host"}},
		{"https:///books", []string{`"https:///books"`, "host"}},
		{"https://?page=2", []string{`"https://?page=2"`, "host"}},
		{"https://sh op.example/", []string{`"https://sh op.example/"`}},
		{"https://shop.example:80x/", []string{`"https://shop.example:80x/"`}},
		{"https://user@shop.example/", []string{`"https://user@shop.example/"`}},
		{"https://shop.example/\x00", []string{`"https://shop.example/\x00"`}},
		{"/books/*", []string{`"/books/*"`, `PurgePrefix(ctx, "/books/")`, "%2A"}},
		{"https://shop.example/*?q", []string{"PurgePrefix"}},
		{"/books/{id}", []string{`"/books/{id}"`, "PurgeRoute", "%7B"}},
		{"/books\n", []string{`"/books\n"`}},
		{"/books?\x7f", []string{`"/books?\x7f"`}},
	},
	"tag": {
		{"", []string{"empty"}},
		{strings.Repeat("x", 257), []string{"257", "256"}},
		{"two tags", []string{`"two tags"`, "space"}},
		{"two,tags", []string{`"two,tags"`, "comma"}},
		{"tag\n", []string{`"tag\n"`, "control"}},
		{"\x7f", []string{`"\x7f"`, "control"}},
		{"\x00", []string{`"\x00"`, "control"}},
	},
	"prefix": {
		{"", []string{`""`, `"/books/"`}},
		{"books/", []string{`"books/"`, `"/books/"`}},
		{"/books", []string{`"/books"`, `"/books/"`, `(ctx, "/books")`}},
		{"/books/?page=2", []string{`"/books/?page=2"`, `"/books/"`}},
		{"/books?/", []string{`"/books?/"`}},
		{"/books/#/", []string{`"/books/#/"`}},
		{"https://shop.example/books/", []string{`"https://shop.example/books/"`, `"/books/"`}},
		{"/books/*", []string{`"/books/*"`}},
		{deep(16), []string{deep(16), "16"}},
		{strings.Repeat("/a%2Fb", 8) + "/", []string{"a%2Fb", "16"}}, // 17 slashes, 8 of them escaped
	},
	"route": {
		{"", []string{`""`, `"/books/{id}"`, "Stats"}},
		{"books", []string{`"books"`, `"/books/{id}"`}},
		{"GET ", []string{`"GET "`, `"/books/{id}"`}},
		{"GET", []string{`"GET"`}},
	},
}

var strikeNames = map[string][2]string{"address": {"Purge", "Expire"}, "tag": {"PurgeTags", "ExpireTags"}, "prefix": {"PurgePrefix", "ExpirePrefix"}, "route": {"PurgeRoute", "ExpireRoute"}}

// good is a name of each kind that the page bookshop has.
var good = map[string]string{"address": "/books/312", "tag": "by-route", "prefix": "/books/", "route": "/books/{id}"}

// TestPurgeOfBadNames: the error says what was given and what to give instead,
// and nothing is purged, also when the other names are good.
func TestPurgeOfBadNames(t *testing.T) {
	c, h := bookshop(t)
	const url = "http://a.example/books/312"
	fill(t, h, url)
	for kind, list := range badNames {
		for _, bad := range list {
			for soft := range 2 {
				for _, names := range [][]string{{bad.name}, {good[kind], bad.name}, {bad.name, good[kind]}} {
					err := strikes[kind][soft](c, t.Context(), names...)
					checkRefusal(t, fmt.Sprintf("%s of %.60q", strikeNames[kind][soft], names), err, append(bad.says, "pagecache: "+strikeNames[kind][soft]+":"))
				}
			}
		}
	}
	if got := call(h, sent(url)); !got.hit() {
		t.Errorf("got %q, want nothing purged", got.cacheStatus())
	}
	if n := c.Stats().Purges; n != 0 {
		t.Errorf("got %d purges counted, want none", n)
	}
}

func checkRefusal(t *testing.T, what string, err error, says []string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got no error", what)
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %q, want it to say %s", what, err, text)
		}
	}
}

// TestPurgeOfTheLargest: what is just within the bounds purges.
func TestPurgeOfTheLargest(t *testing.T) {
	long := strings.Repeat("x", 256)
	c, h := bareSite(pagecache.Tags(long))(t)
	const url = "http://a.example"
	for _, tt := range []struct{ kind, name string }{{"tag", long}, {"prefix", deep(15)}, {"prefix", strings.Repeat("/a%2Fb", 7) + "/c/"}} {
		asked := url + "/x"
		if tt.kind == "prefix" {
			asked = url + tt.name + "x"
		}
		fill(t, h, asked)
		if err := strikes[tt.kind][0](c, t.Context(), tt.name); err != nil {
			t.Errorf("%s of %q: %v", tt.kind, tt.name, err)
		}
		if got := call(h, sent(asked)); got.hit() {
			t.Errorf("%s of %q: got %q, want the page gone", tt.kind, tt.name, got.cacheStatus())
		}
	}
}

// TestPurgeOfOddPaths: what is refused for it looks like a pattern can be written
// in another way, and what only resembles one is taken.
func TestPurgeOfOddPaths(t *testing.T) {
	for address, url := range map[string]string{
		"/%2A": "http://a.example/*", "/a/%2a": "http://a.example/a/*", "/%7Bid%7D": "http://a.example/%7Bid%7D", "/a*": "http://a.example/a*", "/*/a": "http://a.example/*/a",
		"/a?{id}": "http://a.example/a?{id}", "/a%0A": "http://a.example/a%0a", "/a b": "http://a.example/a%20b", "//b.example/x": "http://a.example//b.example/x",
	} {
		c := newCache(t)
		h := c.Page(time.Hour)(text("page"))
		fill(t, h, url)
		if err := c.Purge(t.Context(), address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if got := call(h, sent(url)); got.hit() {
			t.Errorf("%s: got %q, want the page gone", address, got.cacheStatus())
		}
	}
}

// TestPurgeOfNoNames: an empty list is no mistake, and no purge.
func TestPurgeOfNoNames(t *testing.T) {
	log := new(eventLog)
	c := newCache(t, pagecache.WithObserver(log))
	h := c.Page(pagecache.Forever)(text("page"))
	fill(t, h, "http://a.example/")
	for kind := range strikeNames {
		for soft := range 2 {
			if err := strikes[kind][soft](c, t.Context()); err != nil {
				t.Errorf("%s: got %v, want no error", strikeNames[kind][soft], err)
			}
		}
	}
	if got := call(h, sent("http://a.example/")); !got.hit() || c.Stats().Purges != 0 || len(log.of(pagecache.KindPurge)) != 0 {
		t.Errorf("got %q, %d purges, %d events; want nothing purged", got.cacheStatus(), c.Stats().Purges, len(log.of(pagecache.KindPurge)))
	}
}

// TestPurgesAreCounted: each purge that was carried out is in Stats, and the
// observer is told what it was about.
func TestPurgesAreCounted(t *testing.T) {
	log := new(eventLog)
	c := newCache(t, pagecache.WithObserver(log))
	derived := c.With(pagecache.Tags("x"))
	var want []string
	for kind, name := range good {
		for soft := range 2 {
			if err := strikes[kind][soft](c, t.Context(), name, name+"2/"); err != nil {
				t.Fatal(err)
			}
			want = append(want, name)
		}
	}
	if err := errors.Join(derived.PurgeAll(t.Context()), c.ExpireAll(t.Context())); err != nil {
		t.Fatal(err)
	}
	want = append(want, "everything", "everything")
	events := log.of(pagecache.KindPurge)
	if n := c.Stats().Purges; int(n) != len(want) || len(events) != len(want) || derived.Stats().Purges != n {
		t.Fatalf("got %d purges and %d events, want %d", n, len(events), len(want))
	}
	for i, e := range events {
		if !strings.Contains(e.Message, want[i]) || i < 8 && !strings.Contains(e.Message, want[i]+"2/") || e.Err != nil || e.Kind.String() != "purge" {
			t.Errorf("event %d: got %+v, want the message to say %q", i, e, want[i])
		}
	}
}
