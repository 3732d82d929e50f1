package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// varyModel is what a cache should know of one page: the fields that it was
// ever said to vary on, and which handler run made the page for which values.
type varyModel struct {
	names []string
	runs  map[string]int
}

// place is where the model files the page of a request.
func (m *varyModel) place(h http.Header) string {
	var values [][]string
	for _, name := range m.names {
		values = append(values, h[name])
	}
	return fmt.Sprintf("%q", values)
}

// fill takes in a response. Pages filed under fewer names are not found again.
func (m *varyModel) fill(run int, h http.Header, vary []string) {
	for _, name := range vary {
		if !slices.Contains(m.names, name) {
			m.names = append(m.names, name)
			m.runs = make(map[string]int)
		}
	}
	m.runs[m.place(h)] = run
}

var (
	varyValues = [][]string{nil, {""}, {"a"}, {"a", "b"}, {"a, b"}}
	varyFields = [][]string{nil, {"X-A"}, {"X-B"}, {"x-b, X-A"}}
	varyNames  = [][]string{nil, {"X-A"}, {"X-B"}, {"X-A", "X-B"}}
)

// FuzzVary sends requests whose fields differ a little to a page that changes
// what it varies on, and expects each answer of the model, in process and from
// a store, seen by one process or by two in turn.
func FuzzVary(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 2, 1, 2, 0, 1, 2, 0, 1, 2, 2, 1})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0})
	f.Add([]byte{3, 4, 3, 4, 3, 3, 3, 3, 1, 0, 1, 2, 1, 0, 2})
	f.Add([]byte{2, 0, 1, 1, 0, 0, 2, 0, 0, 1, 0, 0}) // a page without Vary among others
	f.Add([]byte{2, 0, 3, 2, 1, 1, 2, 2, 2, 2, 1, 0, 2, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		store := storetest.NewMap()
		caches := map[string][]*pagecache.Cache{
			"memory":        {pagecache.New()},
			"store":         {pagecache.New(pagecache.WithStore(store))},
			"two processes": {pagecache.New(pagecache.WithStore(store), pagecache.Version("2")), pagecache.New(pagecache.WithStore(store), pagecache.Version("2"))},
		}
		for name, list := range caches {
			checkVary(t, name, list, ops)
			for _, c := range list {
				_ = c.Close(context.Background())
			}
		}
	})
}

func checkVary(t *testing.T, name string, caches []*pagecache.Cache, ops []byte) {
	t.Helper()
	runs, vary := 0, 0
	var sites []http.Handler
	for _, c := range caches {
		wide := func(p *pagecache.Policy) { p.HitForMiss = time.Nanosecond }
		sites = append(sites, c.Page(time.Hour, wide)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			runs++
			for _, line := range varyFields[vary] {
				w.Header().Add("Vary", line)
			}
			r.Header["X-A"] = []string{"edited"} // must not be taken for what was asked
			_, _ = w.Write([]byte(strconv.Itoa(runs)))
		})))
	}
	m := varyModel{runs: make(map[string]int)}
	for i := 0; i+2 < len(ops) && i < 60; i += 3 {
		r := page("/")
		for j, field := range []string{"X-A", "X-B"} {
			if lines := varyValues[int(ops[i+j])%len(varyValues)]; lines != nil {
				r.Header[field] = slices.Clone(lines)
			}
		}
		asked := r.Header.Clone()
		vary = int(ops[i+2]) % len(varyFields)
		before := runs
		got := call(sites[i/3%len(sites)], r)
		want, hit := m.runs[m.place(asked)]
		if !hit {
			m.fill(runs, asked, varyNames[vary])
			want = runs
		}
		if got.hit() != hit || got.body != strconv.Itoa(want) || (runs == before) != hit {
			t.Fatalf("%s, request %d with %v: got run %s (%s), want run %d, hit %t", name, i/3+1, asked, got.body, got.cacheStatus(), want, hit)
		}
	}
}
