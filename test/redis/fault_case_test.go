package redis_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// faultCase is one way in which a Redis, or the way to it, goes wrong.
type faultCase struct {
	name   string
	args   []string                      // of the server
	set    func(*redis.UniversalOptions) // what the client has besides
	strike func(*faultBed)
	heal   func(*faultBed)

	prompt  bool // 99 of 100 requests are to pay a millisecond at most
	retried bool // but for clients that try again by themselves, with pauses
	reads   bool // pages are found all the time
	lossy   bool // some pages may be found
}

// faultBed is where a fault strikes: a server, the way to it, and the processes
// that use it.
type faultBed struct {
	*testing.T
	server *redistest.Server
	proxy  *redistest.Proxy
	sites  []*faultSite
	begun  time.Time
	lasts  time.Duration
	over   chan struct{} // closed when the fault is to end
	done   chan struct{} // closed when a fault that goes on has ended
}

// do sends a command to the server, past all faults of the way.
func (b *faultBed) do(args ...string) {
	b.Helper()
	if _, err := b.server.Do(args...); err != nil {
		b.Fatalf("%q: %v", args, err)
	}
}

// againAndAgain strikes every so often until the fault is healed.
func againAndAgain(every time.Duration, strike func(*faultBed)) func(*faultBed) {
	return func(b *faultBed) {
		b.over, b.done = make(chan struct{}), make(chan struct{})
		go func() {
			defer close(b.done)
			for range 1000 {
				select {
				case <-b.over:
					return
				case <-time.After(every):
					strike(b)
				}
			}
		}()
	}
}

// enough ends what goes on again and again.
func enough(b *faultBed) {
	close(b.over)
	<-b.done
}

// run has both kinds of clients live through the fault, at the same time in the
// short form, and one after the other in the one that measures.
func (c *faultCase) run(t *testing.T) {
	groups := [][]faultClient{faultClients}
	if *long {
		groups = [][]faultClient{faultClients[:1], faultClients[1:]}
	}
	for _, group := range groups {
		c.runWith(t, group)
	}
}

func (c *faultCase) runWith(t *testing.T, clients []faultClient) {
	before := runtime.NumGoroutine()
	b := &faultBed{T: t, lasts: byForm(800*time.Millisecond, 4*time.Second)}
	b.server = redistest.Start(t, c.args...)
	b.proxy = redistest.StartProxy(t, b.server.Addr())
	atRest := runtime.NumGoroutine()
	var loads []*faultLoad
	for _, by := range clients {
		o := &redis.UniversalOptions{Addrs: []string{b.proxy.Addr()}, Username: "app", Password: "one"}
		b.do("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
		if c.set != nil {
			c.set(o)
		}
		site := newFaultSite(t, by, "fault "+by.name, o)
		site.warmUp()
		b.sites = append(b.sites, site)
		loads = append(loads, site.load(byForm(150, 1000)))
	}
	b.begun = time.Now()
	time.Sleep(byForm(200*time.Millisecond, time.Second))
	struck := time.Now()
	c.strike(b)
	time.Sleep(b.lasts)
	over := time.Now()
	c.heal(b)
	healed := time.Now()
	for _, load := range loads {
		first, full := load.awaitRecovery(t, healed)
		load.end()
		c.judge(b, load, struck, over, first, full)
		wantRightAnswers(t, faultFiguresOf(load.between(over, time.Now())))
	}
	for _, site := range b.sites {
		site.close()
	}
	wantGoroutinesLeft(t, atRest)
	if atRest < before {
		t.Errorf("got %d goroutines at rest, and %d before", atRest, before)
	}
}

func (c *faultCase) judge(b *faultBed, load *faultLoad, struck, over time.Time, first, full time.Duration) {
	b.Helper()
	who, late := load.site.name, load.hiccupsBetween(struck, over)
	well, got := faultFiguresOf(load.between(b.begun, struck)), faultFiguresOf(load.between(struck, over))
	b.Logf("%-15s %-20s well   %v", c.name, who, well)
	b.Logf("%-15s %-20s fault  %v", c.name, who, got)
	b.Logf("%-15s %-20s        the machine itself was late by %v", c.name, who, late)
	b.Logf("%-15s %-20s healed first hit after %v, 99 %% after %v; %d store errors, %d lines in the log",
		c.name, who, first.Round(time.Millisecond), full.Round(time.Millisecond), load.site.cache.Stats().StoreErrors, len(load.site.log.all()))
	wantRightAnswers(b.T, well, got)
	c.wantFigures(b, who, got, late, full)
	if !c.lossy && load.site.cache.Stats().StoreErrors == 0 {
		b.Errorf("%s: got no store errors in Stats, want those of the fault", who)
	}
	// Who is himself late takes the server for slow, and leaves it alone for a second.
	if c.reads && (*long || late.quiet()) && got.hits < byForm(0.8, 0.99) {
		b.Errorf("%s: got %.1f %% hits of hot pages during the fault, want all", who, 100*got.hits)
	}
	if !c.reads && !c.lossy && got.hits > 0.5 {
		b.Errorf("%s: got %.1f %% hits of hot pages during the fault: it did not strike", who, 100*got.hits)
	}
	load.site.log.wantRareLines(b.T, who)
}

// wantFigures compares with what is promised, and adds what the machine itself was
// late by meanwhile. The short form is lenient, and does not look at times that were
// taken on a machine with other things to do.
func (c *faultCase) wantFigures(b *faultBed, who string, got faultFigures, late faultHiccups, full time.Duration) {
	b.Helper()
	if !*long && !late.quiet() {
		return
	}
	if most := byForm(150*time.Millisecond, time.Millisecond) + late.p99; c.prompt && !(c.retried && who != faultClients[0].name) && got.p99 > most {
		b.Errorf("%s: got a 99th percentile of %v, want %v at most", who, got.p99, most)
	}
	if most := byForm(2*time.Second, 60*time.Millisecond) + late.max; got.max > most {
		b.Errorf("%s: got a request that took %v, want %v at most", who, got.max, most)
	}
	if most := byForm(10*time.Second, 2*time.Second); full > most {
		b.Errorf("%s: got 99 %% hits %v after the fault, want %v at most", who, full, most)
	}
}
