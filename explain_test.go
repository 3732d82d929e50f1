package pagecache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// library is a router with one cached route, and one page stored.
func library(t *testing.T, log *eventLog, o *oracle) (*pagecache.Cache, http.Handler) {
	c := newCache(t, pagecache.WithObserver(log), pagecache.WithLogger(silence))
	r := chi.NewRouter()
	r.With(c.Page(time.Minute, pagecache.Tags("books"))).Get("/books/{id}", o.ServeHTTP)
	r.With(c.Page(time.Minute, pagecache.Off(true))).Get("/off", o.ServeHTTP)
	r.With(c.Page(time.Minute, pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "" })))).Get("/nokey", o.ServeHTTP)
	r.Get("/plain", func(w http.ResponseWriter, r *http.Request) {})
	call(r, page("/books/312", "Accept-Language", "de"))
	return c, r
}

// TestExplain: what Explain says is what then happens.
func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		r      func() *http.Request
		want   pagecache.Explanation
		status string // Cache-Status of the request, when it is made
	}{
		{"hit", func() *http.Request { return page("/books/312", "Accept-Language", "de") },
			pagecache.Explanation{Reached: true, WouldHit: true, Route: "/books/{id}", Status: 200, TTL: time.Minute, Tags: []string{"books"}, Vary: []string{"Accept-Language"}},
			"pagecache; hit"},
		{"another variant", func() *http.Request { return page("/books/312") },
			pagecache.Explanation{Reached: true, Fwd: "vary-miss", Vary: []string{"Accept-Language"}}, "pagecache; fwd=vary-miss; stored"},
		{"miss", func() *http.Request { return page("/books/1") }, pagecache.Explanation{Reached: true, Fwd: "uri-miss"}, "pagecache; fwd=uri-miss; stored"},
		{"cookie", func() *http.Request { return page("/books/312", "Cookie", "_ga=1; session=1") },
			pagecache.Explanation{Reached: true, Fwd: "bypass", Reason: "cookie", Culprit: "session"}, "pagecache; fwd=bypass; detail=cookie"},
		{"authorization", func() *http.Request { return page("/books/312", "Authorization", "x") },
			pagecache.Explanation{Reached: true, Fwd: "bypass", Reason: "authorization", Culprit: "Authorization"}, "pagecache; fwd=bypass; detail=authorization"},
		{"method", func() *http.Request { return httptest.NewRequest("POST", "/books/312", nil) },
			pagecache.Explanation{Fwd: "method", Reason: "method"}, ""},
		{"off", func() *http.Request { return page("/off") }, pagecache.Explanation{Reached: true, Fwd: "bypass", Reason: "disabled"}, "pagecache; fwd=bypass; detail=disabled"},
		{"no key", func() *http.Request { return page("/nokey") }, pagecache.Explanation{Reached: true, Fwd: "bypass", Reason: "key-error"}, "pagecache; fwd=bypass; detail=key-error"},
		{"range of nothing", func() *http.Request { return page("/books/1", "Range", "bytes=0-1") },
			pagecache.Explanation{Reached: true, Fwd: "uri-miss", Reason: "range"}, "pagecache; fwd=uri-miss; detail=range"},
		{"not wrapped", func() *http.Request { return page("/plain") }, pagecache.Explanation{}, ""},
		{"no such route", func() *http.Request { return page("/nowhere") }, pagecache.Explanation{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log eventLog
			o := oracle{first: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Vary", "Accept-Language") }}
			c, h := library(t, &log, &o)
			before, events := fmt.Sprintf("%+v", c.Stats()), len(log.of(pagecache.KindRequest))
			var got pagecache.Explanation
			for range 3 {
				got = c.Explain(h, tt.r())
			}
			if after := fmt.Sprintf("%+v", c.Stats()); after != before || o.runs.Load() != 1 || len(log.of(pagecache.KindRequest)) != events {
				t.Errorf("Explain changed something: %d runs, got  %s\nwant %s", o.runs.Load(), after, before)
			}
			checkExplanation(t, got, tt.want)
			if status := call(h, tt.r()).cacheStatus(); !strings.HasPrefix(status, tt.status) {
				t.Errorf("the request itself: got %q, want %q", status, tt.status)
			}
		})
	}
}

func checkExplanation(t *testing.T, got, want pagecache.Explanation) {
	t.Helper()
	if got.Reached != want.Reached || got.WouldHit != want.WouldHit || got.Fwd != want.Fwd || got.Reason != want.Reason || got.Culprit != want.Culprit ||
		got.Route != want.Route || got.Status != want.Status || !slices.Equal(got.Tags, want.Tags) || !slices.Equal(got.Vary, want.Vary) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Age > time.Second || want.TTL-got.TTL > time.Second || got.TTL > want.TTL {
		t.Errorf("got age %v, ttl %v; want about 0 and %v", got.Age, got.TTL, want.TTL)
	}
	text := got.String()
	if text == "" || want.Reason != "" && !strings.Contains(text, want.Reason.Explain()) || want.WouldHit && !strings.Contains(text, "/books/312") {
		t.Errorf("got text %q, want the reason or the key in it", text)
	}
}

// TestExplainSecrets: an explanation can be shown around.
func TestExplainSecrets(t *testing.T) {
	c := newCache(t, pagecache.Key(pagecache.Header("Authorization"), pagecache.Cookie("session")))
	for name, r := range map[string]*http.Request{
		"in the key":     page("/", "Authorization", "Bearer hunter2", "Cookie", "session=hunter2"),
		"in a culprit":   page("/", "Authorization", "Bearer hunter2", "Cookie", "other=hunter2"),
		"in an identity": page("/", "X-Api-Key", "hunter2"),
	} {
		if got := c.Explain(nil, r); strings.Contains(fmt.Sprintf("%#v %v", got, got), "hunter2") {
			t.Errorf("%s: got %+v, want no secret in it", name, got)
		}
	}
}

// TestExplainWithoutHandler uses the policy of the cache alone.
func TestExplainWithoutHandler(t *testing.T) {
	c := newCache(t)
	if got := c.Explain(nil, page("/")); got.WouldHit || got.Fwd != "uri-miss" || got.Key == "" {
		t.Errorf("got %+v, want a uri-miss with its key", got)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := c.Explain(nil, page("/")); got.Reason != "closed" {
		t.Errorf("closed: got %+v", got)
	}
}

// TestExplainHead: HEAD is answered from stored pages and fills none.
func TestExplainHead(t *testing.T) {
	var log eventLog
	var o oracle
	c, h := library(t, &log, &o)
	head := func(target string) *http.Request { return httptest.NewRequest(http.MethodHead, target, nil) }
	// The route is not open to HEAD, so the policy alone is asked.
	if got := c.Explain(c.Page(time.Minute)(h), head("/books/312")); !got.WouldHit {
		t.Errorf("stored: got %+v, want a hit", got)
	}
	if got := c.Explain(c.Page(time.Minute)(h), head("/books/1")); got.WouldHit || got.Reason != "head" {
		t.Errorf("not stored: got %+v, want reason head", got)
	}
}

// TestExplainBehindAnotherCache: no handler runs, although another cache stands
// in between.
func TestExplainBehindAnotherCache(t *testing.T) {
	var o oracle
	outer, inner := newCache(t), newCache(t)
	h := outer.Page(time.Minute)(inner.Page(time.Minute)(&o))
	got := inner.Explain(h, page("/"))
	if runs := o.runs.Load(); runs != 0 || !got.Reached {
		t.Errorf("got %d runs, reached %v; want 0, true", runs, got.Reached)
	}
	if stored := outer.Stats().Stored; stored != 0 {
		t.Errorf("the other cache stored %d pages, want none", stored)
	}
}
