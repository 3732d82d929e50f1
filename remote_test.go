package pagecache_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// shared is one Store and what processes have written to it.
type shared struct {
	pagecache.Store
	faults storetest.Faults

	mu   sync.Mutex
	ops  []string
	keys map[string]bool // ever written
}

// newShared makes an empty store that counts its round trips.
func newShared() *shared {
	s := &shared{keys: make(map[string]bool)}
	counted := new(storetest.Faults)
	counted.Before(func(_ context.Context, op string, keys []string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ops = append(s.ops, op)
		if op == "Set" || op == "Add" {
			for _, key := range keys {
				if !strings.HasPrefix(key, "l:") {
					s.keys[key] = true
				}
			}
		}
		return nil
	})
	s.Store = storetest.FaultyStore(storetest.FaultyStore(storetest.NewMap(), &s.faults), counted)
	return s
}

// trips names the round trips since the last call.
func (s *shared) trips() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops := strings.Join(s.ops, " ")
	s.ops = nil
	return ops
}

// written lists all keys that were ever written, in order, but leases.
func (s *shared) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.keys))
}

// process is a cache over the store, as another process would have one.
func (s *shared) process(t testing.TB, opts ...pagecache.Option) *pagecache.Cache {
	t.Helper()
	return newCache(t, append([]pagecache.Option{pagecache.WithStore(s)}, opts...)...)
}

// echo answers with what selected the page, and with these tags.
func echo(fields []string, tags ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag(tags...)
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		_, _ = w.Write([]byte(r.URL.String() + " " + r.Header.Get("Accept")))
	})
}

func wantPage(t testing.TB, what string, got reply, body string, hit bool) {
	t.Helper()
	if got.body != body || got.hit() != hit {
		t.Errorf("%s: got body %q, %q; want %q, hit %t", what, got.body, got.cacheStatus(), body, hit)
	}
}

func TestProcessesShareAStore(t *testing.T) { synctest.Test(t, processesShareAStore) }

func processesShareAStore(t *testing.T) {
	s := newShared()
	handler := echo([]string{"Vary", "Accept", "Content-Type", "text/x", "Etag", `"v1"`}, "late")
	a, b := s.process(t).Page(time.Minute)(handler), s.process(t).Page(time.Minute)(handler)

	first := call(a, page("/x?y", "Accept", "1"))
	wantPage(t, "fill", first, "/x?y 1", false)
	time.Sleep(7 * time.Second)
	for name, h := range map[string]http.Handler{"a": a, "b": b} {
		got := call(h, page("/x?y", "Accept", "1"))
		wantPage(t, name, got, "/x?y 1", true)
		if got.cacheStatus() != "pagecache; hit; ttl=53" || got.header.Get("Age") != "7" {
			t.Errorf("%s: got %q, Age %q; want ttl=53, Age 7", name, got.cacheStatus(), got.header.Get("Age"))
		}
		for _, field := range []string{"Content-Type", "Etag", "Date", "Content-Length", "Vary"} {
			if got.header.Get(field) != first.header.Get(field) {
				t.Errorf("%s: got %s %q, want %q", name, field, got.header.Get(field), first.header.Get(field))
			}
		}
		if got := call(h, page("/x?y", "Accept", "1", "If-None-Match", `"v1"`)); got.status != http.StatusNotModified {
			t.Errorf("%s: got status %d for its tag, want 304", name, got.status)
		}
		if got := call(h, page("/x?y", "Accept", "1", "Range", "bytes=1-1")); got.status != 206 || got.body != "x" {
			t.Errorf("%s: got status %d, %q for a range; want 206, x", name, got.status, got.body)
		}
	}
	wantPage(t, "variant", call(b, page("/x?y", "Accept", "2")), "/x?y 2", false)
	wantPage(t, "variant in the other", call(a, page("/x?y", "Accept", "2")), "/x?y 2", true)
	wantPage(t, "no such field", call(a, page("/x?y")), "/x?y ", false)
	wantPage(t, "first variant", call(b, page("/x?y", "Accept", "1")), "/x?y 1", true)
	wantPage(t, "another page", call(b, page("/x", "Accept", "1")), "/x 1", false)
	time.Sleep(time.Minute)
	wantPage(t, "over", call(b, page("/x?y", "Accept", "1")), "/x?y 1", false)
}

// TestStoreKeys: keys are all that a Store may rely on.
func TestStoreKeys(t *testing.T) {
	s := newShared()
	h := s.process(t).Page(time.Minute, pagecache.Tags("route"))(echo([]string{"Vary", "Accept"}, "late", strings.Repeat("x", 256)))
	call(h, page("/"+strings.Repeat("long", 1000), "Accept", "top secret"))
	if len(s.written()) < 7 {
		t.Fatalf("got keys %q, want those of the page, its variant and its fences", s.written())
	}
	for _, key := range s.written() {
		if len(key) > 64 || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-") != "" {
			t.Errorf("got key %q, want at most 64 bytes of [A-Za-z0-9:_-]", key)
		}
	}
}

// TestLostMarkerIsReplacedByAnEqualOne: the next fill makes all variants
// reachable again.
func TestLostMarkerIsReplacedByAnEqualOne(t *testing.T) { synctest.Test(t, lostMarker) }

func lostMarker(t *testing.T) {
	s := newShared()
	handler := echo([]string{"Vary", "Accept"})
	a := s.process(t).Page(time.Minute)(handler)
	for _, accept := range []string{"1", "2", "3"} {
		call(a, page("/", "Accept", accept))
	}
	for _, key := range s.written() {
		if strings.HasPrefix(key, "p:") {
			_ = s.Delete(t.Context(), key)
		}
	}
	b := s.process(t).Page(time.Minute)(handler)
	wantPage(t, "lost", call(b, page("/", "Accept", "1")), "/ 1", false)
	wantPage(t, "filled again", call(b, page("/", "Accept", "1")), "/ 1", true)
	wantPage(t, "another variant", call(b, page("/", "Accept", "3")), "/ 3", true)
}

// TestStoreKeepsWhatMemoryKeeps: where pages are kept makes no difference to
// what clients get.
func TestStoreKeepsWhatMemoryKeeps(t *testing.T) { synctest.Test(t, storeKeepsWhatMemoryKeeps) }

func storeKeepsWhatMemoryKeeps(t *testing.T) {
	pages := map[string]http.HandlerFunc{
		"plain":                   saying("X-A", "1"),
		"redirect without a body": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/x"); w.WriteHeader(301) },
		"many short fields":       saying("A", "1", "B", "2", "C", "3", "D", "4", "E", "5", "F", "6", "G", "7", "H", "8", "I", "9", "J", "", "K", "", "L", ""),
		"one field on many lines": saying("A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", "", "A", ""),
		"no Date":                 func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil; _, _ = w.Write([]byte("page")) },
		"no lines": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X"] = []string{}
			_, _ = w.Write([]byte("page"))
		},
		"name in lower case": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-low"] = []string{"1"}
			_, _ = w.Write([]byte("page"))
		},
		"line end in a value": saying("X-Multi", "a\r\n b"),
		"name that is no token": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X Y"] = []string{"1"}
			_, _ = w.Write([]byte("page"))
		},
		"takes a field away": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Del("X-Outer")
			_, _ = w.Write([]byte("page"))
		},
		"takes a request id away": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Del("X-Request-Id")
			_, _ = w.Write([]byte("page"))
		},
		"edits its request's path": func(w http.ResponseWriter, r *http.Request) { r.URL.Path = "/edited"; _, _ = w.Write([]byte("page")) },
		"edits its request's query": func(w http.ResponseWriter, r *http.Request) {
			r.URL.RawQuery = "edited"
			_, _ = w.Write([]byte("page"))
		},
		"edits the field it varies on": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Accept")
			r.Header.Set("Accept", "edited")
			_, _ = w.Write([]byte("page"))
		},
	}
	for name, handler := range pages {
		local, remote := served(t, newCache(t), handler), served(t, newShared().process(t), handler)
		if !local.hit() {
			continue // not a page that anybody keeps
		}
		if !remote.hit() || remote.body != local.body || remote.status != local.status || !maps.EqualFunc(remote.header, local.header, slices.Equal) {
			t.Errorf("%s: got from the store %d, %q, %v;\nwant as from memory %d, %q, %v", name, remote.status, remote.body, remote.header, local.status, local.body, local.header)
		}
	}
}

// served is the second answer of a cached handler, behind middleware that sets
// fields of its own.
func served(t *testing.T, c *pagecache.Cache, handler http.HandlerFunc) (got reply) {
	t.Helper()
	cached := http.StripPrefix("/mount", c.Page(time.Minute)(handler))
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Outer", "1")
		w.Header().Set("X-Request-Id", "1")
		cached.ServeHTTP(w, r)
	})
	for range 2 {
		got = call(outer, page("/mount/page?q", "Accept", "1"))
	}
	return got
}
