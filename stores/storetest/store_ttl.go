package storetest

import (
	"fmt"
	"time"
)

// rounding is how much a store may be wrong that counts lifetimes in whole
// seconds: one when it notes the end, one when it tells what is left.
const rounding = 2 * time.Second

// storeGetTTL: the values as Get has them, and lifetimes of the first ones only.
func storeGetTTL(tr *trial, s ttlGetter) {
	begin := time.Now()
	names := []string{"c", "absent", "a", "b", "a"}
	lives := map[string]time.Duration{"a": longLife, "b": 2 * longLife, "c": 30 * time.Second}
	for name, ttl := range lives {
		tr.set("of "+name, ttl, name)
	}
	for timed := range len(names) + 1 {
		values, left, err := s.GetTTL(tr.Context(), timed, tr.keys(names)...)
		if err != nil || len(values) != len(names) || len(left) != timed {
			tr.Fatalf("GetTTL of %d keys, %d of them timed: got %d values, %d lifetimes and error %v", len(names), timed, len(values), len(left), err)
		}
		for i, name := range names {
			ttl, there := lives[name]
			want := ""
			if there {
				want = "of " + name
			}
			tr.want(fmt.Sprintf("GetTTL, value %d", i), values[i], want)
			if there && i < timed {
				tr.wantInRange(name, left[i], ttl, begin)
			}
		}
	}
}

// storeGetTTLFollows: what is left gets less, and changes with the value.
func storeGetTTLFollows(tr *trial, s ttlGetter) {
	begin := time.Now()
	tr.set("value", longLife, "a")
	less := func() bool {
		_, left, err := s.GetTTL(tr.Context(), 1, tr.key("a"))
		return err == nil && len(left) == 1 && left[0] <= longLife-time.Second
	}
	if !eventually(tr.Context(), less) {
		tr.Errorf("GetTTL: does not tell after %v that time has passed", patience)
	}
	tr.wantLeft("a", longLife, begin)

	tr.add("other", 4*longLife, "a")
	tr.wantLeft("a", longLife, begin)
	for _, ttl := range []time.Duration{4 * longLife, longLife / 2, longLife} {
		begin = time.Now()
		tr.set("value", ttl, "a")
		tr.wantLeft("a", ttl, begin)
	}
	tr.remove("a")
	begin = time.Now()
	tr.add("added", 3*longLife, "a")
	tr.wantLeft("a", 3*longLife, begin)
}

// wantLeft checks what is left of a value that was given ttl after begin, if
// the store can tell.
func (tr *trial) wantLeft(name string, ttl time.Duration, begin time.Time) {
	tr.Helper()
	s, ok := tr.Store.(ttlGetter)
	if !ok {
		return
	}
	_, left, err := s.GetTTL(tr.Context(), 1, tr.key(name))
	if err != nil || len(left) != 1 {
		tr.Errorf("GetTTL(%s): got %d lifetimes and error %v, want one and none", name, len(left), err)
		return
	}
	tr.wantInRange(name, left[0], ttl, begin)
}

// wantInRange: a page that seems to have more left than it was given would be
// served for too long.
func (tr *trial) wantInRange(name string, left, ttl time.Duration, begin time.Time) {
	tr.Helper()
	if least := ttl - time.Since(begin) - rounding; left < least || left > ttl {
		tr.Errorf("GetTTL(%s): got %v left, want between %v and %v", name, left, least, ttl)
	}
}
