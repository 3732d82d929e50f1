package routers

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

const (
	clients = 16
	firstID = 900 // so that ids have three digits, and four
	pages   = 512
)

// hammer asks for stale pages at each of the places, by 16 clients at a time, with
// and without the root handler to refresh them by, and wants everybody to get the
// right page. It runs in real time: what a router lends to one request has to be
// lent to the next while a refresh still runs.
func hammer(t *testing.T, places []place) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Run("alone", func(t *testing.T) { hammerAt(t, p, false) })
			t.Run("RefreshVia", func(t *testing.T) { hammerAt(t, p, true) })
		})
	}
}

func hammerAt(t *testing.T, p place, via bool) {
	t.Parallel()
	background := via || p.background
	requests := int64(20_000) / slower
	if testing.Short() || via == p.background { // a root that is not needed, or that would be
		requests = 2000 / slower
	}
	s := newSite(p, via)
	first := s.fill(t)
	s.rush(t, requests)
	s.wantRenewed(t, first)
	st, log := s.close(t)
	t.Logf("requests %d, wrong %d, handler runs %d, stale %d, refreshed in the background %d", s.asked.Load(), s.wrong.Load(), s.runs.Load(), st.Stale, st.Refreshed)
	if n := s.wrong.Load(); n > 0 {
		t.Errorf("got %d wrong pages of %d, want none", n, s.asked.Load())
	}
	if len(st.NotRefreshed) > 0 || len(st.NotStored) > 0 || len(st.Passed) > 0 {
		t.Errorf("got not refreshed %v, not stored %v, passed %v; want none", st.NotRefreshed, st.NotStored, st.Passed)
	}
	if strings.Contains(log, "level=ERROR") || background && log != "" {
		t.Errorf("got log %q, want no error, and no advice where all is well", log)
	}
	wantWay(t, st, background)
}

// wantWay wants pages made anew in the background, or by requests only.
func wantWay(t *testing.T, st pagecache.Stats, background bool) {
	t.Helper()
	switch {
	case background && (st.Refreshed == 0 || st.Misses != pages):
		t.Errorf("got %d refreshes in the background, and %d requests that ran the handler; want some, and %d: the first of each page", st.Refreshed, st.Misses, pages)
	case !background && (st.Refreshed != 0 || st.Misses <= pages):
		t.Errorf("got %d refreshes in the background, and %d requests that ran the handler; want none, and more than %d: those that found a page stale too", st.Refreshed, st.Misses, pages)
	}
}

// fill has every page made and returns the runs that made them.
func (s *site) fill(t *testing.T) (runs [pages]int64) {
	t.Helper()
	for i := range runs {
		runs[i] = s.look(t, firstID+i)
	}
	return runs
}

// rush sends the requests. Two at a time are for the same page, and all the
// others are asked for in between, so that nearly all are stale by then.
func (s *site) rush(t *testing.T, requests int64) {
	t.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for n := next.Add(1); n <= requests; n = next.Add(1) {
				s.look(t, firstID+int(n/2%pages))
				runtime.Gosched() // to what refreshes the page
			}
		})
	}
	all.Wait()
}

// wantRenewed looks at every page once all is quiet, and wants them made anew
// since the given runs: by now, or soon.
func (s *site) wantRenewed(t *testing.T, since [pages]int64) {
	t.Helper()
	for i, run := range since {
		for tries := 0; s.look(t, firstID+i) <= run; tries++ {
			if tries == 1000 {
				t.Errorf("page %d: is still that of run %d, want a newer one", firstID+i, run)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// look asks for a page, counts it if it is not the right one, and returns the run
// that made it.
func (s *site) look(t *testing.T, id int) int64 {
	t.Helper()
	s.asked.Add(1)
	run, got, right := s.ask(id)
	if !right && s.wrong.Add(1) == 1 {
		t.Errorf("page %d: got %q, want %q", id, got, s.place.rightPage(id))
	}
	return run
}
