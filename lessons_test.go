package pagecache_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestStrictHandlerKeepsCredentials: what strict mode would hide keeps a request
// out of the cache, and so in the handler's sight.
func TestStrictHandlerKeepsCredentials(t *testing.T) {
	c := newCache(t)
	h := c.With(pagecache.Strict()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer x" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		_ = write(w, "page")
	}))
	got := call(h, page("/", "Authorization", "Bearer x"))
	if got.status != 200 || got.reason() != "authorization" {
		t.Errorf("got %d, %q; want 200 past the cache", got.status, got.cacheStatus())
	}
	off := c.With(func(p *pagecache.Policy) { p.ShareAuthorized = false }).Handler(response(200, "Cache-Control", "public, max-age=60"))
	if got := call(off, page("/off", "Authorization", "x")); got.reason() != "authorization" {
		t.Errorf("switched off: got %q, want detail=authorization", got.cacheStatus())
	}
}

// TestCredentialsMarkNobodysPage: a refusal meant for one user says nothing of the
// page that others get, so these still wait for each other.
func TestCredentialsMarkNobodysPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			w.Header().Set("Cache-Control", "max-age=60")
		}}
		h := c.Handler(&o)
		call(h, page("/", "Authorization", "junk"))
		before := o.runs.Load()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { call(h, page("/")) })
		}
		all.Wait()
		if runs := o.runs.Load() - before; runs != 1 {
			t.Errorf("got %d runs for 20 visitors, want 1", runs)
		}
	})
}

// TestUnreadableVary: net/http sends line ends in a value as blanks, so such a
// field is a Vary to everybody else.
func TestUnreadableVary(t *testing.T) {
	c := newCache(t)
	for _, vary := range []string{"Accept-Encoding,\n  Accept-Language", "\n*", "X,\n Cookie", "A; B", "A B", `"Cookie"`} {
		h := c.Page(time.Minute)(response(200, "Vary", vary))
		if got := call(h, page("/"+http.CanonicalHeaderKey("x"))); got.stored() || got.reason() != "vary-star" {
			t.Errorf("Vary %q: got %q, want detail=vary-star", vary, got.cacheStatus())
		}
	}
}

// TestControlReachesOuterCaches: a handler speaks for its page wherever it is kept.
func TestControlReachesOuterCaches(t *testing.T) {
	inner, outer := newCache(t), newCache(t)
	h := outer.Page(time.Minute)(inner.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := pagecache.FromContext(r.Context())
		switch r.URL.Path {
		case "/secret":
			c.NoStore()
		case "/short":
			c.TTL(time.Second)
			c.Tag("short")
		}
		_ = write(w, "page")
	})))
	if got := call(h, page("/secret")); got.stored() {
		t.Errorf("NoStore: got %q outside", got.cacheStatus())
	}
	if got := call(h, page("/short")).cacheStatus(); got != "pagecache; fwd=uri-miss; stored; ttl=1" {
		t.Errorf("TTL: got %q outside, want ttl=1", got)
	}
	if got := outer.Explain(h, page("/short")); len(got.Tags) != 1 || got.Tags[0] != "short" {
		t.Errorf("Tag: got %q outside, want short", got.Tags)
	}
}

// TestRoutesShareNoLists: an option of one route edits that route alone, also
// when it is written by hand and the group's list has room to spare.
func TestRoutesShareNoLists(t *testing.T) {
	c := newCache(t)
	group := c.With(pagecache.IgnoreCookies("a", "b"), pagecache.IgnoreCookies("c"), pagecache.NegativeTTL(time.Minute))
	ignore := func(name string) pagecache.Option {
		return func(p *pagecache.Policy) { p.IgnoredCookies = append(p.IgnoredCookies, name) }
	}
	one := group.Page(time.Minute, ignore("theme"), func(p *pagecache.Policy) { p.StatusTTL[500] = time.Minute })(response(200))
	two := group.Page(time.Minute, ignore("session"))(response(500))
	if got := call(one, page("/1", "Cookie", "theme=x")); !got.stored() {
		t.Errorf("one: got %q, want its own cookie ignored", got.cacheStatus())
	}
	if got := call(one, page("/2", "Cookie", "session=x")); got.reason() != "cookie" {
		t.Errorf("one: got %q, want the other's cookie not ignored", got.cacheStatus())
	}
	if got := call(two, page("/3")); got.reason() != "status" {
		t.Errorf("two: got %q, want the other's status not stored", got.cacheStatus())
	}
}

// unread is a client that reads nothing until it is released.
type unread struct {
	*httptest.ResponseRecorder
	release chan struct{}
}

func (w unread) Write(p []byte) (int, error) {
	<-w.release
	return w.ResponseRecorder.Write(p)
}

// TestSlowClientsHoldNoBudget: a page that is stored is no longer being recorded,
// however slowly its client reads.
func TestSlowClientsHoldNoBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(p *pagecache.Policy) { p.MaxRecording = 2 << 20 })
		h := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = write(w, string(make([]byte, 512<<10))) }))
		release := make(chan struct{})
		for _, target := range []string{"/1", "/2", "/3", "/4", "/5", "/6"} {
			go h.ServeHTTP(unread{httptest.NewRecorder(), release}, page(target))
		}
		synctest.Wait()
		if got := call(h, page("/another")); !got.stored() {
			t.Errorf("got %q, want it stored", got.cacheStatus())
		}
		close(release)
		synctest.Wait()
	})
}

// TestLeaderOutOfTime: its answer says nothing of the page, so one of those who
// wait goes next, and not all of them.
func TestLeaderOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(2 * time.Second):
			case <-r.Context().Done():
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}}
		h := c.Page(time.Minute)(&o)
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() { call(h, page("/").WithContext(hurried)) })
		synctest.Wait()
		for range 20 {
			all.Go(func() {
				if got := call(h, page("/")); got.status != 200 {
					t.Errorf("a follower got %d", got.status)
				}
			})
		}
		all.Wait()
		if runs := o.runs.Load(); runs != 2 {
			t.Errorf("got %d runs, want the leader's and one more", runs)
		}
	})
}

// TestCancelledFollower: a request that is called off while it waits, by a server
// that is draining say, is not answered with an empty success.
func TestCancelledFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		o := oracle{first: func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }}
		h := c.Page(time.Minute)(&o)
		go call(h, page("/"))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := call(h, page("/").WithContext(ctx)); got.status != 503 || got.reason() != "client-gone" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %d, %q; want 503, client-gone", got.status, got.header)
		}
		time.Sleep(time.Minute)
	})
}

// TestIdentityBehindProxies: fields in which proxies hand on who the client is.
func TestIdentityBehindProxies(t *testing.T) {
	c := newCache(t)
	h := c.Page(time.Minute)(response(200))
	for _, name := range []string{"Client-Cert", "Client-Cert-Chain", "X-Authorization", "X-Serverless-Authorization", "X-Amzn-Mtls-Clientcert", "X-Consumer-Id", "X-Authentik-Username", "Remote-Email", "X-Userid"} {
		if got := call(h, page("/", name, "alice")); got.reason() != "identity" {
			t.Errorf("%s: got %q, want detail=identity", name, got.cacheStatus())
		}
	}
	for _, name := range []string{"_gateway_session", "_pk_session", "_gcl_session"} {
		if got := call(h, page("/", "Cookie", name+"=alice")); got.reason() != "cookie" {
			t.Errorf("cookie %s: got %q, want detail=cookie", name, got.cacheStatus())
		}
	}
}

// TestExplanationIsACopy: nobody edits a stored page through it.
func TestExplanationIsACopy(t *testing.T) {
	c := newCache(t)
	h := c.Page(time.Minute, pagecache.Tags("a"))(response(200, "Vary", "Accept"))
	call(h, page("/"))
	e := c.Explain(h, page("/"))
	e.Vary[0], e.Tags[0] = "X-Spoilt", "spoilt"
	if again := c.Explain(h, page("/")); again.Vary[0] != "Accept" || again.Tags[0] != "a" {
		t.Errorf("got %q, %q; want what is stored", again.Vary, again.Tags)
	}
}

// TestEventsTellTheStatusSent, not the one stored.
func TestEventsTellTheStatusSent(t *testing.T) {
	var log eventLog
	c := newCache(t, pagecache.WithObserver(&log))
	h := c.Page(time.Minute)(response(200, "Etag", `"v1"`))
	for _, tt := range []struct {
		field, value string
		want         int
	}{
		{"If-None-Match", `"v1"`, 304}, // a fill
		{"If-None-Match", `"v1"`, 304},
		{"Range", "bytes=0-0", 206},
		{"Range", "bytes=99-", 416},
		{"Accept", "*/*", 200},
	} {
		got := call(h, page("/", tt.field, tt.value))
		if last := log.last(); got.status != tt.want || last.Status != tt.want {
			t.Errorf("%s %s: got %d, the event says %d; want %d", tt.field, tt.value, got.status, last.Status, tt.want)
		}
	}
}
