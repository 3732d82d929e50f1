package redis_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// TestFigureMemoryOfRedis measures what a page costs Redis, all keys counted.
func TestFigureMemoryOfRedis(t *testing.T) {
	const count, size = 1000, 4 << 10
	server := redistest.Start(t)
	client := topoClient(server.Addr())
	defer client.Close()
	costs := make(map[string]int)
	for _, c := range []struct {
		name string
		tags func(path string) []string
	}{
		{"warm-up", func(string) []string { return nil }}, // buffers and scripts stay
		{"page", func(string) []string { return nil }},
		{"page with 4 tags that others share", func(string) []string { return []string{"a", "b", "c", "d"} }},
		{"page with 4 tags of its own", func(path string) []string { return []string{path + "a", path + "b", path + "c", path + "d"} }},
	} {
		if _, err := server.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		before := usedBy(t, server)
		cache := pagecache.New(pagecache.WithStore(redisstore.New(client, "shop-production")), unhurried)
		h := cache.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag(c.tags(r.URL.Path)...)
			_, _ = w.Write(make([]byte, size))
		}))
		for i := range count {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, fmt.Sprintf("/books/%04d", i), nil))
			if got := w.Header().Get("Cache-Status"); !strings.Contains(got, "stored") {
				t.Fatalf("%s: got %q, want it stored", c.name, got)
			}
		}
		costs[c.name] = (usedBy(t, server) - before) / count
		t.Logf("%s of %d bytes: %d bytes in Redis, %.1f keys", c.name, size, costs[c.name], keysOn(t, server)/count)
		if err := cache.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := costs["page"]; got < size || got > 2*size {
		t.Errorf("got %d bytes for a page of %d, want little more than the page", got, size)
	}
	if got := (costs["page with 4 tags of its own"] - costs["page"]) / 4; got > 400 {
		t.Errorf("got %d bytes for a tag, want at most 400", got)
	}
}

var usedMemory = regexp.MustCompile(`used_memory:(\d+)`)

func usedBy(t *testing.T, s *redistest.Server) int {
	t.Helper()
	info, err := s.Do("INFO", "memory")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(usedMemory.FindStringSubmatch(fmt.Sprint(info))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func keysOn(t *testing.T, s *redistest.Server) float64 {
	t.Helper()
	n, err := s.Do("DBSIZE")
	if err != nil {
		t.Fatal(err)
	}
	return float64(n.(int))
}
