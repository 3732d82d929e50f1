package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// sink is a response writer that a server would hand out again and again: it
// costs nothing itself.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (w *sink) Header() http.Header    { return w.header }
func (w *sink) WriteHeader(status int) { w.status = status }
func (w *sink) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.bytes += len(p)
	return len(p), nil
}

// TestHitsAllocateNothing pins what promise 9 of the package rests on.
func TestHitsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	body := strings.Repeat("x", 4<<10)
	head := page("/books?page=2")
	head.Method = http.MethodHead
	for _, tt := range []struct {
		name   string
		opts   []pagecache.Option
		r      *http.Request
		status int
		bytes  int
	}{
		{"default", nil, page("/books?page=2"), http.StatusOK, len(body)},
		{"browser", nil, page("/books?page=2", "Accept", "text/html", "Accept-Language", "de", "Accept-Encoding", "gzip, br", "User-Agent", "Mozilla/5.0"), http.StatusOK, len(body)},
		{"go-cache", []pagecache.Option{pagecache.WithMemory(gocachestore.New(cache.New(cache.NoExpiration, 0)))}, page("/books?page=2"), http.StatusOK, len(body)},
		{"by query", []pagecache.Option{pagecache.Key(pagecache.Query("page", "sort"))}, page("/books?page=2&utm_source=x"), http.StatusOK, len(body)},
		{"by path", []pagecache.Option{pagecache.Key(pagecache.Path())}, page("/books?page=2"), http.StatusOK, len(body)},
		{"behind a proxy", nil, page("/books", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example", "X-Forwarded-For", "192.0.2.1"), http.StatusOK, len(body)},
		{"encoded path", nil, page("/b%6Foks/%2F"), http.StatusOK, len(body)},
		{"304 by tag", nil, page("/books?page=2", "If-None-Match", `"x", "v1"`), http.StatusNotModified, 0},
		{"304 by date", nil, page("/books?page=2", "If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT"), http.StatusNotModified, 0},
		{"HEAD", nil, head, http.StatusOK, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newCache(t, tt.opts...).Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("Etag", `"v1"`)
				w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
				write(w, body)
			}))
			fill := tt.r.Clone(t.Context())
			fill.Method = http.MethodGet
			call(h, fill)
			w := &sink{header: make(http.Header, 16)}
			serve := func() {
				clear(w.header)
				w.status, w.bytes = 0, 0
				h.ServeHTTP(w, tt.r)
			}
			got := testing.AllocsPerRun(200, serve)
			if !strings.HasPrefix(w.header.Get("Cache-Status"), "pagecache; hit") || w.status != tt.status || w.bytes != tt.bytes {
				t.Fatalf("got %q, status %d, %d bytes; want a hit, %d, %d", w.header.Get("Cache-Status"), w.status, w.bytes, tt.status, tt.bytes)
			}
			if got != 0 {
				t.Errorf("got %v allocations for a hit, want none", got)
			}
		})
	}
}

// TestHitsUnderOuterFieldsAllocateNothing: nor when middleware outside has set a
// field, as nearly all sites have.
func TestHitsUnderOuterFieldsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := newCache(t)
	h := c.Page(time.Minute)(response(200, "Etag", `"v1"`))
	r, id := page("/"), []string{"42"}
	w := &sink{header: make(http.Header, 16)}
	got := testing.AllocsPerRun(200, func() {
		clear(w.header)
		w.header["X-Request-Id"] = id
		h.ServeHTTP(w, r)
	})
	if got != 0 || !strings.HasPrefix(w.header.Get("Cache-Status"), "pagecache; hit") {
		t.Errorf("got %v allocations, %q; want a hit without", got, w.header.Get("Cache-Status"))
	}
}

// promptMap is a store whose calls need no goroutine, as those of Redis do not.
type promptMap struct{ *storetest.Map }

func (promptMap) Prompt() bool { return true }

// TestHitsOverAStoreAllocateLittle: a page with tags, read in one trip. Near copies
// cost what a hit in process costs, but for the framed key, whose memory is lent.
func TestHitsOverAStoreAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, tt := range map[string]struct {
		opts   []pagecache.Option
		budget float64
	}{
		"store": {nil, 26},
		"near":  {[]pagecache.Option{pagecache.NearCache(1<<20, time.Hour)}, 0},
	} {
		c := newCache(t, append(tt.opts, pagecache.WithStore(promptMap{storetest.NewMap()}))...)
		h := c.Page(time.Hour, pagecache.Tags("books"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag("book:312", "author:44")
			for _, name := range []string{"Content-Type", "Etag", "X-A", "X-B", "X-C"} {
				w.Header().Set(name, `"v1"`)
			}
			_, _ = w.Write(make([]byte, 4<<10))
		}))
		w, r := &sink{header: make(http.Header)}, page("/books/312")
		ask := func() {
			clear(w.header)
			*w = sink{header: w.header}
			h.ServeHTTP(w, r)
		}
		for range 3 {
			ask()
		}
		if got := testing.AllocsPerRun(100, ask); got > tt.budget {
			t.Errorf("%s: got %v allocations for a hit, want %v at most", name, got, tt.budget)
		}
		if w.bytes != 4<<10 {
			t.Errorf("%s: got %d bytes", name, w.bytes)
		}
	}
}
