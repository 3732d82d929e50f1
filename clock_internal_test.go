package pagecache

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAgesByTheClockOfTheStore: clocks of writers may be ten minutes off, either
// way. What a page has left in the store tells its age.
func TestAgesByTheClockOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(WithStore(nothing{})).core
		time.Sleep(time.Hour)
		for _, tt := range []struct {
			off, left, age time.Duration
		}{
			{0, 50 * time.Second, 10 * time.Second},
			{10 * time.Minute, 50 * time.Second, 10 * time.Second},
			{-10 * time.Minute, 50 * time.Second, 10 * time.Second},
			{0, 2 * time.Minute, 0}, // more than it ever had: somebody has changed it
			{0, 0, time.Minute},
			{-10 * time.Second, -1, 10 * time.Second}, // the store cannot tell
			{10 * time.Minute, -1, 0},
		} {
			e := &entry{fresh: 40 * time.Second, stale: windows{ifError: 20 * time.Second}}
			c.adopt(e, time.Now().Add(tt.off), tt.left, "")
			if got := time.Duration(c.now() - e.created); got != tt.age {
				t.Errorf("clock off by %v, %v left: got an age of %v, want %v", tt.off, tt.left, got, tt.age)
			}
		}
	})
}

// TestExpiriesByTheClockOfTheStore is the same for the time of an expiry.
func TestExpiriesByTheClockOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nonce := string(newExpiry(time.Hour))
		time.Sleep(time.Minute)
		x, ok := expiryOf(nonce)
		if !ok {
			t.Fatalf("%q is not taken for an expiry's", nonce)
		}
		for left, want := range map[time.Duration]time.Duration{30 * time.Minute: 30 * time.Minute, 0: time.Hour, -1: time.Minute} {
			if got := x.ago(left); got != want {
				t.Errorf("%v left: got %v ago, want %v", left, got, want)
			}
		}
	})
}

// nothing is a store that is not asked.
type nothing struct{ Store }

// FuzzDecodePurge: what others send is read or refused, and never more is made of
// it than it has bytes.
func FuzzDecodePurge(f *testing.F) {
	f.Add(encodePurge([]byte("me"), []string{namespaceName}, false))
	f.Add(encodePurge([]byte("me"), []string{" path /p", "tag", " route /{id}", " under /"}, true))
	f.Add(encodePurge(nil, nil, false))
	f.Add(signNonce(""))
	f.Add(signNonce("\x00\x00\x00\x02me\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, signNonce(string(b))} {
			from, names, soft, ok := decodePurge(b)
			if !ok {
				continue
			}
			for _, name := range names {
				tagNamed(name)
			}
			from2, names2, soft2, ok := decodePurge(encodePurge(from, names, soft))
			if len(b) > maxMessage {
				continue
			}
			if !ok || string(from2) != string(from) || soft2 != soft || len(names2) != len(names) {
				t.Errorf("%q: got %q %q %t, and from that %q %q %t", b, from, names, soft, from2, names2, soft2)
			}
		}
	})
}

// TestNamesOfTags: the tag of a fence's name is the one that it was made of.
func TestNamesOfTags(t *testing.T) {
	for _, want := range []tag{{kind: pathTag, parts: [3]string{"/p q"}}, {kind: underTag, parts: [3]string{"/"}}, {kind: routeTag, parts: [3]string{"/{x}"}}, {kind: userTag, parts: [3]string{"tag"}}} {
		if got := tagNamed(want.name()); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
