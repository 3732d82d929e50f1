package pagecache_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestLossOfAnyKey: a store may drop any value at any time. That costs a miss,
// and the page is stored again at once.
func TestLossOfAnyKey(t *testing.T) { synctest.Test(t, lossOfAnyKey) }

func lossOfAnyKey(t *testing.T) {
	s, v := newShared(), &version{vary: "Accept", late: []string{"late"}}
	h := s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
	call(h, page("/p"))
	keys := s.written()
	if len(keys) != 7 { // page, variant; everything, mark, path, route, late
		t.Fatalf("got %d keys %q, want 7", len(keys), keys)
	}
	for _, key := range keys {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		cold := s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
		for name, h := range map[string]http.Handler{"seen before": h, "cold": cold} {
			if got := call(h, page("/p")); got.status != 200 || got.body != "version 0" {
				t.Errorf("%s, without %s: got %d, %q", name, key, got.status, got.body)
			}
			wantPage(t, "again without "+key, call(h, page("/p")), "version 0", true)
		}
	}
}

// TestPurgedPageNeverRevives: after a purge, bookkeeping is lost, made anew by
// another page with the same tags, and lost again. Counters would come back to
// an old value; nonces do not.
func TestPurgedPageNeverRevives(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgedPageNeverRevives(t, p) })
		})
	}
}

func purgedPageNeverRevives(t *testing.T, p *purge) {
	fences := pagecache.FenceKeys("/p", "route", "late", "d")
	for _, lost := range append([][]string{fences}, singles(fences)...) {
		s := newShared()
		h := s.process(t).Page(time.Hour, p.opts...)(&p.page)
		before := p.page.now.Load()
		call(h, page("/p?kept"))
		call(h, page("/p?other"))
		p.page.now.Add(1)
		if err := p.run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("version %d", before+1)
		for range 2 {
			if err := s.Delete(t.Context(), lost...); err != nil {
				t.Fatal(err)
			}
			// Makes the fences anew that both pages have.
			if got := call(h, page("/p?other")); got.body != want {
				t.Errorf("the other page without %q: got %q, want %q", lost, got.body, want)
			}
		}
		if got := call(s.process(t).Page(time.Hour, p.opts...)(&p.page), page("/p?kept")); got.body != want {
			t.Errorf("without %q: got %q (%s), want %q", lost, got.body, got.cacheStatus(), want)
		}
	}
}

func singles(keys []string) (lists [][]string) {
	for _, key := range keys {
		lists = append(lists, []string{key})
	}
	return lists
}

// TestMarkIsLostDuringFill: without the mark nobody can tell whether a late tag
// was purged, so the page is not stored.
func TestMarkIsLostDuringFill(t *testing.T) { synctest.Test(t, markIsLostDuringFill) }

func markIsLostDuringFill(t *testing.T) {
	s, v := newShared(), &version{late: []string{"late"}}
	h := s.process(t).Page(time.Hour)(v)
	finish := begin(v, h)
	mark := pagecache.FenceKeys("/p")[1]
	if err := s.Delete(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "mark lost", finish(), "pagecache; fwd=uri-miss; detail=invalidated")
}

// TestFencesAreLostAfterAPurge: a request that comes after a purge, and finds
// the fences gone, waits for a run that began before and made them. That both
// found none must not be taken for "nothing was purged in between".
func TestFencesAreLostAfterAPurge(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fencesAreLostAfterAPurge(t, p) })
		})
	}
}

func fencesAreLostAfterAPurge(t *testing.T, p *purge) {
	s := newShared()
	h := s.process(t).Page(time.Hour, p.opts...)(&p.page)
	finish := begin(&p.page, h)
	p.page.now.Add(1)
	if err := p.run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), s.written()...); err != nil {
		t.Fatal(err)
	}
	var follower reply
	var wg sync.WaitGroup
	wg.Go(func() { follower = call(h, page("/p")) })
	synctest.Wait()
	finish()
	wg.Wait()
	if follower.body != "version 1" {
		t.Errorf("a request after the purge: got %q (%s), want version 1", follower.body, follower.cacheStatus())
	}
	if got := call(h, page("/p")); got.body != "version 1" {
		t.Errorf("afterwards: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}

// book is a page of the hammer. Whoever changes it purges it, and only then
// tells the readers that they may expect the new content.
type book struct {
	now, floor atomic.Int64
}

// TestFenceHammer: readers of several processes and purges of all kinds, on a
// few pages. No request that starts after a purge returned may get content from
// before it.
func TestFenceHammer(t *testing.T) {
	var books [3]book
	var served, hits, purged atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(r.URL.Path[1] - '0')
		content := books[i].now.Load()
		if rand.IntN(2) == 0 {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		}
		pagecache.FromContext(r.Context()).Tag("late" + r.URL.Path[1:])
		w.Header().Set("Vary", "Accept")
		fmt.Fprint(w, content)
	})
	s, wide := newShared(), func(p *pagecache.Policy) { p.StoreBudget = 10 * time.Second }
	var sites [3]http.Handler
	for i := range sites {
		c := s.process(t, wide)
		mux := http.NewServeMux()
		for j := range books {
			mux.Handle(fmt.Sprintf("/%d", j), c.Page(time.Hour, pagecache.Tags(fmt.Sprintf("route%d", j)))(handler))
		}
		sites[i] = mux
	}
	end := time.Now().Add(hammerTime)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				i := rand.IntN(len(books))
				floor := books[i].floor.Load()
				got := call(sites[rand.IntN(len(sites))], page(fmt.Sprintf("/%d", i), "Accept", fmt.Sprint(rand.IntN(2))))
				var content int64
				if _, err := fmt.Sscan(got.body, &content); err != nil || content < floor {
					t.Errorf("page %d: got %q (%s), want version %d or later", i, got.body, got.cacheStatus(), floor)
				}
				served.Add(1)
				if got.hit() {
					hits.Add(1)
				}
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(end) && !t.Failed() {
			i := rand.IntN(len(books))
			content := books[i].now.Add(1)
			if err := purgeSomehow(t, s, i); err != nil {
				t.Error(err)
			}
			books[i].floor.Store(content)
			purged.Add(1)
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		}
	})
	wg.Wait()
	t.Logf("%d requests, %d hits, %d purges", served.Load(), hits.Load(), purged.Load())
	if hits.Load() == 0 || purged.Load() == 0 {
		t.Error("the hammer has not hit anything")
	}
}

const hammerTime = 1500 * time.Millisecond

func purgeSomehow(t *testing.T, s *shared, i int) error {
	switch rand.IntN(10) {
	case 0:
		return pagecache.ForeignPurgeAll(t.Context(), s)
	case 1, 2, 3:
		return pagecache.ForeignPurgePath(t.Context(), s, fmt.Sprintf("/%d", i))
	case 4, 5, 6:
		return pagecache.ForeignPurgeTags(t.Context(), s, fmt.Sprintf("route%d", i))
	}
	return pagecache.ForeignPurgeTags(t.Context(), s, "unused", fmt.Sprintf("late%d", i))
}
