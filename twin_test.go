package pagecache_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// talker is a handler that also says what it got to see: the results of its
// writes. A cache must not change that either.
type talker func(w http.ResponseWriter, r *http.Request) (said string)

// exchange is what the two ends of one request see.
type exchange struct {
	status  int
	interim []string // 1xx responses with their Link fields
	header  http.Header
	trailer http.Header
	body    string
	cut     bool   // the body ended with an error
	reused  bool   // HTTP/1: the connection answered another request
	said    string // by the handler, if it ran
}

// house is a server for talkers by name, and a client that speaks one protocol
// to it.
type house struct {
	srv   *httptest.Server
	proto string
	said  sync.Map // by path
}

var protocols = []string{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"}

// newHouse starts a server on which wrap decorates each talker.
func newHouse(t *testing.T, proto string, wrap func(http.Handler) http.Handler, talkers map[string]talker) *house {
	t.Helper()
	h := &house{proto: proto}
	mux := http.NewServeMux()
	mux.HandleFunc("/alive", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "yes") })
	for name, talk := range talkers {
		mux.Handle("/"+name, wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			said := "ended without returning"
			defer func() { h.said.Store("/"+name, said) }()
			said = talk(w, r)
		})))
	}
	h.srv = httptest.NewUnstartedServer(mux)
	h.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // panics and misuse are the point here
	if proto == "HTTP/2.0" {
		h.srv.EnableHTTP2 = true
		h.srv.StartTLS()
	} else {
		h.srv.Start()
	}
	t.Cleanup(h.srv.Close)
	return h
}

// ask sends one request and describes what came of it.
func (h *house) ask(t *testing.T, method, path string) exchange {
	t.Helper()
	h.said.Delete(path)
	var x exchange
	if h.proto == "HTTP/2.0" {
		x = h.askHTTP2(t, method, path)
	} else {
		x = h.askHTTP1(t, method, path)
	}
	for deadline := time.Now().Add(10 * time.Second); !x.hit(); time.Sleep(time.Millisecond) {
		// The handler may still be returning when the client has read it all.
		if said, ok := h.said.Load(path); ok {
			x.said = said.(string)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s: the handler did not end", method, path)
		}
	}
	return x
}

// askHTTP1 speaks by hand, to see the connection's fate.
func (h *house) askHTTP1(t *testing.T, method, path string) (x exchange) {
	t.Helper()
	conn, err := net.Dial("tcp", h.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := request(t, method, "http://shop.example"+path)
	fmt.Fprintf(conn, "%s %s %s\r\nHost: shop.example\r\n\r\n", method, path, h.proto)
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, r)
		if err != nil {
			return x
		}
		if res.StatusCode < 200 {
			x.interim = append(x.interim, fmt.Sprint(res.StatusCode, res.Header["Link"]))
			continue
		}
		x.read(res)
		break
	}
	if h.proto == "HTTP/1.1" {
		x.reused = reusable(conn, in)
	}
	return x
}

// reusable asks for another page on the same connection.
func reusable(conn net.Conn, in *bufio.Reader) bool {
	fmt.Fprintf(conn, "GET /alive HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return false
	}
	body, _ := io.ReadAll(res.Body)
	return string(body) == "yes"
}

func (h *house) askHTTP2(t *testing.T, method, path string) (x exchange) {
	t.Helper()
	r := request(t, method, h.srv.URL+path)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			x.interim = append(x.interim, fmt.Sprint(code, header["Link"]))
			return nil
		},
	}))
	res, err := h.srv.Client().Transport.RoundTrip(r)
	if err != nil {
		return x
	}
	if res.Proto != h.proto {
		t.Fatalf("got %s, want %s", res.Proto, h.proto)
	}
	x.read(res)
	return x
}

func (x *exchange) read(res *http.Response) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	x.status, x.header, x.trailer, x.body, x.cut = res.StatusCode, res.Header, res.Trailer, string(body), err != nil
}

func (x *exchange) hit() bool {
	return strings.HasPrefix(x.header.Get("Cache-Status"), "pagecache; hit")
}

// differences lists in what x, seen with a cache, is not what was seen without.
// What the cache documents to add is left out: Cache-Status, Age, a weak ETag,
// and the length of a body that was sent in pieces otherwise.
func (x exchange) differences(bare exchange) (list []string) {
	differ := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			list = append(list, fmt.Sprintf("%s: got %.200q, want %.200q", what, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	differ("status", x.status, bare.status)
	if !x.hit() { // interim responses are for one request; they are not stored
		differ("interim responses", x.interim, bare.interim)
	} else {
		differ("interim responses", len(x.interim), 0)
	}
	differ("body cut", x.cut, bare.cut)
	if !bare.cut {
		differ("body", x.body, bare.body)
	}
	differ("connection reused", x.reused, bare.reused)
	differ("trailers", x.trailer, bare.trailer)
	for _, name := range fieldNames(x.header, bare.header) {
		got, want := x.header[name], bare.header[name]
		switch {
		case name == "Date" && len(got) == len(want):
		case name == "Content-Length" && want == nil && slices.Equal(got, []string{fmt.Sprint(len(bare.body))}):
		case name == "Etag" && want == nil && strings.HasPrefix(got[0], "W/"):
		default:
			differ(name, got, want)
		}
	}
	return list
}

func fieldNames(headers ...http.Header) (names []string) {
	for _, h := range headers {
		for name := range h {
			if name != "Cache-Status" && name != "Age" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// quietly serves a request and returns what the handler panicked with.
func quietly(h http.Handler, r *http.Request) (got reply, panicked any) {
	defer func() { panicked = recover() }()
	return call(h, r), nil
}

// timedPage is a request whose context ends after d.
func timedPage(t testing.TB, d time.Duration, target string, fields ...string) *http.Request {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return page(target, fields...).WithContext(ctx)
}

// cancellable gives a request a client that can hang up.
func cancellable(t testing.TB, r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, hangUp := context.WithCancel(t.Context())
	t.Cleanup(hangUp)
	return r.WithContext(ctx), hangUp
}
