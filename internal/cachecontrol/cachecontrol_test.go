package cachecontrol

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// sec is a present lifetime.
func sec(n int64) Seconds { return Seconds{Value: n, Set: true} }

// one is a field with a single line.
func one(line string) []string { return []string{line} }

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  Directives
	}{
		{"absent", nil, Directives{}},
		{"empty", one(""), Directives{}},
		{"blanks and commas", one(" ,\t, ,"), Directives{}},
		{"all flags", one("no-store, no-cache, private, public, must-revalidate, proxy-revalidate, must-understand, no-transform, only-if-cached"),
			Directives{NoStore: true, NoCache: true, Private: true, Public: true, MustRevalidate: true, ProxyRevalidate: true, MustUnderstand: true, NoTransform: true, OnlyIfCached: true}},
		{"all lifetimes", one("max-age=1, s-maxage=2, min-fresh=3, max-stale=4, stale-while-revalidate=5, stale-if-error=6"),
			Directives{MaxAge: sec(1), SMaxAge: sec(2), MinFresh: sec(3), MaxStale: sec(4), StaleWhileRevalidate: sec(5), StaleIfError: sec(6)}},
		{"any case", one("No-StOrE, MAX-AGE=5, PRIVATE"), Directives{NoStore: true, Private: true, MaxAge: sec(5)}},
		{"no blanks", one("max-age=5,public"), Directives{MaxAge: sec(5), Public: true}},
		{"tabs", one("\tmax-age=5\t,\tpublic\t"), Directives{MaxAge: sec(5), Public: true}},
		{"two lines", []string{"max-age=5", "no-store"}, Directives{MaxAge: sec(5), NoStore: true}},
		{"unknown skipped", one("foo, bar=1, baz=\"x\", immutable, max-age=5"), Directives{MaxAge: sec(5)}},
		{"name as prefix", one("no-store-ever, xprivate, max-ages=5"), Directives{}},
		{"long name", one(strings.Repeat("a", 1000) + ", no-store"), Directives{NoStore: true}},

		{"first duplicate wins", one("max-age=1, max-age=3600"), Directives{MaxAge: sec(1)}},
		{"first duplicate wins over lines", []string{"max-age=3600", "max-age=1"}, Directives{MaxAge: sec(3600)}},
		{"invalid first duplicate", one("max-age=x, max-age=3600"), Directives{MaxAge: sec(0)}},

		{"negative", one("max-age=-3600"), Directives{MaxAge: sec(0)}},
		{"plus", one("max-age=+3600"), Directives{MaxAge: sec(0)}},
		{"single quotes", one("max-age='3600'"), Directives{MaxAge: sec(0)}},
		{"leading letter", one("max-age=a3600"), Directives{MaxAge: sec(0)}},
		{"trailing letter", one("max-age=3600a"), Directives{MaxAge: sec(0)}},
		{"decimal", one("max-age=3600.0"), Directives{MaxAge: sec(0)}},
		{"empty value", one("max-age="), Directives{MaxAge: sec(0)}},
		{"empty string", one(`max-age=""`), Directives{MaxAge: sec(0)}},
		{"no value", one("max-age"), Directives{MaxAge: sec(0)}},
		{"double quotes", one(`max-age="3600"`), Directives{MaxAge: sec(3600)}},
		{"escaped digit", one(`max-age="36\00"`), Directives{MaxAge: sec(0)}},
		{"leading zeros", one("max-age=003600"), Directives{MaxAge: sec(3600)}},
		{"saturated", one("max-age=99999999999999999999999"), Directives{MaxAge: sec(1 << 31)}},
		{"blank before equals", one("max-age =5"), Directives{MaxAge: sec(0)}},
		{"blank after equals", one("max-age= 5"), Directives{MaxAge: sec(0)}},
		{"two values", one("max-age=5 6"), Directives{MaxAge: sec(0)}},

		{"max-stale any", one("max-stale"), Directives{MaxStaleAny: true}},
		{"max-stale empty", one("max-stale="), Directives{MaxStale: sec(0)}},
		{"max-stale any first", one("max-stale, max-stale=5"), Directives{MaxStaleAny: true}},
		{"max-stale value first", one("max-stale=5, max-stale"), Directives{MaxStale: sec(5)}},

		{"quoted text", one(`ext="max-age=3600, no-store, private", max-age=1`), Directives{MaxAge: sec(1)}},
		{"quoted text behind", one(`max-age=1, ext="max-age=3600"`), Directives{MaxAge: sec(1)}},
		{"escaped quote", one(`ext="a\", max-age=3600", max-age=1`), Directives{MaxAge: sec(1)}},
		{"escaped backslash", one(`ext="a\\", max-age=1`), Directives{MaxAge: sec(1)}},

		{"qualified private", one(`private="set-cookie"`), Directives{Private: true, PrivateFields: []string{"Set-Cookie"}}},
		{"qualified no-cache", one(`no-cache="a , X-B,,"`), Directives{NoCache: true, NoCacheFields: []string{"A", "X-B"}}},
		{"qualified token form", one(`private=x-a`), Directives{Private: true, PrivateFields: []string{"X-A"}}},
		{"qualified twice", one(`no-cache="a", no-cache="b"`), Directives{NoCache: true, NoCacheFields: []string{"A", "B"}}},
		{"qualified and not", one(`private="a", private`), Directives{Private: true}},
		{"not and qualified", one(`private, private="a"`), Directives{Private: true}},
		{"empty private", one(`private=""`), Directives{Private: true}},
		{"empty no-cache", one("no-cache="), Directives{NoCache: true}},
		{"only commas", one(`private=", ,"`), Directives{Private: true}},
		{"bad name in list", one(`private="a, b c"`), Directives{Private: true}},
		{"escaped name in list", one(`private="\a"`), Directives{Private: true}},
		{"text behind list", one(`private="a"b`), Directives{Private: true}},
		{"blank before list", one(`private= "a"`), Directives{Private: true}},
		{"blank before equals of list", one(`no-cache ="a"`), Directives{NoCache: true}},
		{"unterminated list", one(`private="a`), Directives{Private: true}},
		{"unterminated no-cache", one(`no-cache="`), Directives{NoCache: true}},
		{"no-store with argument", one("no-store=0"), Directives{NoStore: true}},
		{"public with argument", one("public=0, must-understand=1"), Directives{}},

		{"unterminated hides no-store", one(`ext="abc, no-store`), Directives{NoStore: true}},
		{"unterminated hides private", one(`ext="private`), Directives{Private: true}},
		{"unterminated hides no-cache", one(`max-age=5, ext=", No-Cache="a"`), Directives{MaxAge: sec(5), NoCache: true}},
		{"unterminated hides public", one(`ext="abc, public, must-understand, s-maxage=9, max-age=9`), Directives{SMaxAge: sec(0), MaxAge: sec(0)}},
		{"unterminated reaches next line", []string{`ext="abc`, "max-age=60, no-store, private=\"a\""}, Directives{MaxAge: sec(0), NoStore: true, Private: true}},
		{"unterminated by escape", one(`ext="abc\", no-store`), Directives{NoStore: true}},
		{"lone quote", one(`"`), Directives{}},

		{"semicolons", one("private; max-age=60"), Directives{Private: true, MaxAge: sec(0)}},
		{"semicolon before", one("max-age=60; private"), Directives{MaxAge: sec(0), Private: true}},
		{"blanks as separators", one("max-age=60 no-store"), Directives{MaxAge: sec(0), NoStore: true}},
		{"permission behind semicolon", one("foo; public"), Directives{}},
		{"equals twice", one("key=YWJj==, max-age=5"), Directives{MaxAge: sec(5)}},
		{"leading equals", one("=no-store"), Directives{NoStore: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Parse(tt.lines); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Parse(%q)\n got %+v\nwant %+v", tt.lines, got, tt.want)
			}
		})
	}
}

func TestParseAllocs(t *testing.T) {
	lines := []string{"public, max-age=3600", "stale-while-revalidate=60, must-revalidate"}
	if got := testing.AllocsPerRun(100, func() { Parse(lines) }); got != 0 {
		t.Errorf("Parse: got %v allocations, want 0", got)
	}
	targeted := one("public, max-age=3600, stale-if-error=5")
	if got := testing.AllocsPerRun(100, func() { ParseTargeted(targeted) }); got != 0 {
		t.Errorf("ParseTargeted: got %v allocations, want 0", got)
	}
}

func TestDeltaSeconds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"3600", 3600, true},
		{"0003600", 3600, true},
		{"2147483647", 1<<31 - 1, true},
		{"2147483648", 1 << 31, true},
		{"2147483649", 1 << 31, true},
		{"99999999999", 1 << 31, true},
		{"18446744073709551617", 1 << 31, true},
		{strings.Repeat("9", 1000), 1 << 31, true},
		{"", 0, false},
		{"+3600", 0, false},
		{"-0", 0, false},
		{"3600.0", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1_000", 0, false},
		{"0x10", 0, false},
		{"١", 0, false},
	}
	for _, tt := range tests {
		if got, ok := DeltaSeconds(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("DeltaSeconds(%q) = %d, %t, want %d, %t", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lines []string
		want  int64
		ok    bool
	}{
		{nil, 0, false},
		{one(""), 0, false},
		{one("7200"), 7200, true},
		{one(" 7200\t"), 7200, true},
		{one("7200, 0"), 7200, true},
		{one("0, 7200"), 0, true},
		{one("x, 7200"), 0, false},
		{one(", 7200"), 0, false},
		{[]string{"7200", "0"}, 7200, true},
		{[]string{"", "7200"}, 0, false},
		{one("7200;foo=bar"), 0, false},
		{one("7200.0"), 0, false},
		{one("-7200"), 0, false},
		{one("99999999999"), 1 << 31, true},
	}
	for _, tt := range tests {
		if got, ok := Age(tt.lines); got != tt.want || ok != tt.ok {
			t.Errorf("Age(%q) = %d, %t, want %d, %t", tt.lines, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSecondsGet(t *testing.T) {
	t.Parallel()
	if d, ok := (Seconds{}).Get(); d != 0 || ok {
		t.Errorf("absent: got %v, %t, want 0s, false", d, ok)
	}
	if d, ok := sec(1 << 31).Get(); d != 1<<31*time.Second || !ok {
		t.Errorf("saturated: got %v, %t, want %v, true", d, ok, 1<<31*time.Second)
	}
}

func BenchmarkParse(b *testing.B) {
	lines := one("public, max-age=3600, stale-while-revalidate=60")
	b.ReportAllocs()
	for b.Loop() {
		Parse(lines)
	}
}
