package pagecache_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

func hideTags(p *pagecache.Policy) { p.HideTags = true }

// hidden are the paths of a site on which the fields with tags must not reach
// clients, whatever becomes of the response.
var hidden = []struct {
	name string
	ask  func() *http.Request
	want string // in Cache-Status of the second answer
}{
	{"page", func() *http.Request { return page("/page") }, "pagecache; hit; ttl=60"},
	{"HEAD", func() *http.Request { return submitted(http.MethodHead, "/page") }, "pagecache; fwd=uri-miss; detail=head"},
	{"variant", func() *http.Request { return page("/vary") }, "pagecache; hit; ttl=60"},
	{"not modified", func() *http.Request { return page("/page", "If-None-Match", "*") }, "pagecache; hit; ttl=60"},
	{"range", func() *http.Request { return page("/page", "Range", "bytes=0-1") }, "pagecache; fwd=uri-miss; detail=range"},
	{"not storable", func() *http.Request { return page("/private") }, "pagecache; fwd=uri-miss; detail=private"},
	{"not storable, not modified", func() *http.Request { return page("/private", "If-None-Match", `"x"`) }, "pagecache; fwd=uri-miss; detail=private"},
	{"refused when it is whole", func() *http.Request { return page("/refused") }, "pagecache; fwd=uri-miss; detail=refused"},
	{"too many tags", func() *http.Request { return page("/tags") }, "pagecache; fwd=uri-miss; detail=tags"},
	{"error", func() *http.Request { return page("/error") }, "pagecache; fwd=uri-miss; detail=status"},
	{"flushed", func() *http.Request { return page("/flush") }, "pagecache; fwd=uri-miss; detail=streaming"},
	{"silent", func() *http.Request { return page("/silent") }, "pagecache; fwd=uri-miss; detail=handler-silent"},
	{"cookie", func() *http.Request { return page("/page", "Cookie", "session=1") }, "pagecache; fwd=bypass; detail=cookie"},
	{"POST", func() *http.Request { return submitted(http.MethodPost, "/page") }, "pagecache; fwd=method; detail=invalidated"},
	{"silent POST", func() *http.Request { return submitted(http.MethodPost, "/silent") }, "pagecache; fwd=method; detail=invalidated"},
	{"failed POST", func() *http.Request { return submitted(http.MethodPost, "/error") }, "pagecache; fwd=method"},
}

func submitted(method, target string) *http.Request {
	r := page(target)
	r.Method = method
	return r
}

// showTags is the handler behind hidden.
func showTags(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Surrogate-Key", "a b")
	h.Add("Cache-Tag", "c")
	h.Set("Etag", `"x"`)
	switch r.URL.Path {
	case "/vary":
		h.Set("Vary", "Accept")
	case "/private":
		h.Set("Cache-Control", "private")
	case "/refused":
		h.Set("X-Refuse", "yes")
	case "/tags":
		h.Set("Surrogate-Key", "a b c d e f g h i j")
	case "/error":
		w.WriteHeader(http.StatusConflict)
	case "/flush":
		w.(http.Flusher).Flush()
	case "/silent":
		return
	}
	_, _ = w.Write([]byte("page"))
}

// TestHideTags: with HideTags no answer shows the fields, and without it all do.
func TestHideTags(t *testing.T) {
	for _, hide := range []bool{false, true} {
		for _, tt := range hidden {
			c := newCache(t, pagecache.Refuse(refuseMarked), func(p *pagecache.Policy) { p.HideTags, p.MaxTags, p.HitForMiss = hide, 8, time.Nanosecond })
			h := c.Page(time.Minute)(http.HandlerFunc(showTags))
			for which := range 2 {
				got := call(h, tt.ask())
				if shown := showsTags(got.header); shown == hide {
					t.Errorf("%s, answer %d: got the fields %t with HideTags %t: %v", tt.name, which+1, shown, hide, got.header)
				}
				if which == 1 && got.cacheStatus() != tt.want {
					t.Errorf("%s: got %q, want %q", tt.name, got.cacheStatus(), tt.want)
				}
			}
		}
	}
}

// showsTags reports whether a field with tags is among those sent.
func showsTags(h http.Header) bool {
	for name := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Surrogate-Key", "Cache-Tag":
			return true
		}
	}
	return false
}

// TestHiddenTagsCount: a page is purged by tags that nobody sees.
func TestHiddenTagsCount(t *testing.T) {
	for _, tag := range []string{"a", "b", "c"} {
		c := newCache(t, hideTags)
		h := c.Page(time.Minute)(http.HandlerFunc(showTags))
		fill(t, h, "http://a.example/page")
		if err := c.PurgeTags(t.Context(), tag); err != nil {
			t.Fatal(err)
		}
		if got := call(h, sent("http://a.example/page")); got.hit() {
			t.Errorf("%s: got %q, want the page gone", tag, got.cacheStatus())
		}
	}
}

// TestHideTagsOfStalePages: neither a stale page nor one that is served for an
// error, its own fields or those of the failing handler, shows tags.
func TestHideTagsOfStalePages(t *testing.T) {
	for name, opt := range map[string]pagecache.Option{"stale-while-revalidate": pagecache.StaleWhileRevalidate(time.Hour), "stale-if-error": pagecache.StaleIfError(time.Hour)} {
		for _, outer := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				fails := false
				c := newCache(t, hideTags, opt)
				cached := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Tag", "inner")
					if fails {
						w.WriteHeader(http.StatusBadGateway)
					}
					showTags(w, r)
				}))
				mux := http.NewServeMux()
				mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {
					if outer {
						w.Header().Set("Cache-Tag", "outer")
					}
					cached.ServeHTTP(w, r)
				})
				call(mux, page("/page"))
				fails = true
				time.Sleep(2 * time.Minute)
				got := call(mux, page("/page"))
				if got.reason() != name || got.status != http.StatusOK || showsTags(got.header) {
					t.Errorf("%s, tags outside %t: got status %d, %q, %v; want an old page without tags", name, outer, got.status, got.cacheStatus(), got.header)
				}
				synctest.Wait()
			})
		}
	}
}

// TestHideTagsOfCollapsed: those who wait for a page are not shown its tags.
func TestHideTagsOfCollapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t, hideTags).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			showTags(w, r)
		}))
		replies, _ := crowd(h, 3, func(int) *http.Request { return page("/page") })
		for _, got := range replies {
			if showsTags(got.header) || got.body != "page" {
				t.Errorf("got %q, %v; want the page without tags", got.cacheStatus(), got.header)
			}
		}
	})
}

// TestHideTagsOfOuterFields: what middleware around the cache has set is hidden
// on misses and hits alike, whether or not it was there when the page was made.
func TestHideTagsOfOuterFields(t *testing.T) {
	cached := newCache(t, hideTags).Page(time.Minute)(text("page"))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Tags") != "" {
			w.Header().Set("Surrogate-Key", "outer")
		}
		cached.ServeHTTP(w, r)
	})
	for _, fields := range [][]string{{"X-Tags", "1"}, {"X-Tags", "1"}, nil} {
		if got := call(h, page("/first", fields...)); showsTags(got.header) {
			t.Errorf("set when the page was made: got %q, %v; want no tags", got.cacheStatus(), got.header)
		}
	}
	for _, fields := range [][]string{nil, {"X-Tags", "1"}} {
		if got := call(h, page("/second", fields...)); showsTags(got.header) {
			t.Errorf("not set when the page was made: got %q, %v; want no tags", got.cacheStatus(), got.header)
		}
	}
}

// TestHideTagsInLowerCase: a handler that writes to the header map itself may
// spell the field as it likes.
func TestHideTagsInLowerCase(t *testing.T) {
	h := newCache(t, hideTags).Page(time.Minute)(text("page", "surrogate-key", "a"))
	for _, r := range []*http.Request{page("/"), page("/"), page("/", "Cookie", "session=1"), submitted(http.MethodPost, "/")} {
		if got := call(h, r); showsTags(got.header) {
			t.Errorf("got %q, %v; want no tags", got.cacheStatus(), got.header)
		}
	}
}
