package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

const topoNamespace = "topology"

// unhurried is for tests that are not about time: a busy machine may take longer
// than a page view would wait.
func unhurried(p *pagecache.Policy) { p.StoreBudget = 2 * time.Second }

// usual is what a page view waits for Redis, and more in the short form.
func usual(p *pagecache.Policy) {
	if !*long {
		p.StoreBudget = 250 * time.Millisecond
	}
}

// topoDial is NewClient, in the short form with more time for a busy machine.
func topoDial(o *redis.UniversalOptions) redis.UniversalClient {
	if !*long {
		o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = 2*time.Second, 2*time.Second, 2*time.Second
	}
	return redisstore.NewClient(o)
}

// topoPages have numbers. What a page says is its number and its version, which its
// handler reads as it begins.
type topoPages struct {
	versions, floors []atomic.Int64
}

func newTopoPages(n int) *topoPages {
	return &topoPages{make([]atomic.Int64, n), make([]atomic.Int64, n)}
}

func (p *topoPages) len() int { return len(p.versions) }

func topoPath(i int) string { return "/page/" + strconv.Itoa(i) }

// purge edits a page and purges it. What is served of requests that come after it
// was acknowledged may not be older.
func (p *topoPages) purge(ctx context.Context, c *pagecache.Cache, i int) error {
	version := p.versions[i].Add(1)
	if err := c.Purge(ctx, topoPath(i)); err != nil {
		return err
	}
	for {
		old := p.floors[i].Load()
		if version <= old || p.floors[i].CompareAndSwap(old, version) {
			return nil
		}
	}
}

// topoNode is one process of a fleet that serves the pages.
type topoNode struct {
	*topoPages
	cache *pagecache.Cache
	h     http.Handler
	runs  atomic.Int64
}

// join adds a process. Its log goes to the test, as far as it can.
func (p *topoPages) join(t testing.TB, client redis.UniversalClient, namespace string, opts ...pagecache.Option) *topoNode {
	t.Helper()
	var ring []redisstore.Option
	if _, is := client.(*redis.Ring); is {
		ring = append(ring, redisstore.UnsafeRing())
	}
	store := redisstore.New(client, namespace, ring...)
	n := &topoNode{topoPages: p}
	opts = append([]pagecache.Option{pagecache.WithStore(store), pagecache.WithLogger(slog.New(slog.NewTextHandler(topoLog{t}, nil)))}, opts...)
	n.cache = pagecache.New(opts...)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = n.cache.Close(ctx)
		_ = client.Close()
	})
	n.h = n.cache.Page(10 * time.Minute)(http.HandlerFunc(n.serve))
	return n
}

// topoLog has what caches say logged by the test that is under way.
type topoLog struct{ testing.TB }

func (l topoLog) Write(p []byte) (int, error) {
	if l.Context().Err() == nil {
		l.Logf("%s", strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (n *topoNode) serve(w http.ResponseWriter, r *http.Request) {
	n.runs.Add(1)
	i, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/page/"))
	version := n.versions[i].Load()
	if tag := r.URL.Query().Get("vary"); tag != "" {
		w.Header().Set("Vary", "Accept")
	}
	pagecache.FromContext(r.Context()).Tag("even" + strconv.FormatBool(i%2 == 0))
	fmt.Fprintf(w, "%d %d %s", i, version, r.Header.Get("Accept"))
}

// topoView is what came of one request.
type topoView struct {
	page    int
	began   time.Time
	took    time.Duration
	version int64
	hit     bool
	fault   string // a client's error, a wrong page or an old one
}

// ask requests a page. fields are name, value pairs.
func (n *topoNode) ask(i int, fields ...string) topoView {
	floor := n.floors[i].Load()
	target := topoPath(i)
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for j := 0; j < len(fields); j += 2 {
		r.Header.Set(fields[j], fields[j+1])
		r.URL.RawQuery, r.RequestURI = "vary=1", target+"?vary=1"
	}
	w := httptest.NewRecorder()
	v := topoView{page: i, began: time.Now()}
	n.h.ServeHTTP(w, r)
	v.took = time.Since(v.began)
	status := w.Header().Get("Cache-Status")
	v.hit = strings.HasPrefix(status, "pagecache; hit")
	var page int
	_, err := fmt.Sscanf(w.Body.String(), "%d %d", &page, &v.version)
	switch {
	case w.Code != http.StatusOK || err != nil:
		v.fault = fmt.Sprintf("page %d: got status %d, %q, %q", i, w.Code, w.Body, status)
	case page != i || !strings.HasSuffix(w.Body.String(), " "+r.Header.Get("Accept")):
		v.fault = fmt.Sprintf("page %d: got another page, %q, %q", i, w.Body, status)
	case v.version < floor:
		v.fault = fmt.Sprintf("page %d: got version %d after %d was purged, %q", i, v.version, floor, status)
	}
	return v
}

// warm asks for each page until it hits.
func (n *topoNode) warm(t testing.TB) {
	t.Helper()
	for i := range n.len() {
		topoSoon(t, "hit", 20*time.Second, func() error {
			if v := n.ask(i); !v.hit || v.fault != "" {
				return fmt.Errorf("page %d: hit %t, %s", i, v.hit, v.fault)
			}
			return nil
		})
	}
}

func topoSoon(t testing.TB, what string, limit time.Duration, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %v: %v", what, limit, err)
}
