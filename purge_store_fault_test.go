package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// faultyProcess makes a cache whose way to the store can fail, while that of
// others does not. At the test's end it must have been healed.
func faultyProcess(t *testing.T, s pagecache.Store, opts ...pagecache.Option) (*pagecache.Cache, *storetest.Faults) {
	t.Helper()
	faults := new(storetest.Faults)
	return newCache(t, append([]pagecache.Option{pagecache.WithStore(storetest.FaultyStore(s, faults))}, opts...)...), faults
}

// settle asks for a page, so that what is owed is made good in the background,
// and waits for it.
func settle(h http.Handler) {
	time.Sleep(time.Minute) // there is some time between two attempts
	call(h, page("/settles"))
	synctest.Wait()
}

// purgeFaults are the ways in which a store does not take a purge.
var purgeFaults = []fault{
	{name: "errors", before: storetest.Fail(storetest.ErrFault)},
	{name: "errors afterwards", after: storetest.Fail(storetest.ErrFault)},
	{name: "panics", before: storetest.Panic("store")},
	{name: "panics afterwards", after: storetest.Panic(http.ErrAbortHandler)},
	{name: "exits its goroutine", before: func(context.Context, string, []string) error { runtime.Goexit(); return nil }},
	{name: "takes too long", before: storetest.Delay(30 * time.Second)},
	{name: "ignores its context", before: storetest.Stall(30 * time.Second)},
}

// TestRefusedPurges: whatever the store does to a purge, this process serves
// nothing from before it, and when the store is back nobody does.
func TestRefusedPurges(t *testing.T) {
	for _, f := range purgeFaults {
		for _, p := range purges() {
			t.Run(f.name+", "+p.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { refusedPurge(t, p, f, "Set") })
				synctest.Test(t, func(t *testing.T) { refusedPurge(t, p, f, "Get", "Set", "Add", "Delete") })
			})
		}
	}
}

func refusedPurge(t *testing.T, p *purge, f fault, ops ...string) {
	s := newShared()
	a, faults := faultyProcess(t, s, p.new...)
	b := p.process(t, s)
	h, other := p.site(a), p.site(b)
	old := call(h, page("/p")).body
	wantPage(t, "in the other process", call(other, page("/p")), old, true)
	want := fmt.Sprintf("version %d", p.page.now.Add(1))
	if f.before != nil {
		faults.Before(storetest.Only(f.before, ops...))
	}
	if f.after != nil {
		faults.After(storetest.Only(f.after, ops...))
	}
	began := time.Now()
	if err := p.run(t.Context(), a); err == nil || !strings.Contains(err.Error(), "will retry") {
		t.Errorf("got error %v, want one that says that the purge is retried", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the purge took %v, want 5s at most", took)
	}
	for range 3 {
		began := time.Now()
		if got := call(h, page("/p")); got.body != want {
			t.Errorf("while %v fail: got %q (%s), want %s", ops, got.body, got.cacheStatus(), want)
		}
		if took := time.Since(began); took > callBudget {
			t.Errorf("got %v of added time, want %v at most", took, callBudget)
		}
	}
	faults.Heal()
	settle(h)
	if got := call(other, page("/p")); got.body != want {
		t.Errorf("another process, when the store is back: got %q (%s), want %s", got.body, got.cacheStatus(), want)
	}
	call(h, page("/p"))
	wantPage(t, "all is well again", call(h, page("/p")), want, true)
	wantPage(t, "all is well again elsewhere", call(other, page("/p")), want, true)
}

// TestErrorsOfPurges: they name what was not purged, and why.
func TestErrorsOfPurges(t *testing.T) { synctest.Test(t, errorsOfPurges) }

func errorsOfPurges(t *testing.T) {
	var log eventLog
	s := newShared()
	c, faults := faultyProcess(t, s, withPrefixes, pagecache.WithObserver(&log))
	faults.Before(storetest.Fail(storetest.ErrFault))
	defer faults.Heal()
	ctx := t.Context()
	for want, err := range map[string]error{
		"/books/1 /books/2": c.Purge(ctx, "/books/1", "/books/2"), "tags book:1 book:2": c.PurgeTags(ctx, "book:1", "book:2"),
		"below /books/": c.PurgePrefix(ctx, "/books/"), "route /books/{id}": c.PurgeRoute(ctx, "/books/{id}"), "everything": c.PurgeAll(ctx),
		"/books/3": c.Expire(ctx, "/books/3"), "tags book:3": c.ExpireTags(ctx, "book:3"),
	} {
		if !errors.Is(err, storetest.ErrFault) || !strings.HasPrefix(err.Error(), "pagecache: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one that names %q and wraps the store's", err, want)
		}
	}
	for _, e := range log.of(pagecache.KindPurge) {
		if !errors.Is(e.Err, storetest.ErrFault) {
			t.Errorf("got event %+v, want the store's error in it", e)
		}
	}
	if got := c.Stats(); len(log.of(pagecache.KindPurge)) != 7 || got.Purges != 7 || got.StoreErrors < 7 {
		t.Errorf("got %d events, %d purges, %d store errors; want 7, 7, and as many or more", len(log.of(pagecache.KindPurge)), got.Purges, got.StoreErrors)
	}
}

// TestOtherPagesWhileAPurgeIsOwed are served from the store as before, however
// writing fails.
func TestOtherPagesWhileAPurgeIsOwed(t *testing.T) {
	for _, f := range purgeFaults {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { otherPagesWhileAPurgeIsOwed(t, f) })
		})
	}
}

func otherPagesWhileAPurgeIsOwed(t *testing.T, f fault) {
	s, v := newShared(), new(version)
	c, faults := faultyProcess(t, s, withPrefixes)
	cached := func(tag string) http.Handler { return c.Page(time.Hour, pagecache.Tags(tag))(v) }
	mux := http.NewServeMux()
	for pattern, tag := range map[string]string{"/path": "a", "/tag": "b", "/below/": "c", "/route": "d", "/other": "e", "/settles": "f"} {
		mux.Handle(pattern, cached(tag))
	}
	concerned := []string{"/path", "/tag", "/below/this", "/route"}
	for _, target := range append(concerned, "/other") {
		call(mux, page(target))
	}
	if f.before != nil {
		faults.Before(storetest.Only(f.before, "Set"))
	}
	if f.after != nil {
		faults.After(storetest.Only(f.after, "Set"))
	}
	v.now.Add(1)
	ctx := t.Context()
	if c.Purge(ctx, "/path") == nil || c.PurgeTags(ctx, "b") == nil || c.PurgePrefix(ctx, "/below/") == nil || c.PurgeRoute(ctx, "/route") == nil {
		t.Error("got no error from a store that fails")
	}
	for range 3 {
		wantPage(t, "not concerned", call(mux, page("/other")), "version 0", true)
		for _, target := range concerned {
			wantPage(t, target, call(mux, page(target)), "version 1", false)
		}
	}
	faults.Heal()
	settle(mux)
	wantPage(t, "not concerned, healed", call(mux, page("/other")), "version 0", true)
	for _, target := range concerned {
		wantPage(t, target+", healed", call(mux, page(target)), "version 1", false)
		wantPage(t, target+", healed", call(mux, page(target)), "version 1", true)
	}
}

// TestTooManyOwedPurges: more than can be remembered make it everything.
func TestTooManyOwedPurges(t *testing.T) { synctest.Test(t, tooManyOwedPurges) }

func tooManyOwedPurges(t *testing.T) {
	s, v := newShared(), new(version)
	c, faults := faultyProcess(t, s)
	h, other := c.Page(time.Hour)(v), s.process(t).Page(time.Hour)(v)
	call(h, page("/first"))
	call(h, page("/other"))
	v.now.Add(1)
	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
	_ = c.Purge(t.Context(), "/first")
	for i := range pagecache.MaxOwed - 1 {
		_ = c.Purge(t.Context(), fmt.Sprintf("/%d", i))
	}
	wantPage(t, "as many as can be remembered", call(h, page("/other")), "version 0", true)
	wantPage(t, "the first of them", call(h, page("/first")), "version 1", false)
	_ = c.Purge(t.Context(), "/one/more")
	wantPage(t, "one more", call(h, page("/other")), "version 1", false)
	wantPage(t, "the first of them", call(h, page("/first")), "version 1", false)
	wantPage(t, "another process", call(other, page("/other")), "version 0", true)
	_ = c.PurgeTags(t.Context(), "further")
	wantPage(t, "further ones", call(h, page("/other")), "version 1", false)
	faults.Heal()
	settle(h)
	wantPage(t, "healed", call(h, page("/other")), "version 1", false)
	wantPage(t, "healed, another process", call(other, page("/other")), "version 1", true)
	wantPage(t, "healed, another process", call(other, page("/first")), "version 1", false)
}

// TestManyPurgesAtOnceAreOwed: one call with more names than can be remembered.
func TestManyPurgesAtOnceAreOwed(t *testing.T) { synctest.Test(t, manyPurgesAtOnceAreOwed) }

func manyPurgesAtOnceAreOwed(t *testing.T) {
	s, v := newShared(), new(version)
	c, faults := faultyProcess(t, s)
	h := c.Page(time.Hour)(v)
	call(h, page("/other"))
	paths := make([]string, pagecache.MaxOwed+1)
	for i := range paths {
		paths[i] = fmt.Sprintf("/%d", i)
	}
	v.now.Add(1)
	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
	_ = c.Purge(t.Context(), paths...)
	wantPage(t, "owed", call(h, page("/other")), "version 1", false)
	faults.Heal()
	settle(h)
	call(h, page("/other"))
	wantPage(t, "healed", call(h, page("/other")), "version 1", true)
}
