package pagecache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

const hammerTime = 1500 * time.Millisecond

// TestPurgeHammer: readers of three processes, and invalidations of all kinds
// from all of them, on a few pages. No request that starts after one returned may
// get content from before it.
func TestPurgeHammer(t *testing.T) { hammer(t, 0) }

// TestPurgeHammerWithFaults: what the store refuses counts in the process that
// was refused, and in the others once the store is well again.
func TestPurgeHammerWithFaults(t *testing.T) { hammer(t, 0.03) }

// anvil is a page of the hammer. Who changes it invalidates it, and only then
// tells the readers of which processes that they may expect the new content.
type anvil struct {
	path, route, tag, late string
	now                    *atomic.Int64
	purged, fresh          [3]atomic.Int64 // the oldest content that may be served by each process, at all and as fresh
}

func raiseTo(floor *atomic.Int64, n int64) {
	for old := floor.Load(); old < n && !floor.CompareAndSwap(old, n); old = floor.Load() {
	}
}

// hammered is one process.
type hammered struct {
	*pagecache.Cache
	mux    *http.ServeMux
	faults storetest.Faults
}

type hammering struct {
	*testing.T
	anvils                      []*anvil
	sites                       [3]*hammered
	end                         time.Time
	served, hits, stale, purges atomic.Int64
}

func hammer(t *testing.T, faulty float64) {
	x := &hammering{T: t, end: time.Now().Add(hammerTime)}
	for i := range 4 {
		x.anvils = append(x.anvils, &anvil{path: fmt.Sprintf("/%d/page", i), route: fmt.Sprintf("/%d/", i), tag: fmt.Sprintf("route:%d", i), late: fmt.Sprintf("late:%d", i), now: new(atomic.Int64)})
	}
	last := x.anvils[3] // one page by two paths
	x.anvils = append(x.anvils, &anvil{path: "/3/too", route: last.route, tag: last.tag, late: last.late, now: last.now})
	s := storetest.NewMap()
	for i := range x.sites {
		x.sites[i] = x.newSite(s)
		chance := func(context.Context, string, []string) error {
			if rand.Float64() < faulty {
				return storetest.ErrFault
			}
			return nil
		}
		x.sites[i].faults.Before(chance)
		x.sites[i].faults.After(chance)
	}
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			for time.Now().Before(x.end) && !t.Failed() {
				x.read(i%3, rand.IntN(len(x.anvils)))
			}
		})
	}
	for i := range x.sites {
		wg.Go(func() {
			for time.Now().Before(x.end) && !t.Failed() {
				x.strike(i, rand.IntN(len(x.anvils)), faulty == 0)
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			}
		})
	}
	wg.Wait()
	x.settle(s)
	t.Logf("%d requests, %d hits, %d stale, %d invalidations", x.served.Load(), x.hits.Load(), x.stale.Load(), x.purges.Load())
	if x.hits.Load() == 0 || x.stale.Load() == 0 || x.purges.Load() == 0 {
		t.Error("the hammer has not hit anything")
	}
}

func (x *hammering) newSite(s pagecache.Store) *hammered {
	site := &hammered{mux: http.NewServeMux()}
	site.Cache = newCache(x.T, pagecache.WithStore(storetest.FaultyStore(s, &site.faults)), withPrefixes, func(p *pagecache.Policy) { p.StoreBudget = 10 * time.Second })
	for i, a := range x.anvils[:4] {
		opts := []pagecache.Option{pagecache.Tags(a.tag)}
		if i > 0 {
			opts = append(opts, pagecache.StaleWhileRevalidate(time.Hour), pagecache.StaleIfError(time.Hour))
		}
		if i == 3 {
			opts = append(opts, pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "three" })))
		}
		site.mux.Handle(a.route, site.Page(time.Hour, opts...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				a.now.Add(1)
			}
			content := a.now.Load()
			if rand.IntN(2) == 0 {
				time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
			}
			pagecache.FromContext(r.Context()).Tag(a.late)
			if i == 2 {
				w.Header().Set("Vary", "Accept")
			}
			fmt.Fprint(w, content)
		})))
	}
	return site
}

// read asks a process for a page.
func (x *hammering) read(i, j int) {
	a := x.anvils[j]
	purged, fresh := a.purged[i].Load(), a.fresh[i].Load()
	got := call(x.sites[i].mux, page(a.path, "Accept", strconv.Itoa(rand.IntN(2))))
	content, err := strconv.ParseInt(got.body, 10, 64)
	if err != nil || content < purged || content < fresh && !got.isStale() {
		x.Errorf("%s in process %d: got %q (%s), want version %d or later, %d where it is fresh", a.path, i, got.body, got.cacheStatus(), purged, fresh)
	}
	x.served.Add(1)
	switch {
	case got.isStale():
		x.stale.Add(1)
	case got.hit():
		x.hits.Add(1)
	}
}

// strike changes a page, and has a process invalidate it somehow.
func (x *hammering) strike(i, j int, healthy bool) {
	a, c, ctx := x.anvils[j], x.sites[i], x.Context()
	x.purges.Add(1)
	about := []*anvil{a}
	if a.now == x.anvils[4].now { // by its tags and the like the page is purged for both paths
		about = x.anvils[3:]
	}
	content := a.now.Add(1)
	var err error
	soft := false
	switch rand.IntN(14) {
	case 0:
		err = c.PurgeAll(ctx)
	case 1:
		err, soft = c.ExpireAll(ctx), true
	case 2:
		err, about = c.Purge(ctx, "/unused", a.path), []*anvil{a}
	case 3:
		err, about = c.Purge(ctx, "http://example.com"+a.path), []*anvil{a}
	case 4:
		err, about, soft = c.Expire(ctx, a.path), []*anvil{a}, true
	case 5:
		err = c.PurgeTags(ctx, a.tag)
	case 6:
		err = c.PurgeTags(ctx, "unused", a.late)
	case 7:
		err, soft = c.ExpireTags(ctx, a.tag), true
	case 8:
		err, soft = c.ExpireTags(ctx, a.late, "unused"), true
	case 9:
		err = c.PurgeRoute(ctx, a.route)
	case 10:
		err, soft = c.ExpireRoute(ctx, a.route), true
	case 11:
		err = c.PurgePrefix(ctx, a.route)
	case 12:
		err, soft = c.ExpirePrefix(ctx, a.route), true
	case 13:
		r := page(a.path)
		r.Method = http.MethodPost
		content, _ = strconv.ParseInt(call(c.mux, r).body, 10, 64)
		about = []*anvil{a}
		if !healthy { // nobody is told whether the store refused it
			err = storetest.ErrFault
		}
	}
	if err != nil && healthy {
		x.Error(err)
	}
	for k := range x.sites {
		for _, a := range about {
			if err != nil && k != i {
				continue
			}
			if raiseTo(&a.fresh[k], content); !soft {
				raiseTo(&a.purged[k], content)
			}
		}
	}
}

// settle ends the faults and what is owed. All processes then serve what any of
// them may.
func (x *hammering) settle(s pagecache.Store) {
	for i, site := range x.sites {
		site.faults.Heal()
		if err := site.Close(x.Context()); err != nil {
			x.Errorf("Close: got error %v, want what is owed made good", err)
		}
		x.sites[i] = x.newSite(s)
	}
	for j, a := range x.anvils {
		for k := range x.sites {
			for i := range x.sites {
				raiseTo(&a.purged[i], a.purged[k].Load())
				raiseTo(&a.fresh[i], a.fresh[k].Load())
			}
		}
		for i := range 3 * len(x.sites) {
			x.read(i%3, j)
		}
	}
}
