package pagecache_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// tagSource is a way in which a page gets tags.
type tagSource struct {
	name string
	give func(tags []string) (opt pagecache.Option, handler http.HandlerFunc)
}

func noOption(*pagecache.Policy) {}

// saysField is a handler that names its tags in a response field.
func saysField(name, separator string) func([]string) (pagecache.Option, http.HandlerFunc) {
	return func(tags []string) (pagecache.Option, http.HandlerFunc) {
		return noOption, text("page", name, strings.Join(tags, separator))
	}
}

var tagSources = []tagSource{
	{"Control", func(tags []string) (pagecache.Option, http.HandlerFunc) {
		return noOption, func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag(tags...)
			_, _ = w.Write([]byte("page"))
		}
	}},
	{"Control, after the body", func(tags []string) (pagecache.Option, http.HandlerFunc) {
		return noOption, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("page"))
			for _, t := range tags {
				pagecache.FromContext(r.Context()).Tag(t)
			}
		}
	}},
	{"function", func(tags []string) (pagecache.Option, http.HandlerFunc) {
		return pagecache.Tags(func(*http.Request) []string { return tags }), text("page")
	}},
	{"functions", func(tags []string) (pagecache.Option, http.HandlerFunc) {
		var sources []any
		for _, t := range tags {
			sources = append(sources, func(*http.Request) string { return t })
		}
		return pagecache.Tags(sources...), text("page")
	}},
	{"Surrogate-Key", saysField("Surrogate-Key", " ")},
	{"Cache-Tag", saysField("Cache-Tag", ",")},
	{"field in lower case", saysField("surrogate-key", " \t")},
	{"lines of a field", func(tags []string) (pagecache.Option, http.HandlerFunc) {
		return noOption, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Cache-Tag"] = tags
			_, _ = w.Write([]byte("page"))
		}
	}},
}

func numbered(n int) (tags []string) {
	for i := range n {
		tags = append(tags, fmt.Sprint("tag:", i))
	}
	return tags
}

// TestTagLimits: the largest number and the largest size are kept, and the page
// is purged by the last of them; one more, and the page is not stored, for it
// could not be purged by all it was made from.
func TestTagLimits(t *testing.T) {
	long := strings.Repeat("é", 128)
	for _, source := range tagSources {
		for _, tt := range []struct {
			name   string
			max    int
			tags   []string
			stored bool
		}{
			{"as many as by default", 0, numbered(64), true},
			{"one more", 0, numbered(65), false},
			{"as many as allowed", 3, numbered(3), true},
			{"one more than allowed", 3, numbered(4), false},
			{"more than by default", 200, numbered(200), true},
			{"the same ones again", 3, append(numbered(3), numbered(3)...), true},
			{"as long as can be", 0, []string{long}, true},
			{"longer", 0, []string{"a", long + "x"}, false},
			{"odd", 0, []string{"ä\u00a0ö", `"quoted"`, "a:b;c=d/e?f#g", "!", "\u2028"}, true},
		} {
			t.Run(source.name+", "+tt.name, func(t *testing.T) { checkTags(t, source, tt.max, tt.tags, tt.stored) })
		}
	}
}

func checkTags(t *testing.T, source tagSource, limit int, tags []string, stored bool) {
	opt, handler := source.give(tags)
	c := newCache(t, opt, func(p *pagecache.Policy) {
		if limit > 0 {
			p.MaxTags = limit
		}
	})
	h := c.Page(time.Hour)(handler)
	got := call(h, page("/"))
	if got.stored() != stored || got.body != "page" || !stored && got.reason() != "tags" {
		t.Errorf("got %q, %q; want the page stored: %t", got.cacheStatus(), got.body, stored)
	}
	if n := c.Stats().NotStored["tags"]; stored && n != 0 || !stored && n != 1 {
		t.Errorf("got %d counted as not stored for their tags", n)
	}
	if !stored {
		return
	}
	if all := explain(c, h, "/").Tags; !slices.Equal(slices.Sorted(slices.Values(all)), slices.Compact(slices.Sorted(slices.Values(tags)))) {
		t.Errorf("got the tags %q, want %q", all, tags)
	}
	if err := c.PurgeTags(t.Context(), tags[len(tags)-1]); err != nil {
		t.Fatal(err)
	}
	if got := call(h, page("/")); got.hit() {
		t.Errorf("got %q after the purge of the last tag, want the page gone", got.cacheStatus())
	}
}

// TestTagLimitOfAll: the limit is for the tags from all sources together, each
// counted once.
func TestTagLimitOfAll(t *testing.T) {
	for _, tt := range []struct {
		name                            string
		route, function, control, field string
		stored                          bool
	}{
		{"four", "a", "b", "c", "d", true},
		{"five", "a", "b", "c", "d e", false},
		{"five by Control", "a", "b", "c e", "d", false},
		{"the same from everywhere", "a b", "a b c", "b c d", "d c b a", true},
	} {
		c := newCache(t, func(p *pagecache.Policy) { p.MaxTags = 4; p.Tags = strings.Fields(tt.route) },
			pagecache.Tags(func(*http.Request) []string { return strings.Fields(tt.function) }))
		h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag(strings.Fields(tt.control)...)
			w.Header().Set("Surrogate-Key", tt.field)
			_, _ = w.Write([]byte("page"))
		}))
		if got := call(h, page("/")); got.stored() != tt.stored {
			t.Errorf("%s: got %q, want it stored: %t", tt.name, got.cacheStatus(), tt.stored)
		}
		if all := explain(c, h, "/").Tags; tt.stored && !slices.Equal(slices.Sorted(slices.Values(all)), []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: got the tags %q, want each once", tt.name, all)
		}
	}
}

// TestBadTags: a page that is given what is no tag is not stored, whatever other
// tags it has, and the log says which, once for a route.
func TestBadTags(t *testing.T) {
	for _, bad := range []string{"two tags", "two,tags", "tag\n", "tag\r", "\x00", "\x1f", "\x7f", "tab\t", strings.Repeat("x", 257)} {
		for _, source := range tagSources[:4] { // in a field blanks and commas divide tags
			log := new(eventLog)
			opt, handler := source.give([]string{"good", bad, "better"})
			c := newCache(t, opt, pagecache.WithObserver(log))
			h := c.Page(time.Hour)(handler)
			for range 3 {
				if got := call(h, page("/")); got.stored() || got.reason() != "tags" || got.body != "page" {
					t.Errorf("%s, %.20q: got %q, %q; want the page alone", source.name, bad, got.cacheStatus(), got.body)
				}
			}
			said := fmt.Sprintf("%q", bad)
			if len(bad) > 256 {
				said = "257"
			}
			if texts := log.warnings(); len(texts) != 1 || !strings.Contains(texts[0], said) {
				t.Errorf("%s, %.20q: got the warnings %q, want one that names the tag", source.name, bad, texts)
			}
		}
	}
}

// TestEmptyTags: of the empty string, functions and fields mean nothing; a
// handler that gives it has a mistake.
func TestEmptyTags(t *testing.T) {
	for _, tt := range []struct {
		name    string
		opt     pagecache.Option
		handler http.HandlerFunc
		stored  bool
	}{
		{"function", pagecache.Tags(func(*http.Request) string { return "" }), text("page"), true},
		{"function of several", pagecache.Tags(func(*http.Request) []string { return []string{"", "a", ""} }), text("page"), true},
		{"field", noOption, text("page", "Surrogate-Key", "", "Cache-Tag", " , ,\t"), true},
		{"Control", noOption, func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag("")
			_, _ = w.Write([]byte("page"))
		}, false},
		{"no tags by Control", noOption, func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag()
			_, _ = w.Write([]byte("page"))
		}, true},
	} {
		if got := call(newCache(t, tt.opt).Page(time.Hour)(tt.handler), page("/")); got.stored() != tt.stored || !tt.stored && got.reason() != "tags" {
			t.Errorf("%s: got %q, want it stored: %t", tt.name, got.cacheStatus(), tt.stored)
		}
	}
}

// TestTagFunctionThatPanics keeps its pages from being stored, and no more. It is
// called for pages only, once for each that is made, and before the handler.
func TestTagFunctionThatPanics(t *testing.T) {
	log := new(eventLog)
	calls, runs := 0, 0
	c := newCache(t, pagecache.WithObserver(log), pagecache.Tags("good", func(r *http.Request) string {
		calls++
		if calls <= runs {
			t.Error("the function was called after the handler")
		}
		if r.URL.Path == "/bad" {
			panic("no such shelf")
		}
		return "x"
	}))
	h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		runs++
		_, _ = w.Write([]byte("page"))
	}))
	for range 2 {
		if got := call(h, page("/bad")); got.stored() || got.reason() != "tags" || got.body != "page" || got.status != http.StatusOK {
			t.Errorf("got status %d, %q, %q; want the page alone", got.status, got.cacheStatus(), got.body)
		}
	}
	fill(t, h, "http://a.example/good")
	if calls != 3 || runs != 3 {
		t.Errorf("got %d calls and %d runs, want 3 of each", calls, runs)
	}
	if texts := log.warnings(); len(texts) != 1 || !strings.Contains(texts[0], "no such shelf") {
		t.Errorf("got the warnings %q, want one that says what happened", texts)
	}
}
