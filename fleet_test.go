package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// fleet is a store with all abilities and the processes that share it.
type fleet struct {
	*testing.T
	store *storetest.Map
}

func newFleet(t *testing.T) *fleet { return &fleet{t, storetest.NewMap()} }

// member is one process: its cache, its way to the store, and its handler.
type member struct {
	*fleet
	cache  *pagecache.Cache
	faults storetest.Faults
	work   work
	h      http.Handler

	mu  sync.Mutex
	ops []string
}

// work is a handler that takes its time.
type work struct {
	runs   atomic.Int64
	takes  time.Duration
	fields []string
	status int
	text   string
	tags   []string
	block  chan struct{} // runs wait here, if it is not nil
}

func (h *work) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.runs.Add(1)
	if h.block != nil {
		<-h.block
	}
	time.Sleep(h.takes)
	pagecache.FromContext(r.Context()).Tag(h.tags...)
	for i := 0; i < len(h.fields); i += 2 {
		w.Header().Set(h.fields[i], h.fields[i+1])
	}
	if h.status != 0 {
		w.WriteHeader(h.status)
	}
	fmt.Fprint(w, h.text)
}

// join adds a process. Its handler answers with text.
func (f *fleet) join(text string, opts ...pagecache.Option) *member {
	f.Helper()
	m := &member{fleet: f, work: work{text: text}}
	counted := new(storetest.Faults)
	counted.Before(func(_ context.Context, op string, keys []string) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ops = append(m.ops, fmt.Sprintf("%s/%d", op, len(keys)))
		return nil
	})
	store := storetest.FaultyStore(storetest.FaultyStore(f.store, &m.faults), counted)
	m.cache = newCache(f.T, append([]pagecache.Option{pagecache.WithStore(store)}, opts...)...)
	m.h = m.cache.Page(time.Minute)(&m.work)
	synctest.Wait() // until it listens to messages
	return m
}

func (m *member) ask(target string, fields ...string) reply {
	return call(m.h, page(target, fields...))
}

// trips are the round trips since the last call.
func (m *member) trips() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ops := m.ops
	m.ops = nil
	return ops
}

func (m *member) wantTrips(what string, want ...string) {
	m.Helper()
	if got := m.trips(); !slices.Equal(got, want) {
		m.Errorf("%s: got round trips %q, want %q", what, got, want)
	}
}

// wants asks for a page and compares what comes.
func (m *member) wants(what, target, text string, hit bool) {
	m.Helper()
	if got := m.ask(target); got.body != text || got.hit() != hit {
		m.Errorf("%s: got %q, %q; want %q, hit %t", what, got.body, got.cacheStatus(), text, hit)
	}
}

func (m *member) wantRuns(want int64) {
	m.Helper()
	if got := m.work.runs.Load(); got != want {
		m.Errorf("got %d handler runs, want %d", got, want)
	}
}

// cutOff lets a process reach its store no more.
func (m *member) cutOff() { m.faults.Before(storetest.Fail(storetest.ErrFault)) }

// TestPageThatAnotherProcessMadeAnew: who knows the old one serves the new one, with
// its own age, and asks for that in a trip of its own, once.
func TestPageThatAnotherProcessMadeAnew(t *testing.T) {
	for _, vary := range []string{"", "Accept"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t)
			a, b := f.join("old"), f.join("old")
			if vary != "" {
				a.work.fields, b.work.fields = []string{"Vary", vary}, []string{"Vary", vary}
			}
			a.ask("/p", "Accept", "x")
			for range 3 {
				b.ask("/p", "Accept", "x")
			}
			a.work.text = "new"
			if err := a.cache.Purge(t.Context(), "/p"); err != nil {
				t.Fatal(err)
			}
			a.ask("/p", "Accept", "x")
			for i, want := range []int{2, 1, 1} {
				time.Sleep(10 * time.Second)
				b.trips()
				got := b.ask("/p", "Accept", "x")
				if age := fmt.Sprint(10 * (i + 1)); got.body != "new" || !got.hit() || got.header.Get("Age") != age {
					t.Errorf("Vary %q: got %q, %q, Age %s; want the new page, Age %s", vary, got.body, got.cacheStatus(), got.header.Get("Age"), age)
				}
				if trips := b.trips(); len(trips) != want {
					t.Errorf("Vary %q, hit %d: got round trips %q, want %d", vary, i, trips, want)
				}
			}
		})
	}
}

// TestReadInTheMidstOfAPurge: a purge has changed the mark, and not yet the nonce of
// its tag, when a page with the tag is read, and found to stand. When the purge is
// finished the page is gone, whatever was learnt of it.
func TestReadInTheMidstOfAPurge(t *testing.T) {
	for _, purge := range []func(context.Context, *pagecache.Cache) error{
		func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeTags(ctx, "tag") },
		func(ctx context.Context, c *pagecache.Cache) error { return c.PurgeAll(ctx) },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t)
			reader, purger := f.join("old"), f.join("")
			reader.work.tags = []string{"tag"}
			for range 3 {
				reader.ask("/p")
			}
			sets := 0
			purger.faults.After(storetest.Only(func(context.Context, string, []string) error {
				if sets++; sets == 1 {
					for range 3 {
						reader.wants("in the midst", "/p", "old", true)
					}
				}
				return nil
			}, "Set"))
			if err := purge(t.Context(), purger.cache); err != nil || sets != 2 {
				t.Fatalf("got error %v and %d writes, want none and two", err, sets)
			}
			reader.work.text = "new"
			reader.wants("afterwards", "/p", "new", false)
			reader.wants("again", "/p", "new", true)
		})
	}
}

// TestKnownByAnotherPath: a page that several paths share is not answered with, on a
// path whose fence it does not have, because it is known from another.
func TestKnownByAnotherPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFleet(t).join("page")
		m.h = m.cache.Page(time.Minute, pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "one" })))(&m.work)
		for range 3 {
			m.ask("/a")
		}
		m.wants("by a path that the page was not made for", "/b", "page", false)
		for range 3 {
			m.wants("by either", "/a", "page", true)
			m.wants("by either", "/b", "page", true)
		}
		if err := m.cache.Purge(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
		m.wants("purged by the other path", "/b", "page", false)
	})
}

// TestPurgeOfAnotherTag: a page that was made after a purge is not lost to a later
// one that is not about it, whatever nonces its process remembers.
func TestPurgeOfAnotherTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		m, other := f.join("page", alone), f.join("")
		m.h = m.cache.Page(time.Minute, pagecache.Tags("tag"))(&m.work)
		m.ask("/p")
		for i := range 3 {
			path := fmt.Sprint("/", i)
			if err := other.cache.PurgeTags(t.Context(), "tag"); err != nil {
				t.Fatal(err)
			}
			m.wants("made after the purge", path, "page", false)
			if err := other.cache.PurgeTags(t.Context(), "another"); err != nil {
				t.Fatal(err)
			}
			m.wants("another tag purged", path, "page", true)
		}
	})
}

// TestPageMadeAnewWhileTagsMove: a page that is not learnt, because another tag was
// purged since it was made, costs one trip as well, once the old one is forgotten.
func TestPageMadeAnewWhileTagsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		a, b := f.join("old"), f.join("old")
		a.ask("/p")
		for range 3 {
			b.ask("/p")
		}
		a.work.text = "new"
		if err := a.cache.Purge(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
		a.ask("/p")
		if err := a.cache.PurgeTags(t.Context(), "another"); err != nil {
			t.Fatal(err)
		}
		b.ask("/p")
		for range 3 {
			b.trips()
			b.wants("made anew", "/p", "new", true)
			if trips := b.trips(); len(trips) != 1 {
				t.Errorf("got round trips %q, want one", trips)
			}
		}
	})
}
