package pagecache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// refill runs the handler for a request that asks for a new page and may.
func (rt *route) refill(w http.ResponseWriter, r *http.Request, a admission, k *key, found *lookup) {
	if r.Method != http.MethodGet || a.has(ranged) {
		rt.passMiss(w, r, &lookup{fwd: fwdRequest}, reasonRefresh)
		return
	}
	x := rt.newFill(w, r, a, k, found)
	if x.old == nil && found.entry != nil {
		x.old, x.since, x.forced = found.entry, x.rt.core.now(), true
	}
	if a.has(authorized) && x.old != nil && !x.old.public {
		x.old = nil
	}
	x.fwd, x.note = fwdRequest, reasonRefresh
	if s := x.rt.core.remote; s != nil {
		s.seize(x)
	}
	x.run()
}

// forced asks Policy.ForceRefresh. One that panics has not said yes.
func (rt *route) forced(r *http.Request) (yes bool) {
	defer func() {
		if p := recover(); p != nil {
			yes = false
			rt.core.warn("force panic", fmt.Sprintf("Policy.ForceRefresh panicked: %v", p))
		}
	}()
	return rt.policy.ForceRefresh(r)
}

// Refresh has the page that r asks for made and stored now, fresh or not, and
// returns when it is: the write-through strategy, for a handler that has changed
// what the page shows. (Not for one behind [Cache.Invalidate], or one that the
// cache passes an unsafe request to: the success of that purges the page again.)
// r is sent through the root handler given with [RefreshVia]. It needs an absolute
// URL, for scheme and host are part of the key: those that the server sees, which
// are others than the clients' behind a proxy that speaks TLS for it; and the
// fields that such a proxy adds, such as X-Forwarded-Host:
//
//	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://shop.example/books/312", nil)
//	err := cache.Refresh(ctx, req)
//
// It fails when the page was not stored; an older one then stays where it is,
// unless the response says that it is wrong by now, so purge it if it must not. Fields of r are what a
// client would send; those that keep a request from the cache do so here.
func (c *Cache) Refresh(ctx context.Context, r *http.Request) error {
	if c.base.via == nil {
		return errors.New("pagecache: Refresh: the cache does not know the handler that its server serves; give it with New(RefreshVia(root))")
	}
	o, err := c.send(ctx, "Refresh", c.base.via, r, true)
	if err != nil {
		return err
	}
	return o.failure("Refresh", r)
}

// WarmOptions are for [Cache.Warm].
type WarmOptions struct {
	// Concurrency is how many requests are under way at one time. Default: 4.
	Concurrency int

	// Progress, if not nil, is called after each request, never twice at a time:
	// with the request, and with why its page is not stored, or nil. If it panics
	// it is not called again, and Warm panics when it is done.
	Progress func(r *http.Request, err error)
}

// Warm sends the requests through h, the handler that your server serves, so that
// their pages are stored before anybody asks for them. Pages that are fresh are
// left alone. The requests need absolute URLs, for scheme and host are part of the
// key, see [Cache.Refresh]; what they lack of a request that a server received is added. With a nil h they
// go to the handler given with [RefreshVia].
//
// It returns how many of the pages are stored now, and ctx's error if it ended
// early. A page that could not be stored ends nothing; Progress is told.
func (c *Cache) Warm(ctx context.Context, h http.Handler, requests iter.Seq[*http.Request], o WarmOptions) (stored int, err error) {
	if h == nil {
		h = c.base.via
	}
	if h == nil {
		return 0, errors.New("pagecache: Warm: the handler is nil; give the one that your server serves")
	}
	if c.core.closed.Load() {
		return 0, errors.New("pagecache: Warm: the cache is closed")
	}
	if requests == nil {
		return 0, errors.New("pagecache: Warm: the requests are nil; give slices.Values of a list, or an iterator")
	}
	if o.Concurrency < 0 {
		return 0, fmt.Errorf("pagecache: Warm: Concurrency must be positive, got %d; leave it out for 4", o.Concurrency)
	}
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	var workers sync.WaitGroup
	defer workers.Wait() // also if the iterator panics
	var mu sync.Mutex    // of stored, thrown and Progress
	var thrown any       // what Progress panicked with
	slots := make(chan struct{}, o.Concurrency)
	for r := range requests {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		workers.Go(func() {
			defer func() { <-slots }()
			err := c.warm(ctx, h, r)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			}
			if o.Progress == nil || thrown != nil {
				return
			}
			defer func() { thrown = recover() }()
			o.Progress(r, err)
		})
	}
	workers.Wait()
	if thrown != nil {
		panic(thrown)
	}
	return stored, ctx.Err()
}

func (c *Cache) warm(ctx context.Context, h http.Handler, r *http.Request) error {
	o, err := c.send(ctx, "Warm", h, r, false)
	if err != nil {
		return err
	}
	return o.failure("Warm", r)
}

// send makes r a request that a server could have received, and sends it.
func (c *Cache) send(ctx context.Context, where string, h http.Handler, r *http.Request, force bool) (*order, error) {
	switch {
	case r == nil || r.URL == nil:
		return nil, fmt.Errorf("pagecache: %s: the request, or its URL, is nil", where)
	case r.Method != http.MethodGet && r.Method != "":
		return nil, fmt.Errorf("pagecache: %s: the request's method is %q; only GET stores pages", where, r.Method)
	case r.Host == "" && r.URL.Host == "":
		return nil, fmt.Errorf("pagecache: %s: the request for %q names no host, which is part of the key; give an absolute URL such as \"https://shop.example/books/312\"", where, r.URL.Redacted())
	case r.URL.Host != "" && r.URL.Scheme != "http" && r.URL.Scheme != "https":
		return nil, fmt.Errorf("pagecache: %s: the scheme of %q is neither http nor https; give an absolute URL such as \"https://shop.example/books/312\"", where, r.URL.Redacted())
	case !c.core.refreshes.enter(true):
		return nil, fmt.Errorf("pagecache: %s: the cache is closed", where)
	}
	defer c.core.refreshes.leave(true)
	o := &order{core: c.core, force: force, awaited: true}
	c.core.carry(h, newSink(nil), asReceived(ctx, r), o, c.base.RefreshTimeout)
	return o, nil
}

// asReceived returns a copy of a request that has all that a server sets.
func asReceived(ctx context.Context, r *http.Request) *http.Request {
	s := r.Clone(timesOf{ctx})
	s.Method, s.Body, s.ContentLength = http.MethodGet, http.NoBody, 0
	if s.Host == "" {
		s.Host = s.URL.Host
	}
	if s.RequestURI == "" {
		s.RequestURI = s.URL.RequestURI()
	}
	if s.TLS == nil && strings.EqualFold(s.URL.Scheme, "https") {
		s.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: s.URL.Hostname()}
	}
	s.URL.Scheme, s.URL.Host, s.URL.User, s.URL.Fragment = "", "", nil, ""
	if s.URL.Path == "" {
		s.URL.Path, s.RequestURI = "/", "/"+strings.TrimPrefix(s.RequestURI, "/")
	}
	if u, err := url.ParseRequestURI(s.RequestURI); err == nil { // as a server reads it
		s.URL = u
	}
	if s.RemoteAddr == "" {
		s.RemoteAddr = "127.0.0.1:0"
	}
	if s.Proto == "" {
		s.Proto, s.ProtoMajor, s.ProtoMinor = "HTTP/1.1", 1, 1
	}
	if s.Header == nil {
		s.Header = make(http.Header)
	}
	unconditional(s.Header)
	return s
}

// timesOf is a context without its values: those of the request in whose handler
// a page is refreshed, such as its route, must not pass for those of the new one.
type timesOf struct{ context.Context }

// Value returns nil.
func (timesOf) Value(any) any { return nil }

// failure says why the page is not stored, if it is not.
func (o *order) failure(where string, r *http.Request) error {
	t := o.result()
	switch {
	case t.stored, t.fresh:
		return nil
	case t.panicked != nil:
		return fmt.Errorf("pagecache: %s: %s: a handler panicked: %v", where, r.URL.Redacted(), t.panicked)
	case !t.reached:
		return fmt.Errorf("pagecache: %s: %s: the request did not come to a handler that this cache wraps", where, r.URL.Redacted())
	case t.status >= 500:
		return fmt.Errorf("pagecache: %s: %s: the handler failed with status %d", where, r.URL.Redacted(), t.status)
	case t.status != 0:
		return fmt.Errorf("pagecache: %s: %s: the response of status %d was not stored: %s. %s", where, r.URL.Redacted(), t.status, t.why, t.why.Explain())
	}
	return fmt.Errorf("pagecache: %s: %s: no page was stored: %s. %s", where, r.URL.Redacted(), t.why, t.why.Explain())
}
