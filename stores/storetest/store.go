package storetest

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

var storeCases = []struct {
	name string
	run  func(*trial)
}{
	{"Absent", storeAbsent},
	{"Values", storeValues},
	{"LargeValue", storeLargeValue},
	{"Keys", storeKeys},
	{"Batch", storeBatch},
	{"SetMany", storeSetMany},
	{"Add", storeAdd},
	{"AddContention", storeAddContention},
	{"Delete", storeDelete},
	{"ShortLifetimes", storeShortLifetimes},
	{"LongLifetimes", storeLongLifetimes},
	{"EndedContext", storeEndedContext},
	{"ConcurrentModel", storeModel},
	{"ConcurrentShared", storeShared},
	{"Ownership", storeOwnership},
	{"GetTTL", having("GetTTL", storeGetTTL)},
	{"GetTTLFollows", having("GetTTL", storeGetTTLFollows)},
	{"SetIf", having("SetIf", storeSetIf)},
	{"SetIfContention", having("SetIf", storeSetIfContention)},
	{"DeleteIf", having("DeleteIf", storeDeleteIf)},
	{"DeleteIfContention", having("DeleteIf", storeDeleteIfContention)},
	{"TouchIf", having("TouchIf", storeTouchIf)},
	{"Messages", having("Publish and Subscribe", storeMessages)},
	{"SubscribeEnds", having("Publish and Subscribe", storeSubscribeEnds)},
	{"Abilities", storeAbilities},
}

// trial is a store on trial, with short forms of its methods: each fails the
// test on an error, or when the result is not what was wanted.
type trial struct {
	*testing.T
	pagecache.Store
	open   func(testing.TB) pagecache.Store
	prefix string
}

func newTrial(t *testing.T, open func(testing.TB) pagecache.Store) *trial {
	return &trial{T: t, Store: open(t), open: open, prefix: "st:" + rand.Text()[:16] + ":"}
}

// key returns a key that no other case uses, not even on a shared server.
func (tr *trial) key(name string) string { return tr.prefix + name }

func (tr *trial) keys(names []string) []string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = tr.key(name)
	}
	return keys
}

func (tr *trial) set(value string, ttl time.Duration, names ...string) {
	tr.Helper()
	if err := tr.Set(tr.Context(), []byte(value), ttl, tr.keys(names)...); err != nil {
		tr.Errorf("Set(%.40q): got error %v, want none", names, err)
	}
}

func (tr *trial) get(names ...string) [][]byte {
	tr.Helper()
	values, err := tr.Get(tr.Context(), tr.keys(names)...)
	if err != nil {
		tr.Errorf("Get(%.40q): got error %v, want none", names, err)
	}
	if len(values) != len(names) {
		tr.Errorf("Get: got %d values for %d keys", len(values), len(names))
		values = make([][]byte, len(names))
	}
	return values
}

func (tr *trial) add(value string, ttl time.Duration, names ...string) [][]byte {
	tr.Helper()
	now, err := tr.Add(tr.Context(), []byte(value), ttl, tr.keys(names)...)
	if err != nil {
		tr.Errorf("Add(%.40q): got error %v, want none", names, err)
	}
	if len(now) != len(names) {
		tr.Errorf("Add: got %d values for %d keys", len(now), len(names))
		now = make([][]byte, len(names))
	}
	return now
}

func (tr *trial) remove(names ...string) {
	tr.Helper()
	if err := tr.Delete(tr.Context(), tr.keys(names)...); err != nil {
		tr.Errorf("Delete(%.40q): got error %v, want none", names, err)
	}
}

// want compares one value; the empty string stands for absent, which must be
// nil and not an empty slice.
func (tr *trial) want(what string, got []byte, want string) {
	tr.Helper()
	if string(got) != want {
		tr.Errorf("%s: got %.60q (%d bytes), want %.60q (%d bytes)", what, got, len(got), want, len(want))
	} else if want == "" && got != nil {
		tr.Errorf("%s: got an empty value, want nil for absent", what)
	}
}

func (tr *trial) wantGet(name, want string) {
	tr.Helper()
	tr.want("Get("+name+")", tr.get(name)[0], want)
}

// wantGone polls until all names are absent.
func (tr *trial) wantGone(names ...string) {
	tr.Helper()
	gone := func() bool {
		return !slices.ContainsFunc(tr.get(names...), func(v []byte) bool { return v != nil })
	}
	if !eventually(tr.Context(), gone) {
		tr.Errorf("%d values with short lifetimes: some are still there after %v", len(names), patience)
	}
}

// eventually polls until check holds, and gives up after patience.
func eventually(ctx context.Context, check func() bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if check() {
			return true
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
	}
}

func storeAbsent(tr *trial) {
	tr.wantGet("a", "")
	for i, v := range tr.get("a", "b", "a") {
		tr.want("absent value "+string(rune('0'+i)), v, "")
	}
}

func storeValues(tr *trial) {
	var all strings.Builder
	for c := range 256 {
		all.WriteByte(byte(c))
	}
	values := []string{
		"a longer text", "x", all.String(), "\x00", "\x00\x00\x00", "\r\n", "a\r\nEND\r\n", "\xff\xfe",
		"nil", "null", "0", "-1", "3.0", " padded ", strings.Repeat("\x00", 4096), "*1\r\n$-1\r\n",
	}
	for _, v := range values {
		tr.set(v, longLife, "same key")
		tr.wantGet("same key", v)
	}
}

// storeLargeValue: the default limits of the cache let through a body of 1 MiB
// with 32 KiB of header fields, and signing or tags come on top.
func storeLargeValue(tr *trial) {
	large := strings.Repeat("0123456789abcdef", (1<<20+128<<10)/16)
	tr.set(large, longLife, "large")
	tr.wantGet("large", large)
	tr.set("small", longLife, "large")
	tr.wantGet("large", "small")
	tr.want("Add", tr.add(large, longLife, "added")[0], large)
}

// storeKeys covers the alphabet and the length that the contract allows.
func storeKeys(tr *trial) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-"
	keys := []string{tr.prefix + "k", tr.prefix + "K", tr.prefix + "k:", tr.prefix + ":k", tr.prefix + "-", tr.prefix + "_"}
	room := 64 - len(tr.prefix)
	for rest := alphabet; rest != ""; {
		n := min(room, len(rest))
		keys = append(keys, tr.prefix+rest[:n], (tr.prefix + rest[:n] + strings.Repeat("z", room))[:64])
		rest = rest[n:]
	}
	for _, key := range keys {
		if err := tr.Set(tr.Context(), []byte("of "+key), longLife, key); err != nil {
			tr.Errorf("Set(%q): got error %v, want none", key, err)
		}
	}
	values, err := tr.Get(tr.Context(), keys...)
	if err != nil || len(values) != len(keys) {
		tr.Fatalf("Get: got %d values and error %v, want %d and none", len(values), err, len(keys))
	}
	for i, key := range keys {
		tr.want("Get("+key+")", values[i], "of "+key)
	}
}

// storeOwnership: a store may keep the slice it was given, because neither side
// writes to it. So it must not write to it either, or beyond its end, and what
// it returned must not change under the reader's eyes.
func storeOwnership(tr *trial) {
	backing := []byte("valueSPARE")
	value := backing[:5]
	for range 2 {
		if err := tr.Set(tr.Context(), value, longLife, tr.keys([]string{"a", "b"})...); err != nil {
			tr.Errorf("Set: got error %v, want none", err)
		}
		if _, err := tr.Add(tr.Context(), value, longLife, tr.keys([]string{"a", "c"})...); err != nil {
			tr.Errorf("Add: got error %v, want none", err)
		}
	}
	got := tr.get("a", "b", "c")
	tr.set("other", longLife, "a", "b")
	tr.remove("c")
	tr.set("third", longLife, "c")
	for range 20 { // let a buffer that is used again be used again
		tr.get("a", "b", "c")
	}
	for i, v := range got {
		tr.want("value returned earlier", v, "value")
		// A batch must not hand out slices that run into one another.
		_ = append(got[i], "overrun"...)
	}
	for _, v := range got {
		tr.want("value after an append to its neighbour", v, "value")
	}
	tr.want("slice given to Set", backing, "valueSPARE")
	tr.wantGet("a", "other")
}
