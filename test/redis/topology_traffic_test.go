package redis_test

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// topoTraffic is an open loop: requests are sent at a steady rate, whatever becomes
// of those before.
type topoTraffic struct {
	stopped chan struct{}
	ended   sync.WaitGroup
	mu      sync.Mutex
	views   []topoView
}

func startTopoTraffic(rate int, nodes ...*topoNode) *topoTraffic {
	f := &topoTraffic{stopped: make(chan struct{})}
	f.ended.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		began, sent := time.Now(), 0
		for {
			select {
			case <-f.stopped:
				return
			case <-ticker.C:
			}
			for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ {
				n := nodes[sent%len(nodes)]
				page := sent / len(nodes) % n.len()
				f.ended.Go(func() { f.add(n.ask(page)) })
			}
		}
	})
	return f
}

func (f *topoTraffic) add(v topoView) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views = append(f.views, v)
}

// stop ends the loop and returns all views in order of their beginning.
func (f *topoTraffic) stop(t testing.TB) []topoView {
	t.Helper()
	close(f.stopped)
	f.ended.Wait()
	slices.SortFunc(f.views, func(a, b topoView) int { return a.began.Compare(b.began) })
	faults := 0
	for _, v := range f.views {
		if v.fault != "" {
			if faults++; faults <= 5 {
				t.Error(v.fault)
			}
		}
	}
	if faults > 0 {
		t.Errorf("got %d faults in %d requests, want none", faults, len(f.views))
	}
	if len(f.views) == 0 {
		t.Fatal("there was no traffic")
	}
	return f.views
}

// topoHitRatio is that of the views which began between two times.
func topoHitRatio(views []topoView, from, to time.Time) float64 {
	hits, all := 0, 0
	for _, v := range views {
		if v.began.Before(from) || !v.began.Before(to) {
			continue
		}
		all++
		if v.hit {
			hits++
		}
	}
	return float64(hits) / float64(max(all, 1))
}

// topoRecovery is how long after a time it took until each page was hit.
func topoRecovery(t testing.TB, views []topoView, after time.Time) (took time.Duration) {
	t.Helper()
	first := make(map[int]time.Duration)
	for _, v := range views {
		if _, known := first[v.page]; v.hit && !known && !v.began.Before(after) {
			first[v.page] = v.began.Sub(after)
		}
	}
	for _, v := range views {
		d, hit := first[v.page]
		if !hit {
			t.Fatalf("page %d was never hit again", v.page)
		}
		took = max(took, d)
	}
	return took
}

// linger goes on with the traffic until it is as it was before: in the long form for
// a fixed time, for its figures.
func linger(t testing.TB, n *topoNode) {
	t.Helper()
	if *long {
		time.Sleep(3500 * time.Millisecond)
		return
	}
	n.warm(t)
}

// topoReport logs what the traffic met, and fails in the long form if the pages of
// a server that was lost came back too late. served is when Redis itself had them
// again.
func topoReport(t testing.TB, views []topoView, lost, served time.Time) {
	t.Helper()
	end := views[len(views)-1].began
	var slowest time.Duration
	for _, v := range views {
		slowest = max(slowest, v.took)
	}
	ms := time.Millisecond
	t.Logf("%d requests, %.0f/s; Redis was away for %v; hit ratio before %.3f, meanwhile %.3f, in the last second %.3f; slowest request %v",
		len(views), float64(len(views))/end.Sub(views[0].began).Seconds(), served.Sub(lost).Round(ms), topoHitRatio(views, views[0].began, lost),
		topoHitRatio(views, lost, served), topoHitRatio(views, end.Add(-time.Second), end), slowest.Round(ms))
	if !*long {
		return
	}
	before := topoHitRatio(views, views[0].began, lost)
	if before < 0.9 {
		t.Log("no figure: this machine was too busy to serve pages in time before Redis was lost")
		return
	}
	took := topoRecovery(t, views, served)
	t.Logf("all pages were hit again %v after Redis had them", took.Round(ms))
	if took > 2*time.Second {
		t.Errorf("got all pages back %v after Redis, want 2s at most", took)
	}
	best := 0.0
	for at := served.Add(took); at.Before(end); at = at.Add(250 * time.Millisecond) {
		best = max(best, topoHitRatio(views, at, at.Add(250*time.Millisecond)))
	}
	// A busy machine has Redis time out now and then, before and after.
	if best < before*0.9 {
		t.Errorf("got a hit ratio of %.3f at best after that, want %.3f as before", best, before)
	}
}
