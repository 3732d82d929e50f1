package pagecache

import (
	"hash/maphash"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestVaryOn(t *testing.T) {
	tests := []struct {
		name  string
		opts  []Option
		head  http.Header
		names string
		why   Reason
	}{
		{name: "none"},
		{name: "one", head: fields("Vary", "Accept-Encoding"), names: "Accept-Encoding"},
		{name: "canonical and sorted", head: fields("Vary", "user-agent, ACCEPT"), names: "Accept User-Agent"},
		{name: "several lines", head: fields("Vary", "B", "Vary", "A"), names: "A B"},
		{name: "twice", head: fields("Vary", "A, a", "Vary", "A"), names: "A"},
		{name: "empty members and tabs", head: fields("Vary", ",\tA ,, B\t,"), names: "A B"},
		{name: "empty", head: fields("Vary", "")},
		{name: "star", head: fields("Vary", "*"), why: reasonVaryStar},
		{name: "star with blanks", head: fields("Vary", " *\t"), why: reasonVaryStar},
		{name: "star in a list", head: fields("Vary", "A, *"), why: reasonVaryStar},
		{name: "star behind an empty member", head: fields("Vary", ",*"), why: reasonVaryStar},
		{name: "star on the second line", head: fields("Vary", "A", "Vary", "*"), why: reasonVaryStar},
		{name: "star behind too many", head: fields("Vary", "a,b,c,d,e,f,g,h,i,*"), why: reasonVaryStar},
		{name: "eight", head: fields("Vary", "a,b,c,d,e,f,g,h"), names: "A B C D E F G H"},
		{name: "nine", head: fields("Vary", "a,b,c,d,e,f,g,h,i"), why: reasonVaryTooMany},
		{name: "nine of eight", head: fields("Vary", "a,b,c,d,e,f,g,h,h"), names: "A B C D E F G H"},

		{name: "Cookie", head: fields("Vary", "Cookie"), why: reasonVaryUnkeyed},
		{name: "cookie among others", head: fields("Vary", "Accept, cookie"), why: reasonVaryUnkeyed},
		{name: "Cookie, all ignored", opts: []Option{IgnoreCookies()}, head: fields("Vary", "Cookie, Accept"), names: "Accept"},
		{name: "Cookie, one ignored", opts: []Option{IgnoreCookies("seen")}, head: fields("Vary", "Cookie")},
		{name: "Cookie, one keyed", opts: []Option{Key(Cookie("lang"))}, head: fields("Vary", "Cookie")},
		{name: "Authorization", head: fields("Vary", "Authorization"), why: reasonVaryUnkeyed},
		{name: "Authorization keyed", opts: []Option{Key(Header("Authorization"))}, head: fields("Vary", "Authorization, A"), names: "A"},
		{name: "identity field", head: fields("Vary", "x-api-key"), why: reasonVaryUnkeyed},
		{name: "identity by prefix", head: fields("Vary", "Cf-Access-Jwt-Assertion"), why: reasonVaryUnkeyed},
		{name: "keyed field", opts: []Option{Key(Header("Accept"))}, head: fields("Vary", "Accept, A"), names: "A"},

		{name: "reflected origin", head: fields("Access-Control-Allow-Origin", "https://a.test"), names: "Origin"},
		{name: "reflected origin, said", head: fields("Access-Control-Allow-Origin", "https://a.test", "Vary", "Origin"), names: "Origin"},
		{name: "null origin", head: fields("Access-Control-Allow-Origin", "null"), names: "Origin"},
		{name: "any origin", head: fields("Access-Control-Allow-Origin", "*")},
		{name: "two origin lines", head: fields("Access-Control-Allow-Origin", "*", "Access-Control-Allow-Origin", "*"), names: "Origin"},
	}
	for _, tt := range tests {
		p := pageOf(tt.opts...)
		names, why := varyOn(&p, tt.head)
		if got := strings.Join(names, " "); got != tt.names || why != tt.why {
			t.Errorf("%s: got %q, %q; want %q, %q", tt.name, got, why, tt.names, tt.why)
		}
	}
}

// variantCases are pairs of requests that select, or do not select, the same
// variant of a page that varies on A and B.
var variantCases = []struct {
	name string
	a, b http.Header
	same bool
}{
	{"both absent", fields(), fields(), true},
	{"equal", fields("A", "x", "B", "y"), fields("B", "y", "A", "x"), true},
	{"other fields", fields("A", "x", "C", "1"), fields("A", "x", "C", "2"), true},
	{"other value", fields("A", "x"), fields("A", "y"), false},
	{"absent and empty", fields(), fields("A", ""), false},
	{"absent and empty in the other", fields("A", ""), fields("B", ""), false},
	{"fields swapped", fields("A", "x", "B", "y"), fields("A", "y", "B", "x"), false},
	{"two lines and one", fields("A", "x", "A", "y"), fields("A", "x, y"), false},
	{"order of lines", fields("A", "x", "A", "y"), fields("A", "y", "A", "x"), false},
	{"line twice", fields("A", "x"), fields("A", "x", "A", "x"), false},
	{"line moved to the next field", fields("A", "x", "A", "y"), fields("A", "x", "B", "y"), false},
	{"line that spells the next field", fields("A", "x", "A", "B"), fields("A", "x", "B", "B"), false},
	{"blank", fields("A", "x"), fields("A", "x "), false},
	{"case", fields("A", "x"), fields("A", "X"), false},
	{"empty line more", fields("A", "x"), fields("A", "x", "A", ""), false},
	{"frame in the text", fields("A", "x\x00\x00\x00\x01y"), fields("A", "x", "A", "y"), false},
	{"nil and no lines", http.Header{"A": nil}, http.Header{"A": {}}, true},
}

// TestSelects has the three ways in which a variant is told from another: by
// comparison, by its place in memory, and by its place in a store.
func TestSelects(t *testing.T) {
	names, seed := []string{"A", "B"}, maphash.MakeSeed()
	for _, c := range variantCases {
		values := varyValues(names, take(c.a))
		if got := selects(names, values, c.b); got != c.same {
			t.Errorf("%s: selects: got %t, want %t", c.name, got, c.same)
		}
		if got := variantHashOf(seed, 1, names, values) == variantHash(seed, 1, names, c.b); got != c.same {
			t.Errorf("%s: hashes equal: got %t, want %t", c.name, got, c.same)
		}
		if got := string(appendVariant(nil, names, values)) == string(appendVariant(nil, names, varyValues(names, take(c.b)))); got != c.same {
			t.Errorf("%s: bytes equal: got %t, want %t", c.name, got, c.same)
		}
	}
}

func TestVariantPlaceHoldsItsPageAndNames(t *testing.T) {
	seed, h := maphash.MakeSeed(), fields("A", "x")
	if variantHash(seed, 1, []string{"A"}, h) == variantHash(seed, 2, []string{"A"}, h) {
		t.Error("two pages share the place of a variant")
	}
	if variantHash(seed, 1, []string{"A"}, h) == variantHash(seed, 1, []string{"A", "B"}, h) {
		t.Error("a page that varies on one more field keeps its places")
	}
	one, two := keysOf(&key{frames: "one"}), keysOf(&key{frames: "two"})
	if one.variant([]string{"A"}, [][]string{{"x"}}) == two.variant([]string{"A"}, [][]string{{"x"}}) {
		t.Error("two pages share the key of a variant")
	}
	if one.variant([]string{"A"}, [][]string{{"x"}}) == one.variant([]string{"A", "B"}, [][]string{{"x"}, nil}) {
		t.Error("a page that varies on one more field keeps its keys")
	}
}

// TestVaryValuesAreCopied: what a handler does to its request later must not
// change where the page is filed.
func TestVaryValuesAreCopied(t *testing.T) {
	h := fields("A", "x")
	asked := take(h)
	values := varyValues([]string{"A"}, asked)
	h["A"][0] = "y"
	asked.release()
	take(fields("A", "z")) // may be given the same memory
	if values[0][0] != "x" {
		t.Errorf("got %q, want x", values[0][0])
	}
	if varyValues(nil, take(h)) != nil {
		t.Error("values of no names: want nil")
	}
}

func TestUnion(t *testing.T) {
	for _, tt := range []struct{ a, b, want string }{
		{"", "", ""}, {"A", "", "A"}, {"", "A", "A"}, {"A C", "B C", "A B C"}, {"B", "A", "A B"},
	} {
		a, b := strings.Fields(tt.a), strings.Fields(tt.b)
		if got := strings.Join(union(a, b), " "); got != tt.want {
			t.Errorf("union of %q and %q: got %q, want %q", tt.a, tt.b, got, tt.want)
		}
		if strings.Join(a, " ") != tt.a || strings.Join(b, " ") != tt.b {
			t.Errorf("union changed what it was given: %q, %q", a, b)
		}
	}
}

// TestWithVariant bounds the fresh variants of a page; those that are over do
// not count, and one that is filled again takes its old place.
func TestWithVariant(t *testing.T) {
	live := []variantRef{{1, 10}, {2, 20}, {3, 30}}
	tests := []struct {
		name  string
		v     variantRef
		now   int64
		limit int
		want  []variantRef
		room  bool
	}{
		{"one more", variantRef{4, 40}, 0, 4, []variantRef{{1, 10}, {2, 20}, {3, 30}, {4, 40}}, true},
		{"full", variantRef{4, 40}, 0, 3, live, false},
		{"one is over", variantRef{4, 40}, 10, 3, []variantRef{{2, 20}, {3, 30}, {4, 40}}, true},
		{"again", variantRef{2, 50}, 0, 3, []variantRef{{1, 10}, {3, 30}, {2, 50}}, true},
		{"again after the limit was lowered", variantRef{2, 50}, 0, 2, live, false},
	}
	for _, tt := range tests {
		before := slices.Clone(live)
		got, room := withVariant(live, tt.v, tt.now, tt.limit)
		if room != tt.room || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, %t; want %v, %t", tt.name, got, room, tt.want, tt.room)
		}
		if !slices.Equal(live, before) {
			t.Errorf("%s: the old list was changed to %v", tt.name, live)
		}
	}
}
