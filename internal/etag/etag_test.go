package etag

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestWeakMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		etag  string
		want  bool
	}{
		{"absent", nil, `"a"`, false},
		{"empty", []string{""}, `"a"`, false},
		{"equal", []string{`"a"`}, `"a"`, true},
		{"different", []string{`"b"`}, `"a"`, false},
		{"prefix", []string{`"ab"`}, `"a"`, false},
		{"other case", []string{`"A"`}, `"a"`, false},
		{"weak condition", []string{`W/"a"`}, `"a"`, true},
		{"weak stored", []string{`"a"`}, `W/"a"`, true},
		{"both weak", []string{`W/"a"`}, `W/"a"`, true},
		{"lower-case weak mark", []string{`w/"a"`}, `"a"`, false},
		{"empty tag", []string{`""`}, `""`, true},
		{"list", []string{`"x", W/"y" ,	"a"`}, `"a"`, true},
		{"list without blanks", []string{`"x","a"`}, `"a"`, true},
		{"empty members", []string{`, ,"a",,`}, `"a"`, true},
		{"second line", []string{`"x"`, `"a"`}, `"a"`, true},
		{"comma in tag", []string{`"x,"a",y"`}, `"a"`, false},
		{"comma in matching tag", []string{`"x", "a,b"`}, `"a,b"`, true},
		{"backslash is no escape", []string{`"x\", "a"`}, `"a"`, true},
		{"unquoted", []string{"a"}, `"a"`, false},
		{"unquoted both", []string{"a"}, "a", false},
		{"unquoted member skipped", []string{`x, W/y, "a"`}, `"a"`, true},
		{"unterminated", []string{`"a`}, `"a"`, false},
		{"unterminated then good", []string{`"x y, "a"`}, `"a"`, true},
		{"text behind", []string{`"a"b`}, `"a"`, false},
		{"text behind then good", []string{`"a"b, "a"`}, `"a"`, true},
		{"no comma", []string{`"x" "a"`}, `"a"`, false},
		{"blank in tag", []string{`"a b"`}, `"a b"`, false},
		{"obs-text", []string{`"é"`}, `"é"`, true},
		{"star", []string{"*"}, `"a"`, true},
		{"star and blanks", []string{" *\t"}, `"a"`, true},
		{"star without stored tag", []string{"*"}, "", true},
		{"star in list", []string{`*, "b"`}, `"a"`, false},
		{"star in tag", []string{`"*"`}, `"a"`, false},
		{"star on one of two lines", []string{"*", `"b"`}, `"a"`, false},
		{"no stored tag", []string{`"a", ""`}, "", false},
		{"stored tag invalid", []string{`"a`}, `"a`, false},
		{"lone weak mark", []string{"W/"}, `"a"`, false},
	}
	for _, tt := range tests {
		if got := WeakMatch(tt.lines, tt.etag); got != tt.want {
			t.Errorf("%s: WeakMatch(%q, %q) = %t, want %t", tt.name, tt.lines, tt.etag, got, tt.want)
		}
	}
}

func TestStrongEqual(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{`"a"`, `"a"`, true},
		{`"a"`, `"b"`, false},
		{`W/"a"`, `W/"a"`, false},
		{`W/"a"`, `"a"`, false},
		{`"a"`, `W/"a"`, false},
		{"a", "a", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := StrongEqual(tt.a, tt.b); got != tt.want {
			t.Errorf("StrongEqual(%q, %q) = %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	for _, s := range []string{`""`, `"a"`, `W/"a"`, `W/""`, `"a,b'\"`, `"é"`, `"!"`} {
		if !Valid(s) {
			t.Errorf("Valid(%q) = false, want true", s)
		}
	}
	for _, s := range []string{"", "a", `"`, `"a`, `a"`, `w/"a"`, "W/", `W/a`, `"a" `, `"a"b"`, `"a b"`, "\"a\x7f\"", "\"\t\"", "*"} {
		if Valid(s) {
			t.Errorf("Valid(%q) = true, want false", s)
		}
	}
}

func TestWeak(t *testing.T) {
	t.Parallel()
	// The text is the same in every process and release: it decides whether
	// clients keep their copies over a restart.
	if got, want := Weak([]byte("hello")), `W/"5-3610a6869a71bb4c"`; got != want {
		t.Errorf("Weak(hello) = %s, want %s", got, want)
	}
	seen := map[string]bool{}
	for _, body := range []string{"", "\x00", "\x00\x00", "ab", "ba", "ac", "abc"} {
		tag := Weak([]byte(body))
		if !Valid(tag) || !strings.HasPrefix(tag, "W/") || seen[tag] {
			t.Errorf("Weak(%q) = %s, want a new weak tag", body, tag)
		}
		seen[tag] = true
	}
}

// TestWeakTellsEditsApart flips every bit of a page, one at a time.
func TestWeakTellsEditsApart(t *testing.T) {
	t.Parallel()
	page := bytes.Repeat([]byte("<p>book 312</p>\n"), 64)
	seen := map[string]bool{Weak(page): true}
	for i := range page {
		for bit := range 8 {
			page[i] ^= 1 << bit
			tag := Weak(page)
			if seen[tag] {
				t.Fatalf("flipping bit %d of byte %d gives a tag that was seen", bit, i)
			}
			seen[tag] = true
			page[i] ^= 1 << bit
		}
	}
}

func FuzzWeakMatch(f *testing.F) {
	f.Add(`"x", W/"y"`, `"a"`, `"a"`)
	f.Add("*", "", `W/"a"`)
	f.Add(`"a,b", x, "y z"`, `W/""`, `"a,b"`)
	f.Add(`"unterminated`, `, ,`, "a")
	f.Fuzz(func(t *testing.T, first, second, etag string) {
		lines := []string{first, second}
		got := WeakMatch(lines, etag)
		if got && !Valid(etag) {
			t.Errorf("WeakMatch(%q, %q) = true for an invalid tag", lines, etag)
		}
		opaque := strings.TrimPrefix(etag, weakPrefix)
		if got && !strings.Contains(first, opaque) && !strings.Contains(second, opaque) {
			t.Errorf("WeakMatch(%q, %q) = true, but no line holds the tag", lines, etag)
		}
		if got != WeakMatch([]string{second, first}, etag) {
			t.Errorf("WeakMatch(%q, %q) depends on the order of lines", lines, etag)
		}
		if Valid(etag) && !WeakMatch([]string{"x, " + etag + ", " + first}, etag) {
			t.Errorf("WeakMatch: %q not found in front of %q", etag, first)
		}
		if StrongEqual(etag, etag) && !WeakMatch([]string{etag}, etag) {
			t.Errorf("%q equals itself strongly but not weakly", etag)
		}
	})
}

func BenchmarkWeak(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		body := make([]byte, size)
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				Weak(body)
			}
		})
	}
}

func BenchmarkWeakMatch(b *testing.B) {
	lines := []string{`"x", W/"y", "a"`}
	b.ReportAllocs()
	for b.Loop() {
		WeakMatch(lines, `W/"a"`)
	}
}
