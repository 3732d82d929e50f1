package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// stepper is a process whose round trips are taken one at a time.
type stepper struct {
	*pagecache.Cache
	faults storetest.Faults
	next   chan struct{}
	purged *error // what the purge returned, when it has
}

func newStepper(t *testing.T, s pagecache.Store, opts ...pagecache.Option) *stepper {
	t.Helper()
	p := &stepper{next: make(chan struct{})}
	p.Cache = newCache(t, append([]pagecache.Option{pagecache.WithStore(storetest.FaultyStore(s, &p.faults))}, opts...)...)
	return p
}

// begin has the process invalidate something, up to its first round trip.
func (p *stepper) begin(run func(context.Context, *pagecache.Cache) error) {
	p.faults.Before(func(context.Context, string, []string) error {
		<-p.next
		return nil
	})
	go func() {
		err := run(context.Background(), p.Cache)
		p.purged = &err
	}()
	synctest.Wait()
}

// step takes the next round trip, if there is one more.
func (p *stepper) step() {
	if p.purged == nil {
		p.next <- struct{}{}
		synctest.Wait()
	}
}

// TestEveryInterleaving takes the steps of a purge between all round trips of a
// fill, in every way. The proof rests on two orders: the purge writes the mark
// first, the fill reads it last.
func TestEveryInterleaving(t *testing.T) {
	for _, p := range purges() {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, page seen before %t", p.name, known), func(t *testing.T) {
				for first, trips := 0, 1; first <= trips; first++ {
					for second := first; second <= trips; second++ {
						synctest.Test(t, func(t *testing.T) {
							x := &interleaving{purge: p, steps: [2]int{first, second}}
							x.run(t, known)
							trips = max(trips, x.fill)
							if x.single { // the second step is none
								second = trips
							}
						})
					}
				}
			})
		}
	}
}

// interleaving is one order of the round trips of a fill and a purge.
type interleaving struct {
	*purge
	steps  [2]int // before which trips of the fill the purge takes its own; the rest with the second
	trips  int    // so far
	fill   int    // of the fill
	single bool   // the purge has one trip
	soft   bool   // the page may be served afterwards, as stale
	by     *stepper
}

func (x *interleaving) run(t *testing.T, known bool) {
	s := newShared()
	var faults storetest.Faults
	h := x.site(x.process(t, s, pagecache.WithStore(storetest.FaultyStore(s, &faults))))
	x.by = newStepper(t, s, x.new...)
	if known {
		call(h, page("/p"))
		if err := x.by.Purge(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("version %d", x.page.now.Load()+1)
	faults.Before(func(context.Context, string, []string) error {
		x.take()
		x.trips++
		return nil
	})
	got := call(h, page("/p"))
	faults.Heal()
	for x.fill = x.trips; x.trips <= x.steps[1]; x.trips++ {
		x.take()
	}
	if x.by.purged == nil || *x.by.purged != nil {
		t.Fatalf("steps before trips %d of %d (%s): the purge has not ended well: %v", x.steps, x.fill, got.cacheStatus(), x.by.purged)
	}
	x.by.faults.Heal()
	for name, h := range map[string]http.Handler{"same process": h, "purging process": x.site(x.by.Cache)} {
		if got := call(h, page("/p")); got.body != want && !(x.soft && got.isStale()) {
			t.Errorf("steps before trips %d of %d, %s: got %q (%s), want %s", x.steps, x.fill, name, got.body, got.cacheStatus(), want)
		}
	}
}

// take takes the steps that are due.
func (x *interleaving) take() {
	if x.trips == x.steps[0] {
		x.page.now.Add(1) // the content changes first
		x.by.begin(x.purge.run)
		x.by.step()
		x.single = x.by.purged != nil
	}
	if x.trips == x.steps[1] {
		x.by.step()
	}
}

// TestPurgeBetweenTheTripsOfALookup: a request that began before the purge may
// get either page; one that began after it may not, whatever the first one
// brought into this process's memory of the page.
func TestPurgeBetweenTheTripsOfALookup(t *testing.T) { synctest.Test(t, purgeBetweenTrips) }

func purgeBetweenTrips(t *testing.T) {
	for at := range 2 {
		s, v := newShared(), &version{vary: "Accept", late: []string{"late"}}
		var faults storetest.Faults
		call(s.process(t).Page(time.Hour)(v), page("/p"))
		cold, other := newCache(t, pagecache.WithStore(storetest.FaultyStore(s, &faults))).Page(time.Hour)(v), s.process(t)
		var ops []string
		faults.Before(func(_ context.Context, op string, _ []string) error {
			if len(ops) == at {
				v.now.Store(1)
				_ = other.PurgeTags(context.Background(), "late")
			}
			ops = append(ops, op)
			return nil
		})
		call(cold, page("/p"))
		faults.Heal()
		if got := strings.Join(slices.Compact(ops[:min(2, len(ops))]), " "); got != "Get" {
			t.Fatalf("got trips %q, want two look-ups first", ops)
		}
		if got := call(cold, page("/p")); got.body != "version 1" {
			t.Errorf("purge before trip %d: got %q (%s), want version 1", at, got.body, got.cacheStatus())
		}
	}
}
