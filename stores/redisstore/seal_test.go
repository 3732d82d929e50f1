package redisstore

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"
)

func sealers() map[string]*sealer {
	k1 := SigningKey{1, []byte("0123456789abcdef")}
	k2 := SigningKey{2, []byte("fedcba9876543210")}
	return map[string]*sealer{
		"plain":      {},
		"compressed": {min: minCompress},
		"signed":     {keys: []SigningKey{k1}},
		"both":       {keys: []SigningKey{k2, k1}, min: minCompress},
	}
}

// FuzzSeal: every value comes back as it was; whatever lies in Redis, what open
// makes of it leads back to it; a signature is good under its name only.
func FuzzSeal(f *testing.F) {
	for _, seed := range []string{"", "x", "pg", "pgs", "pgs!", "pgs!pgs!", "pgsa", "pgsapgs", "pgsax", "pgsb\x05\x00", "pgsc", "pgsd",
		"pgc\x02e page", "MZXW6YTB", "pgs!pgsax", "pgs!x"} {
		f.Add([]byte(seed))
	}
	f.Add(bytes.Repeat([]byte("page "), 400))
	f.Add(append([]byte("pgsb"), s2.Encode(nil, bytes.Repeat([]byte("x"), 300))...))
	f.Add(append([]byte("pgs!pgsb"), s2.Encode(nil, bytes.Repeat([]byte("x"), 300))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, s := range sealers() {
			sealed := s.sign("name", s.pack(b))
			if got, ok := s.opened("name", sealed); !ok || !bytes.Equal(got, b) {
				t.Errorf("%s: sealed as %q: got %q, %v, want %q", name, sealed, got, ok, b)
			}
			same := func(form []byte) bool { return bytes.Equal(form, sealed) }
			if !slices.ContainsFunc(s.forms("name", b), same) {
				t.Errorf("%s: the forms of %q lack %q", name, b, sealed)
			}
			if got, ok := s.opened("other", sealed); s.signs() && ok {
				t.Errorf("%s: under another name: got %q, want nothing", name, got)
			}
			got := s.open("name", b)
			if _, ok := s.opened("name", b); ok {
				continue
			}
			same = func(form []byte) bool { return bytes.Equal(form, b) }
			if !bytes.HasPrefix(got, []byte(badMark)) || !slices.ContainsFunc(s.forms("name", got), same) {
				t.Errorf("%s: %q opens as %q, whose forms lack it", name, b, got)
			}
		}
	})
}

func TestForms(t *testing.T) {
	for name, want := range map[string]int{"plain": 1, "compressed": 1, "signed": 1, "both": 2} {
		if got := len(sealers()[name].forms("name", []byte("nonce"))); got != want {
			t.Errorf("%s: got %d forms of a nonce, want %d", name, got, want)
		}
	}
}

// TestPlain: without options a value lies in Redis as it is.
func TestPlain(t *testing.T) {
	var s sealer
	page := []byte("pgc page")
	if sealed := s.sign("name", s.pack(page)); &sealed[0] != &page[0] {
		t.Errorf("got a copy %q, want the value itself", sealed)
	}
	if opened := s.open("name", page); &opened[0] != &page[0] {
		t.Errorf("got a copy %q, want the value itself", opened)
	}
}

// TestBomb: what claims to be large is refused before memory is taken for it.
func TestBomb(t *testing.T) {
	for name, claim := range map[string][]byte{
		"64 MiB of nothing": {0x80, 0x80, 0x80, 0x20, 0},
		"1 MiB of one byte": s2.Encode(nil, make([]byte, 1<<20)),
		"4 GiB":             {0xff, 0xff, 0xff, 0xff, 0x0f, 0},
	} {
		value := append([]byte("pgsb"), claim...)
		var s sealer
		if got, ok := s.opened("name", value); ok {
			t.Errorf("%s: got %d bytes, want none", name, len(got))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s.opened("name", value)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
			t.Errorf("%s: got %d bytes allocated, want next to none", name, got)
		}
	}
}
