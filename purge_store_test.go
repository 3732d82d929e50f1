package pagecache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestPrefixNeedsThePolicy: over a Store a prefix has fences only if all
// look-ups read them, and an error beats pages that stay.
func TestPrefixNeedsThePolicy(t *testing.T) { synctest.Test(t, prefixNeedsThePolicy) }

func prefixNeedsThePolicy(t *testing.T) {
	s, v := newShared(), new(version)
	c := s.process(t)
	h := c.Page(time.Hour)(v)
	call(h, page("/books/1"))
	s.trips()
	for name, invalidate := range map[string]func(context.Context, ...string) error{"PurgePrefix": c.PurgePrefix, "ExpirePrefix": c.ExpirePrefix} {
		err := invalidate(t.Context(), "/books/")
		if err == nil || !strings.Contains(err.Error(), "PrefixPurge") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got error %v, want one that names it and PrefixPurge", name, err)
		}
	}
	if got := s.trips(); got != "" {
		t.Errorf("got round trips %q, want none", got)
	}
	wantPage(t, "after the errors", call(h, page("/books/1")), "version 0", true)
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "PrefixPurge") {
			t.Errorf("With: got panic %v, want one that names PrefixPurge", p)
		}
	}()
	c.With(withPrefixes)
}

// TestPrefixesOverAStore: what is below a directory is gone in all processes,
// and nothing else.
func TestPrefixesOverAStore(t *testing.T) { synctest.Test(t, prefixesOverAStore) }

func prefixesOverAStore(t *testing.T) {
	deep := strings.Repeat("/d", 20)
	targets := []string{"/", "/books", "/books/", "/books/1", "/books/1?q", "/books/1/reviews", "/bookshop/", "/books%2F1/2", "/b%6Foks/3", deep}
	below := map[string][]string{
		"/":               targets,
		"/books/":         {"/books/", "/books/1", "/books/1?q", "/books/1/reviews", "/books%2F1/2", "/b%6Foks/3"},
		"/books/1/":       {"/books/1/reviews", "/books%2F1/2"},
		"/b%6Foks/1/":     {"/books/1/reviews", "/books%2F1/2"},
		"/b/":             nil,
		"/mount/":         targets, // as clients know it
		"/mount/books/1/": {"/books/1/reviews", "/books%2F1/2"},
		"/d/d/d/":         {deep},
	}
	for prefix, gone := range below {
		s, v := newShared(), new(version)
		a, b := s.process(t, withPrefixes), s.process(t, withPrefixes)
		sites := map[string]http.Handler{"purging process": http.StripPrefix("/mount", a.Page(time.Hour)(v)), "another": http.StripPrefix("/mount", b.Page(time.Hour)(v))}
		for _, target := range targets {
			call(sites["another"], page("/mount"+target))
		}
		v.now.Add(1)
		if err := a.PurgePrefix(t.Context(), prefix); err != nil {
			t.Fatal(err)
		}
		for name, h := range sites {
			for _, target := range targets {
				r := page("/mount" + target)
				r.Header.Set("Range", "bytes=0-") // does not fill
				if got, want := call(h, r).hit(), !contains(gone, target); got != want {
					t.Errorf("%s purged, %s in the %s: got hit %t, want %t", prefix, target, name, got, want)
				}
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, member := range list {
		if member == s {
			return true
		}
	}
	return false
}

// TestExactAddressesOverAStore: a Store has no fences for single queries, so all
// pages of the path go, and no others.
func TestExactAddressesOverAStore(t *testing.T) { synctest.Test(t, exactAddressesOverAStore) }

func exactAddressesOverAStore(t *testing.T) {
	for _, address := range []string{"/p?a", "/p?", "https://example.com/p?a", "http://other.example/p"} {
		s, v := newShared(), new(version)
		a, b := s.process(t), s.process(t)
		h, other := a.Page(time.Hour)(v), b.Page(time.Hour, pagecache.Key(pagecache.Path()))(v)
		for _, target := range []string{"/p", "/p?a", "/p?b", "/q?a"} {
			call(h, page(target))
		}
		call(other, page("/p"))
		v.now.Add(1)
		if err := b.Purge(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{"/p", "/p?a", "/p?b"} {
			wantPage(t, target+" after "+address, call(h, page(target)), "version 1", false)
		}
		wantPage(t, "keyed by path, after "+address, call(other, page("/p")), "version 1", false)
		wantPage(t, "another path, after "+address, call(h, page("/q?a")), "version 0", true)
	}
}

// TestPurgesAreSeenAtOnce: by each process that shares the store, whichever of
// them made the page, asked for it, and purged it; and by caches made from these.
func TestPurgesAreSeenAtOnce(t *testing.T) { synctest.Test(t, purgesAreSeenAtOnce) }

func purgesAreSeenAtOnce(t *testing.T) {
	for _, p := range purges() {
		s := newShared()
		var caches [3]*pagecache.Cache
		var sites [3]http.Handler
		for i := range caches {
			caches[i] = p.process(t, s)
			sites[i] = p.site(caches[i].With(pagecache.MaxBody(100)))
		}
		for i := range 9 {
			want := fmt.Sprintf("version %d", p.page.now.Add(1))
			if err := p.run(t.Context(), caches[i%3]); err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			wantPage(t, p.name+", first", call(sites[i/3], page("/p")), want, false)
			for j, h := range sites {
				wantPage(t, fmt.Sprintf("%s by process %d, made by %d, asked of %d", p.name, i%3, i/3, j), call(h, page("/p")), want, true)
			}
		}
		if n := caches[0].Stats().Purges; n != 3 {
			t.Errorf("%s: got %d purges counted in a process, want its own 3", p.name, n)
		}
	}
}

// TestRoutesBeyondTheCounters: only so many routes are counted each for itself;
// the pages of the others are purged by their routes as well.
func TestRoutesBeyondTheCounters(t *testing.T) {
	for name, c := range map[string]*pagecache.Cache{"in process": newCache(t), "over a store": newShared().process(t)} {
		v, mux := new(version), http.NewServeMux()
		cached := c.Page(time.Hour)(v)
		for i := range 300 {
			mux.Handle(fmt.Sprintf("/%d", i), cached)
			call(mux, page(fmt.Sprintf("/%d", i)))
		}
		v.now.Add(1)
		if err := c.PurgeRoute(t.Context(), "/3", "/299"); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{"/3", "/299"} {
			wantPage(t, name+", "+target, call(mux, page(target)), "version 1", false)
		}
		wantPage(t, name+", another route", call(mux, page("/298")), "version 0", true)
	}
}

// TestPurgeOfNothing: no name, no round trip; a name that is none, an error, and
// nothing is purged.
func TestPurgeOfNothing(t *testing.T) { synctest.Test(t, purgeOfNothing) }

func purgeOfNothing(t *testing.T) {
	s, v := newShared(), new(version)
	c := s.process(t, withPrefixes)
	h := routed(c.Page(time.Hour, pagecache.Tags("tag")), v)
	call(h, page("/p"))
	s.trips()
	ctx := t.Context()
	if err := errors.Join(c.Purge(ctx), c.PurgeTags(ctx), c.PurgePrefix(ctx), c.PurgeRoute(ctx), c.Expire(ctx), c.ExpireTags(ctx)); err != nil {
		t.Errorf("got error %v for no names, want none", err)
	}
	for name, err := range map[string]error{
		"Purge": c.Purge(ctx, "/p", "p"), "PurgeTags": c.PurgeTags(ctx, "tag", "a tag"), "PurgePrefix": c.PurgePrefix(ctx, "/", "p"),
		"PurgeRoute": c.PurgeRoute(ctx, "/{page}", "page"), "Expire": c.Expire(ctx, "/p", ""), "ExpireTags": c.ExpireTags(ctx, "tag", ""),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "pagecache: "+name+": ") {
			t.Errorf("%s: got error %v, want one that begins with its name", name, err)
		}
	}
	if got := s.trips(); got != "" {
		t.Errorf("got round trips %q, want none", got)
	}
	wantPage(t, "afterwards", call(h, page("/p")), "version 0", true)
}
