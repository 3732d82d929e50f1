package pagecache_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestEvents describes one page's life by its events.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		c := newCache(t, pagecache.WithObserver(&log))
		mux := http.NewServeMux()
		mux.Handle("GET /books/{id}", c.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			write(w, "page")
		}))
		crowd(mux, 2, func(int) *http.Request { return page("/books/312") })
		time.Sleep(10 * time.Second)
		call(mux, page("/books/312"))
		call(mux, page("/books/312", "Cookie", "session=1"))
		time.Sleep(time.Minute)
		call(mux, page("/books/312"))

		const route = "/books/{id}"
		want := []pagecache.Event{
			{Result: pagecache.ResultMiss, Fwd: "uri-miss", Stored: true, Bytes: 4, TTL: time.Minute, Duration: time.Second},
			{Result: pagecache.ResultCollapsed, Fwd: "uri-miss", Bytes: 4, TTL: time.Minute, Duration: time.Second},
			{Result: pagecache.ResultHit, Bytes: 4, Age: 10 * time.Second, TTL: 50 * time.Second},
			{Result: pagecache.ResultPass, Fwd: "bypass", Reason: "cookie", Duration: time.Second},
			{Result: pagecache.ResultMiss, Fwd: "uri-miss", Stored: true, Bytes: 4, TTL: time.Minute, Duration: time.Second},
		}
		got := log.of(pagecache.KindRequest)
		slices.SortStableFunc(got[:2], func(a, b pagecache.Event) int { return int(a.Result) - int(b.Result) }) // they end together
		if len(got) != len(want) {
			t.Fatalf("got %d events, want %d: %+v", len(got), len(want), got)
		}
		got[4].Fwd = "uri-miss" // or stale: the store may drop what is over
		for i := range want {
			want[i].Kind, want[i].Status, want[i].Route = pagecache.KindRequest, http.StatusOK, route
			if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want[i]) {
				t.Errorf("event %d: got  %+v\nwant %+v", i, got[i], want[i])
			}
		}
	})
}

// TestEventsOfAborts: a client's request is counted however its handler, its
// connection, or a function of the user ends it.
func TestEventsOfAborts(t *testing.T) {
	boom := func() { panic("boom") }
	for name, tt := range map[string]struct {
		h    http.HandlerFunc
		opts []pagecache.Option
		w    http.ResponseWriter
		r    *http.Request
		warm bool // the page is stored before
	}{
		"panic while passing":     {h: func(http.ResponseWriter, *http.Request) { boom() }, r: page("/", "Cookie", "a=b")},
		"panic while filling":     {h: func(http.ResponseWriter, *http.Request) { boom() }},
		"panic by HEAD":           {h: func(http.ResponseWriter, *http.Request) { boom() }, r: httptest.NewRequest("HEAD", "/", nil)},
		"skip panics":             {opts: []pagecache.Option{pagecache.Skip(func(*http.Request) bool { boom(); return false })}},
		"refuse panics":           {opts: []pagecache.Option{pagecache.Refuse(func(int, http.Header, []byte) bool { boom(); return false })}},
		"key function panics":     {opts: []pagecache.Option{pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { boom(); return "" }))}},
		"writer panics on a miss": {w: brokenWriter{}},
		"writer panics on a hit":  {w: brokenWriter{}, warm: true},
	} {
		t.Run(name, func(t *testing.T) {
			var log eventLog
			c := newCache(t, append(tt.opts, pagecache.WithObserver(&log), pagecache.WithLogger(silence))...)
			if tt.h == nil {
				tt.h = response(200)
			}
			h, want := c.Page(time.Minute)(tt.h), 1
			if tt.warm {
				call(h, page("/"))
				want++
			}
			if tt.w == nil {
				tt.w = httptest.NewRecorder()
			}
			if tt.r == nil {
				tt.r = page("/")
			}
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(tt.w, tt.r)
			}()
			if got := len(log.of(pagecache.KindRequest)); got != want || c.Stats().Requests != uint64(want) {
				t.Errorf("got %d events and %d requests in Stats, want %d", got, c.Stats().Requests, want)
			}
			balanced(t, c.Stats())
		})
	}
}

// brokenWriter panics when it is to send something.
type brokenWriter struct{}

func (brokenWriter) Header() http.Header       { return make(http.Header) }
func (brokenWriter) Write([]byte) (int, error) { panic(http.ErrAbortHandler) }
func (brokenWriter) WriteHeader(int)           { panic(http.ErrAbortHandler) }

// TestObserverPanics: the site does not notice, the log does, once.
func TestObserverPanics(t *testing.T) {
	var log bytes.Buffer
	c := pagecache.New(pagecache.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		pagecache.WithObserver(pagecache.ObserverFunc(func(context.Context, pagecache.Event) { panic("observer down") })))
	defer c.Close(t.Context())
	var o oracle
	h := c.Page(time.Minute)(&o)
	for _, r := range []*http.Request{page("/"), page("/"), page("/", "Cookie", "a=b"), page("/", "Range", "bytes=0-3")} {
		if got, panicked := quietly(h, r); panicked != nil || got.body == "" {
			t.Errorf("got %q, panic %v; want an answer", got.body, panicked)
		}
	}
	if n := strings.Count(log.String(), "observer down"); n != 1 {
		t.Errorf("the panic was logged %d times, want once: %s", n, &log)
	}
	if n := c.Stats().Requests; n != 4 {
		t.Errorf("got %d requests in Stats, want 4", n)
	}
}

// TestNested: the same cache twice around a request counts once. When the outer
// one fills, the inner one is ignored and says so once; when the outer one has
// no business with the request, the inner one answers it.
func TestNested(t *testing.T) {
	for _, tt := range []struct {
		name   string
		outer  []pagecache.Option
		r      func() *http.Request
		result pagecache.Result
		warns  int
		runs   int64 // for two requests
	}{
		{"fill", nil, func() *http.Request { return page("/") }, pagecache.ResultHit, 1, 1},
		{"outer off", []pagecache.Option{pagecache.Off(true)}, func() *http.Request { return page("/") }, pagecache.ResultHit, 0, 1},
		{"cookie that the inner one ignores", nil, func() *http.Request { return page("/", "Cookie", "lang=de") }, pagecache.ResultHit, 0, 1},
		{"cookie for both", nil, func() *http.Request { return page("/", "Cookie", "session=1") }, pagecache.ResultPass, 0, 2},
		{"method", nil, func() *http.Request { return httptest.NewRequest("POST", "/", nil) }, pagecache.ResultPass, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log eventLog
			var o oracle
			c := newCache(t, pagecache.WithObserver(&log), pagecache.WithLogger(silence))
			h := c.Page(time.Hour, tt.outer...)(c.Page(time.Minute, pagecache.IgnoreCookies("lang"))(&o))
			for i := range 2 {
				got := call(h, tt.r())
				if n := len(got.header["Cache-Status"]); n != 1 {
					t.Errorf("got Cache-Status %q, want one member", got.header["Cache-Status"])
				}
				if n := len(log.of(pagecache.KindRequest)); n != i+1 || c.Stats().Requests != uint64(i+1) {
					t.Errorf("got %d events and %d in Stats for %d requests", n, c.Stats().Requests, i+1)
				}
			}
			if e := log.last(); e.Result != tt.result || o.runs.Load() != tt.runs {
				t.Errorf("got %v, %d runs; want %v, %d", e.Result, o.runs.Load(), tt.result, tt.runs)
			}
			call(h, page("/another"))
			if got := log.warnings(); len(got) > 1 || len(got) < tt.warns || tt.warns == 1 && !strings.Contains(got[0], "the same cache is mounted twice") {
				t.Errorf("got warnings %q, want %d", got, tt.warns)
			}
		})
	}
}

// TestTwoCaches around one request both work, and count.
func TestTwoCaches(t *testing.T) {
	var outer, inner eventLog
	var o oracle
	a, b := newCache(t, pagecache.WithObserver(&outer)), newCache(t, pagecache.WithObserver(&inner))
	h := a.Page(time.Minute)(b.Page(time.Hour)(&o))
	for range 2 {
		call(h, page("/"))
	}
	if n, m := len(outer.of(pagecache.KindRequest)), len(inner.of(pagecache.KindRequest)); n != 2 || m != 1 || o.runs.Load() != 1 {
		t.Errorf("got %d events outside, %d inside, %d runs; want 2, 1, 1", n, m, o.runs.Load())
	}
}

// TestStrings covers the words for kinds and results, unknown ones too.
func TestStrings(t *testing.T) {
	for got, want := range map[fmt.Stringer]string{
		pagecache.KindRequest: "request", pagecache.KindStoreError: "store-error", pagecache.KindMisuse: "misuse", pagecache.Kind(99): "kind(99)",
		pagecache.ResultHit: "hit", pagecache.ResultMiss: "miss", pagecache.ResultCollapsed: "collapsed", pagecache.ResultPass: "pass", pagecache.Result(99): "result(99)",
	} {
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
