package redis_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// byForm picks what a test takes in its short form, or in its long one.
func byForm[T any](short, whole T) T {
	if *long {
		return whole
	}
	return short
}

// TestFigureFrozen: the server stops in the middle of a busy day, keeps all
// connections, and goes on some seconds later.
func TestFigureFrozen(t *testing.T) {
	for _, by := range faultClients {
		t.Run(by.name, func(t *testing.T) { frozenServer(t, by) })
	}
}

func frozenServer(t *testing.T, by faultClient) {
	server := redistest.Start(t)
	before := runtime.NumGoroutine()
	site := newFaultSite(t, by, "frozen", &redis.UniversalOptions{Addrs: []string{server.Addr()}})
	site.warmUp()
	load := site.load(byForm(300, 1200))
	began := time.Now()
	time.Sleep(byForm[time.Duration](500, 2000) * time.Millisecond)

	froze := time.Now()
	server.Freeze()
	time.Sleep(byForm[time.Duration](2, 4) * time.Second)
	healed := time.Now()
	server.Thaw()
	first, full := load.awaitRecovery(t, healed)
	load.end()

	well, during := faultFiguresOf(load.between(began, froze)), load.between(froze, healed)
	got, late := faultFiguresOf(during), load.hiccupsBetween(froze, healed)
	t.Logf("well:    %v", well)
	t.Logf("frozen:  %v", got)
	t.Logf("         the machine itself was late by %v", late)
	t.Logf("thawed:  first hit after %v, 99 %% after %v", first.Round(time.Millisecond), full.Round(time.Millisecond))
	wantRightAnswers(t, got, well)
	wantFrozenFigures(t, got, late, first, full)
	if paid := paidMore(during, 25*time.Millisecond); late.quiet() && paid*10 > len(during) {
		t.Errorf("got %d of %d requests that waited for a frozen server, want few", paid, len(during))
	}
	if got := site.cache.Stats().StoreErrors; got == 0 {
		t.Error("got no store errors in Stats, want those of the freeze")
	}
	site.log.wantRareLines(t, by.name)
	site.close()
	wantGoroutinesLeft(t, before)
}

// wantRightAnswers fails unless all answers were right.
func wantRightAnswers(t *testing.T, phases ...faultFigures) {
	t.Helper()
	for _, f := range phases {
		if len(f.wrong) > 0 {
			t.Errorf("got %d wrong answers of %d, the first: %s", len(f.wrong), f.n, f.wrong[0])
		}
		if f.n == 0 {
			t.Error("got no requests in a phase of the test")
		}
	}
}

// wantFrozenFigures compares with what is promised, and adds what the machine
// itself was late by meanwhile. The short form is lenient, and does not look at times
// that were taken on a machine with other things to do.
func wantFrozenFigures(t *testing.T, f faultFigures, late faultHiccups, first, full time.Duration) {
	t.Helper()
	if !*long && !late.quiet() {
		return
	}
	if most := byForm(100*time.Millisecond, time.Millisecond) + late.p99; f.p99 > most {
		t.Errorf("got a 99th percentile of %v, want %v at most", f.p99, most)
	}
	if most := byForm(2*time.Second, 60*time.Millisecond) + late.max; f.max > most {
		t.Errorf("got a request that took %v, want %v at most", f.max, most)
	}
	if *long && f.paid > 0.01+late.share {
		t.Errorf("got %.2f %% of the requests that paid, want 1 %% at most besides the %.2f %% of the machine", 100*f.paid, 100*late.share)
	}
	if most := byForm(10*time.Second, 2*time.Second); first > most || full > most {
		t.Errorf("got hits %v and 99 %% of them %v after the fault, want %v at most", first, full, most)
	}
}

// TestFigureFrozenTrickle: with few visitors each of them is a larger part. The
// first five pay, and then one in each second that tries.
func TestFigureFrozenTrickle(t *testing.T) {
	for _, by := range faultClients {
		t.Run(by.name, func(t *testing.T) { t.Parallel(); fewVisitors(t, by) })
	}
}

func fewVisitors(t *testing.T, by faultClient) {
	server := redistest.Start(t)
	site := newFaultSite(t, by, "trickle", &redis.UniversalOptions{Addrs: []string{server.Addr()}})
	site.warmUp()
	froze := time.Now()
	server.Freeze()
	load := site.load(10)
	seconds := byForm(6, 20)
	time.Sleep(time.Duration(seconds) * time.Second)
	load.end()
	server.Thaw()

	all := load.between(froze, time.Now())
	paid, most := paidMore(all, 25*time.Millisecond), 5+seconds*5/4+1
	t.Logf("frozen for %d s: %v; %d waited for the server", seconds, faultFiguresOf(all), paid)
	wantRightAnswers(t, faultFiguresOf(all))
	if paid > byForm(most+5, most) || paid < 5 {
		t.Errorf("got %d of %d requests that waited for the server, want 5 and then one a second, %d at most", paid, len(all), most)
	}
	if got := site.ask(hotPage(0)); got.wrong != "" {
		t.Errorf("thawed: %s", got.wrong)
	}
	site.eventually("a hit after the freeze", func() bool { return site.ask(hotPage(0)).hit })
}
