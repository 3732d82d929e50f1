package cachecontrol

import (
	"reflect"
	"testing"
)

func TestParseTargeted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  Directives
	}{
		{"all flags", one("no-store, no-cache, private, public, must-revalidate, proxy-revalidate, must-understand, no-transform"),
			Directives{NoStore: true, NoCache: true, Private: true, Public: true, MustRevalidate: true, ProxyRevalidate: true, MustUnderstand: true, NoTransform: true}},
		{"all lifetimes", one("max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4"),
			Directives{MaxAge: sec(1), SMaxAge: sec(2), StaleWhileRevalidate: sec(3), StaleIfError: sec(4)}},
		{"cdn-max-age-max-plus", one("max-age=99999999999"), Directives{MaxAge: sec(1 << 31)}},
		{"cdn-max-age-extension", one("foobar, max-age=3600"), Directives{MaxAge: sec(3600)}},
		{"unknown only", one("foo"), Directives{}},
		{"other types", one(`a=1.5, b="x", c=tok/en:x, d=:YWJj:, e=(1 "b";q c), f=?0, g=(), *h, i=-1, j=:YQ:, max-age=5`), Directives{MaxAge: sec(5)}},
		{"parameters", one(`max-age=5;a;b=1; c="x";*d=?1, no-store;x`), Directives{MaxAge: sec(5), NoStore: true}},
		{"two lines", []string{"max-age=5", "private"}, Directives{MaxAge: sec(5), Private: true}},
		{"outer blanks", one("  max-age=5  "), Directives{MaxAge: sec(5)}},
		{"tabs between", one("max-age=5\t,\tprivate\t"), Directives{MaxAge: sec(5), Private: true}},
		{"last duplicate wins", one("max-age=5, max-age=6"), Directives{MaxAge: sec(6)}},
		{"valid last duplicate", one(`max-age="5", max-age=6`), Directives{MaxAge: sec(6)}},
		{"leading zeros", one("max-age=000000000000005"), Directives{MaxAge: sec(5)}},
		{"qualified", one(`private="set-cookie, a", no-cache="b"`), Directives{Private: true, PrivateFields: []string{"Set-Cookie", "A"}, NoCache: true, NoCacheFields: []string{"B"}}},
		{"qualified by another type", one(`private=set-cookie, no-cache=(a)`), Directives{Private: true, NoCache: true}},
		{"bad list", one(`private="a b"`), Directives{Private: true}},
		{"restrictions of any type", one("no-store=?0, must-revalidate=1, private=?0"), Directives{NoStore: true, MustRevalidate: true, Private: true}},
		{"permissions of another type", one("public=?0, must-understand=1"), Directives{}},
		{"wrong type with private", one(`max-age="10000", private`), Directives{MaxAge: sec(0), Private: true}},
		{"wrong type of stale extension", one("max-age=5, stale-if-error=1.0"), Directives{MaxAge: sec(5), StaleIfError: sec(0)}},
		{"request directives", one("only-if-cached, max-stale, min-fresh=5"), Directives{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := ParseTargeted(tt.lines)
			if !ok || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("ParseTargeted(%q)\n got %+v, %t\nwant %+v, true", tt.lines, got, ok, tt.want)
			}
		})
	}
}

func TestParseTargetedIgnored(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
	}{
		{"absent", nil},
		{"empty", one("")},
		{"blank", one("   ")},
		{"cdn-cc-invalid-sh-type-unknown", one("max-age=10000, &&&&&")},
		{"cdn-cc-invalid-sh-type-wrong", one(`max-age="10000"`)},
		{"cdn-max-age-space-before-equals", one("max-age =100")},
		{"cdn-max-age-space-after-equals", one("max-age= 100")},
		{"cdn-max-age-case-insensitive", one("MaX-aGe=3600")},
		{"negative", one("max-age=-1")},
		{"decimal", one("max-age=5.0")},
		{"boolean", one("max-age")},
		{"list", one("max-age=(5)")},
		{"last duplicate of wrong type", one("max-age=5, max-age=x")},
		{"s-maxage of wrong type", one("max-age=5, s-maxage=x")},
		{"trailing comma", one("max-age=5,")},
		{"empty member", one("max-age=5,,private")},
		{"empty line", []string{"max-age=5", ""}},
		{"leading tab", one("\tmax-age=5")},
		{"semicolon", one("max-age=5; private=")},
		{"sixteen digits", one("a=1234567890123456")},
		{"thirteen digits and fraction", one("a=1234567890123.0")},
		{"long fraction", one("a=1.2345")},
		{"no fraction", one("a=1.")},
		{"lone minus", one("a=-")},
		{"unterminated string", one(`a="b`)},
		{"bad escape", one(`a="\b"`)},
		{"escape at the end", one(`a="\`)},
		{"control in string", one("a=\"\x01\"")},
		{"obs-text in string", one("a=\"é\"")},
		{"text behind string", one(`a="b"c`)},
		{"unterminated bytes", one("a=:YQ==")},
		{"bad base64", one("a=:Y:")},
		{"padding inside", one("a=:YQ==YQ==:")},
		{"line end in bytes", one("a=:YQ\n==:")},
		{"bad boolean", one("a=?2")},
		{"short boolean", one("a=?")},
		{"unterminated list", one("a=(1 2")},
		{"list without blanks", one(`a=("1""2")`)},
		{"list with commas", one("a=(1,2)")},
		{"bad item in list", one("a=(1 &)")},
		{"bad parameter name", one("a;B")},
		{"empty parameter", one("a;")},
		{"bad parameter value", one("a;b=&")},
		{"parameter with tab", one("a;\tb")},
		{"bad parameter in list", one("a=(1;)")},
		{"date", one("a=@1")},
		{"display string", one(`a=%"x"`)},
		{"digit as key", one("1=1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := ParseTargeted(tt.lines)
			if ok || !reflect.DeepEqual(got, Directives{}) {
				t.Errorf("ParseTargeted(%q) = %+v, %t, want zero, false", tt.lines, got, ok)
			}
		})
	}
}

func BenchmarkParseTargeted(b *testing.B) {
	lines := one("public, max-age=3600, stale-while-revalidate=60")
	b.ReportAllocs()
	for b.Loop() {
		ParseTargeted(lines)
	}
}
