package header_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/header"
)

// stack is all the middleware, one around the other.
func stack(h http.HandlerFunc) http.Handler {
	return header.NeverCache(header.CacheControl("max-age=60")(header.VaryOn("Accept")(h)))
}

// TestFlush: what is flushed arrives while the handler runs, by type assertion
// and by http.ResponseController.
func TestFlush(t *testing.T) {
	for name, flush := range map[string]func(http.ResponseWriter) error{
		"Flusher":            func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
		"ResponseController": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	} {
		for _, first := range []string{"", "one"} {
			t.Run(name+" "+first, func(t *testing.T) {
				arrived := make(chan struct{})
				srv := serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.WriteString(w, first)
					if err := flush(w); err != nil {
						t.Error(err)
					}
					await(t, arrived)
					w.Header().Set("Cache-Control", "max-age=60")
					fmt.Fprint(w, "two")
				}))
				res := fetch(t, srv.URL)
				wantNever(t, res.Header)
				wantLines(t, res.Header, "Vary", "Accept")
				close(arrived)
				if got := body(t, res); got != first+"two" {
					t.Errorf("got %q, want %q", got, first+"two")
				}
			})
		}
	}
}

// await waits until the client has the header.
func await(t *testing.T, arrived <-chan struct{}) {
	select {
	case <-arrived:
	case <-time.After(10 * time.Second): // a hang is an error, not a timeout of the tests
		t.Error("the client saw nothing of what was flushed")
	}
}

// TestFlushHTTP2 is TestFlush for the other server.
func TestFlushHTTP2(t *testing.T) {
	arrived := make(chan struct{})
	srv := httptest.NewUnstartedServer(stack(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		await(t, arrived)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	close(arrived)
	if res.ProtoMajor != 2 {
		t.Errorf("got %s, want HTTP/2", res.Proto)
	}
	wantNever(t, res.Header)
}

// mute is a response writer that cannot flush.
type mute struct{ http.ResponseWriter }

// wrapped is a response writer that leaves everything to the one inside.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestFlushNotSupported: nothing is sent, so the handler can still say so.
func TestFlushNotSupported(t *testing.T) {
	h := header.NeverCache(header.CacheControl("max-age=60")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); errors.Is(err, http.ErrNotSupported) {
			w.WriteHeader(http.StatusNotImplemented)
		}
	})))
	for name, hide := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"at once":          func(w http.ResponseWriter) http.ResponseWriter { return mute{w} },
		"after unwrapping": func(w http.ResponseWriter) http.ResponseWriter { return wrapped{mute{w}} },
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(hide(rec), request("GET", "/"))
		if rec.Code != http.StatusNotImplemented {
			t.Errorf("%s: got status %d, want 501", name, rec.Code)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(wrapped{rec}, request("GET", "/"))
	if !rec.Flushed || rec.Code != 200 {
		t.Errorf("got flushed %t, status %d behind a writer that unwraps to one that flushes", rec.Flushed, rec.Code)
	}
}

// TestInterim: 1xx responses pass as they are, and the final one is edited.
func TestInterim(t *testing.T) {
	srv := serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</s.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(http.StatusNotFound)
	}))
	var interim []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
		interim = append(interim, status)
		if got := http.Header(h); len(got) != 1 || got.Get("Link") == "" {
			t.Errorf("%d: got %v, want the handler's Link and nothing else", status, got)
		}
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if !slices.Equal(interim, []int{103, 102}) || res.StatusCode != 404 {
		t.Errorf("got %v, then %d; want 103, 102, then 404", interim, res.StatusCode)
	}
	wantNever(t, res.Header)
}

// TestHijack: a connection can be taken over, by type assertion and by
// http.ResponseController.
func TestHijack(t *testing.T) {
	for name, hijack := range map[string]func(http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error){
		"Hijacker": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
			return w.(http.Hijacker).Hijack()
		},
		"ResponseController": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
			return http.NewResponseController(w).Hijack()
		},
	} {
		t.Run(name, func(t *testing.T) {
			res := fetch(t, serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
				conn, rw, err := hijack(w)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprint(rw, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
				_ = rw.Flush()
			})).URL)
			if got := body(t, res); got != "hi" || len(res.Header) != 1 {
				t.Errorf("got %q with %v, want hi as it was sent", got, res.Header)
			}
		})
	}
}

// TestController: what only Unwrap leads to works too.
func TestController(t *testing.T) {
	get := fetch(t, serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.SetWriteDeadline(time.Now().Add(time.Hour)), rc.SetReadDeadline(time.Time{}), rc.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
	})).URL)
	wantNever(t, get.Header)
}

// TestTrailers: fields set after the header was sent are the handler's.
func TestTrailers(t *testing.T) {
	res := fetch(t, serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "x")
		w.Header().Set("X-Sum", "1")
	})).URL)
	_ = body(t, res)
	if got := res.Trailer.Get("X-Sum"); got != "1" {
		t.Errorf("got trailer %q, want 1", got)
	}
}

// TestSniffing: without a WriteHeader the server inside looks for the type, as
// it does without the middleware.
func TestSniffing(t *testing.T) {
	res := get(stack(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") }))
	if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("got type %q", got)
	}
}

// TestInvalidStatus: a mistake that net/http panics at still panics.
func TestInvalidStatus(t *testing.T) {
	for _, status := range []int{0, 99, 1000} {
		panics(t, func() {
			get(header.CacheControl("max-age=60")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })))
		})
	}
}

// copied counts how a string comes.
type copied struct {
	*httptest.ResponseRecorder
	whole int
}

func (w *copied) WriteString(s string) (int, error) {
	w.whole++
	return w.ResponseRecorder.WriteString(s)
}

// TestWriteString: a string is not copied on its way.
func TestWriteString(t *testing.T) {
	w := &copied{ResponseRecorder: httptest.NewRecorder()}
	stack(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") }).ServeHTTP(w, request("GET", "/"))
	if w.whole != 1 || w.Body.String() != "x" {
		t.Errorf("got %d calls, %q", w.whole, w.Body)
	}
}
