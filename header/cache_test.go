package header_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/header"
)

func newCache(t *testing.T) *pagecache.Cache {
	t.Helper()
	c := pagecache.New()
	t.Cleanup(func() {
		if err := c.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return c
}

// wantStatus asks for the page and compares what the cache did.
func wantStatus(t *testing.T, h http.Handler, want string, fields ...string) *http.Response {
	t.Helper()
	res := get(h, fields...)
	if got := res.Header.Get("Cache-Status"); !strings.HasPrefix(got, "pagecache; "+want) {
		t.Errorf("got Cache-Status %q, want %q", got, want)
	}
	return res
}

func hello(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }

// TestCacheAround: a cache heeds what the middleware inside it says.
func TestCacheAround(t *testing.T) {
	quiet := http.HandlerFunc(hello)
	loud := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=600")
		w.Header().Set("Pagecache-Cache-Control", "max-age=600")
		hello(w, r)
	})
	failing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) })
	streaming := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() })
	for name, tt := range map[string]struct {
		h             http.Handler
		first, second string
	}{
		"s-maxage":             {header.CacheControl("s-maxage=60")(quiet), "fwd=uri-miss; stored; ttl=60", "hit; ttl="},
		"max-age":              {header.CacheControl("max-age=60")(quiet), "fwd=uri-miss; stored; ttl=60", "hit; ttl="},
		"vary":                 {header.VaryOn("Accept-Language")(quiet), "fwd=uri-miss; stored", "hit"},
		"private":              {header.CacheControl("private")(quiet), "fwd=uri-miss; detail=private", "fwd=uri-miss; detail=private"},
		"NeverCache":           {header.NeverCache(quiet), "fwd=uri-miss; detail=no-store", "fwd=uri-miss; detail=no-store"},
		"NeverCache, loud":     {header.NeverCache(loud), "fwd=uri-miss; detail=no-store", "fwd=uri-miss; detail=no-store"},
		"no lifetime for 404":  {header.CacheControl("s-maxage=60")(failing), "fwd=uri-miss; detail=status", "fwd=uri-miss; detail=status"},
		"streaming still does": {header.CacheControl("s-maxage=60")(streaming), "fwd=uri-miss; detail=streaming", "fwd=uri-miss; detail=streaming"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newCache(t).Page(time.Hour)(tt.h)
			first, second := wantStatus(t, h, tt.first), wantStatus(t, h, tt.second)
			wantLines(t, second.Header, "Cache-Control", first.Header["Cache-Control"]...)
			if a, b := body(t, first), body(t, second); a != b {
				t.Errorf("got %q, then %q", a, b)
			}
		})
	}
	h := newCache(t).Page(time.Hour)(header.VaryOn("Accept-Language")(quiet))
	wantStatus(t, h, "fwd=uri-miss; stored", "Accept-Language", "de")
	wantStatus(t, h, "fwd=vary-miss; stored", "Accept-Language", "fr")
	wantStatus(t, h, "hit", "Accept-Language", "de")
}

// TestCacheInside: the page is stored, and misses and hits alike tell others to
// keep off.
func TestCacheInside(t *testing.T) {
	h := header.NeverCache(header.VaryOn("Accept")(newCache(t).Page(time.Hour)(http.HandlerFunc(hello))))
	for _, want := range list("fwd=uri-miss; stored", "hit", "hit") {
		res := wantStatus(t, h, want)
		wantNever(t, res.Header)
		wantLines(t, res.Header, "Vary", "Accept")
		if got := body(t, res); got != "hello" {
			t.Errorf("got %q", got)
		}
	}
}

// TestNotModifiedInCache: a fill does not see the client's conditions, whatever
// it is asked; the cache answers them, on the fill and on the hits.
func TestNotModifiedInCache(t *testing.T) {
	runs := 0
	h := newCache(t).Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header.NotModified(w, r, "rev-7", changed) {
			return
		}
		runs++
		hello(w, r)
	}))
	res := wantStatus(t, h, "fwd=uri-miss; stored", "If-None-Match", `"rev-7"`)
	if runs != 1 {
		t.Fatalf("got %d runs to the end by the fill, want 1", runs)
	}
	if res.StatusCode != 304 {
		t.Errorf("got status %d on the fill, want 304", res.StatusCode)
	}
	for _, tt := range []struct {
		name, line string
		status     int
	}{
		{"If-None-Match", `W/"rev-7"`, 304}, {"If-None-Match", `"rev-8"`, 200}, {"If-Modified-Since", then, 304}, {"If-Modified-Since", before, 200},
	} {
		res := wantStatus(t, h, "hit", tt.name, tt.line)
		wantLines(t, res.Header, "ETag", `"rev-7"`)
		if res.StatusCode != tt.status {
			t.Errorf("%s %s: got status %d, want %d", tt.name, tt.line, res.StatusCode, tt.status)
		}
	}
	// Past the cache the handler answers by itself.
	if res := wantStatus(t, h, "fwd=bypass; detail=cookie", "Cookie", "a=b", "If-None-Match", `"rev-7"`); res.StatusCode != 304 {
		t.Errorf("got status %d past the cache, want 304", res.StatusCode)
	}
	if res := wantStatus(t, h, "fwd=bypass; detail=precondition", "If-Match", `"rev-8"`); res.StatusCode != 412 {
		t.Errorf("got status %d for If-Match, want 412", res.StatusCode)
	}
	if runs != 1 {
		t.Errorf("got %d runs to the end, want 1", runs)
	}
}

// TestImports: the package stands alone, so that programs without a cache pay
// for none.
func TestImports(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			own := strings.HasPrefix(path, "github.com/go-pagecache/pagecache/internal/")
			if strings.Contains(path, ".") && !own {
				t.Errorf("%s imports %s", entry.Name(), path)
			}
		}
	}
}
