package pagecache_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestFenceInsideHandler: a handler purges the page that it is making. Nobody is
// served that page later, not even the next request, whose handler does the same.
func TestFenceInsideHandler(t *testing.T) {
	for _, f := range fences(t.Context()) {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, d := newCache(t), new(draft)
				d.within = func(*http.Request) {
					time.Sleep(time.Second)
					if d.content.Load() < 3 {
						if err := f.run(c); err != nil {
							t.Error(err)
						}
					}
					time.Sleep(time.Second)
				}
				h := d.site(c)
				for want := range 3 {
					got := askDraft(h)
					if got.hit() || !f.soft && got.reason() != "invalidated" || got.body != []string{"version 0", "version 1", "version 2"}[want] {
						t.Errorf("request %d: got %q (%s), want a page of its own that is not stored", want, got.body, got.cacheStatus())
					}
					d.content.Add(1)
				}
				if n := c.Stats().NotStored["invalidated"]; !f.soft && n != 3 {
					t.Errorf("got %d pages counted as invalidated, want 3", n)
				}
				askDraft(h)
				if got := askDraft(h); !got.hit() || got.body != "version 3" {
					t.Errorf("in the end: got %q (%s), want a hit on version 3", got.body, got.cacheStatus())
				}
			})
		})
	}
}

// TestFenceDuringRefresh: a page is made anew in the background, or by the
// request that found it stale, while it is invalidated once more.
func TestFenceDuringRefresh(t *testing.T) {
	for _, f := range fences(t.Context()) {
		for _, background := range []bool{true, false} {
			name := f.name + ", in the foreground"
			if background {
				name = f.name + ", in the background"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { fenceDuringRefresh(t, f, background) })
			})
		}
	}
}

func fenceDuringRefresh(t *testing.T, f fence, background bool) {
	c, d := newCache(t), new(draft)
	h := d.site(c, pagecache.StaleWhileRevalidate(time.Hour))
	if !background {
		h = forgetful(c, d)
	}
	askDraft(h)
	time.Sleep(time.Hour + time.Minute)
	d.hold = make(chan struct{})
	first := askLater(h)
	if second := askDraft(h); second.reason() != "updating" || second.body != "version 0" {
		t.Fatalf("got %q (%s) while the page is made anew, want the old one", second.body, second.cacheStatus())
	}
	d.content.Add(1)
	time.Sleep(10 * time.Second) // less than RefreshTimeout
	if err := f.run(c); err != nil {
		t.Fatal(err)
	}
	d.content.Add(1) // whoever serves version 1 now has begun before the purge
	after := askLater(h)
	if runs := d.runs.Load(); f.known && runs != 3 {
		t.Errorf("got %d runs, want the request after the purge to begin one beside that which is of no use any more", runs)
	}
	close(d.hold)
	synctest.Wait()
	first()
	if got := after(); !f.soft && got.body != "version 2" || got.hit() && got.reason() == "" {
		t.Errorf("a request after the purge: got %q (%s), want version 2, or an old page that says so", got.body, got.cacheStatus())
	}
	synctest.Wait()
	if got := askDraft(h); got.body != "version 2" && (!f.soft || got.reason() != "stale-while-revalidate") {
		t.Errorf("the next: got %q (%s), want version 2, or an old page that says so", got.body, got.cacheStatus())
	}
	synctest.Wait()
	if got := askDraft(h); !got.hit() || got.reason() != "" || got.body != "version 2" {
		t.Errorf("in the end: got %q (%s), want a hit on version 2", got.body, got.cacheStatus())
	}
	if n := c.Stats().NotRefreshed["invalidated"]; background && !f.soft && n != 1 {
		t.Errorf("got %d refreshes counted as invalidated, want 1", n)
	}
}

// forgetful is the site of a draft with a route whose requests cannot be kept.
func forgetful(c *pagecache.Cache, d *draft) http.Handler {
	tags := pagecache.Tags("constant", func(r *http.Request) string { return "path:" + r.URL.Path })
	return c.Page(time.Hour, pagecache.StaleWhileRevalidate(time.Hour), tags)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "GET /shop/{name}" // as a router sets it further in
		d.ServeHTTP(w, r)
	}))
}

// TestFenceOfPagesShared: a page that several paths share is being filled by one
// of them while another is purged. Who asks for that one after the purge, and
// waits, gets a new page.
func TestFenceOfPagesShared(t *testing.T) {
	for name, purge := range map[string]func(c *pagecache.Cache) error{
		"path":   func(c *pagecache.Cache) error { return c.Purge(t.Context(), "/b/c") },
		"target": func(c *pagecache.Cache) error { return c.Purge(t.Context(), "/b/c?q") },
		"prefix": func(c *pagecache.Cache) error { return c.PurgePrefix(t.Context(), "/b/") },
		"expiry": func(c *pagecache.Cache) error { return c.Expire(t.Context(), "/b/c") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, d := newCache(t), &draft{hold: make(chan struct{})}
				all := pagecache.KeyFunc(func(*http.Request) string { return "all" })
				h := c.Page(time.Hour, pagecache.Key(all))(d)
				time.Sleep(time.Second)
				answers := make(chan reply)
				go func() { answers <- call(h, page("/a")) }()
				synctest.Wait()
				d.content.Add(1)
				if err := purge(c); err != nil {
					t.Fatal(err)
				}
				after := make(chan reply)
				go func() { after <- call(h, page("/b/c?q")) }()
				synctest.Wait()
				close(d.hold)
				<-answers
				if got := <-after; got.body != "version 1" {
					t.Errorf("got %q (%s), want version 1", got.body, got.cacheStatus())
				}
			})
		})
	}
}
