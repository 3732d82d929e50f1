package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// tripCount notes the round trips of one process, each with the number of its keys.
type tripCount struct {
	mu  sync.Mutex
	ops []string
}

func (c *tripCount) taken() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.ops = nil }()
	return strings.Join(c.ops, " ")
}

// countedProcess makes a cache over the store whose round trips are counted.
func countedProcess(t *testing.T, s pagecache.Store, opts ...pagecache.Option) (*pagecache.Cache, *tripCount) {
	t.Helper()
	var faults storetest.Faults
	n := new(tripCount)
	faults.Before(func(_ context.Context, op string, keys []string) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.ops = append(n.ops, fmt.Sprintf("%s/%d", op, len(keys)))
		return nil
	})
	return newCache(t, append([]pagecache.Option{pagecache.WithStore(storetest.FaultyStore(s, &faults)), alone}, opts...)...), n
}

// TestTripsOfPurges: a purge costs the same however many pages there are. Tags
// and routes may come late, so the mark is written before them.
func TestTripsOfPurges(t *testing.T) { synctest.Test(t, tripsOfPurges) }

func tripsOfPurges(t *testing.T) {
	s := newShared()
	c, n := countedProcess(t, s, withPrefixes)
	ctx := t.Context()
	for _, tt := range []struct {
		name string
		run  func() error
		want string
	}{
		{"Purge", func() error { return c.Purge(ctx, "/p") }, "Set/2"},
		{"Purge of two paths", func() error { return c.Purge(ctx, "/p", "/q") }, "Set/4"},
		{"Purge of one path in many spellings", func() error { return c.Purge(ctx, "/p", "/%70", "/p?a", "http://example.com/p?b") }, "Set/2"},
		{"PurgeTags", func() error { return c.PurgeTags(ctx, "a") }, "Set/1 Set/2"},
		{"PurgeTags of three", func() error { return c.PurgeTags(ctx, "a", "b", "c", "a") }, "Set/1 Set/6"},
		{"PurgeRoute", func() error { return c.PurgeRoute(ctx, "GET /{page}") }, "Set/1 Set/2"},
		{"PurgePrefix", func() error { return c.PurgePrefix(ctx, "/a/", "/b/") }, "Set/4"},
		{"PurgeAll", func() error { return c.PurgeAll(ctx) }, "Set/1 Set/2"},
		{"Expire", func() error { return c.Expire(ctx, "/p") }, "Set/1"},
		{"ExpireTags", func() error { return c.ExpireTags(ctx, "a", "b") }, "Set/1 Set/2"},
		{"ExpireRoute", func() error { return c.ExpireRoute(ctx, "/{page}") }, "Set/1 Set/1"},
		{"ExpirePrefix", func() error { return c.ExpirePrefix(ctx, "/a/") }, "Set/1"},
		{"ExpireAll", func() error { return c.ExpireAll(ctx) }, "Set/1 Set/1"},
	} {
		if err := tt.run(); err != nil {
			t.Errorf("%s: got error %v, want none", tt.name, err)
		}
		if got := n.taken(); got != tt.want {
			t.Errorf("%s: got round trips %q, want %q", tt.name, got, tt.want)
		}
	}
}

// writer answers every method with a status.
func writer(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// TestTripsOfUnsafeRequests: they purge before the status goes out, and once more
// when the handler has returned. What fails, or changes nothing, costs nothing.
func TestTripsOfUnsafeRequests(t *testing.T) { synctest.Test(t, tripsOfUnsafeRequests) }

func tripsOfUnsafeRequests(t *testing.T) {
	s := newShared()
	c, n := countedProcess(t, s)
	page, tags := c.Page(time.Hour), c.Invalidate("books", func(r *http.Request) string { return "of:" + r.URL.Path })
	created := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/p/new")
		w.WriteHeader(http.StatusCreated)
	})
	for _, tt := range []struct {
		name, method string
		h            http.Handler
		want         string
	}{
		{"page", "POST", page(writer(200)), "Set/2 Set/2"},
		{"page that says nothing", "DELETE", page(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), "Set/2"},
		{"Location", "PUT", page(created), "Set/4 Set/4"},
		{"StripPrefix", "POST", http.StripPrefix("/p", page(writer(302))), "Set/4 Set/4"},
		{"Invalidate", "POST", tags(writer(204)), "Set/1 Set/6 Set/1 Set/6"},
		{"Invalidate behind a page that is off", "POST", c.Page(time.Hour, pagecache.Off(true))(tags(writer(204))), "Set/1 Set/6 Set/1 Set/6"},
		{"client error", "POST", tags(page(writer(400))), ""},
		{"server error", "POST", tags(page(writer(500))), ""},
		{"GET through Invalidate", "GET", tags(writer(200)), ""},
		{"OPTIONS", "OPTIONS", tags(page(writer(200))), ""},
	} {
		r := request(t, tt.method, "http://example.com/p/1")
		r.RequestURI = "/p/1"
		call(tt.h, r)
		if got := n.taken(); got != tt.want {
			t.Errorf("%s: got round trips %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestTripsOfHits: a hit is one trip in any process. Neither tags nor windows add
// a key to it: tags are read only when some tag was purged since, and whether a
// page was purged or expired is asked only when its fences have changed.
func TestTripsOfHits(t *testing.T) { synctest.Test(t, tripsOfHits) }

func tripsOfHits(t *testing.T) {
	tags := pagecache.Tags("a", "b")
	for name, opts := range map[string][]pagecache.Option{"no window": {tags}, "windows": {tags, pagecache.StaleWhileRevalidate(time.Hour), pagecache.StaleIfError(time.Hour)}} {
		s, v := newShared(), &version{late: []string{"late"}}
		c, n := countedProcess(t, s)
		cold, ncold := countedProcess(t, s)
		h, other := routed(c.Page(time.Hour, opts...), v), routed(cold.Page(time.Hour, opts...), v)
		call(h, page("/p"))
		n.taken()
		for range 3 {
			wantPage(t, name, call(h, page("/p")), "version 0", true)
			if got, want := n.taken(), "Get/3"; got != want { // page, mark, path
				t.Errorf("%s: got round trips %q for a hit, want %q", name, got, want)
			}
		}
		wantPage(t, name, call(other, page("/p")), "version 0", true)
		if got, want := ncold.taken(), "Get/3"; got != want {
			t.Errorf("%s: got round trips %q for a hit elsewhere, want %q", name, got, want)
		}
		if err := cold.PurgeTags(t.Context(), "another"); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Get/3 Get/5", "Get/8"} { // everything, a, b, late, route
			wantPage(t, name+", another tag purged", call(h, page("/p")), "version 0", true)
			if got := n.taken(); got != want {
				t.Errorf("%s: got round trips %q for a hit after the purge of another tag, want %q", name, got, want)
			}
		}
		_ = cold.Purge(t.Context(), "/p")
		r := page("/p", "Range", "bytes=0-0") // does not fill
		want := map[string]string{"no window": "Get/8", "windows": "Get/8 Get/7"}[name]
		if call(h, r); n.taken() != want {
			t.Errorf("%s: got other round trips for a purged page, want %q", name, want)
		}
		_, _ = ncold.taken(), cold.PurgeAll(t.Context())
		if got := ncold.taken(); got != "Set/1 Set/2" {
			t.Errorf("%s: got round trips %q for a purge of everything, want Set/1 Set/2", name, got)
		}
	}
}

// TestTripsOfStalePages: only in them are the second fences read.
func TestTripsOfStalePages(t *testing.T) { synctest.Test(t, tripsOfStalePages) }

func tripsOfStalePages(t *testing.T) {
	s, v := newShared(), &version{late: []string{"late"}}
	c, n := countedProcess(t, s)
	h := routed(c.Page(time.Hour, pagecache.StaleWhileRevalidate(time.Hour)), v)
	call(h, page("/p"))
	if err := c.Expire(t.Context(), "/p"); err != nil {
		t.Fatal(err)
	}
	n.taken()
	call(h, page("/p"))
	synctest.Wait()
	if got, want := n.taken(), "Get/3 Get/5 Add/1 Set/1"; got != want {
		t.Errorf("got round trips %q for a page that was expired, and its refresh, want %q", got, want)
	}
	wantPage(t, "refreshed", call(h, page("/p")), "version 0", true)
	if got, want := n.taken(), "Get/3"; got != want {
		t.Errorf("got round trips %q for a hit afterwards, want %q", got, want)
	}
	time.Sleep(time.Hour + time.Minute)
	call(h, page("/p"))
	synctest.Wait()
	if got := strings.Fields(n.taken()); len(got) < 3 || got[0] != "Get/3" || got[len(got)-1] != "Set/1" {
		t.Errorf("got round trips %q for a page that was over, and its refresh, want one look-up and one write", got)
	}
}

// TestTripsOfWindowedFills: pages that may be served stale have second fences,
// which nobody reads on hits, so that each fill has to ask for them.
func TestTripsOfWindowedFills(t *testing.T) { synctest.Test(t, inTrips(tripsOfWindowedFills)) }

func tripsOfWindowedFills(t tripsTable) {
	h := t.process(t).Page(time.Minute, pagecache.StaleWhileRevalidate(time.Minute))(echo(nil))
	call(h, page("/"))
	t.want("first miss of a path", h, page("/x"), false, "Get Add Set")
	t.want("hit", h, page("/x"), true, "Get")
	t.want("miss, fences known", h, page("/x?q"), false, "Get Add Set")
	time.Sleep(3 * time.Minute)
	t.want("miss after the window", h, page("/x"), false, "Get Add Set")
}

// TestTripsOfOwedPurges: what the store refused is written beside the next
// look-up, once.
func TestTripsOfOwedPurges(t *testing.T) { synctest.Test(t, tripsOfOwedPurges) }

func tripsOfOwedPurges(t *testing.T) {
	s := newShared()
	c, n := countedProcess(t, s)
	h := c.Page(time.Hour)(new(version))
	call(h, page("/p"))
	s.faults.Before(storetest.Fail(storetest.ErrFault))
	if err := c.Purge(t.Context(), "/a", "/b"); err == nil {
		t.Error("got no error from a store that fails")
	}
	s.faults.Heal()
	n.taken()
	wantPage(t, "another page", call(h, page("/p")), "version 0", true)
	synctest.Wait()
	got := strings.Fields(n.taken())
	slices.Sort(got)
	if want := []string{"Get/3", "Set/1", "Set/4"}; !slices.Equal(got, want) {
		t.Errorf("got round trips %q for the first look-up, want %q", got, want)
	}
	wantPage(t, "again", call(h, page("/p")), "version 0", true)
	if got, want := n.taken(), "Get/3 Get/1"; got != want {
		t.Errorf("got round trips %q for the second look-up, want %q", got, want)
	}
}

// TestTripsOfPathsOfOnePage: who shares a page with other paths asks for the
// fences of all of them at once, whichever path the last request had.
func TestTripsOfPathsOfOnePage(t *testing.T) { synctest.Test(t, inTrips(tripsOfPathsOfOnePage)) }

func tripsOfPathsOfOnePage(t tripsTable) {
	one := pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "one" }))
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
	h, other := t.process(t).Page(time.Hour, one)(handler), t.process(t).Page(time.Hour, one)(handler)
	call(h, page("/a"))
	call(h, page("/b"))
	for range 3 {
		t.want("hit by the second path", h, page("/b"), true, "Get")
		t.want("hit by the first path", h, page("/a"), true, "Get")
	}
	t.want("hit in a process that never saw the page", other, page("/a"), true, "Get Get")
	t.want("hit there by the second path", other, page("/b"), true, "Get")
}
