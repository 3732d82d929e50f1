package header_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-pagecache/pagecache/header"
)

const (
	never   = "no-store, no-cache, private, must-revalidate, max-age=0"
	longAgo = "Thu, 01 Jan 1970 00:00:00 GMT"
)

func wantNever(t *testing.T, h http.Header) {
	t.Helper()
	wantLines(t, h, "Cache-Control", never)
	wantLines(t, h, "Expires", longAgo)
}

// endings are the ways in which a header comes to be sent.
var endings = map[string]http.HandlerFunc{
	"nothing":     func(w http.ResponseWriter, r *http.Request) {},
	"WriteHeader": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) },
	"Write":       func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") },
	"Write of nothing": func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(nil)
		w.Header().Set("Cache-Control", "max-age=60")
	},
	"WriteString": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") },
	"ReadFrom": func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
	},
	"Flush":      func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() },
	"FlushError": func(w http.ResponseWriter, r *http.Request) { _ = http.NewResponseController(w).Flush() },
	"interim first": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(103)
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(200)
	},
	"twice": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(404)
	},
}

// TestNeverCache: however the header is sent, it says never, whatever the
// handler says.
func TestNeverCache(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			h := header.NeverCache(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=3600")
				w.Header().Set("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")
				end(w, r)
			}))
			wantNever(t, fetch(t, serve(t, h).URL).Header)
		})
	}
}

// TestNeverCacheOverrules: nothing else that caches listen to is left.
func TestNeverCacheOverrules(t *testing.T) {
	res := get(header.NeverCache(responder(200,
		"cache-control", "max-age=1", "Cache-Control", "max-age=2", "EXPIRES", "x", "Expires", "y", "Expires", "z",
		"Cdn-Cache-Control", "max-age=3", "pagecache-cache-control", "max-age=4", "Surrogate-Control", "max-age=5", "X-Accel-Expires", "6",
		"Etag", `"a"`, "Cache-Status", "x; hit", "X-Cache", "y")))
	wantNever(t, res.Header)
	if len(res.Header) != 5 {
		t.Errorf("got %v, want Etag, Cache-Status and X-Cache besides", res.Header)
	}
}

// TestNeverCachePanic: the error page that a middleware outside makes of a panic
// is not kept either.
func TestNeverCachePanic(t *testing.T) {
	res := get(recovering(header.NeverCache(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		panic("no book")
	}))))
	if res.StatusCode != 500 {
		t.Errorf("got status %d, want 500", res.StatusCode)
	}
	wantNever(t, res.Header)
}

// recovering is middleware that makes a 500 of a panic.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(500)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// TestOutermostWins: each middleware edits what those inside have sent.
func TestOutermostWins(t *testing.T) {
	ok := responder(200)
	wantNever(t, get(header.NeverCache(header.CacheControl("max-age=60")(ok))).Header)
	inside := get(header.CacheControl("public", "max-age=60")(header.NeverCache(ok))).Header
	wantLines(t, inside, "Cache-Control", "no-store, no-cache, must-revalidate, public, max-age=0")
}

func TestNilHandler(t *testing.T) {
	for name, f := range map[string]func(){
		"NeverCache":   func() { header.NeverCache(nil) },
		"CacheControl": func() { header.CacheControl("public")(http.HandlerFunc(nil)) },
		"VaryOn":       func() { header.VaryOn("Accept")((*http.ServeMux)(nil)) },
	} {
		want := "pagecache/header: " + name + ": the handler is nil; give it the handler whose responses are to be marked"
		if got := panics(t, f); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	wantNever(t, get(header.NeverCache(silent{})).Header)
}

// silent is a handler whose kind of type cannot be nil.
type silent struct{}

func (silent) ServeHTTP(http.ResponseWriter, *http.Request) {}
