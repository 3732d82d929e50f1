package pagecache_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocache "github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
)

var (
	modelRequests = flag.Int("model.requests", 0, "requests of TestModel; 0: a million, a fifth with -race, a tenth with -short")
	modelSeed     = flag.Uint64("model.seed", 0, "seed of the model tests; 0: a new one")
)

// TestModel sends random requests, changes, purges and expiries through a cache,
// from 16 goroutines, and compares each answer with what invalidations that were
// over before the request began allow. It needs real goroutines in real time, for
// what it looks for is between two instructions. The long mode is
//
//	go test -run '^TestModel$' -timeout 1h . -model.requests 10000000
func TestModel(t *testing.T) {
	requests := modelSize(1_000_000)
	if *modelRequests > 0 {
		requests = *modelRequests
	}
	m := newModel(t, func() *pagecache.Cache { return newCache(t, modelForce) })
	m.start(0)
	m.run(t, requests)
	m.wants(t, "hits", "stale", "misses", "collapsed", "passes", "refreshed", "purges", "invalidated")
}

// modelSize is how many requests to send of what a test sends where it has time.
func modelSize(whole int) int {
	switch {
	case testing.Short():
		return whole / 10
	case raceEnabled:
		return whole / 5
	}
	return whole
}

// TestModelOfGoCache is TestModel for a memory that is not our own.
func TestModelOfGoCache(t *testing.T) {
	m := newModel(t, func() *pagecache.Cache {
		return newCache(t, modelForce, pagecache.WithMemory(gocachestore.New(gocache.New(gocache.NoExpiration, 0))))
	})
	m.start(0)
	m.run(t, modelSize(100_000))
	m.wants(t, "hits", "stale", "misses", "collapsed", "passes", "refreshed", "purges", "invalidated")
}

// model is a site behind one cache or several, with what answers must not fall
// below.
type model struct {
	*modelSite
	seed    uint64
	newNode func() *pagecache.Cache
	nodes   [3]atomic.Pointer[modelNode] // running
	limits  modelLimits                  // for all nodes
	faulty  bool                         // the store may refuse purges
	also    func(*modelClient)           // something else that happens now and then
	calm    func()                       // ends it

	budget, sent atomic.Int64 // of requests
	mu           sync.Mutex
	started      []*modelNode // also those that do not run any more
	wrong        []string     // answers, and why
}

// modelNode is one process.
type modelNode struct {
	cache  *pagecache.Cache
	root   http.Handler
	limits modelLimits // of purges that the store refused: for this process alone
}

// modelLimits are, by address, the versions that stood before the last purge,
// and the last expiry, that have returned. Where nothing may be served stale, an
// expiry is a purge.
type modelLimits struct{ purged, expired []atomic.Int64 }

func newModelLimits(addresses int) modelLimits {
	return modelLimits{make([]atomic.Int64, addresses), make([]atomic.Int64, addresses)}
}

func atLeast(limit *atomic.Int64, version int64) {
	for old := limit.Load(); old < version && !limit.CompareAndSwap(old, version); {
		old = limit.Load()
	}
}

func newModel(t *testing.T, newNode func() *pagecache.Cache) *model {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	m := &model{modelSite: newModelSite(seed), seed: seed, newNode: newNode, also: func(*modelClient) {}, calm: func() {}}
	m.limits = newModelLimits(len(m.addresses))
	return m
}

// start starts a node, in the place of one that runs as if that had crashed.
func (m *model) start(i int) {
	c := m.newNode()
	root := m.mount(c)
	node := &modelNode{c.With(pagecache.RefreshVia(root)), root, newModelLimits(len(m.addresses))}
	m.nodes[i].Store(node)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = append(m.started, node)
}

func (m *model) run(t *testing.T, requests int) {
	began := time.Now()
	m.budget.Store(int64(requests))
	var clients sync.WaitGroup
	for i := range 16 {
		c := &modelClient{model: m, rnd: rand.New(rand.NewPCG(m.seed, uint64(i))), seen: make([]string, len(m.addresses))}
		clients.Go(func() {
			for m.budget.Load() > 0 {
				c.act()
			}
		})
	}
	clients.Wait()
	m.calm()
	for _, node := range m.started {
		if err := node.cache.Close(context.Background()); err != nil { // it can make good now what it owes
			t.Errorf("Close: %v", err)
		}
	}
	t.Logf("%d requests in %.1f s: %v", m.sent.Load(), time.Since(began).Seconds(), m.counts())
	for _, wrong := range m.wrong {
		t.Error(wrong)
	}
}

// report notes a wrong answer. A few are enough.
func (m *model) report(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong = append(m.wrong, fmt.Sprintf("request %d: ", m.sent.Load())+fmt.Sprintf(format, args...))
	if len(m.wrong) >= 5 {
		m.budget.Store(0)
	}
}

// counts tells what happened.
func (m *model) counts() map[string]uint64 {
	n := make(map[string]uint64)
	for _, node := range m.started {
		s := node.cache.Stats()
		for name, count := range map[string]uint64{"hits": s.Hits, "stale": s.Stale, "misses": s.Misses, "collapsed": s.Collapsed, "passes": s.Passes,
			"refreshed": s.Refreshed, "purges": s.Purges, "invalidated": s.NotStored["invalidated"] + s.NotRefreshed["invalidated"], "store errors": s.StoreErrors} {
			n[name] += count
		}
	}
	return n
}

// wants fails unless these things happened, or the run was cut short.
func (m *model) wants(t *testing.T, names ...string) {
	if t.Failed() {
		return
	}
	counts := m.counts()
	for _, name := range names {
		if counts[name] == 0 {
			t.Errorf("no %s in %d requests: this tests too little", name, m.sent.Load())
		}
	}
}

// modelClient is a visitor, and a writer at times.
type modelClient struct {
	*model
	rnd  *rand.Rand
	seen []string // entity tags, by address
}

func (c *modelClient) act() {
	node := c.node()
	switch n := c.rnd.IntN(1000); {
	case n < 10:
		c.post(node)
	case n < 15:
		c.write(node)
	case n < 35:
		c.invalidate(node, false)
	case n < 45:
		c.invalidate(node, true)
	case n < 47:
		c.refresh(node)
	case n < 49:
		c.also(c)
	default:
		c.get(node)
	}
}

func (c *modelClient) node() *modelNode {
	for {
		if node := c.nodes[c.rnd.IntN(len(c.nodes))].Load(); node != nil {
			return node
		}
	}
}

// somewhere picks an address. Every other time it is one of a few that all pick
// from for a while, so that they meet.
func (c *modelClient) somewhere() int {
	if c.rnd.IntN(2) == 0 {
		return c.rnd.IntN(len(c.addresses))
	}
	return (int(c.sent.Load()/500*4) + c.rnd.IntN(4)) % len(c.addresses)
}

// get asks for a page.
func (c *modelClient) get(node *modelNode) {
	at := c.somewhere()
	r := c.addresses[at].request(http.MethodGet)
	switch n := c.rnd.IntN(100); {
	case n < 10:
		r.Method = http.MethodHead
	case n < 20 && c.seen[at] != "":
		r.Header["If-None-Match"] = []string{c.seen[at]}
	case n == 20:
		r.Header["X-Anew"] = []string{"1"}
	}
	purged := max(c.limits.purged[at].Load(), node.limits.purged[at].Load())
	expired := c.limits.expired[at].Load()
	w := c.send(node, r)
	if wrong := c.judge(c.addresses[at], r, w, purged, expired); wrong != "" {
		c.report("%s %s (purged %d, expired %d): got status %d, %q, %q, %v: %s", r.Method, r.RequestURI, purged, expired, w.status, w.header["Etag"], w.body, w.header["Cache-Status"], wrong)
		return
	}
	c.seen[at] = w.header.Get("Etag")
}

func (c *modelClient) send(node *modelNode, r *http.Request) *modelWriter {
	c.budget.Add(-1)
	c.sent.Add(1)
	w := &modelWriter{header: make(http.Header)}
	w.told, _ = r.Context().Value(modelEditKey{}).(*modelEdit)
	node.root.ServeHTTP(w, r)
	return w
}

// judge says what is wrong with an answer to a request that was sent when pages
// older than two versions had been purged and expired.
func (c *modelClient) judge(a *modelAddress, r *http.Request, w *modelWriter, purged, expired int64) string {
	tag := strings.Trim(w.header.Get("Etag"), `"`)
	name, shown, _ := strings.Cut(tag, "|")
	lang, number, _ := strings.Cut(shown, "|")
	version, _ := strconv.ParseInt(number, 10, 64)
	switch conditional := r.Header["If-None-Match"] != nil; {
	case w.status == http.StatusInternalServerError && a.page.fails:
		return ""
	case w.status != http.StatusOK && !(w.status == http.StatusNotModified && conditional):
		return "the status"
	case name != a.page.name || lang != a.lang:
		return "another page"
	case w.status == http.StatusOK && r.Method == http.MethodGet && string(w.body) != tag:
		return "the body is not that of the header"
	case version < purged:
		return "it was purged"
	case version < expired && !slices.ContainsFunc(w.header["Cache-Status"], tellsStale):
		return "it was expired and is not said to be stale"
	}
	return ""
}

func tellsStale(line string) bool {
	_, rest, _ := strings.Cut(line, "; ttl=")
	ttl, detail, _ := strings.Cut(rest, "; detail=")
	return (ttl == "0" || strings.HasPrefix(ttl, "-")) && slices.Contains([]string{"stale-while-revalidate", "updating", "stale-if-error"}, detail)
}

// refresh has a page made anew. That says nothing about others.
func (c *modelClient) refresh(node *modelNode) {
	r := c.addresses[c.somewhere()].request(http.MethodGet)
	r.URL.Scheme, r.URL.Host = "http", r.Host
	_ = node.cache.Refresh(context.Background(), r)
}
