package redis_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// faultClient is a way to make a client of Redis.
type faultClient struct {
	name string
	open func(*redis.UniversalOptions) redis.UniversalClient
}

// faultClients are the one that we recommend and the one that people have: it
// waits for seconds, tries again, and does not look at contexts.
var faultClients = []faultClient{
	{"redisstore.NewClient", redisstore.NewClient},
	{"go-redis' defaults", redis.NewUniversalClient},
}

// faultSite is one process: a cache over a Redis, and pages that say what they
// are. Their handler takes no time, so what a request takes was added to it.
type faultSite struct {
	*testing.T
	name   string
	client redis.UniversalClient
	cache  *pagecache.Cache
	log    faultLog
	h      http.Handler
}

// newPatientSite is a process that waits for a Redis that is well but slow, for
// tests that are not about time.
func newPatientSite(t *testing.T, namespace string, o *redis.UniversalOptions) *faultSite {
	t.Helper()
	own := *o
	own.DialTimeout, own.ReadTimeout, own.WriteTimeout, own.PoolTimeout = 5*time.Second, 5*time.Second, 5*time.Second, 5*time.Second
	return newFaultSite(t, faultClients[0], namespace, &own, func(p *pagecache.Policy) { p.StoreBudget = 10 * time.Second })
}

func newFaultSite(t *testing.T, by faultClient, namespace string, o *redis.UniversalOptions, opts ...pagecache.Option) *faultSite {
	t.Helper()
	s := &faultSite{T: t, name: by.name, client: by.open(o)}
	opts = append(opts, pagecache.WithStore(redisstore.New(s.client, namespace)), pagecache.WithLogger(s.log.logger()))
	s.cache = pagecache.New(opts...)
	s.h = s.cache.Page(time.Hour, pagecache.Tags("route"))(http.HandlerFunc(faultHandler))
	t.Cleanup(s.close)
	return s
}

// close ends the cache and its client; a second time it does nothing.
func (s *faultSite) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.cache.Close(ctx); err != nil {
		s.Errorf("%s: Close: %v", s.name, err)
	}
	_ = s.client.Close()
}

// faultHandler makes pages that name themselves, at both ends.
func faultHandler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Page", r.RequestURI)
	_, _ = w.Write([]byte(faultBody(r.RequestURI)))
}

func faultBody(uri string) string { return uri + strings.Repeat(" body", 200) + uri }

// faultSample is one request and what came of it.
type faultSample struct {
	at       time.Time
	took     time.Duration
	hot, hit bool
	status   string // Cache-Status
	wrong    string // what was wrong with the response
}

// ask requests a page and looks at what comes.
func (s *faultSite) ask(uri string) (got faultSample) {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, uri, nil)
	got.at = time.Now()
	defer func() {
		if p := recover(); p != nil {
			got.wrong = fmt.Sprintf("%s: panic: %v", uri, p)
		}
	}()
	s.h.ServeHTTP(w, r)
	got.took = time.Since(got.at)
	got.status = w.Header().Get("Cache-Status")
	got.hit = strings.Contains(got.status, "; hit")
	if body := w.Body.String(); w.Code != http.StatusOK || body != faultBody(uri) || w.Header().Get("X-Page") != uri {
		got.wrong = fmt.Sprintf("%s: got %d, X-Page %q, %.40q", uri, w.Code, w.Header().Get("X-Page"), body)
	}
	return got
}

// hotPages is how many pages are in demand all the time.
const hotPages = 20

func hotPage(i int) string { return fmt.Sprintf("/hot/%d", i%hotPages) }

// warmUp has all hot pages stored.
func (s *faultSite) warmUp() {
	s.Helper()
	for i := range hotPages {
		s.ask(hotPage(i))
	}
	for i := range hotPages {
		s.eventually("a hit of "+hotPage(i), func() bool { return s.ask(hotPage(i)).hit })
	}
}

func (s *faultSite) eventually(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%s: waited in vain for %s", s.name, what)
		}
	}
}

// wantGoroutinesLeft fails unless so few goroutines are left, soon.
func wantGoroutinesLeft(t *testing.T, most int) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for runtime.NumGoroutine() > most {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Errorf("got %d goroutines after Close, want %d\n%s", runtime.NumGoroutine(), most, stacks[:runtime.Stack(stacks, true)])
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
