package pagecache

import (
	"bytes"
	"cmp"
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// TestStands has what a page's fences are compared with. No nonce is equal to
// none: a fence that was lost, and one that never was, stand for nothing.
func TestStands(t *testing.T) {
	known := []string{namespaceName, markName, " path /p"}
	full := []fence{{namespaceName, "n"}, {" path /p", "p"}, {"late", "l"}}
	tests := []struct {
		name   string
		fences []fence
		nonces map[string]string
		want   bool
	}{
		{"all equal", full, map[string]string{namespaceName: "n", " path /p": "p", "late": "l"}, true},
		{"another mark", full, map[string]string{namespaceName: "n", " path /p": "p", "late": "l", markName: "m"}, true},
		{"path changed", full, map[string]string{namespaceName: "n", " path /p": "x", "late": "l"}, false},
		{"late tag changed", full, map[string]string{namespaceName: "n", " path /p": "p", "late": "x"}, false},
		{"late tag lost", full, map[string]string{namespaceName: "n", " path /p": "p", "late": ""}, false},
		{"late tag not read", full, map[string]string{namespaceName: "n", " path /p": "p"}, false},
		{"namespace lost", full, map[string]string{" path /p": "p", "late": "l"}, false},
		{"stored without a nonce", []fence{{namespaceName, "n"}, {" path /p", ""}}, map[string]string{namespaceName: "n", " path /p": ""}, false},
		{"stored without its path", full[:1], map[string]string{namespaceName: "n", " path /p": "p"}, false},
		{"stored without fences", nil, map[string]string{namespaceName: "n", " path /p": "p"}, false},
	}
	for _, tt := range tests {
		q := &query{known: known, nonces: tt.nonces}
		if got := q.stands(&entry{fences: tt.fences}, false); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestStandsHard has what only purges change. A fence that is lost says nothing
// any more, and neither does one that was changed by no expiry, or whose second
// the page does not have.
func TestStandsHard(t *testing.T) {
	hard := func(name string) string { return hardPrefix + name }
	known := []string{namespaceName, markName, " path /p"}
	full := []fence{{namespaceName, "n"}, {" path /p", "p"}, {"late", "l"}, {hard(namespaceName), "N"}, {hard(" path /p"), "P"}, {hard("late"), "L"}}
	stand := map[string]string{namespaceName: "n", " path /p": "p", "late": "l", hard(namespaceName): "N", hard(" path /p"): "P", hard("late"): "L"}
	tests := []struct {
		name   string
		fences []fence
		lost   string // of the nonces
		now    string // another one, after an expiry or a purge
		made   []byte // that one, if not by an expiry
		want   bool
	}{
		{name: "all equal", fences: full, want: true},
		{name: "path expired", fences: full, now: " path /p", want: true},
		{name: "late tag expired", fences: full, now: "late", want: true},
		{name: "path purged", fences: full, now: hard(" path /p")},
		{name: "late tag purged", fences: full, now: hard("late")},
		{name: "everything purged", fences: full, now: hard(namespaceName)},
		{name: "path's fence lost", fences: full, lost: " path /p"},
		{name: "late tag's fence lost", fences: full, lost: "late"},
		{name: "path's second fence lost", fences: full, lost: hard(" path /p")},
		{name: "late tag's second fence lost", fences: full, lost: hard("late")},
		{name: "path expired, stored without its second fence", fences: append(full[:4:4], full[5]), now: " path /p"},
		{name: "late tag expired, stored without its second fence", fences: full[:5], now: "late"},
		{name: "path expired, stored without second fences", fences: full[:3], now: " path /p"},
		{name: "path's fence lost and made anew", fences: full, now: " path /p", made: newNonce()},
		{name: "stored without the path's fences", fences: []fence{full[0], full[2], full[3], full[5]}},
		{name: "second fence stored without a nonce", fences: append(full[:5:5], fence{hard("late"), ""}), lost: hard("late")},
	}
	for _, tt := range tests {
		q := &query{known: known, nonces: maps.Clone(stand)}
		if tt.lost != "" {
			q.nonces[tt.lost] = ""
		}
		if tt.now != "" {
			q.nonces[tt.now] = cmp.Or(string(tt.made), string(newExpiry(time.Hour)))
		}
		if got := q.stands(&entry{fences: tt.fences}, true); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestLivesOfNonces: what many pages share outlives them all, lest they are lost
// together; the rest goes when its pages have been gone for a while.
func TestLivesOfNonces(t *testing.T) {
	const day = 24 * time.Hour
	shared := []string{namespaceName, markName, " route /books/{id}", " under /", "books"}
	own := []string{" path /books/1", "book:1", " under /books/1/", "book"}
	for _, tt := range []struct {
		name string
		p    Policy
		want time.Duration
	}{
		{"short", Policy{TTL: time.Second}, day},
		{"a quarter of a day", Policy{TTL: 6 * time.Hour}, day},
		{"ten hours", Policy{TTL: 10 * time.Hour}, 40 * time.Hour},
		{"window", Policy{TTL: time.Hour, StaleIfError: 9 * time.Hour, StaleWhileRevalidate: time.Hour}, 40 * time.Hour},
		{"the other window", Policy{TTL: time.Hour, StaleIfError: time.Hour, StaleWhileRevalidate: 9 * time.Hour}, 40 * time.Hour},
		{"pages say themselves", Policy{}, 30 * day},
		{"long", Policy{TTL: 365 * day}, fenceLife},
		{"for ever", Policy{TTL: Forever, StaleIfError: Forever}, fenceLife},
	} {
		tt.p.Tags = []string{"books"}
		for _, prefix := range []string{"", hardPrefix} {
			for _, name := range shared {
				if got := tt.p.lifeOf(prefix + name); got != fenceLife && prefix+name != hardPrefix+markName {
					t.Errorf("%s: got %v for %q, want %v", tt.name, got, prefix+name, fenceLife)
				}
			}
			for _, name := range own {
				if got := tt.p.lifeOf(prefix + name); got != tt.want {
					t.Errorf("%s: got %v for %q, want %v", tt.name, got, prefix+name, tt.want)
				}
			}
		}
	}
	if fenceLife <= maxRemoteLife {
		t.Error("shared fences do not outlive all pages")
	}
}

// TestNonces are never equal, know damage, and those of expiries tell when that was.
func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[string]bool)
		for range 1000 {
			nonce := newExpiry(fenceLife)
			if seen[string(nonce)] || !isNonce(nonce) || len(nonce) > 64 {
				t.Fatalf("got nonce %q: seen before %t, known for one %t", nonce, seen[string(nonce)], isNonce(nonce))
			}
			seen[string(nonce)] = true
			if x, ok := expiryOf(string(nonce)); !ok || !x.at.Equal(time.Now()) || x.life != fenceLife {
				t.Errorf("got %+v, %t, want one of %v, kept %v", x, ok, time.Now(), fenceLife)
			}
			if _, ok := expiryOf(string(newNonce())); ok {
				t.Error("a purge's nonce is taken for an expiry's")
			}
			time.Sleep(time.Hour + 1)
		}
		nonce := newNonce()
		for i := range nonce {
			bad := bytes.Clone(nonce)
			bad[i] ^= 1
			if isNonce(bad) || isNonce(nonce[:i]) {
				t.Errorf("byte %d damaged, or cut there: taken for a nonce", i)
			}
		}
		for _, text := range []string{"", "x", "........", "a...c", "a.-.1.c", "a.1.-.c", "a.1.1", "a.1.1.1.c"} {
			if _, ok := expiryOf(text); ok {
				t.Errorf("%q is taken for an expiry's", text)
			}
		}
	})
}

// TestFenceNames: no tag of a user has the name, or the key, of another fence.
func TestFenceNames(t *testing.T) {
	seen := make(map[string]tag)
	for _, t1 := range []tag{
		{kind: userTag, parts: [3]string{"/p"}}, {kind: pathTag, parts: [3]string{"/p"}}, {kind: underTag, parts: [3]string{"/p"}}, {kind: routeTag, parts: [3]string{"/p"}},
		{kind: userTag, parts: [3]string{"all"}}, {kind: userTag, parts: [3]string{"mark"}}, {kind: userTag, parts: [3]string{"path"}}, {kind: pathTag, parts: [3]string{"p"}},
		{kind: pathTag}, {kind: underTag}, {kind: routeTag},
	} {
		for _, name := range []string{t1.name(), hardPrefix + t1.name()} {
			for _, id := range []string{name, fenceKey(name)} {
				if t2, taken := seen[id]; taken {
					t.Errorf("%+v and %+v are both %q", t1, t2, id)
				}
				seen[id] = t1
			}
		}
	}
	for _, name := range []string{namespaceName, markName, hardPrefix + "x"} {
		if _, taken := seen[name]; taken || checkTag(name) == "" {
			t.Errorf("a user can give the tag %q", name)
		}
	}
}
