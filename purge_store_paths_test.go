package pagecache_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// manyPaths are keys by which one page has several paths, with two of them.
var manyPaths = map[string]struct {
	key  pagecache.KeyPart
	a, b string
}{
	"KeyFunc":   {pagecache.KeyFunc(func(*http.Request) string { return "one" }), "/x/1", "/y/2"},
	"PathValue": {pagecache.PathValue("id"), "/old/7/a", "/old/7/b"},
}

func onePage(c *pagecache.Cache, key pagecache.KeyPart, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/old/{id}/", c.Page(time.Hour, pagecache.Key(key))(h))
	mux.Handle("/", c.Page(time.Hour, pagecache.Key(key))(h))
	return mux
}

// TestPathsOfOnePage: where the key has no path, a page has the paths of all
// who have asked for it. Each of them purges it, and none costs the others.
func TestPathsOfOnePage(t *testing.T) {
	for name, k := range manyPaths {
		for _, opts := range [][]pagecache.Option{nil, {withPrefixes}} {
			t.Run(fmt.Sprintf("%s, prefixes %t", name, opts != nil), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, v := newShared(), new(version)
					caches := []*pagecache.Cache{s.process(t, opts...), s.process(t, opts...)}
					h, other := onePage(caches[0], k.key, v), onePage(caches[1], k.key, v)
					for i := range 4 {
						want := fmt.Sprintf("version %d", i)
						call(h, page(k.a))
						call(h, page(k.b))
						for range 3 {
							for _, path := range []string{k.a, k.b} {
								wantPage(t, path, call(h, page(path)), want, true)
								wantPage(t, path+" in the other process", call(other, page(path)), want, true)
							}
						}
						v.now.Add(1)
						if err := caches[i/2].Purge(t.Context(), []string{k.a, k.b}[i%2]); err != nil {
							t.Fatal(err)
						}
					}
				})
			})
		}
	}
}

// TestPurgedByAPathNeverSeen: the purge of a path that nobody has asked for yet
// counts for those who do.
func TestPurgedByAPathNeverSeen(t *testing.T) { synctest.Test(t, purgedByAPathNeverSeen) }

func purgedByAPathNeverSeen(t *testing.T) {
	for name, k := range manyPaths {
		s, v := newShared(), new(version)
		h := onePage(s.process(t), k.key, v)
		call(h, page(k.a))
		v.now.Add(1)
		if err := s.process(t).Purge(t.Context(), k.b); err != nil {
			t.Fatal(err)
		}
		wantPage(t, name+", the purged path", call(h, page(k.b)), "version 1", false)
		wantPage(t, name+", the other one", call(h, page(k.a)), "version 1", true)
	}
}

// TestManyPathsOfOnePage: a page keeps a number of them, and one path too many
// must not throw the others out all the time.
func TestManyPathsOfOnePage(t *testing.T) { synctest.Test(t, manyPathsOfOnePage) }

func manyPathsOfOnePage(t *testing.T) {
	s, o := newShared(), new(oracle)
	h := s.process(t).Page(time.Hour, pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "one" })))(o)
	for range 10 {
		for i := range 15 {
			call(h, page(fmt.Sprintf("/%d", i)))
		}
	}
	if n := o.runs.Load(); n != 15 {
		t.Errorf("got %d handler runs for 15 paths, want one each", n)
	}
}

// TestPurgeOfAnotherPathWhileWaiting: who comes by a path after its purge must
// not be given the page of a run that began before, by another path.
func TestPurgeOfAnotherPathWhileWaiting(t *testing.T) {
	for name, k := range manyPaths {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { purgeOfAnotherPathWhileWaiting(t, k.key, k.a, k.b) })
		})
	}
}

func purgeOfAnotherPathWhileWaiting(t *testing.T, key pagecache.KeyPart, a, b string) {
	s, v := newShared(), &version{hold: make(chan struct{})}
	h := onePage(s.process(t), key, v)
	var wg sync.WaitGroup
	wg.Go(func() { call(h, page(a)) })
	synctest.Wait()
	v.now.Add(1)
	if err := s.process(t).Purge(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var got reply
	wg.Go(func() { got = call(h, page(b)) })
	synctest.Wait()
	close(v.hold)
	wg.Wait()
	if got.body != "version 1" {
		t.Errorf("a request after the purge of its path: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}
