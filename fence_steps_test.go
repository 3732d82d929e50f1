package pagecache_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// TestEveryInterleaving takes the two steps of a purge between all round trips
// of a fill, in every way. The proof rests on two orders: the purge writes the
// mark first, the fill reads it last.
func TestEveryInterleaving(t *testing.T) {
	for _, known := range []bool{false, true} {
		for first := range 8 {
			for second := first; second < 8; second++ {
				t.Run(fmt.Sprintf("known %t, steps before trips %d and %d", known, first, second), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { interleave(t, known, first, second) })
				})
			}
		}
	}
}

func interleave(t *testing.T, known bool, first, second int) {
	raw := storetest.NewMap()
	var faults storetest.Faults
	a := newCache(t, pagecache.WithStore(storetest.FaultyStore(raw, &faults)))
	v := &version{late: []string{"late"}}
	h := a.Page(time.Hour)(v)
	if known {
		call(h, page("/p"))
		_ = pagecache.ForeignPurgePath(t.Context(), raw, "/p")
	}
	steps := pagecache.ForeignPurgeSteps(raw, "late")
	trip := 0
	take := func(at int) {
		for i, when := range []int{first, second} {
			if at != when {
				continue
			}
			v.now.Store(1) // the content changes before the first step
			if err := steps[i](context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
	faults.Before(func(context.Context, string, []string) error {
		take(trip)
		trip++
		return nil
	})
	got := call(h, page("/p"))
	faults.Heal()
	if trip < 2 {
		t.Fatalf("got %d round trips (%s), want those of a fill", trip, got.cacheStatus())
	}
	for ; trip < 8; trip++ {
		take(trip)
	}
	if got := call(h, page("/p")); got.body != "version 1" {
		t.Errorf("after the purge: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}

// TestPurgeBetweenTheTripsOfALookup: a request that began before the purge may
// get either page; one that began after it may not, whatever the first one
// brought into this process's memory of the page.
func TestPurgeBetweenTheTripsOfALookup(t *testing.T) { synctest.Test(t, purgeBetweenTrips) }

func purgeBetweenTrips(t *testing.T) {
	for at := range 3 {
		raw, v := storetest.NewMap(), &version{vary: "Accept", late: []string{"late"}}
		var faults storetest.Faults
		call(newCache(t, pagecache.WithStore(raw)).Page(time.Hour)(v), page("/p"))
		cold := newCache(t, pagecache.WithStore(storetest.FaultyStore(raw, &faults))).Page(time.Hour)(v)
		var ops []string
		faults.Before(func(_ context.Context, op string, _ []string) error {
			if len(ops) == at {
				v.now.Store(1)
				_ = pagecache.ForeignPurgeTags(context.Background(), raw, "late")
			}
			ops = append(ops, op)
			return nil
		})
		call(cold, page("/p"))
		faults.Heal()
		if got := strings.Join(slices.Compact(ops[:min(3, len(ops))]), " "); got != "Get" {
			t.Fatalf("got trips %q, want three look-ups first", ops)
		}
		if got := call(cold, page("/p")); got.body != "version 1" {
			t.Errorf("purge before trip %d: got %q (%s), want version 1", at, got.body, got.cacheStatus())
		}
	}
}
