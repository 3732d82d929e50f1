package pagecache_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// TestMainJob is the README's exchange: the book's page by chi, twice.
func TestMainJob(t *testing.T) {
	c := newCache(t)
	var books oracle
	r := chi.NewRouter()
	r.With(c.Page(15*time.Minute)).Get("/books/{id}", books.ServeHTTP)
	srv := serve(t, r)

	miss := get(t, srv.URL+"/books/312")
	if got, want := miss.cacheStatus(), "pagecache; fwd=uri-miss; stored; ttl=900"; got != want {
		t.Errorf("first: got Cache-Status %q, want %q", got, want)
	}
	hit := get(t, srv.URL+"/books/312")
	if !hit.hit() || hit.header.Get("Age") == "" || hit.body != miss.body {
		t.Errorf("second: got %q, Age %q, body %q; want a hit with the same body", hit.cacheStatus(), hit.header.Get("Age"), hit.body)
	}
	if other := get(t, srv.URL+"/books/321").saw(t); other.ID != "321" {
		t.Errorf("another book: got the page of %q", other.ID)
	}
	if runs := books.runs.Load(); runs != 2 {
		t.Errorf("got %d handler runs, want 2", runs)
	}
}

// TestTTL walks a page through its life.
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		var books oracle
		h := c.Page(15 * time.Minute)(&books)
		for _, step := range []struct {
			wait   time.Duration
			status string
			age    string
			runs   int64
		}{
			{0, "pagecache; fwd=uri-miss; stored; ttl=900", "", 1},
			{0, "pagecache; hit; ttl=900", "0", 1},
			{time.Second, "pagecache; hit; ttl=899", "1", 1},
			{15*time.Minute - 1001*time.Millisecond, "pagecache; hit; ttl=1", "899", 1},
			{time.Hour, "pagecache; fwd=uri-miss; stored; ttl=900", "", 2},
		} {
			time.Sleep(step.wait)
			got := call(h, page("/books/312"))
			if got.cacheStatus() != step.status || got.header.Get("Age") != step.age || books.runs.Load() != step.runs {
				t.Errorf("after %v: got %q, Age %q, %d runs; want %q, Age %q, %d runs", step.wait,
					got.cacheStatus(), got.header.Get("Age"), books.runs.Load(), step.status, step.age, step.runs)
			}
		}
	})
}

func TestHandlerNeedsStatedLifetime(t *testing.T) {
	c := newCache(t)
	o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
		if s := r.URL.Query().Get("cc"); s != "" {
			w.Header().Set("Cache-Control", s)
		}
	}}
	srv := serve(t, c.Handler(&o))
	if got := get(t, srv.URL+"/a"); got.reason() != "no-freshness" {
		t.Errorf("got %q, want no-freshness", got.cacheStatus())
	}
	if got := get(t, srv.URL+"/?cc=max-age%3D60"); !got.stored() {
		t.Errorf("got %q, want it stored", got.cacheStatus())
	}
	var _ func(http.Handler) http.Handler = c.Page(pagecache.Forever)
}

// TestHandlerSharesWithAuthorized: RFC 9111 section 3.5, in Handler only.
func TestHandlerSharesWithAuthorized(t *testing.T) {
	c := newCache(t)
	o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", r.URL.Query().Get("cc"))
	}}
	h := c.Handler(&o)
	const alice, bob = "Bearer alice", "Bearer bob"
	for _, tt := range []struct {
		cc     string
		shared bool
	}{
		{"max-age=60", false},
		{"public, max-age=60", true},
		{"s-maxage=60", true},
		{"max-age=60, must-revalidate", true},
		{"private, max-age=60", false},
	} {
		target := "/?cc=" + url.QueryEscape(tt.cc)
		first := call(h, page(target, "Authorization", alice))
		if first.stored() != tt.shared {
			t.Errorf("%s, with credentials: got %q, want it stored: %t", tt.cc, first.cacheStatus(), tt.shared)
		}
		if got := call(h, page(target, "Authorization", bob)); got.hit() != tt.shared {
			t.Errorf("%s, with others: got %q, want a hit: %t", tt.cc, got.cacheStatus(), tt.shared)
		}
		if got := call(h, page(target)); got.hit() != tt.shared {
			t.Errorf("%s, with none: got %q, want a hit: %t", tt.cc, got.cacheStatus(), tt.shared)
		}
		if got := call(h, page(target, "Authorization", bob)); got.hit() != tt.shared {
			t.Errorf("%s, after a visitor without: got %q, want a hit: %t", tt.cc, got.cacheStatus(), tt.shared)
		}
	}
	if got := call(h, page("/?cc=public%2C+max-age%3D60", "X-Api-Key", "k")); got.reason() != "identity" {
		t.Errorf("another identity: got %q, want detail=identity", got.cacheStatus())
	}
	if got := call(c.Page(time.Minute)(&o), page("/?cc=public%2C+max-age%3D60", "Authorization", bob)); got.reason() != "authorization" {
		t.Errorf("Page: got %q, want detail=authorization", got.cacheStatus())
	}
}
