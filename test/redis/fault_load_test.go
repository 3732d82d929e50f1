package redis_test

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// faultLoad is visitors that come at a constant rate, however long the answers
// take: four in five ask for hot pages, the others for pages that nobody has seen.
type faultLoad struct {
	site *faultSite
	stop chan struct{}
	all  sync.WaitGroup

	mu      sync.Mutex
	samples []faultSample
	late    []faultSample // how much too late the machine woke somebody up
}

// maxLoad bounds the requests of one load.
const maxLoad = 60000

func (s *faultSite) load(perSecond int) *faultLoad {
	l := &faultLoad{site: s, stop: make(chan struct{})}
	l.all.Go(func() { l.run(time.Second / time.Duration(perSecond)) })
	l.all.Go(l.watch)
	return l
}

func (l *faultLoad) run(interval time.Duration) {
	began := time.Now()
	for i := range maxLoad {
		select {
		case <-l.stop:
			return
		case <-time.After(time.Until(began.Add(time.Duration(i) * interval))):
		}
		l.all.Go(func() {
			uri, hot := hotPage(i), i%5 != 0
			if !hot {
				uri = fmt.Sprintf("/cold/%d?of=%d", i, began.UnixNano())
			}
			got := l.site.ask(uri)
			got.hot = hot
			l.mu.Lock()
			defer l.mu.Unlock()
			l.samples = append(l.samples, got)
		})
	}
}

// end stops the visitors and waits for the last answer.
func (l *faultLoad) end() {
	close(l.stop)
	l.all.Wait()
}

// between are the answered requests that began in a span of time, in their order.
func (l *faultLoad) between(from, to time.Time) []faultSample {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := within(l.samples, from, to)
	slices.SortFunc(list, func(a, b faultSample) int { return a.at.Compare(b.at) })
	return list
}

func within(samples []faultSample, from, to time.Time) (list []faultSample) {
	for _, s := range samples {
		if !s.at.Before(from) && s.at.Before(to) {
			list = append(list, s)
		}
	}
	return list
}

// watch measures the machine: how much too late it wakes somebody up who sleeps
// for a millisecond. What requests pay for a fault is on top of that.
func (l *faultLoad) watch() {
	for range maxLoad {
		select {
		case <-l.stop:
			return
		default:
		}
		began := time.Now()
		time.Sleep(time.Millisecond)
		late := time.Since(began) - time.Millisecond
		l.mu.Lock()
		l.late = append(l.late, faultSample{at: began, took: late})
		l.mu.Unlock()
	}
}

// faultHiccups are by how much the machine was late, and how often by more than a
// millisecond.
type faultHiccups struct {
	p99, max time.Duration
	share    float64
}

func (l *faultLoad) hiccupsBetween(from, to time.Time) faultHiccups {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := faultFiguresOf(within(l.late, from, to))
	return faultHiccups{f.p99, f.max, f.paid}
}

func (h faultHiccups) String() string {
	return fmt.Sprintf("p99 %v, max %v, %.2f %% of the time by more than 1ms", h.p99.Round(10*time.Microsecond), h.max.Round(10*time.Microsecond), 100*h.share)
}

// quiet reports whether the machine had time for this test.
func (h faultHiccups) quiet() bool { return h.max < 20*time.Millisecond }
