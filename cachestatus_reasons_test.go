package pagecache_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/go-pagecache/pagecache"
)

// refusals are handlers whose response is not stored, by the reason.
var refusals = map[pagecache.Reason]http.HandlerFunc{
	"control": func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).NoStore()
		_, _ = w.Write([]byte("page"))
	},
	"set-cookie":       saying("Set-Cookie", "a=b"),
	"no-store":         saying("Cache-Control", "no-store"),
	"private":          saying("Cache-Control", "private"),
	"no-cache":         saying("Cache-Control", "no-cache"),
	"vary-star":        saying("Vary", "*"),
	"vary-unkeyed":     saying("Vary", "Cookie"),
	"vary-too-many":    saying("Vary", "a, b, c, d, e, f, g, h, i"),
	"ttl-zero":         saying("Cache-Control", "max-age=0"),
	"csp-nonce":        saying("Content-Security-Policy", "script-src 'nonce-abc'"),
	"clear-site-data":  saying("Clear-Site-Data", "*"),
	"connection-field": saying("Connection", "Vary"),
	"header-too-large": saying("X-Large", strings.Repeat("x", 40<<10)),
	"trailers":         saying("Trailer", "X-Sum"),
	"refused":          saying("X-Refuse", "yes"),
	"length-mismatch":  saying("Content-Length", "5"),
	"status":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
	"handler-silent":   func(http.ResponseWriter, *http.Request) {},
	"too-large": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 600<<10))
		_, _ = w.Write(make([]byte, 600<<10))
	},
	"streaming": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		_, _ = w.Write([]byte("page"))
	},
	"deadline": func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_, _ = w.Write([]byte("page"))
	},
}

func refuseMarked(_ int, h http.Header, _ []byte) bool { return h.Get("X-Refuse") != "" }

// TestStatusOfRefusals: a response that is not stored says why, and claims
// neither to be stored nor for how long.
func TestStatusOfRefusals(t *testing.T) { synctest.Test(t, statusOfRefusals) }

func statusOfRefusals(t *testing.T) {
	c := newCache(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for why, handler := range refusals {
		h := c.Page(time.Minute, pagecache.Refuse(refuseMarked))(handler)
		r := page("/" + string(why))
		if why == "deadline" {
			r = r.WithContext(ctx)
		}
		wantStatus(t, string(why), call(h, r), "pagecache; fwd=uri-miss; detail="+string(why))
	}
	wantStatus(t, "no-freshness", call(c.Handler(saying()), page("/handler")), "pagecache; fwd=uri-miss; detail=no-freshness")
}

// TestStatusOfRecordingBudget: the budget is spent by a response that is being
// recorded at the same time.
func TestStatusOfRecordingBudget(t *testing.T) { synctest.Test(t, statusOfRecordingBudget) }

func statusOfRecordingBudget(t *testing.T) {
	c := newCache(t, func(p *pagecache.Policy) { p.MaxRecording = 100 << 10 })
	release := make(chan struct{})
	h := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 80<<10))
		if r.URL.Path == "/slow" {
			<-release
		}
	}))
	var wg sync.WaitGroup
	wg.Go(func() { wantStatus(t, "first", call(h, page("/slow")), "pagecache; fwd=uri-miss; stored; ttl=60") })
	synctest.Wait()
	wantStatus(t, "second", call(h, page("/")), "pagecache; fwd=uri-miss; detail=recording-budget")
	close(release)
	wg.Wait()
	wantStatus(t, "afterwards", call(h, page("/later")), "pagecache; fwd=uri-miss; stored; ttl=60")
}

// TestStatusOfAPanic: what was written before goes to the client with its
// reason.
func TestStatusOfAPanic(t *testing.T) {
	h := newCache(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	}))
	w := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }()
		h.ServeHTTP(w, page("/"))
	}()
	wantStatus(t, "panic", reply{header: w.Header()}, "pagecache; fwd=uri-miss; detail=handler-panic")
}

// TestStatusOfPagesServedStale: they are hits, whose ttl tells for how long they are
// over.
func TestStatusOfPagesServedStale(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		time.Sleep(fresh + 12*time.Second)
		k.press.take(time.Second)
		wantStatus(t, "refreshing", k.ask("/"), "pagecache; hit; ttl=-12; detail=stale-while-revalidate")
		wantStatus(t, "updating", k.ask("/"), "pagecache; hit; ttl=-12; detail=updating")
		wantStatus(t, "304", k.ask("/", "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), "pagecache; hit; ttl=-12; detail=updating")
		time.Sleep(28 * time.Second)
		wantStatus(t, "refreshed", k.ask("/"), "pagecache; hit; ttl=33")
		time.Sleep(98 * time.Second)
		k.press.take(0)
		k.press.do(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		wantStatus(t, "failed", k.ask("/"), "pagecache; fwd=stale; ttl=-65; detail=stale-if-error")
		wantStatus(t, "left alone", k.ask("/"), "pagecache; hit; ttl=-65; detail=stale-if-error")
	}, swrMinute, sieHour)
}

func TestStatusOfTooManyVariants(t *testing.T) { synctest.Test(t, statusOfTooManyVariants) }

func statusOfTooManyVariants(t *testing.T) {
	h := newCache(t).Page(time.Minute, func(p *pagecache.Policy) { p.MaxVariants = 2 })(saying("Vary", "Accept"))
	call(h, page("/", "Accept", "a"))
	call(h, page("/", "Accept", "b"))
	wantStatus(t, "third", call(h, page("/", "Accept", "c")), "pagecache; fwd=vary-miss; detail=variants-full")
	wantStatus(t, "first", call(h, page("/", "Accept", "a")), "pagecache; hit; ttl=60")
}

// invalidatedLine is the line of a request that has changed something.
const invalidatedLine = "pagecache; fwd=method; detail=invalidated"

// TestStatusOfBypasses: requests that do not get near the look-up.
func TestStatusOfBypasses(t *testing.T) {
	empty := pagecache.KeyFunc(func(*http.Request) string { return "" })
	tests := []struct {
		why    string
		opts   []pagecache.Option
		fields []string
		edit   func(*http.Request)
	}{
		{why: "authorization", fields: []string{"Authorization", "x"}},
		{why: "identity", fields: []string{"X-Api-Key", "x"}},
		{why: "cookie", fields: []string{"Cookie", "sid=1"}},
		{why: "method-override", fields: []string{"X-Http-Method-Override", "DELETE"}},
		{why: "upgrade", fields: []string{"Upgrade", "websocket"}},
		{why: "event-stream", fields: []string{"Accept", "text/event-stream"}},
		{why: "precondition", fields: []string{"If-Match", `"v1"`}},
		{why: "request-body", edit: func(r *http.Request) { r.ContentLength = 1 }},
		{why: "target-too-long", edit: func(r *http.Request) { r.RequestURI = "/" + strings.Repeat("x", 9<<10) }},
		{why: "client-certificate", edit: withCertificate},
		{why: "skip", opts: []pagecache.Option{pagecache.Skip(func(*http.Request) bool { return true })}},
		{why: "disabled", opts: []pagecache.Option{pagecache.Off(true)}},
		{why: "key-error", opts: []pagecache.Option{pagecache.Key(empty)}},
	}
	c := newCache(t)
	for _, tt := range tests {
		h := c.Page(time.Minute, tt.opts...)(saying())
		for range 2 {
			r := page("/", tt.fields...)
			if tt.edit != nil {
				tt.edit(r)
			}
			wantStatus(t, tt.why, call(h, r), "pagecache; fwd=bypass; detail="+tt.why)
		}
	}
	for method, line := range map[string]string{
		"POST": invalidatedLine, "PUT": invalidatedLine, "DELETE": invalidatedLine, "QUERY": invalidatedLine, "get": invalidatedLine, // who knows what these mean
		"OPTIONS": "pagecache; fwd=method", "TRACE": "pagecache; fwd=method", // safe, see RFC 9110 section 9.2.1
	} {
		r := page("/")
		r.Method = method
		wantStatus(t, method, call(c.Page(time.Minute)(saying()), r), line)
		for status, line := range map[int]string{201: line, 204: line, 303: line, 399: line, 400: "pagecache; fwd=method", 404: "pagecache; fwd=method", 500: "pagecache; fwd=method"} {
			wantStatus(t, fmt.Sprint(method, " ", status), call(c.Page(time.Minute)(response(status)), r), line)
		}
		wantStatus(t, method+", silent", call(c.Page(time.Minute)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), r), line)
	}
	closed := newCache(t)
	_ = closed.Close(t.Context())
	wantStatus(t, "closed", call(closed.Page(time.Minute)(saying()), page("/")), "pagecache; fwd=bypass; detail=closed")
}

// together sends the same request twice, the second while the handler of the
// first runs, and returns both answers. finish is called in between.
func together(h http.Handler, finish func()) (leader, follower reply) {
	var wg sync.WaitGroup
	wg.Go(func() { leader = call(h, page("/")) })
	synctest.Wait()
	wg.Go(func() { follower = call(h, page("/")) })
	synctest.Wait()
	finish()
	wg.Wait()
	return leader, follower
}

func TestStatusOfFollowers(t *testing.T) { synctest.Test(t, statusOfFollowers) }

func statusOfFollowers(t *testing.T) {
	c, release := newCache(t), make(chan struct{})
	blocked := func(h http.HandlerFunc) http.Handler {
		release = make(chan struct{})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			h(w, r)
		})
	}
	done := func() { close(release) }

	leader, follower := together(c.Page(300*time.Second)(blocked(saying())), done)
	wantStatus(t, "leader", leader, "pagecache; fwd=uri-miss; stored; ttl=300")
	wantStatus(t, "follower", follower, "pagecache; fwd=uri-miss; collapsed; ttl=300")

	other := newCache(t).Page(300 * time.Second)
	leader, follower = together(other(blocked(saying("Cache-Control", "private"))), done)
	wantStatus(t, "leader of nothing", leader, "pagecache; fwd=uri-miss; detail=private")
	wantStatus(t, "follower of nothing", follower, "pagecache; fwd=uri-miss; collapsed=?0; detail=private")

	slow := newCache(t).Page(300 * time.Second)
	leader, follower = together(slow(blocked(saying())), func() {
		time.Sleep(6 * time.Second)
		done()
	})
	// Both ran the handler; the page of whoever set out later is the one kept.
	checkStatus(t, leader, "pagecache")
	if got := leader.cacheStatus(); got != "pagecache; fwd=uri-miss; stored; ttl=300" && got != "pagecache; fwd=uri-miss; detail=superseded" {
		t.Errorf("slow leader: got %q, want stored or superseded", got)
	}
	if got, want := follower.cacheStatus(), "pagecache; fwd=uri-miss; collapsed=?0; stored; ttl=300; detail=wait-timeout"; got != want {
		t.Errorf("follower that waited in vain: got %q, want %q", got, want)
	}
	item := checkStatus(t, follower, "pagecache")
	if collapsed, _ := item.Params.Get("collapsed"); collapsed != false {
		t.Errorf("got collapsed %v, want false", collapsed)
	}
}

// FuzzCacheStatus puts our member behind whatever a handler says of its own
// caches: a list that was one before stays one, and ours is its last member.
func FuzzCacheStatus(f *testing.F) {
	f.Add("Origin; hit; ttl=5", "", uint8(0))
	f.Add(`a; hit, "b c"; fwd=uri-miss`, "(x y);z", uint8(1))
	f.Add("pagecache; hit", "", uint8(2))
	f.Add(`"`, "", uint8(3))
	f.Add("", "", uint8(4))
	handlers := []http.HandlerFunc{saying(), saying("Cache-Control", "private"), saying("Vary", "Accept"), refusals["streaming"], refusals["status"]}
	blank := strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ") // as they are stored
	f.Fuzz(func(t *testing.T, first, second string, which uint8) {
		c := pagecache.New()
		defer func() { _ = c.Close(context.Background()) }()
		h := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Cache-Status"] = []string{first, second}
			handlers[int(which)%len(handlers)](w, r)
		}))
		upstream, invalid := httpsfv.UnmarshalList([]string{first, second})
		for range 2 {
			lines := call(h, page("/")).header["Cache-Status"]
			if len(lines) != 3 || blank.Replace(lines[0]) != blank.Replace(first) || blank.Replace(lines[1]) != blank.Replace(second) {
				t.Fatalf("got %q, want ours behind %q and %q", lines, first, second)
			}
			own, err := httpsfv.UnmarshalList(lines[2:])
			if err != nil || len(own) != 1 {
				t.Fatalf("got %q: %d members, %v; want one", lines[2], len(own), err)
			}
			if list, err := httpsfv.UnmarshalList(lines); invalid == nil && (err != nil || len(list) != len(upstream)+1) {
				t.Errorf("%q: got %d members, %v; want %d", lines, len(list), err, len(upstream)+1)
			}
		}
	})
}

func withCertificate(r *http.Request) {
	r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Raw: []byte("anna")}}}}
}
