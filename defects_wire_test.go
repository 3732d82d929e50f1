package pagecache_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// compare serves the same request with and without the cache around h.
func compare(t *testing.T, h http.Handler, ask func(*httptest.Server) reply) (cached, bare reply) {
	t.Helper()
	return ask(serve(t, newCache(t).Page(time.Minute)(h))), ask(serve(t, h))
}

func TestDefect24_RequestReachesTheHandlerUnchanged(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %q %q %q %v %q", r.Method, r.Proto, r.Host, r.RequestURI, r.URL, r.URL.RawPath, r.Header, body)
	})
	for _, text := range []string{
		wire("GET", "/b%2fooks/%7e?z=1&a=2&z=%20&a;b&&=", "X-Multi", "1", "X-Multi", " 2", "Accept-Language", "de, en;q=0.5"),
		wire("GET", "/a;v=1/./b?", "Cache-Control", "no-cache", "X-Forwarded-Host", "evil.example"),
		wire("GET", "/", "Cookie", "b=2; a=1", "Authorization", "Bearer x", "If-None-Match", `"v1"`),
		wire("HEAD", "/x?b&a", "Accept", "text/html"),
		wire("POST", "/x?b&a", "Content-Length", "3") + "abc",
		"GET http://other.example/x HTTP/1.1\r\nHost: books.example\r\n\r\n",
	} {
		cached, bare := compare(t, h, func(srv *httptest.Server) reply { return raw(t, srv, text) })
		likeBare(t, cached, bare)
	}
}

// TestDefect22_OuterFieldsStayLive: what outer middleware sets belongs to one
// response and is not replayed, unless the handler made it its own.
func TestDefect22_OuterFieldsStayLive(t *testing.T) {
	n := 0
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n++
			for _, name := range []string{"X-Request-Id", "X-Ratelimit-Remaining", "X-Outer", "X-Replaced"} {
				w.Header().Set(name, fmt.Sprint(n))
			}
			if origin := r.Header.Get("Origin"); origin != "" {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Add("Vary", "Origin")
			}
			if n == 1 {
				w.Header().Set("X-First-Only", "1")
			}
			next.ServeHTTP(w, r)
		})
	}
	cache := newCache(t).Page(time.Minute)
	srv := serve(t, outer(cache(text("page", "X-Inner", "inner", "X-Outer", "added"))))
	for i, origin := range []string{"", "", "https://a.example", "https://b.example", "https://a.example"} {
		var fields []string
		if origin != "" {
			fields = []string{"Origin", origin}
		}
		got := get(t, srv.URL, fields...)
		want := fmt.Sprint(i + 1)
		for _, name := range []string{"X-Request-Id", "X-Ratelimit-Remaining", "X-Replaced"} {
			if lines := got.header.Values(name); !slices.Equal(lines, []string{want}) {
				t.Errorf("request %d: got %s %q, want %q", i, name, lines, want)
			}
		}
		if lines := got.header.Values("X-Outer"); !slices.Equal(lines, []string{want, "added"}) {
			t.Errorf("request %d: got X-Outer %q, want %q and the handler's line", i, lines, want)
		}
		if got.header.Get("Access-Control-Allow-Origin") != origin || got.header.Get("X-Inner") != "inner" || (got.header.Get("X-First-Only") == "1") != (i == 0) {
			t.Errorf("request %d from %q: got %v", i, origin, got.header)
		}
	}
}

// ownWriter edits the response at the last moment, as outer middleware may.
type ownWriter struct{ http.ResponseWriter }

func (w ownWriter) WriteHeader(status int) {
	for name := range w.Header() {
		w.Header().Add(name, "outer")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w ownWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// TestDefect22_FieldsOfAHitAreItsOwn: hits share what is stored, so nothing that
// is appended on the way out may show on another.
func TestDefect22_FieldsOfAHitAreItsOwn(t *testing.T) {
	cached := newCache(t).Page(time.Minute)(text("page", "X-Field", "a", "X-Field", "b", "Vary", "X-Lang"))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { cached.ServeHTTP(ownWriter{w}, r) })
	miss := call(h, page("/"))
	for _, got := range gather(20, func(int) reply { return call(h, page("/")) }) {
		for name, want := range map[string]int{"X-Field": 3, "Age": 2, "Cache-Status": 2, "Etag": 2, "Date": 2, "Vary": 2} {
			lines := got.header[name]
			if name != "Age" && name != "Cache-Status" && lines[0] != miss.header[name][0] {
				t.Errorf("%s: got %q, want %q first", name, lines, miss.header[name][0])
			}
			if len(lines) != want || lines[want-1] != "outer" || !strings.Contains(got.header["Cache-Status"][0], "hit") {
				t.Errorf("%s: got %q, want %d lines", name, lines, want)
			}
		}
	}
}

func TestDefect23_LinesSurviveInOrder(t *testing.T) {
	links := []string{"</a>; rel=preload", "</b>; rel=preload, </c>; rel=preload", "", "</a>; rel=preload"}
	h := func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Link"] = links
		if r.URL.Path == "/cookies" {
			w.Header()["Set-Cookie"] = []string{"a=1, b", "c=3"}
		}
		_, _ = io.WriteString(w, "page")
	}
	for _, b := range backends {
		srv := serve(t, newCache(t, b.with()...).Page(time.Minute)(http.HandlerFunc(h)))
		for _, what := range []string{"miss", "hit"} {
			got := get(t, srv.URL)
			if lines := got.header.Values("Link"); !slices.Equal(lines, links) || got.hit() != (what == "hit") {
				t.Errorf("%s, %s: got %q, Link %q; want %q", b.name, what, got.cacheStatus(), lines, links)
			}
			if lines := get(t, srv.URL+"/cookies").header.Values("Set-Cookie"); !slices.Equal(lines, []string{"a=1, b", "c=3"}) {
				t.Errorf("%s: got Set-Cookie %q, want both lines as they are", b.name, lines)
			}
		}
	}
}

// TestDefect25_FirstByteIsNotDelayed from the first flush on. Before it, a
// response is buffered by design.
func TestDefect25_FirstByteIsNotDelayed(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "text/plain"} {
		seen := make(chan struct{})
		srv := serve(t, newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			for i := range 3 {
				_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Errorf("Flush: %v", err)
				}
				select {
				case <-seen:
				case <-time.After(5 * time.Second):
					t.Errorf("%s: the client has not seen event %d", contentType, i)
				}
			}
		})))
		for range 2 {
			res, err := transport.RoundTrip(request(t, "GET", srv.URL))
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(res.Body)
			for i := range 3 {
				if line, _ := lines.ReadString('\n'); line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("%s: got %q as event %d", contentType, line, i)
				}
				_, _ = lines.ReadString('\n')
				seen <- struct{}{}
			}
			res.Body.Close()
			if got := (reply{header: res.Header}); got.hit() || got.reason() != "streaming" {
				t.Errorf("%s: got %q, want detail=streaming", contentType, got.cacheStatus())
			}
		}
	}
}

// TestDefect25_HangUpEndsAStream: nobody else waits for what is passed through,
// so its handler must learn that its client has gone.
func TestDefect25_HangUpEndsAStream(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"flushed":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"too much": func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 1<<20+1)) },
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, gone before %v", name, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, hangUp := context.WithCancel(t.Context())
					var ended time.Duration
					began := time.Now()
					h := newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if early {
							hangUp()
							time.Sleep(time.Second)
						}
						begin(w)
						time.AfterFunc(time.Second, hangUp)
						<-r.Context().Done()
						ended = time.Since(began)
					}))
					call(h, page("/").WithContext(ctx))
					if ended != time.Second {
						t.Errorf("the handler learned of it after %v, want 1s", ended)
					}
				})
			})
		}
	}
}

func TestDefect25_HijackAndController(t *testing.T) {
	srv := serve(t, newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		soon := time.Now().Add(time.Minute)
		for what, err := range map[string]error{"SetReadDeadline": c.SetReadDeadline(soon), "SetWriteDeadline": c.SetWriteDeadline(soon), "EnableFullDuplex": c.EnableFullDuplex()} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		conn, _, err := c.Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 4\r\n\r\nmine")
	})))
	for range 2 {
		if got := get(t, srv.URL); got.status != 299 || got.body != "mine" {
			t.Errorf("got status %d, body %q, error %v; want the hijacker's", got.status, got.body, got.err)
		}
	}
}

// TestDefect25_InterimResponsesPass, and are not taken for the final one.
func TestDefect25_InterimResponsesPass(t *testing.T) {
	srv := serve(t, newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "page")
	})))
	var early []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		early = append(early, code)
		return nil
	}}
	r := request(t, "GET", srv.URL)
	miss := do(t, r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if !slices.Equal(early, []int{103}) || miss.status != 200 || miss.body != "page" {
		t.Errorf("got interim %v, then %d %q; want 103, then 200 \"page\"", early, miss.status, miss.body)
	}
	wantHit(t, "second", get(t, srv.URL), miss)
}

func TestDefect25_TrailersPass(t *testing.T) {
	srv := serve(t, newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/declared" {
			w.Header().Set("Trailer", "X-Sum")
			defer w.Header().Set("X-Sum", "42")
		} else {
			defer w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		}
		_, _ = io.WriteString(w, "page")
		_ = http.NewResponseController(w).Flush()
	})))
	for _, path := range []string{"/declared", "/by-prefix"} {
		for range 2 {
			got := get(t, srv.URL+path)
			if got.trailer.Get("X-Sum") != "42" || got.body != "page" || got.hit() {
				t.Errorf("%s: got trailers %v, body %q, %q; want X-Sum, not from the cache", path, got.trailer, got.body, got.cacheStatus())
			}
		}
	}
}

// TestDefect26_SkipComesBeforeTheLookup: the page is stored, and yet not used.
func TestDefect26_SkipComesBeforeTheLookup(t *testing.T) {
	var skip atomic.Bool
	s := newSite(t, nil, pagecache.Skip(func(*http.Request) bool { return skip.Load() }))
	miss := get(t, s.URL)
	skip.Store(true)
	if got := get(t, s.URL); got.saw(t).Run != 2 || got.reason() != "skip" {
		t.Errorf("skipped: got run %d, %q; want run 2, detail=skip", got.saw(t).Run, got.cacheStatus())
	}
	skip.Store(false)
	wantHit(t, "not skipped", get(t, s.URL), miss)
}
