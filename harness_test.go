package pagecache_test

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// oracle is a handler whose page says what it saw, so that a test can tell
// whose page it was given.
type oracle struct {
	runs  atomic.Int64
	first func(w http.ResponseWriter, r *http.Request) // runs before the page is written
}

// sight is the page of an oracle.
type sight struct {
	Run                                   int64
	Method, Host, Target, Path, Query, ID string
	Header                                http.Header
}

func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	run := o.runs.Add(1)
	if o.first != nil {
		o.first(w, r)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(sight{run, r.Method, r.Host, r.RequestURI, r.URL.Path, r.URL.RawQuery, r.PathValue("id"), r.Header})
}

// newCache makes a cache that logs to the test and is closed at its end.
func newCache(t testing.TB, opts ...pagecache.Option) *pagecache.Cache {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	c := pagecache.New(append([]pagecache.Option{pagecache.WithLogger(log)}, opts...)...)
	t.Cleanup(func() {
		if err := c.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// reply is a response read to its end.
type reply struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	err     error // of reading the body
}

// status of the cache: the last Cache-Status member.
func (r reply) cacheStatus() string {
	lines := r.header.Values("Cache-Status")
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

func (r reply) hit() bool    { return strings.HasPrefix(r.cacheStatus(), "pagecache; hit") }
func (r reply) stored() bool { return strings.Contains(r.cacheStatus(), "; stored") }

// reason is the detail of the cache's member.
func (r reply) reason() string {
	_, detail, _ := strings.Cut(r.cacheStatus(), "detail=")
	return detail
}

// saw decodes an oracle's page.
func (r reply) saw(t testing.TB) (s sight) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &s); err != nil {
		t.Fatalf("not an oracle's page: %v: %q", err, r.body)
	}
	return s
}

// serve starts a real server.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(testWriter{t}, nil), slog.LevelInfo)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// request makes a request; fields are name, value pairs.
func request(t testing.TB, method, url string, fields ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			r.Host = fields[i+1]
			continue
		}
		r.Header[fields[i]] = append(r.Header[fields[i]], fields[i+1])
	}
	return r
}

// do sends a request over the network; redirects are not followed, and nothing
// is decompressed.
func do(t testing.TB, r *http.Request) reply {
	t.Helper()
	res, err := transport.RoundTrip(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, res.Trailer, string(body), err}
}

var transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}

// get is do for a GET.
func get(t testing.TB, url string, fields ...string) reply {
	t.Helper()
	return do(t, request(t, http.MethodGet, url, fields...))
}

// raw sends bytes as they are and reads one response.
func raw(t testing.TB, srv *httptest.Server, text string) reply {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a hang is an error, not a timeout of the tests
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, res.Trailer, string(body), err}
}

// call serves a request in process, for tests inside a synctest bubble.
func call(h http.Handler, r *http.Request) reply {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, res.Trailer, string(body), err}
}

// page is a request as a server makes it, for use with call.
func page(target string, fields ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header[fields[i]] = append(r.Header[fields[i]], fields[i+1])
	}
	return r
}
