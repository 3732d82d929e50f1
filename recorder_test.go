package pagecache_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/go-pagecache/pagecache"
)

// TestFlushReachesClientAtOnce: what is flushed leaves before the handler ends.
func TestFlushReachesClientAtOnce(t *testing.T) {
	for _, proto := range protocols {
		for _, contentType := range []string{"text/html", "text/event-stream"} {
			t.Run(strings.ReplaceAll(proto, "/", " ")+" "+contentType, func(t *testing.T) {
				seen := make(chan struct{})
				c := newCache(t)
				h := newHouse(t, proto, c.Page(time.Minute), map[string]talker{"stream": func(w http.ResponseWriter, r *http.Request) string {
					w.Header().Set("Content-Type", contentType)
					write(w, "first;")
					w.(http.Flusher).Flush()
					select {
					case <-seen:
					case <-time.After(10 * time.Second):
						t.Error("the first part did not leave before the handler ended")
					}
					return write(w, "second")
				}})
				res, err := h.srv.Client().Get(h.srv.URL + "/stream")
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				first := make([]byte, len("first;"))
				if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first;" {
					t.Errorf("got %q, %v; want the first part", first, err)
				}
				close(seen)
				if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "second" {
					t.Errorf("got %q, %v; want the second part", rest, err)
				}
				if got, want := res.Header.Get("Cache-Status"), "pagecache; fwd=uri-miss; detail=streaming"; got != want {
					t.Errorf("got Cache-Status %q, want %q", got, want)
				}
				if stored := c.Stats().Stored; stored != 0 {
					t.Errorf("got %d pages stored, want none", stored)
				}
			})
		}
	}
}

// TestStoreFlushed stores what was flushed and complete, if told to, and
// nothing that was cut short after a flush.
func TestStoreFlushed(t *testing.T) {
	ends := map[string]struct {
		stored bool
		finish func(w http.ResponseWriter)
	}{
		"complete":  {true, func(w http.ResponseWriter) { write(w, "b") }},
		"too large": {false, func(w http.ResponseWriter) { write(w, strings.Repeat("b", 1<<20)) }},
		"panic":     {false, func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }},
		"trailer":   {false, func(w http.ResponseWriter) { w.Header().Set(http.TrailerPrefix+"X-Sum", "1") }},
		"edited":    {true, func(w http.ResponseWriter) { w.Header().Set("X-Kept", "no"); write(w, "b") }},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			c := newCache(t, func(p *pagecache.Policy) { p.StoreFlushed = true })
			h := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Kept", "yes")
				write(w, "a")
				w.(http.Flusher).Flush()
				end.finish(w)
			}))
			miss, _ := quietly(h, page("/"))
			hit, _ := quietly(h, page("/"))
			if hit.hit() != end.stored {
				t.Errorf("got %q, want a hit: %v", hit.cacheStatus(), end.stored)
			}
			if end.stored && (hit.body != miss.body || hit.body != "ab" || hit.header.Get("X-Kept") != "yes") {
				t.Errorf("got %q, X-Kept %q; want what was sent, %q", hit.body, hit.header.Get("X-Kept"), miss.body)
			}
		})
	}
}

// TestHijack takes the connection over, before or after the header.
func TestHijack(t *testing.T) {
	for _, early := range []bool{true, false} {
		var events eventLog
		c := newCache(t, pagecache.WithObserver(&events))
		srv := serve(t, c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !early {
				w.Header().Set("Content-Length", "5")
				w.WriteHeader(http.StatusOK)
			}
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Errorf("Hijack: %v", err)
				return
			}
			defer conn.Close()
			if early {
				_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
			}
			_, _ = rw.WriteString("hello")
			_ = rw.Flush()
			line, _ := rw.ReadString('\n') // the connection goes both ways
			_, _ = rw.WriteString("echo " + line)
			_ = rw.Flush()
		})))
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("early %v: %v", early, err)
		}
		body, _ := io.ReadAll(res.Body)
		_, _ = io.WriteString(conn, "ping\n")
		rest, _ := io.ReadAll(in)
		if string(body) != "hello" || string(rest) != "echo ping\n" {
			t.Errorf("early %v: got %q, then %q; want hello, then echo ping", early, body, rest)
		}
		if e := events.one(t); e.Reason != "hijacked" || e.Stored {
			t.Errorf("early %v: got reason %q, stored %v; want hijacked", early, e.Reason, e.Stored)
		}
	}
}

// TestHijackRefused: where the connection cannot be had, the handler goes on.
func TestHijackRefused(t *testing.T) {
	c := newCache(t)
	h := newHouse(t, "HTTP/2.0", c.Page(time.Minute), map[string]talker{"page": func(w http.ResponseWriter, r *http.Request) string {
		if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Error("Hijack worked over HTTP/2")
		}
		return write(w, "page")
	}})
	if got := h.ask(t, http.MethodGet, "/page"); got.body != "page" {
		t.Errorf("got %q, want the page", got.body)
	}
}

// TestTimeoutHandler: a page cut short by a time-out is never stored, whichever
// of the two is outside.
func TestTimeoutHandler(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, "first half")
		if r.URL.Query().Has("slow") {
			<-r.Context().Done() // and returns as if all were well
		}
	})
	timeout := func(next http.Handler) http.Handler {
		return http.TimeoutHandler(next, 30*time.Millisecond, "too slow")
	}
	for _, order := range []string{"http outside", "http inside", "chi outside", "chi inside"} {
		t.Run(order, func(t *testing.T) {
			c := newCache(t)
			h := http.Handler(slow)
			limit := timeout
			if strings.HasPrefix(order, "chi") {
				limit = chimiddleware.Timeout(30 * time.Millisecond)
			}
			if strings.HasSuffix(order, "outside") {
				h = limit(c.Page(time.Minute)(h))
			} else {
				h = c.Page(time.Minute)(limit(h))
			}
			srv := serve(t, h)
			for range 2 {
				if got := get(t, srv.URL+"/?slow"); got.hit() || got.stored() {
					t.Errorf("slow: got %q, want it not stored", got.cacheStatus())
				}
			}
			_ = get(t, srv.URL+"/")
			if got := get(t, srv.URL+"/"); !got.hit() || got.body != "first half" {
				t.Errorf("quick: got %q, %q; want a hit", got.cacheStatus(), got.body)
			}
		})
	}
}

// readerFrom is a response writer that says whether its fast path was taken.
type readerFrom struct {
	*httptest.ResponseRecorder
	fast int64
}

func (w *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseRecorder, src)
	w.fast += n
	return n, err
}

// TestFastPath: what is not recorded goes by net/http's own ReadFrom.
func TestFastPath(t *testing.T) {
	const size = 3 << 20
	for name, cc := range map[string]string{"not storable": "no-store", "past MaxBody": ""} {
		h := newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", cc)
			if n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(strings.Repeat("x", size))}); n != size || err != nil {
				t.Errorf("%s: got %d, %v; want all copied", name, n, err)
			}
		}))
		w := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, page("/"))
		if w.Body.Len() != size || w.fast < size-2<<20 {
			t.Errorf("%s: got %d bytes, %d by the fast path; want %d and most of them", name, w.Body.Len(), w.fast, size)
		}
	}
}

// TestUnwrap finds the server's own writer behind ours.
func TestUnwrap(t *testing.T) {
	w := httptest.NewRecorder()
	h := newCache(t).Page(time.Minute)(http.HandlerFunc(func(got http.ResponseWriter, r *http.Request) {
		if u, ok := got.(interface{ Unwrap() http.ResponseWriter }); !ok || u.Unwrap() != http.ResponseWriter(w) {
			t.Errorf("got %T, want a writer that unwraps to the server's", got)
		}
	}))
	h.ServeHTTP(w, page("/"))
}
