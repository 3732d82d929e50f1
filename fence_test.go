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
)

// version is a page that says how often its content has changed, with what a
// purge may be about.
type version struct {
	now  atomic.Int64
	hold chan struct{} // handler runs wait here, unless it is nil
	late []string      // tags, added when hold is over
	soon []string      // tags, added before
	vary string
}

func (v *version) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content := v.now.Load()
	c := pagecache.FromContext(r.Context())
	c.Tag(v.soon...)
	if v.hold != nil {
		<-v.hold
	}
	c.Tag(v.late...)
	if v.vary != "" {
		w.Header().Set("Vary", v.vary)
	}
	fmt.Fprintf(w, "version %d", content)
}

// purge is one way to purge the page in another process.
type purge struct {
	name string
	page version
	opts []pagecache.Option
	run  func(ctx context.Context, s pagecache.Store) error
}

func purgesOfTag(tag string) func(context.Context, pagecache.Store) error {
	return func(ctx context.Context, s pagecache.Store) error { return pagecache.ForeignPurgeTags(ctx, s, tag) }
}

// purges are all ways to purge /p.
func purges() []*purge {
	path := func(ctx context.Context, s pagecache.Store) error { return pagecache.ForeignPurgePath(ctx, s, "/p") }
	return []*purge{
		{name: "path", run: path},
		{name: "path of a page with variants", page: version{vary: "Accept"}, run: path},
		{name: "path of a page with late tags", page: version{late: []string{"late"}}, run: path},
		{name: "everything", run: pagecache.ForeignPurgeAll},
		{name: "route tag", opts: []pagecache.Option{pagecache.Tags("route")}, run: purgesOfTag("route")},
		{name: "late tag", page: version{late: []string{"late"}}, run: purgesOfTag("late")},
		{name: "late tag, added before the purge", page: version{soon: []string{"late"}}, run: purgesOfTag("late")},
		{name: "one of many tags", page: version{soon: []string{"a", "b"}, late: []string{"c", "d"}}, run: purgesOfTag("d")},
		{name: "late tag of a page with variants", page: version{vary: "Accept", late: []string{"late"}}, run: purgesOfTag("late")},
	}
}

// begin sends a request whose handler run is held up, and returns how to let it
// go on and wait for the answer.
func begin(v *version, h http.Handler) (finish func() reply) {
	v.hold = make(chan struct{})
	var got reply
	var wg sync.WaitGroup
	wg.Go(func() { got = call(h, page("/p")) })
	synctest.Wait()
	return func() reply {
		close(v.hold)
		wg.Wait()
		return got
	}
}

// TestPurgeDuringFill is the promise: a page whose handler ran before the purge
// returned is never served to a request that starts afterwards, however the
// tag came to it. Without the mark, the purge of a late tag is missed.
func TestPurgeDuringFill(t *testing.T) {
	for _, known := range []bool{false, true} {
		for _, p := range purges() {
			t.Run(fmt.Sprintf("%s, page seen before %t", p.name, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { purgeDuringFill(t, p, known) })
			})
		}
	}
}

func purgeDuringFill(t *testing.T, p *purge, known bool) {
	s := newShared()
	a, b := s.process(t).Page(time.Hour, p.opts...)(&p.page), s.process(t).Page(time.Hour, p.opts...)(&p.page)
	if known {
		// What this process remembers makes late tags known ones.
		call(a, page("/p"))
		if err := pagecache.ForeignPurgePath(t.Context(), s, "/p"); err != nil {
			t.Fatal(err)
		}
	}
	finish := begin(&p.page, a)
	p.page.now.Add(1)
	if err := p.run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var follower reply
	var wg sync.WaitGroup
	wg.Go(func() { follower = call(a, page("/p")) })
	synctest.Wait()
	if got := finish(); got.body != "version 0" {
		t.Errorf("the request under way: got %q, want what its handler wrote", got.body)
	}
	wg.Wait()
	if follower.body != "version 1" {
		t.Errorf("a request after the purge that waited for the one under way: got %q (%s), want version 1", follower.body, follower.cacheStatus())
	}
	for range 2 {
		for name, h := range map[string]http.Handler{"a": a, "b": b} {
			if got := call(h, page("/p")); got.body != "version 1" {
				t.Errorf("%s, after the purge: got %q (%s), want version 1", name, got.body, got.cacheStatus())
			}
		}
	}
}

// TestPurgeOfStoredPage: what is stored is gone for every process at once.
func TestPurgeOfStoredPage(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgeOfStoredPage(t, p) })
		})
	}
}

func purgeOfStoredPage(t *testing.T, p *purge) {
	s := newShared()
	a, b := s.process(t).Page(time.Hour, p.opts...)(&p.page), s.process(t).Page(time.Hour, p.opts...)(&p.page)
	for round := range 3 {
		want := fmt.Sprintf("version %d", round)
		wantPage(t, "fill", call(a, page("/p")), want, false)
		wantPage(t, "a", call(a, page("/p")), want, true)
		wantPage(t, "b", call(b, page("/p")), want, true)
		p.page.now.Add(1)
		if err := p.run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRouteThatGetsATag: a page stored before the route had its tag knows
// nothing of the tag's purges, so it is not served any more.
func TestRouteThatGetsATag(t *testing.T) { synctest.Test(t, routeThatGetsATag) }

func routeThatGetsATag(t *testing.T) {
	s, v := newShared(), new(version)
	before, after := s.process(t).Page(time.Hour)(v), s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
	call(before, page("/p"))
	v.now.Add(1)
	if err := pagecache.ForeignPurgeTags(t.Context(), s, "route"); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "route with the tag", call(after, page("/p")), "version 1", false)
	wantPage(t, "route with the tag, again", call(after, page("/p")), "version 1", true)
}

// TestPurgeBehindStripPrefix: the path that the client sent and the path that
// the handler sees both purge the page.
func TestPurgeBehindStripPrefix(t *testing.T) { synctest.Test(t, purgeBehindStripPrefix) }

func purgeBehindStripPrefix(t *testing.T) {
	for _, path := range []string{"/a/p", "/p"} {
		s, v := newShared(), new(version)
		h := http.StripPrefix("/a", s.process(t).Page(time.Hour)(v))
		call(h, page("/a/p"))
		wantPage(t, "filled", call(h, page("/a/p")), "version 0", true)
		v.now.Add(1)
		if err := pagecache.ForeignPurgePath(t.Context(), s, path); err != nil {
			t.Fatal(err)
		}
		wantPage(t, "after the purge of "+path, call(h, page("/a/p")), "version 1", false)
	}
}

// TestOtherPurgesSpareThePage: a purge is not a flush.
func TestOtherPurgesSpareThePage(t *testing.T) { synctest.Test(t, otherPurgesSpareThePage) }

func otherPurgesSpareThePage(t *testing.T) {
	s, v := newShared(), &version{late: []string{"late"}}
	h := s.process(t).Page(time.Hour, pagecache.Tags("route"))(v)
	call(h, page("/p"))
	for _, path := range []string{"/", "/p/", "/P", "/p?q", "p"} {
		_ = pagecache.ForeignPurgePath(t.Context(), s, path)
	}
	_ = pagecache.ForeignPurgeTags(t.Context(), s, "lat", "late1", "Late", "other")
	wantPage(t, "after purges of others", call(h, page("/p")), "version 0", true)
}
