package pagecache_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestHangUpOverNetwork: the client goes away in the middle of a fill; the page
// is stored all the same, and who waits for it is served.
func TestHangUpOverNetwork(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	var cancelled error
	o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-goOn
		cancelled = r.Context().Err()
	}}
	c := newCache(t)
	srv := serve(t, c.Page(time.Minute)(&o))

	ctx, hangUp := context.WithCancel(t.Context())
	leader := make(chan reply, 1)
	r := request(t, http.MethodGet, srv.URL+"/").WithContext(ctx)
	go func() { leader <- do(t, r) }()
	<-began
	follower := make(chan reply, 1)
	go func() { follower <- get(t, srv.URL+"/") }()
	hangUp()
	if got := <-leader; !errors.Is(got.err, context.Canceled) {
		t.Errorf("the leader: got %v, want its own hang-up", got.err)
	}
	time.Sleep(20 * time.Millisecond) // until the server has noticed
	close(goOn)
	if got := <-follower; got.status != http.StatusOK || got.saw(t).Run != 1 {
		t.Errorf("the follower: got %d %q, want the page of the first run", got.status, got.body)
	}
	if cancelled != nil {
		t.Errorf("the handler's context: got %v, want it alive", cancelled)
	}
	if got := get(t, srv.URL+"/"); !got.hit() || got.saw(t).Run != 1 {
		t.Errorf("later: got %q, want a hit", got.cacheStatus())
	}
}

// TestAfterHangUp: a fill may go on for AfterHangUp without its client. Then
// its context ends, and what comes of it is not stored.
func TestAfterHangUp(t *testing.T) {
	for _, tt := range []struct {
		work   time.Duration
		stored bool
		reason pagecache.Reason
	}{
		{29 * time.Second, true, ""},
		{31 * time.Second, false, "client-gone"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log eventLog
			c := newCache(t, pagecache.WithObserver(&log))
			ctx, hangUp := context.WithCancel(t.Context())
			h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hangUp()
				start := time.Now()
				select {
				case <-time.After(tt.work):
				case <-r.Context().Done():
					if waited := time.Since(start); waited != 30*time.Second {
						t.Errorf("the context ended after %v, want 30s", waited)
					}
				}
				write(w, "page")
			}))
			call(h, page("/").WithContext(ctx))
			if e := log.last(); e.Stored != tt.stored || e.Reason != tt.reason {
				t.Errorf("%v of work: got stored %v, reason %q; want %v, %q", tt.work, e.Stored, e.Reason, tt.stored, tt.reason)
			}
			if got := call(h, page("/")); got.hit() != tt.stored {
				t.Errorf("%v of work: then got %q, want a hit: %v", tt.work, got.cacheStatus(), tt.stored)
			}
		})
	}
}

// TestDeadline: a deadline in the context stays, and a page that was finished
// after it is not stored however whole it looks.
func TestDeadline(t *testing.T) {
	for _, work := range []time.Duration{0, 999 * time.Millisecond, 1001 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t)
			want := time.Now().Add(time.Second)
			h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if d, ok := r.Context().Deadline(); !ok || !d.Equal(want) {
					t.Errorf("got deadline %v, want %v", d, want)
				}
				time.Sleep(work)
				write(w, "page")
			}))
			ctx, cancel := context.WithDeadline(t.Context(), want)
			defer cancel()
			got := call(h, page("/").WithContext(ctx))
			if in := work < time.Second; got.stored() != in || !in && got.reason() != "deadline" {
				t.Errorf("%v of work: got %q", work, got.cacheStatus())
			}
			if got.body != "page" {
				t.Errorf("%v of work: got %q, want the handler's page", work, got.body)
			}
		})
	}
}

// TestCancellationComesBack: a response that goes to its client alone ends with
// that client again.
func TestCancellationComesBack(t *testing.T) {
	for name, leave := range map[string]func(w http.ResponseWriter){
		"flush":         func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"too large":     func(w http.ResponseWriter) { write(w, strings.Repeat("x", 1<<20+1)) },
		"hijack":        func(w http.ResponseWriter) { _, _, _ = w.(http.Hijacker).Hijack() },
		"event stream":  func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/event-stream"); write(w, "data") },
		"not storable":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"declared size": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "2000000"); w.WriteHeader(200) },
	} {
		for _, gone := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				ctx, hangUp := context.WithCancel(t.Context())
				h := newCache(t).Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if gone { // already when the response turns out to be for one client
						hangUp()
						synctest.Wait()
						if err := r.Context().Err(); err != nil {
							t.Errorf("%s: got %v while it could be stored, want none", name, err)
						}
					}
					leave(w)
					hangUp()
					synctest.Wait()
					if err := r.Context().Err(); err != context.Canceled {
						t.Errorf("%s: got %v after the hang-up, want %v", name, err, context.Canceled)
					}
				}))
				h.ServeHTTP(hijackable{httptest.NewRecorder()}, page("/").WithContext(ctx))
			})
		}
	}
}

type ctxKey struct{}

// TestContext: a fill keeps the values of its context, and a request that goes
// past the cache keeps its whole context.
func TestContext(t *testing.T) {
	ctx := context.WithValue(t.Context(), ctxKey{}, "value")
	var got context.Context
	h := newCache(t).Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Context() }))
	call(h, page("/").WithContext(ctx))
	if v := got.Value(ctxKey{}); v != "value" {
		t.Errorf("fill: got %v, want the value", v)
	}
	if got.Err() == nil {
		t.Error("fill: the context is alive after the handler has returned, want it ended as net/http ends its own")
	}
	call(h, page("/", "Cookie", "a=b").WithContext(ctx))
	if got != ctx {
		t.Errorf("bypass: got %v, want the request's own context", got)
	}
}
