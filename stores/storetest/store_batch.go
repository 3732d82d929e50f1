package storetest

import (
	"fmt"
	"sync"
	"time"
)

func storeBatch(tr *trial) {
	const n = 100
	names := make([]string, 0, 3*n)
	for i := range n {
		name := fmt.Sprintf("k%d", i)
		tr.set("v"+name, longLife, name)
		names = append(names, name)
	}
	for i := range n {
		names = append(names, fmt.Sprintf("k%d", n-1-i), "absent")
	}
	for i, v := range tr.get(names...) {
		want := "v" + names[i]
		if names[i] == "absent" {
			want = ""
		}
		tr.want(fmt.Sprintf("value %d of the batch", i), v, want)
	}
}

func storeSetMany(tr *trial) {
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("k%d", i)
	}
	tr.set("alone", longLife, names[3])
	tr.set("same", longLife, names...)
	for _, v := range tr.get(names...) {
		tr.want("value under many keys", v, "same")
	}
	tr.set("other", longLife, names[7])
	tr.remove(names[8])
	tr.wantGet(names[6], "same")
	tr.wantGet(names[7], "other")
	tr.wantGet(names[8], "")
	// The same key twice in one call is no mistake.
	tr.set("twice", longLife, names[9], names[9])
	tr.wantGet(names[9], "twice")
}

func storeAdd(tr *trial) {
	tr.want("Add under an absent key", tr.add("first", longLife, "a")[0], "first")
	tr.want("Add under the same key", tr.add("second", longLife, "a")[0], "first")
	tr.wantGet("a", "first")

	tr.set("set", longLife, "b")
	now := tr.add("third", longLife, "c", "a", "b", "d", "c")
	for i, want := range []string{"third", "first", "set", "third", "third"} {
		tr.want(fmt.Sprintf("Add under five keys, value %d", i), now[i], want)
	}
	for name, want := range map[string]string{"a": "first", "b": "set", "c": "third", "d": "third"} {
		tr.wantGet(name, want)
	}

	tr.remove("a")
	tr.want("Add after Delete", tr.add("fourth", longLife, "a")[0], "fourth")
	tr.set("fifth", longLife, "a")
	tr.wantGet("a", "fifth")

	tr.add("short", 100*time.Millisecond, "e")
	tr.wantGone("e")
	tr.want("Add after expiry", tr.add("sixth", longLife, "e")[0], "sixth")
	// A value that Add left alone keeps its own lifetime.
	tr.set("short", 100*time.Millisecond, "f")
	tr.add("long", longLife, "f")
	if !eventually(tr.Context(), func() bool { return string(tr.get("f")[0]) != "short" }) {
		tr.Errorf("Add prolonged the life of a value that it did not write")
	}
}

// storeAddContention: of a hundred who add, exactly one wins per key, and all
// are told the same. Leases and fences stand on this.
func storeAddContention(tr *trial) {
	const workers, rounds = 100, 5
	for round := range rounds {
		names := []string{fmt.Sprintf("r%da", round), fmt.Sprintf("r%db", round)}
		told := make([][][]byte, workers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				<-start
				now, err := tr.Add(tr.Context(), fmt.Appendf(nil, "worker %d", w), longLife, tr.keys(names)...)
				if err != nil || len(now) != len(names) {
					tr.Errorf("Add: got %d values and error %v, want %d and none", len(now), err, len(names))
					return
				}
				told[w] = now
			})
		}
		close(start)
		wg.Wait()
		if tr.Failed() {
			return
		}
		for i, winner := range tr.get(names...) {
			winners := 0
			for w := range workers {
				tr.want(fmt.Sprintf("what worker %d was told", w), told[w][i], string(winner))
				if string(told[w][i]) == fmt.Sprintf("worker %d", w) {
					winners++
				}
			}
			if winners != 1 {
				tr.Errorf("winners of %s: got %d, want 1", names[i], winners)
			}
		}
	}
}

func storeDelete(tr *trial) {
	tr.remove("never there")
	tr.set("value", longLife, "a", "b", "c")
	tr.remove("a", "never there", "c", "a")
	for i, want := range []string{"", "value", ""} {
		tr.want(fmt.Sprintf("value %d after Delete", i), tr.get("a", "b", "c")[i], want)
	}
	tr.remove("a")
	tr.set("again", longLife, "a")
	tr.wantGet("a", "again")
}

// storeShortLifetimes wants an end, not a beginning: a value that lives for a
// nanosecond may never have been seen, but must not live for ever.
func storeShortLifetimes(tr *trial) {
	gone := []string{"shortened"}
	for i, ttl := range []time.Duration{1, time.Microsecond, time.Millisecond, 1500 * time.Microsecond, 200 * time.Millisecond} {
		set, added := fmt.Sprintf("set%d", i), fmt.Sprintf("added%d", i)
		tr.set("value", ttl, set)
		tr.add("value", ttl, added)
		gone = append(gone, set, added)
	}
	tr.set("long", longLife, "shortened")
	tr.set("short", 50*time.Millisecond, "shortened")
	tr.wantGone(gone...)
	// Set also prolongs: the marker dies when the value would have died.
	tr.set("short", 200*time.Millisecond, "prolonged", "marker")
	tr.set("long", longLife, "prolonged")
	tr.wantGone("marker")
	tr.wantGet("prolonged", "long")
}

func storeLongLifetimes(tr *trial) {
	for i, ttl := range []time.Duration{time.Minute, 30*24*time.Hour + 1, 60 * 24 * time.Hour, tenYears} {
		name := fmt.Sprintf("k%d", i)
		tr.set("value", ttl, name)
		tr.want(fmt.Sprintf("value that lives for %v", ttl), tr.get(name)[0], "value")
		tr.want("Add over it", tr.add("other", ttl, name)[0], "value")
	}
}
