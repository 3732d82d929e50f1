package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
)

// inLanguages is a page with variants, each with a tag of its own.
func inLanguages(w http.ResponseWriter, r *http.Request) {
	language := r.Header.Get("Accept-Language")
	w.Header().Set("Vary", "Accept-Language")
	w.Header().Set("Cache-Tag", "language:"+language)
	_, _ = w.Write([]byte(language))
}

// TestPurgeOfOneVariant by its tag spares the others.
func TestPurgeOfOneVariant(t *testing.T) {
	const url = "http://a.example/p"
	site := func(t testing.TB) (*pagecache.Cache, http.Handler) {
		c := newCache(t)
		return c, c.Page(time.Hour)(http.HandlerFunc(inLanguages))
	}
	purgeCase{"one", "tag", []string{"language:de"}, []string{url + " de"}, []string{url + " en", url + " fr"}}.check(t, site)
	purgeCase{"all", "address", []string{"/p"}, []string{url + " de", url + " en", url + " fr"}, nil}.check(t, site)
}

// TestPurgedVariantsMakeRoom: variants that are gone do not count among those
// that a page may have.
func TestPurgedVariantsMakeRoom(t *testing.T) {
	for name, purge := range map[string]func(c *pagecache.Cache) error{
		"path":       func(c *pagecache.Cache) error { return c.Purge(t.Context(), "/p") },
		"expiry":     func(c *pagecache.Cache) error { return c.Expire(t.Context(), "/p") },
		"everything": func(c *pagecache.Cache) error { return c.PurgeAll(t.Context()) },
	} {
		c := newCache(t)
		h := c.Page(time.Hour, func(p *pagecache.Policy) { p.MaxVariants = 2 })(http.HandlerFunc(inLanguages))
		fill(t, h, "http://a.example/p de", "http://a.example/p en")
		if err := purge(c); err != nil {
			t.Fatal(err)
		}
		for _, language := range []string{"fr", "it"} {
			if got := call(h, sent("http://a.example/p "+language)); !got.stored() {
				t.Errorf("%s: got %q for %s after the purge of all variants, want it stored", name, got.cacheStatus(), language)
			}
		}
		if got := call(h, sent("http://a.example/p es")); got.reason() != "variants-full" {
			t.Errorf("%s: got %q for one variant more, want the bound to hold again", name, got.cacheStatus())
		}
	}
}

// TestPurgeOverMemories: purging asks nothing of a Memory.
func TestPurgeOverMemories(t *testing.T) {
	for name, m := range map[string]pagecache.Memory{"map": newMapMemory(), "go-cache": gocachestore.New(cache.New(cache.NoExpiration, 0))} {
		c := newCache(t, pagecache.WithMemory(m))
		h := c.Page(time.Hour)(http.HandlerFunc(tagged))
		for kind, tag := range map[string]string{"address": "/p", "tag": "by-key", "prefix": "/", "all": ""} {
			for soft := range 2 {
				fill(t, h, "http://a.example/p", "http://a.example/p de")
				if err := strikes[kind][soft](c, t.Context(), tag); err != nil {
					t.Fatal(err)
				}
				for _, url := range []string{"http://a.example/p", "http://a.example/p de"} {
					if got := call(h, sent(url)); got.hit() {
						t.Errorf("%s, %s: got %q, want the page gone", name, kind, got.cacheStatus())
					}
				}
			}
		}
	}
}

// TestPurgedPagesAreGoneForAll: requests that do not fill see the purge as well.
func TestPurgedPagesAreGoneForAll(t *testing.T) {
	for _, tt := range []struct {
		name string
		ask  *http.Request
		want string
	}{
		{"HEAD", submitted(http.MethodHead, "/p"), "fwd=uri-miss; detail=head"},
		{"range", page("/p", "Range", "bytes=0-1"), "fwd=uri-miss; detail=range"},
		{"condition", page("/p", "If-None-Match", "*"), "fwd=uri-miss; stored; ttl=3600"},
	} {
		c := newCache(t)
		h := c.Page(time.Hour)(text("page"))
		fill(t, h, "http://example.com/p")
		if err := c.Purge(t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
		if got := call(h, tt.ask); strings.TrimPrefix(got.cacheStatus(), "pagecache; ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.cacheStatus(), tt.want)
		}
	}
}

// TestPurgedPagesAreExplained as what they are: not there.
func TestPurgedPagesAreExplained(t *testing.T) {
	for soft, fwd := range []string{"uri-miss", "stale"} {
		c := newCache(t)
		h := c.Page(time.Hour)(text("page"))
		fill(t, h, "http://example.com/p")
		if e := explain(c, h, "/p"); !e.WouldHit {
			t.Errorf("got %v, want a hit", e)
		}
		if err := strikes["address"][soft](c, t.Context(), "/p"); err != nil {
			t.Fatal(err)
		}
		if e := explain(c, h, "/p"); e.WouldHit || e.Fwd != fwd {
			t.Errorf("got %v, want fwd=%s", e, fwd)
		}
	}
}
