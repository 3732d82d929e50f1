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

const nearStale = 10 * time.Second

func nearby() pagecache.Option { return pagecache.NearCache(1<<20, nearStale) }

// TestNearCacheSparesTrips: a copy answers until its time is up, then the store is
// asked once more.
func TestNearCacheSparesTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page", nearby())
		m.work.tags = []string{"tag"}
		m.ask("/p")
		m.wants("from the store", "/p", "page", true)
		m.trips()
		for range 9 {
			time.Sleep(nearStale / 10)
			m.wants("copy", "/p", "page", true)
			m.wantTrips("copy")
		}
		time.Sleep(nearStale / 10)
		m.wants("copy's time is up", "/p", "page", true)
		m.wantTrips("copy's time is up", "Get/3")
		if got := m.ask("/p"); got.header.Get("Age") != "10" || got.cacheStatus() != "pagecache; hit; ttl=50" {
			t.Errorf("got Age %q, %q; want 10 and ttl=50", got.header.Get("Age"), got.cacheStatus())
		}
	})
}

// TestNearCacheHearsOfPurges: whatever another process purges, and however, the
// copies of others go as soon as they have the message.
func TestNearCacheHearsOfPurges(t *testing.T) {
	for name, purge := range map[string]func(context.Context, *pagecache.Cache) error{
		"Purge":       func(ctx context.Context, c *pagecache.Cache) error { return c.Purge(ctx, "/p") },
		"Purge exact": func(ctx context.Context, c *pagecache.Cache) error { return c.Purge(ctx, "http://example.com/p") },
		"PurgeTags":   func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeTags(ctx, "late") },
		"route's tag": func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeTags(ctx, "route") },
		"PurgeRoute":  func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeRoute(ctx, "/{page}") },
		"PurgePrefix": func(ctx context.Context, c *pagecache.Cache) error { return c.PurgePrefix(ctx, "/") },
		"PurgeAll":    func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeAll(ctx) },
		"Expire":      func(ctx context.Context, c *pagecache.Cache) error { return c.Expire(ctx, "/p") },
		"ExpireTags":  func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireTags(ctx, "late") },
		"ExpireAll":   func(ctx context.Context, c *pagecache.Cache) error { return c.ExpireAll(ctx) },
		"many": func(ctx context.Context, c *pagecache.Cache) error {
			var paths []string
			for i := range 5000 {
				paths = append(paths, fmt.Sprintf("/other/page/%d", i))
			}
			return c.Purge(ctx, append(paths, "/p")...)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t)
			prefixes := func(p *pagecache.Policy) { p.PrefixPurge = true }
			m, other := f.join("page", nearby(), pagecache.Tags("route"), prefixes), f.join("", prefixes)
			m.work.tags = []string{"late"}
			m.h = routed(m.cache.Page(time.Minute), &m.work)
			for _, vary := range []string{"", "Accept"} {
				if vary != "" {
					m.work.fields = []string{"Vary", vary}
					if err := other.cache.PurgeAll(t.Context()); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				for range 3 {
					m.ask("/p", "Accept", "x")
				}
				runs := m.work.runs.Load()
				if err := purge(t.Context(), other.cache); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := m.ask("/p", "Accept", "x"); got.hit() || m.work.runs.Load() != runs+1 {
					t.Errorf("%s, Vary %q: got %q after the purge, want a new page", name, vary, got.cacheStatus())
				}
			}
		})
	}
}

// TestNearCacheWithoutMessages: a purge that nobody heard of is served for maxStale
// at most. This process's own purges work at once, even if the store refuses them.
func TestNearCacheWithoutMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		m, mute := f.join("page", nearby()), f.join("")
		mute.faults.Before(storetest.Only(storetest.Fail(storetest.ErrDrop), "Publish"))
		m.ask("/p")
		m.ask("/p")
		time.Sleep(nearStale / 2)
		if err := mute.cache.Purge(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
		m.work.text = "new page"
		m.wants("not heard of", "/p", "page", true)
		time.Sleep(nearStale / 2)
		m.wants("time is up", "/p", "new page", false)
		m.ask("/p")
		m.faults.Before(storetest.Fail(storetest.ErrFault))
		if err := m.cache.Purge(t.Context(), "/p"); err == nil {
			t.Error("got no error from a store that fails")
		}
		m.work.text = "newest page"
		m.wants("own purge", "/p", "newest page", false)
		m.faults.Heal()
		m.wants("own purge, store back", "/p", "newest page", false)
	})
}

// interrupted is a store whose subscription can be interrupted.
type interrupted struct {
	*storetest.Map
	lost     atomic.Pointer[func()]
	received atomic.Pointer[func([]byte)]
}

func (s *interrupted) Subscribe(ctx context.Context, lost func(), received func([]byte)) error {
	var mu sync.Mutex
	once := func() { mu.Lock(); defer mu.Unlock(); lost() }
	heard := func(b []byte) { mu.Lock(); defer mu.Unlock(); received(b) }
	s.lost.Store(&once)
	s.received.Store(&heard)
	return s.Map.Subscribe(ctx, once, heard)
}

// TestNearCacheIsEmptiedOnReconnect, and on a message that cannot be read.
func TestNearCacheIsEmptiedOnReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &interrupted{Map: storetest.NewMap()}
		page1 := &work{text: "page"}
		h := newCache(t, pagecache.WithStore(s), nearby()).Page(time.Minute)(page1)
		synctest.Wait()
		for name, interrupt := range map[string]func(){
			"reconnect":      func() { (*s.lost.Load())() },
			"garbage":        func() { (*s.received.Load())([]byte("garbage")) },
			"damaged":        func() { (*s.received.Load())([]byte("sender00000000")) },
			"nothing at all": func() { (*s.received.Load())(nil) },
		} {
			call(h, page("/p"))
			call(h, page("/p"))
			for _, key := range []string{pagecache.FenceKeys("/p")[2]} { // a purge that was not heard of
				if err := s.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			wantPage(t, name+": copy", call(h, page("/p")), "page", true)
			interrupt()
			wantPage(t, name+": afterwards", call(h, page("/p")), "page", false)
		}
	})
}

// TestPurgeBeforeTheCopyIsMade: the look-up has read the page, and a purge is heard
// of before the copy is kept.
func TestPurgeBeforeTheCopyIsMade(t *testing.T) {
	events := map[string]func(m, other *member){
		"another process": func(m, other *member) { _ = other.cache.Purge(context.Background(), "/p") },
		"this process":    func(m, other *member) { _ = m.cache.PurgeTags(context.Background(), "tag") },
	}
	for name, event := range events {
		for _, known := range []bool{false, true} {
			purgeBeforeTheCopyIsMade(t, name, known, event)
		}
	}
}

func purgeBeforeTheCopyIsMade(t *testing.T, name string, known bool, event func(m, other *member)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		m, other := f.join("page", nearby()), f.join("")
		m.work.tags = []string{"tag"}
		m.ask("/p")
		if known {
			m.ask("/p")
			time.Sleep(nearStale)
		}
		synctest.Wait()
		done := false
		m.faults.After(storetest.Only(func(context.Context, string, []string) error {
			if !done {
				done = true
				event(m, other)
				time.Sleep(time.Millisecond) // for the message
			}
			return nil
		}, "Get"))
		m.ask("/p") // began before the purge: it may get the page
		m.faults.Heal()
		m.work.text = "new page"
		m.wants(name, "/p", "new page", false)
	})
}

// TestNearCacheKeepsTheRestOfALife, and not a new one.
func TestNearCacheKeepsTheRestOfALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page", pagecache.NearCache(1<<20, time.Hour))
		m.ask("/p")
		time.Sleep(59 * time.Second)
		m.wants("at its end", "/p", "page", true)
		m.wants("copy", "/p", "page", true)
		time.Sleep(time.Second)
		m.wants("over", "/p", "page", false)
	})
}

// TestNearCacheKeepsOut: who may not be given a copy is not.
func TestNearCacheKeepsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		m := f.join("page", nearby())
		tagged := m.cache.Page(time.Minute, pagecache.Tags("route"))(&m.work)
		for range 2 {
			m.ask("/p")
		}
		if got := call(tagged, page("/p")); got.hit() {
			t.Errorf("route with a tag that the copy has not: got %q, want a miss", got.cacheStatus())
		}
		h := m.cache.Handler(&m.work)
		m.work.fields = []string{"Cache-Control", "max-age=60"}
		for range 2 {
			call(h, page("/q"))
		}
		if got := call(h, page("/q", "Authorization", "me")); got.hit() {
			t.Errorf("Authorization: got %q, want the handler to be asked", got.cacheStatus())
		}
		one := m.cache.Page(time.Minute, pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "one" })))(&m.work)
		for range 3 {
			call(one, page("/a"))
		}
		m.trips()
		call(one, page("/a"))
		m.wantTrips("key without path", "Get/3")
		forced := m.cache.Page(time.Minute, func(p *pagecache.Policy) {
			p.ForceRefresh = func(r *http.Request) bool { return r.Header.Get("X-Again") != "" }
		})(&m.work)
		for range 2 {
			call(forced, page("/f"))
		}
		if got := call(forced, page("/f", "X-Again", "yes")); got.hit() || !got.stored() {
			t.Errorf("forced: got %q, want a page that is stored", got.cacheStatus())
		}
	})
}

// TestNearCacheSetUp: it needs a store with messages, and sane bounds.
func TestNearCacheSetUp(t *testing.T) {
	for want, set := range map[string]func(){
		"pagecache: NearCache: got 1000 bytes; give the size of its memory, 64 KiB at least, such as 64<<20": func() { pagecache.NearCache(1000, time.Second) },
		"pagecache: New: NearCache needs a Store that passes on messages (with the methods Publish and Subscribe), such as redisstore; leave it out, or give such a store with WithStore": func() {
			pagecache.New(nearby())
		},
		"pagecache: With: NearCache belongs to New, which makes the cache; here the cache exists already": func() { pagecache.New().With(nearby()) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got panic %v, want %q", got, want)
				}
			}()
			set()
		}()
	}
}
