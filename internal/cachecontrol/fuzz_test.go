package cachecontrol

import (
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// plain reports whether line has the bare member want, judged without the
// parser. Lines with quotes are left to the table.
func plain(line, want string) bool {
	if strings.ContainsAny(line, `"\`) {
		return false
	}
	for part := range strings.SplitSeq(line, ",") {
		if strings.ToLower(trimOWS(part)) == want {
			return true
		}
	}
	return false
}

func inRange(s Seconds) bool {
	return 0 <= s.Value && s.Value <= maxSeconds && (s.Set || s.Value == 0)
}

func checkDirectives(t *testing.T, d Directives) {
	t.Helper()
	for _, s := range []Seconds{d.MaxAge, d.SMaxAge, d.MinFresh, d.MaxStale, d.StaleWhileRevalidate, d.StaleIfError} {
		if !inRange(s) {
			t.Errorf("got %+v, want a value in [0, 2^31]", s)
		}
	}
	if d.MaxStaleAny && d.MaxStale.Set {
		t.Error("got max-stale with and without a value, want one of them")
	}
	if (d.PrivateFields != nil && !d.Private) || (d.NoCacheFields != nil && !d.NoCache) {
		t.Errorf("got field names without their directive: %+v", d)
	}
	for _, name := range append(append([]string(nil), d.PrivateFields...), d.NoCacheFields...) {
		if name == "" || tokenLen(name) != len(name) {
			t.Errorf("got field name %q, want a token", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("max-age=3600, public", "no-store")
	f.Add(`private="set-cookie, a", no-cache=`, "")
	f.Add(`ext="a\", max-age=3600", max-age=1`, "NO-CACHE")
	f.Add(`ext="abc, no-store`, "private")
	f.Add("max-stale, max-stale=-1", "; private x=")
	f.Add("0=no-store", `"`)
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		d := Parse(lines)
		checkDirectives(t, d)
		for _, line := range lines {
			if plain(line, "no-store") && !d.NoStore {
				t.Errorf("Parse(%q): got no NoStore", lines)
			}
			if plain(line, "private") && (!d.Private || d.PrivateFields != nil) {
				t.Errorf("Parse(%q): got no unqualified Private", lines)
			}
			if plain(line, "no-cache") && (!d.NoCache || d.NoCacheFields != nil) {
				t.Errorf("Parse(%q): got no unqualified NoCache", lines)
			}
			if plain(line, "max-age=5") && !d.MaxAge.Set {
				t.Errorf("Parse(%q): got no MaxAge", lines)
			}
		}
		if again := Parse(append(lines, lines...)); d.NoStore && !again.NoStore || d.NoCache && !again.NoCache || d.Private && !again.Private {
			t.Errorf("Parse(%q) twice lifts a restriction\n got %+v\nfrom %+v", lines, again, d)
		}
	})
}

func FuzzParseTargeted(f *testing.F) {
	f.Add("max-age=3600, public")
	f.Add(`private="set-cookie, a", no-cache;x=1, a=(1 "b";q c), b=:YWJj:, c=-1.5, d=?0`)
	f.Add(`max-age="10000"`)
	f.Add("max-age=10000, &&&&&")
	f.Fuzz(func(t *testing.T, line string) {
		d, ok := ParseTargeted([]string{line})
		checkDirectives(t, d)
		if !ok {
			if !reflect.DeepEqual(d, Directives{}) {
				t.Errorf("ParseTargeted(%q): got %+v, false, want zero", line, d)
			}
			return
		}
		// A Dictionary stays one with another member or parameter added.
		more, ok := ParseTargeted([]string{strings.TrimRight(line, " \t") + ";zz=?1", `zz=("a" 1.0)`})
		if !ok || !reflect.DeepEqual(more, d) {
			t.Errorf("ParseTargeted(%q) and more\n got %+v, %t\nwant %+v", line, more, ok, d)
		}
		if _, ok := ParseTargeted([]string{line, ""}); ok {
			t.Errorf("ParseTargeted(%q) with an empty line: got ok", line)
		}
	})
}

func FuzzDeltaSeconds(f *testing.F) {
	for _, s := range []string{"0", "3600", "2147483649", "99999999999999999999", "+1", "-0", "1.0", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := DeltaSeconds(s)
		digits := s != "" && strings.Trim(s, "0123456789") == ""
		if ok != digits {
			t.Fatalf("DeltaSeconds(%q): got ok %t, want %t", s, ok, digits)
		}
		if !ok {
			return
		}
		model, _ := new(big.Int).SetString(s, 10)
		if model.Cmp(big.NewInt(maxSeconds)) > 0 {
			model.SetInt64(maxSeconds)
		}
		if got != model.Int64() {
			t.Errorf("DeltaSeconds(%q) = %d, want %d", s, got, model.Int64())
		}
	})
}
