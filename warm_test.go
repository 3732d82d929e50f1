package pagecache_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// wishes are requests as a program makes them, for Warm and Refresh.
func wishes(t testing.TB, urls ...string) iter.Seq[*http.Request] {
	list := make([]*http.Request, len(urls))
	for i, url := range urls {
		list[i] = request(t, http.MethodGet, url)
	}
	return slices.Values(list)
}

// sites are n pages.
func sites(n int) (urls []string) {
	for i := range n {
		urls = append(urls, fmt.Sprintf("http://example.com/%d", i))
	}
	return urls
}

// progress notes what Warm tells, and checks that it tells one thing at a time.
type progress struct {
	t     *testing.T
	alone sync.Mutex
	errs  map[string]error // by URL
}

func (p *progress) note(r *http.Request, err error) {
	if !p.alone.TryLock() {
		p.t.Error("Progress was called twice at a time")
		return
	}
	defer p.alone.Unlock()
	runtime.Gosched() // so that others have the chance to come in; a lock held must not sleep in a bubble
	if p.errs == nil {
		p.errs = make(map[string]error)
	}
	url := "nil"
	if r != nil {
		url = r.URL.String()
	}
	p.errs[url] = err
}

// TestWarm: each page is made once, some at a time, and then is there.
func TestWarm(t *testing.T) {
	for concurrency, want := range map[int]int{0: 4, 1: 1, 7: 7, 100: 50} {
		inKiosk(t, func(k *kiosk) {
			var mu sync.Mutex
			running, most := 0, 0
			k.root = muxed(k.cache.Page(fresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				running--
				mu.Unlock()
				k.press.ServeHTTP(w, r)
			})))
			told := progress{t: k.T}
			began := time.Now()
			stored, err := k.cache.Warm(k.Context(), k.root, wishes(k, sites(50)...), pagecache.WarmOptions{Concurrency: concurrency, Progress: told.note})
			if stored != 50 || err != nil || len(told.errs) != 50 {
				k.Errorf("at %d: got %d stored, %v, and Progress of %d; want 50, nil, 50", concurrency, stored, err, len(told.errs))
			}
			for url, err := range told.errs {
				if err != nil {
					k.Errorf("at %d: %s: %v", concurrency, url, err)
				}
			}
			least := time.Duration(50/want) * time.Second
			if took := time.Since(began); most != want || took < least {
				k.Errorf("at %d: got %d requests at one time and %v, want %d and %v at least", concurrency, most, took, want, least)
			}
			for i := range 50 {
				if got := k.ask(fmt.Sprintf("/%d", i)); !got.hit() {
					k.Errorf("at %d: page %d: got %q, want a hit", concurrency, i, got.cacheStatus())
				}
			}
			k.wantRuns("in all", 50)
			if s := k.cache.Stats(); s.Refreshed != 50 || s.Misses != 0 || s.Requests != 50 {
				k.Errorf("at %d: got %d refreshed, %d misses, %d requests; want 50, 0, 50", concurrency, s.Refreshed, s.Misses, s.Requests)
			}
		})
	}
}

// TestWarmLeavesFreshPages alone, and makes the others anew.
func TestWarmLeavesFreshPages(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/0")
		time.Sleep(fresh)
		k.ask("/1")
		stored, err := k.cache.Warm(k.Context(), k.root, wishes(k, sites(3)...), pagecache.WarmOptions{})
		if stored != 3 || err != nil {
			k.Errorf("got %d, %v; want 3 pages that are there", stored, err)
		}
		k.wantRuns("in all", 4)
		for i := range 3 {
			if got := k.ask(fmt.Sprintf("/%d", i)); got.cacheStatus() != "pagecache; hit; ttl=60" {
				k.Errorf("page %d: got %q, want a hit", i, got.cacheStatus())
			}
		}
	}, swrMinute)
}

// TestWarmedKeys: a page that was warmed by its URL is the one that a server is
// asked for, whatever form the URL has.
func TestWarmedKeys(t *testing.T) {
	plain := func(target, host string) *http.Request {
		r := page(target)
		r.Host = host
		return r
	}
	secure := func(target, host string) *http.Request {
		r := plain(target, host)
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
		return r
	}
	hostOnly := func(host, target string) *http.Request {
		r := request(t, http.MethodGet, target)
		r.Host = host
		return r
	}
	for name, tt := range map[string]struct{ warm, later *http.Request }{
		"http":                    {request(t, "GET", "http://shop.example/books?b=2&a=1"), plain("/books?b=2&a=1", "shop.example")},
		"https":                   {request(t, "GET", "https://shop.example/books"), secure("/books", "shop.example")},
		"HTTPS, host in capitals": {request(t, "GET", "HTTPS://Shop.Example/books"), secure("/books", "shop.example")},
		"no path":                 {request(t, "GET", "https://shop.example"), secure("/", "shop.example")},
		"no path, a query":        {request(t, "GET", "http://shop.example?a=1"), plain("/?a=1", "shop.example")},
		"port":                    {request(t, "GET", "http://localhost:8080/"), plain("/", "localhost:8080")},
		"encoded path":            {request(t, "GET", "http://shop.example/b%C3%BCcher%2F1"), plain("/b%C3%BCcher%2F1", "shop.example")},
		"fragment":                {request(t, "GET", "http://shop.example/a#b"), plain("/a", "shop.example")},
		"empty query":             {request(t, "GET", "http://shop.example/a?"), plain("/a?", "shop.example")},
		"relative, with a host":   {hostOnly("shop.example", "/books"), plain("/books", "shop.example")},
		"Host beside the URL":     {hostOnly("shop.example", "http://10.0.0.1/books"), plain("/books", "shop.example")},
		"as a server received it": {secure("/books?x", "shop.example"), secure("/books?x", "shop.example")},
		"no method, no header":    {&http.Request{URL: request(t, "GET", "http://shop.example/a").URL}, plain("/a", "shop.example")},
	} {
		inKiosk(t, func(k *kiosk) {
			before := tt.warm.URL.String()
			stored, err := k.cache.Warm(k.Context(), k.root, slices.Values([]*http.Request{tt.warm}), pagecache.WarmOptions{Progress: func(_ *http.Request, err error) {
				if err != nil {
					k.Errorf("%s: %v", name, err)
				}
			}})
			if stored != 1 || err != nil {
				k.Errorf("%s: got %d, %v", name, stored, err)
			}
			if got := call(k.root, tt.later); !got.hit() {
				k.Errorf("%s: got %q for the later request, want a hit", name, got.cacheStatus())
			}
			if after := tt.warm.URL.String(); after != before {
				k.Errorf("%s: the request's URL was changed from %s to %s", name, before, after)
			}
		})
	}
}

// TestWarmTells why a page is not stored.
func TestWarmTells(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		mux := http.NewServeMux()
		mux.Handle("/", k.cache.Page(fresh)(k.press))
		mux.Handle("/private", k.cache.Page(fresh)(response(200, "Cache-Control", "private")))
		mux.Handle("/broken", k.cache.Page(fresh)(response(503)))
		mux.Handle("/panic", k.cache.Page(fresh)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("out of paper") })))
		mux.Handle("/silent", k.cache.Page(fresh)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		mux.Handle("/bare", response(200))
		mux.Handle("/front", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("who are you?") }))
		mux.Handle("/off", k.cache.Page(fresh, pagecache.Off(true))(k.press))
		mux.Handle("/skip", k.cache.Page(fresh, pagecache.Skip(func(*http.Request) bool { return true }))(k.press))
		posted := request(k, http.MethodPost, "http://example.com/post")
		for _, tt := range []struct {
			r    *http.Request
			want string // "" for stored
		}{
			{request(k, "GET", "http://example.com/"), ""},
			{request(k, "GET", "http://example.com/private"), "http://example.com/private: the response of status 200 was not stored: private. The response says Cache-Control: private."},
			{request(k, "GET", "http://example.com/broken"), "the handler failed with status 503"},
			{request(k, "GET", "http://example.com/panic"), "a handler panicked: out of paper"},
			{request(k, "GET", "http://example.com/silent"), "no page was stored: handler-silent. "},
			{request(k, "GET", "http://example.com/bare"), "the request did not come to a handler that this cache wraps"},
			{request(k, "GET", "http://example.com/front"), "a handler panicked: who are you?"},
			{request(k, "GET", "http://example.com/off"), "no page was stored: disabled. "},
			{request(k, "GET", "http://example.com/skip"), "no page was stored: skip. "},
			{request(k, "GET", "http://example.com/c", "Cookie", "session=1"), "no page was stored: cookie. "},
			{request(k, "GET", "http://example.com/a", "Authorization", "Bearer x"), "no page was stored: authorization. "},
			{request(k, "GET", "/relative"), `the request for "/relative" names no host, which is part of the key; give an absolute URL such as "https://shop.example/books/312"`},
			{posted, `the request's method is "POST"; only GET stores pages`},
			{nil, "the request, or its URL, is nil"},
			{&http.Request{}, "the request, or its URL, is nil"},
			{request(k, "GET", "htps://example.com/"), `the scheme of "htps://example.com/" is neither http nor https`},
		} {
			var told []error
			stored, err := k.cache.Warm(k.Context(), mux, slices.Values([]*http.Request{tt.r}), pagecache.WarmOptions{Progress: func(r *http.Request, err error) {
				if r != tt.r {
					k.Errorf("%q: Progress was given another request", tt.want)
				}
				told = append(told, err)
			}})
			if err != nil || len(told) != 1 {
				k.Errorf("%q: got the error %v, and %d words of Progress; want none and 1", tt.want, err, len(told))
				continue
			}
			if ok := told[0] == nil; ok != (tt.want == "") || ok != (stored == 1) {
				k.Errorf("%q: got %d stored, %v", tt.want, stored, told[0])
			} else if !ok && (!strings.HasPrefix(told[0].Error(), "pagecache: Warm: ") || !strings.Contains(told[0].Error(), tt.want)) {
				k.Errorf("got  %v\nwant %s", told[0], tt.want)
			}
		}
	})
}

// TestWarmOfNothing: what cannot be meant is refused at once.
func TestWarmOfNothing(t *testing.T) {
	c := newCache(t)
	for want, warm := range map[string]func() (int, error){
		"pagecache: Warm: the handler is nil; give the one that your server serves":           func() (int, error) { return c.Warm(t.Context(), nil, wishes(t, sites(1)...), pagecache.WarmOptions{}) },
		"pagecache: Warm: the requests are nil; give slices.Values of a list, or an iterator": func() (int, error) { return c.Warm(t.Context(), response(200), nil, pagecache.WarmOptions{}) },
		"pagecache: Warm: Concurrency must be positive, got -1; leave it out for 4": func() (int, error) {
			return c.Warm(t.Context(), response(200), wishes(t, sites(1)...), pagecache.WarmOptions{Concurrency: -1})
		},
	} {
		if stored, err := warm(); stored != 0 || err == nil || err.Error() != want {
			t.Errorf("got %d, %v\nwant %s", stored, err, want)
		}
	}
	if stored, err := c.Warm(t.Context(), response(200), wishes(t), pagecache.WarmOptions{}); stored != 0 || err != nil {
		t.Errorf("no requests: got %d, %v; want 0, nil", stored, err)
	}
}

// TestWarmEnds with its context: no further request is sent, those under way are
// told to stop.
func TestWarmEnds(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.press.do(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Second):
				write(w, "page")
			case <-r.Context().Done():
			}
		})
		ctx, cancel := context.WithTimeout(k.Context(), 2500*time.Millisecond)
		defer cancel()
		told := progress{t: k.T}
		stored, err := k.cache.Warm(ctx, k.root, wishes(k, sites(50)...), pagecache.WarmOptions{Concurrency: 2, Progress: told.note})
		if stored != 4 || !errors.Is(err, context.DeadlineExceeded) {
			k.Errorf("got %d, %v; want 4 and the end of the context", stored, err)
		}
		k.wantRuns("in all", 6)
		if len(told.errs) != 6 {
			k.Errorf("got Progress of %d requests, want 6", len(told.errs))
		}
	})
}

// TestWarmProgressPanics: the panic is the caller's, who finds the rest warmed.
func TestWarmProgressPanics(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		calls, stored := 0, 0
		func() {
			defer func() {
				if p := recover(); p != "progress" {
					k.Errorf("got panic %v, want that of Progress", p)
				}
			}()
			stored, _ = k.cache.Warm(k.Context(), k.root, wishes(k, sites(10)...), pagecache.WarmOptions{Progress: func(*http.Request, error) {
				calls++
				panic("progress")
			}})
		}()
		if calls != 1 || stored != 0 || k.cache.Stats().Entries != 10 {
			k.Errorf("got %d calls, %d stored, %d entries; want 1, none told, 10", calls, stored, k.cache.Stats().Entries)
		}
	})
}
