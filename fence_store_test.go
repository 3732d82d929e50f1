package pagecache_test

import (
	"context"
	"encoding/binary"
	"hash/crc32"
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

// TestPurgeWhileAPageLands: the store holds the write up, a purge comes, and a
// request that starts then waits for the very page. It has to look it up with
// fences of its own.
func TestPurgeWhileAPageLands(t *testing.T) { synctest.Test(t, purgeWhileAPageLands) }

func purgeWhileAPageLands(t *testing.T) {
	s, v := newShared(), new(version)
	h, other := s.process(t, func(p *pagecache.Policy) { p.StoreBudget = time.Hour }).Page(time.Hour)(v), s.process(t)
	release := make(chan struct{})
	s.faults.Before(func(_ context.Context, op string, keys []string) error {
		if op == "Set" && strings.HasPrefix(keys[0], "p:") {
			<-release
		}
		return nil
	})
	var wg sync.WaitGroup
	wg.Go(func() { call(h, page("/p")) })
	synctest.Wait()
	v.now.Add(1)
	if err := other.Purge(t.Context(), "/p"); err != nil {
		t.Fatal(err)
	}
	var got reply
	wg.Go(func() { got = call(h, page("/p")) })
	synctest.Wait()
	close(release)
	wg.Wait()
	if got.body != "version 1" {
		t.Errorf("a request after the purge: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
	wantPage(t, "afterwards", call(h, page("/p")), "version 1", true)
}

// TestPurgeWhileCutOff: a process that the store does not answer cannot know of
// a purge that another one has made. A request of its own must not be given the
// page of a run that began before.
func TestPurgeWhileCutOff(t *testing.T) { synctest.Test(t, purgeWhileCutOff) }

func purgeWhileCutOff(t *testing.T) {
	s, v := newShared(), new(version)
	h, other := s.process(t).Page(time.Hour)(v), s.process(t)
	s.faults.Before(storetest.Fail(storetest.ErrFault))
	finish := begin(v, h)
	s.faults.Heal()
	v.now.Add(1)
	if err := other.Purge(t.Context(), "/p"); err != nil {
		t.Fatal(err)
	}
	s.faults.Before(storetest.Fail(storetest.ErrFault))
	var got reply
	var wg sync.WaitGroup
	wg.Go(func() { got = call(h, page("/p")) })
	synctest.Wait()
	finish()
	wg.Wait()
	if got.body != "version 1" {
		t.Errorf("a request after the purge: got %q (%s), want version 1", got.body, got.cacheStatus())
	}
}

// zombies is a Store whose writes of pages fail, and are done later.
type zombies struct {
	pagecache.Store
	writes []func()
}

func (z *zombies) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	if !strings.HasPrefix(keys[0], "p:") && !strings.HasPrefix(keys[0], "v:") {
		return z.Store.Set(ctx, value, ttl, keys...)
	}
	z.writes = append(z.writes, func() { _ = z.Store.Set(context.Background(), value, ttl, keys...) })
	return storetest.ErrFault
}

// TestZombieWrite: a write that failed may still be done, at any later time,
// also after a purge.
func TestZombieWrite(t *testing.T) {
	for _, p := range purges() {
		s := newShared()
		z := &zombies{Store: s}
		h, other := p.site(newCache(t, append(slices.Clip(p.new), pagecache.WithStore(z))...)), p.process(t, s)
		wantStatus(t, p.name, call(h, page("/p")), "pagecache; fwd=uri-miss; detail=store-error")
		if len(z.writes) != 1 {
			t.Fatalf("%s: got %d writes held back, want 1", p.name, len(z.writes))
		}
		p.page.now.Add(1)
		if err := p.run(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		z.writes[0]()
		for name, h := range map[string]http.Handler{"same process": h, "another": p.site(other)} {
			if got := call(h, page("/p")); got.body != "version 1" {
				t.Errorf("%s, %s: got %q (%s), want version 1", p.name, name, got.body, got.cacheStatus())
			}
		}
	}
}

// TestSpellingsShareAFence: /caf%C3%A9 and /caf%c3%a9 are one path, also where a
// prefix was taken off. Purging the path must reach every spelling.
func TestSpellingsShareAFence(t *testing.T) { synctest.Test(t, spellingsShareAFence) }

func spellingsShareAFence(t *testing.T) {
	for name, mount := range map[string]func(http.Handler) http.Handler{
		"plain":       func(h http.Handler) http.Handler { return h },
		"StripPrefix": func(h http.Handler) http.Handler { return http.StripPrefix("/a", h) },
	} {
		s, v := newShared(), new(version)
		h := mount(s.process(t).Page(time.Hour)(v))
		spellings := []string{"/a/caf%C3%A9", "/a/caf%c3%a9", "/a/c%61f%C3%A9", "/a/caf%C3%A9?q"}
		for _, target := range spellings {
			wantPage(t, name+", fill of "+target, call(h, page(target)), "version 0", false)
		}
		v.now.Add(1)
		if err := s.process(t).Purge(t.Context(), "/a/café"); err != nil {
			t.Fatal(err)
		}
		for _, target := range spellings {
			wantPage(t, name+", purged "+target, call(h, page(target)), "version 1", false)
		}
	}
}

// TestPagesOfVersion1: a page that an older release stored is a miss, whatever it
// says, and the next one takes its place.
func TestPagesOfVersion1(t *testing.T) { synctest.Test(t, pagesOfVersion1) }

func pagesOfVersion1(t *testing.T) {
	s, v := newShared(), new(version)
	h := s.process(t).Page(time.Hour)(v)
	call(h, page("/p"))
	v.now.Add(1)
	for _, key := range s.written() {
		if !strings.HasPrefix(key, "p:") {
			continue
		}
		values, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		old := values[0]
		old[3] = 1 // behind the magic
		sum := crc32.Checksum(old[:len(old)-4], crc32.MakeTable(crc32.Castagnoli))
		if err := s.Set(t.Context(), binary.BigEndian.AppendUint32(old[:len(old)-4], sum), time.Hour, key); err != nil {
			t.Fatal(err)
		}
	}
	wantPage(t, "version 1", call(h, page("/p")), "version 1", false)
	wantPage(t, "stored anew", call(h, page("/p")), "version 1", true)
}

// TestFencesThatCouldNotBeMade: a page whose fences were not there before its
// handler ran is not stored behind some that were made afterwards: nobody knows
// what was purged in between.
func TestFencesThatCouldNotBeMade(t *testing.T) {
	for _, p := range purges() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fencesThatCouldNotBeMade(t, p) })
		})
	}
}

func fencesThatCouldNotBeMade(t *testing.T, p *purge) {
	s := newShared()
	h, other := p.site(p.process(t, s)), p.process(t, s)
	call(h, page("/another")) // has some of the fences
	s.faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Add"))
	finish := begin(&p.page, h)
	s.faults.Heal()
	p.page.now.Add(1)
	if err := p.run(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	finish()
	for name, h := range map[string]http.Handler{"same process": h, "purging process": p.site(other)} {
		if got := call(h, page("/p")); got.body != "version 1" {
			t.Errorf("%s: got %q (%s), want version 1", name, got.body, got.cacheStatus())
		}
	}
}
