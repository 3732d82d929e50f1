package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// draft is a page /p that says how often its content has changed. It has every
// kind of tag, and can be held up while it is made.
type draft struct {
	content atomic.Int64
	runs    atomic.Int64
	vary    string
	hold    chan struct{}
	within  func(r *http.Request) // called while it is made
}

func (d *draft) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.runs.Add(1)
	content := d.content.Load()
	c := pagecache.FromContext(r.Context())
	c.Tag("soon")
	if d.hold != nil {
		<-d.hold
	}
	if d.within != nil {
		d.within(r)
	}
	c.Tag("late", "later")
	w.Header().Set("Surrogate-Key", "field")
	if d.vary != "" {
		w.Header().Set("Vary", d.vary)
	}
	fmt.Fprintf(w, "version %d", content)
}

// site is the page on a router, for a shop with a tag for it.
func (d *draft) site(c *pagecache.Cache, opts ...pagecache.Option) http.Handler {
	tags := pagecache.Tags("constant", func(r *http.Request) string { return "path:" + r.URL.Path })
	mux := http.NewServeMux()
	mux.Handle("GET /shop/{name}", c.Page(time.Hour, append(opts, tags)...)(d))
	return mux
}

// fence is a way to invalidate the page of a draft.
type fence struct {
	name  string
	known bool // before the handler has run
	soft  bool
	run   func(c *pagecache.Cache) error
}

// fences are all ways to invalidate /shop/p?q on example.com.
func fences(ctx context.Context) (all []fence) {
	for _, f := range []struct {
		kind, name string
		known      bool
	}{
		{"address", "/shop/p", true}, {"address", "/shop/p?q", true}, {"address", "http://example.com/shop/p?q", true},
		{"prefix", "/", true}, {"prefix", "/shop/", true}, {"all", "", true}, {"tag", "constant", true},
		{"tag", "path:/shop/p", false}, {"tag", "soon", false}, {"tag", "late", false}, {"tag", "later", false}, {"tag", "field", false},
		{"route", "/shop/{name}", false},
	} {
		for soft, how := range []string{"purge", "expire"} {
			run := func(c *pagecache.Cache) error { return strikes[f.kind][soft](c, ctx, f.name) }
			all = append(all, fence{how + " " + f.kind + " " + f.name, f.known, soft == 1, run})
		}
	}
	return all
}

func askDraft(h http.Handler) reply { return call(h, page("/shop/p?q")) }

// later asks in another goroutine.
func askLater(h http.Handler) (answer func() reply) {
	got := make(chan reply, 1)
	go func() { got <- askDraft(h) }()
	synctest.Wait()
	return sync.OnceValue(func() reply { return <-got })
}

// TestFence is the promise, for every kind of purge and expiry and with variants
// too: a page whose handler run began before the purge is not served to requests
// that come after it.
func TestFence(t *testing.T) {
	for _, f := range fences(t.Context()) {
		for _, vary := range []string{"", "Accept"} {
			t.Run(f.name+", vary "+vary, func(t *testing.T) {
				sparing(t, func() (lost []string) {
					synctest.Test(t, func(t *testing.T) { lost = fenceDuringFill(t, f, vary) })
					return lost
				})
			})
		}
	}
}

// fenceDuringFill invalidates a page while it is made. One request waits for it
// already, and others come after the purge: they begin a new run where it is known
// that the page is purged, and wait for the old one where it is not.
func fenceDuringFill(t *testing.T, f fence, vary string) (lost []string) {
	c, d := newCache(t), &draft{hold: make(chan struct{}), vary: vary}
	h := d.site(c)
	time.Sleep(time.Second)
	leader, early := askLater(h), askLater(h)
	d.content.Add(1)
	time.Sleep(time.Second)
	if err := f.run(c); err != nil {
		t.Fatal(err)
	}
	after, another := askLater(h), askLater(h)
	switch runs := d.runs.Load(); {
	case f.known && runs != 2:
		t.Errorf("got %d runs while the first goes on, want another", runs)
	case !f.known && runs != 1:
		lost = append(lost, "the wait")
	}
	close(d.hold)
	if got := leader(); got.body != "version 0" || !f.soft && (got.stored() || got.reason() != "invalidated") {
		t.Errorf("the request under way: got %q, %q; want what its handler wrote, stored at most to be stale", got.body, got.cacheStatus())
	}
	early() // may have either
	for name, got := range map[string]reply{"a request after the purge": after(), "another": another(), "the next": askDraft(h)} {
		if got.body != "version 1" {
			t.Errorf("%s: got %q (%s), want version 1", name, got.body, got.cacheStatus())
		}
	}
	if got := askDraft(h); !got.hit() || got.body != "version 1" {
		t.Errorf("in the end: got %q (%s), want a hit on version 1", got.body, got.cacheStatus())
	}
	if runs := d.runs.Load(); runs > 3 {
		t.Errorf("got %d runs, want those who came after the purge to share one", runs)
	}
	return lost
}

// TestFenceBeforeFill: a purge that returned before the run began is not about
// its page.
func TestFenceBeforeFill(t *testing.T) {
	for _, f := range fences(t.Context()) {
		synctest.Test(t, func(t *testing.T) {
			c, d := newCache(t), new(draft)
			if err := f.run(c); err != nil {
				t.Fatal(err)
			}
			if got := askDraft(d.site(c)); !got.stored() {
				t.Errorf("%s: got %q, want the page stored", f.name, got.cacheStatus())
			}
		})
	}
}

// TestFenceOfOthers: a purge of other pages neither keeps a run's page from being
// stored nor requests from waiting for it.
func TestFenceOfOthers(t *testing.T) {
	for name, purge := range map[string]func(c *pagecache.Cache) error{
		"path":   func(c *pagecache.Cache) error { return c.Purge(t.Context(), "/shop/other", "/shop/p?other") },
		"tag":    func(c *pagecache.Cache) error { return c.PurgeTags(t.Context(), "other") },
		"prefix": func(c *pagecache.Cache) error { return c.PurgePrefix(t.Context(), "/other/") },
		"route":  func(c *pagecache.Cache) error { return c.PurgeRoute(t.Context(), "/other") },
	} {
		t.Run(name, func(t *testing.T) {
			sparing(t, func() (lost []string) {
				synctest.Test(t, func(t *testing.T) { lost = purgeOfOthersDuringFill(t, purge) })
				return lost
			})
		})
	}
}

func purgeOfOthersDuringFill(t *testing.T, purge func(*pagecache.Cache) error) (lost []string) {
	c, d := newCache(t), &draft{hold: make(chan struct{})}
	h := d.site(c)
	leader := askLater(h)
	if err := purge(c); err != nil {
		t.Fatal(err)
	}
	follower := askLater(h)
	close(d.hold)
	if got := leader(); !got.stored() {
		lost = append(lost, "the page being made: "+got.cacheStatus())
	}
	if got := follower(); got.cacheStatus() != "pagecache; fwd=uri-miss; collapsed; ttl=3600" || d.runs.Load() != 1 {
		lost = append(lost, "the wait for it: "+got.cacheStatus())
	}
	return lost
}

// TestFenceWhileLanding: the purge falls between the last look at the stamps and
// the landing of the page, on either side of its storing. Neither a request that
// waits for the page nor one that comes later is given it, and it does not take
// the place of a newer one.
func TestFenceWhileLanding(t *testing.T) {
	for _, f := range fences(t.Context()) {
		for _, side := range []string{"before", "after"} {
			for _, vary := range []string{"", "Accept"} {
				t.Run(f.name+", "+side+" it is stored, vary "+vary, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { fenceWhileLanding(t, f, side, vary) })
				})
			}
		}
	}
}

func fenceWhileLanding(t *testing.T, f fence, side, vary string) {
	var faults storetest.Faults
	c, d := newCache(t, pagecache.WithMemory(storetest.FaultyMemory(newMapMemory(), &faults))), &draft{vary: vary}
	h := d.site(c)
	landing := make(chan struct{})
	var hung atomic.Bool
	hang := func(context.Context, string, []string) error {
		if !hung.Swap(true) { // only the first page: newer ones land meanwhile
			<-landing
		}
		return nil
	}
	if hook := storetest.Only(hang, "Store"); side == "before" {
		faults.Before(hook)
	} else {
		faults.After(hook)
	}
	time.Sleep(time.Second)
	leader, early := askLater(h), askLater(h)
	d.content.Add(1)
	time.Sleep(time.Second)
	if err := f.run(c); err != nil {
		t.Fatal(err)
	}
	after := askLater(h)
	close(landing)
	if got := leader(); got.body != "version 0" {
		t.Errorf("the request under way: got %q, want what its handler wrote", got.body)
	}
	early()
	for name, got := range map[string]reply{"a request after the purge": after(), "the next": askDraft(h), "the one after": askDraft(h)} {
		if got.body != "version 1" {
			t.Errorf("%s: got %q (%s), want version 1", name, got.body, got.cacheStatus())
		}
	}
}
