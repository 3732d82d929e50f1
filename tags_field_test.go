package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestTagFields: a route may read tags from other fields, or from none.
func TestTagFields(t *testing.T) {
	handler := text("page", "Surrogate-Key", "a b", "Cache-Tag", "c", "Xkey", "d", "Xkey", "e")
	for _, tt := range []struct {
		fields []string
		want   string
	}{
		{[]string{"xkey"}, "d e"}, {[]string{"Xkey", "cache-tag"}, "d e c"}, {nil, ""}, {[]string{"X-None"}, ""},
	} {
		c := newCache(t)
		h := c.Page(time.Hour, func(p *pagecache.Policy) { p.TagFields = tt.fields })(handler)
		fill(t, h, "http://example.com/")
		if got := strings.Join(explain(c, h, "/").Tags, " "); got != tt.want {
			t.Errorf("%q: got the tags %q, want %q", tt.fields, got, tt.want)
		}
	}
	wantPanic(t, "a field with a blank", []string{"TagFields", `"Cache Tag"`, "Surrogate-Key"}, func() {
		newCache(t, func(p *pagecache.Policy) { p.TagFields = []string{"Cache Tag"} })
	})
	wantPanic(t, "no tags at all", []string{"MaxTags"}, func() { newCache(t, func(p *pagecache.Policy) { p.MaxTags = 0 }) })
	wantPanic(t, "more than the limit", []string{"3 tags", "MaxTags", "2"}, func() {
		newCache(t, pagecache.Tags("a", "b", "c"), func(p *pagecache.Policy) { p.MaxTags = 2 })
	})
	wantPanic(t, "no tag", []string{"Tags", `"a b"`}, func() { newCache(t, func(p *pagecache.Policy) { p.Tags = []string{"a b"} }) })
}

// TestTagsOfOuterFields: middleware around the cache may name tags as well.
func TestTagsOfOuterFields(t *testing.T) {
	c := newCache(t)
	inner := c.Page(time.Hour)(text("page"))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Surrogate-Key", "outer")
		inner.ServeHTTP(w, r)
	})
	fill(t, h, "http://a.example/")
	if err := c.PurgeTags(t.Context(), "outer"); err != nil {
		t.Fatal(err)
	}
	if got := call(h, sent("http://a.example/")); got.hit() {
		t.Errorf("got %q, want the page gone", got.cacheStatus())
	}
}

// TestTagsInTurn: the tags of a page are those of its last run.
func TestTagsInTurn(t *testing.T) {
	sparing(t, func() (lost []string) {
		c, tags := newCache(t), "first"
		h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Tag", tags)
			_, _ = w.Write([]byte("page"))
		}))
		fill(t, h, "http://a.example/")
		tags = "second"
		if err := c.PurgeTags(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		fill(t, h, "http://a.example/")
		if err := c.PurgeTags(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		if !call(h, sent("http://a.example/")).hit() {
			lost = []string{"the page without the tag"}
		}
		return lost
	})
}
