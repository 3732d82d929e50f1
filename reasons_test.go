package pagecache_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// stage is where one reason is brought about.
type stage struct {
	t        *testing.T
	cache    *pagecache.Cache
	log      eventLog
	requests atomic.Int64

	mu      sync.Mutex
	details []string // in Cache-Status, of the answers to ask
}

// open makes the stage's cache and wraps a handler with it for a minute.
func (s *stage) open(h http.HandlerFunc, opts ...pagecache.Option) http.Handler {
	s.cache = newCache(s.t, append(opts, pagecache.WithObserver(&s.log), pagecache.WithLogger(silence))...)
	return s.cache.Page(time.Minute)(h)
}

// ask sends one request and survives what it ends with.
func (s *stage) ask(h http.Handler, r *http.Request) {
	s.requests.Add(1)
	w := hijackable{httptest.NewRecorder()}
	defer func() {
		_ = recover()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.details = append(s.details, reply{header: w.Header()}.reason())
	}()
	h.ServeHTTP(w, r)
}

// response is a handler that sends one page with the fields given.
func response(status int, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
		write(w, "page")
	}
}

// request and response scenarios need one request each.
func asking(r func() *http.Request, opts ...pagecache.Option) func(*stage) {
	return func(s *stage) { s.ask(s.open(response(200), opts...), r()) }
}

func withFields(fields ...string) func(*stage) {
	return asking(func() *http.Request { return page("/", fields...) })
}

func answering(h http.HandlerFunc, opts ...pagecache.Option) func(*stage) {
	return func(s *stage) { s.ask(s.open(h, opts...), page("/")) }
}

// method asks with a method, and with a body if there is one.
func method(method, body string) func(*stage) {
	return asking(func() *http.Request { return httptest.NewRequest(method, "/", strings.NewReader(body)) })
}

// certified is a request of a client that showed a verified certificate.
func certified() *http.Request {
	r := page("https://shop.example/")
	r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Raw: []byte("certificate")}}}}
	return r
}

// simpleScenarios bring a reason about with one request.
var simpleScenarios = map[pagecache.Reason]func(*stage){
	"disabled":           asking(func() *http.Request { return page("/") }, pagecache.Off(true)),
	"skip":               asking(func() *http.Request { return page("/") }, pagecache.Skip(func(*http.Request) bool { return true })),
	"method":             method(http.MethodDelete, ""),
	"method-override":    withFields("X-Http-Method-Override", "DELETE"),
	"request-body":       method(http.MethodGet, "fat"),
	"target-too-long":    asking(func() *http.Request { return page("/" + strings.Repeat("x", 8<<10)) }),
	"authorization":      withFields("Authorization", "Bearer x"),
	"identity":           withFields("X-Api-Key", "x"),
	"client-certificate": asking(certified),
	"cookie":             withFields("Cookie", "session=1"),
	"upgrade":            withFields("Upgrade", "websocket"),
	"event-stream":       withFields("Accept", "text/event-stream"),
	"key-error":          asking(func() *http.Request { return page("/") }, pagecache.Key(pagecache.KeyFunc(func(*http.Request) string { return "" }))),
	"precondition":       withFields("If-Match", `"a"`),
	"range":              withFields("Range", "bytes=0-1"),
	"head":               method(http.MethodHead, ""),

	"control": answering(func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).NoStore()
		write(w, "page")
	}),
	"tags": answering(func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag("two words")
		write(w, "page")
	}),
	"refused":          answering(response(200), pagecache.Refuse(func(int, http.Header, []byte) bool { return true })),
	"set-cookie":       answering(response(200, "Set-Cookie", "a=b")),
	"no-store":         answering(response(200, "Cache-Control", "no-store")),
	"private":          answering(response(200, "Cache-Control", "private")),
	"no-cache":         answering(response(200, "Cache-Control", "no-cache")),
	"vary-star":        answering(response(200, "Vary", "*")),
	"vary-unkeyed":     answering(response(200, "Vary", "Cookie")),
	"vary-too-many":    answering(response(200, "Vary", "A, B, C, D, E, F, G, H, I")),
	"status":           answering(response(500)),
	"ttl-zero":         answering(response(200, "Cache-Control", "max-age=0")),
	"csp-nonce":        answering(response(200, "Content-Security-Policy", "script-src 'nonce-x'")),
	"clear-site-data":  answering(response(200, "Clear-Site-Data", `"cache"`)),
	"connection-field": answering(response(200, "Connection", "Content-Type")),
	"too-large":        answering(response(200), pagecache.MaxBody(3)),
	"header-too-large": answering(response(200, "X-Large", strings.Repeat("x", 32<<10))),
	"recording-budget": answering(response(200), func(p *pagecache.Policy) { p.MaxRecording = 1 }),
	"streaming":        answering(func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() }),
	"hijacked":         answering(func(w http.ResponseWriter, r *http.Request) { _, _, _ = w.(http.Hijacker).Hijack() }),
	"trailers":         answering(response(200, "Trailer", "X-Sum")),
	"handler-silent":   answering(func(http.ResponseWriter, *http.Request) {}),
	"handler-panic":    answering(func(http.ResponseWriter, *http.Request) { panic("out of paper") }),
	"late-error": answering(func(w http.ResponseWriter, r *http.Request) {
		write(w, "half a page")
		w.WriteHeader(http.StatusGatewayTimeout)
	}),
	"broken-source": answering(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, io.MultiReader(strings.NewReader("half a page"), iotest.ErrReader(errors.New("out of paper"))))
	}),
	"length-mismatch": answering(response(200, "Content-Length", "9")),
}

// scenarios are those that need more.
var scenarios = map[pagecache.Reason]func(*stage){
	"closed": func(s *stage) {
		h := s.open(response(200))
		if err := s.cache.Close(s.t.Context()); err != nil {
			s.t.Error(err)
		}
		s.ask(h, page("/"))
	},
	"no-freshness": func(s *stage) {
		s.open(response(200))
		s.ask(s.cache.Handler(response(200)), page("/"))
	},
	"variants-full": func(s *stage) {
		h := s.open(response(200, "Vary", "Accept"), func(p *pagecache.Policy) { p.MaxVariants = 1 })
		s.ask(h, page("/", "Accept", "a"))
		s.ask(h, page("/", "Accept", "b"))
	},
	"deadline": func(s *stage) {
		h := s.open(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); write(w, "page") })
		s.ask(h, timedPage(s.t, time.Second, "/"))
	},
	"client-gone": func(s *stage) {
		h := s.open(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); write(w, "page") })
		r, hangUp := cancellable(s.t, page("/"))
		time.AfterFunc(time.Second, hangUp)
		s.ask(h, r)
	},
	"superseded": func(s *stage) {
		var runs atomic.Int64
		h := s.open(func(w http.ResponseWriter, r *http.Request) {
			if runs.Add(1) == 1 {
				time.Sleep(10 * time.Second)
			}
			write(w, "page")
		})
		go s.ask(h, page("/"))
		synctest.Wait()
		s.ask(h, page("/"))
		time.Sleep(10 * time.Second)
	},
	"wait-timeout": func(s *stage) {
		h := s.open(func(w http.ResponseWriter, r *http.Request) { time.Sleep(7 * time.Second); write(w, "page") })
		go s.ask(h, page("/"))
		synctest.Wait()
		s.ask(h, page("/"))
	},
	"invalidated": func(s *stage) {
		var faults storetest.Faults
		lost := storetest.Only(storetest.Fail(storetest.ErrDrop), "Get")
		h := s.open(func(w http.ResponseWriter, r *http.Request) {
			pagecache.FromContext(r.Context()).Tag("book:312")
			faults.Before(lost) // nobody can tell any more whether the tag was purged meanwhile
			write(w, "page")
		}, pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)))
		s.ask(h, page("/"))
	},
	"store-error": func(s *stage) {
		var faults storetest.Faults
		faults.Before(storetest.Fail(storetest.ErrFault))
		h := s.open(response(200), pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)))
		s.ask(h, page("/"))
	},
	"stale-while-revalidate": func(s *stage) {
		h := muxed(s.open(response(200), swrMinute))
		s.ask(h, page("/"))
		time.Sleep(time.Minute)
		s.ask(h, page("/"))
	},
	"updating": func(s *stage) {
		h := muxed(s.open(func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Second); write(w, "page") }, swrMinute))
		s.ask(h, page("/"))
		time.Sleep(time.Minute)
		s.ask(h, page("/"))
		s.ask(h, page("/"))
		time.Sleep(time.Second)
	},
	"stale-if-error": func(s *stage) {
		status := 200
		h := s.open(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }, sieMinute)
		s.ask(h, page("/"))
		time.Sleep(time.Minute)
		status = 500
		s.ask(h, page("/"))
	},
	"refresh": func(s *stage) {
		h := s.open(response(200), force)
		s.ask(h, page("/"))
		s.ask(h, page("/", "X-Again", "please"))
	},
	"write-back": func(s *stage) {
		s.ask(s.open(response(200), pagecache.WithStore(storetest.NewMap()), writeBack), page("/"))
	},
	"negative": func(s *stage) {
		h := s.open(response(404), pagecache.NegativeTTL(time.Minute))
		s.ask(h, page("/"))
		s.ask(h, page("/"))
	},
	"hit-for-miss": func(s *stage) {
		var runs atomic.Int64
		h := s.open(func(w http.ResponseWriter, r *http.Request) {
			if runs.Add(1) == 1 {
				w.WriteHeader(500)
			}
			write(w, "page")
		})
		s.ask(h, page("/"))
		s.ask(h, page("/"))
	},
}

// TestReasons brings every reason about. Each request of it makes one event,
// and the reason stands in the event, in Cache-Status and in Stats.
func TestReasons(t *testing.T) {
	for _, reason := range pagecache.Reasons() {
		run := simpleScenarios[reason]
		if run == nil {
			run = scenarios[reason]
		}
		t.Run(string(reason), func(t *testing.T) {
			if run == nil {
				t.Fatal("no scenario brings this reason about")
			}
			if reason.Explain() == "" {
				t.Error("the reason explains nothing")
			}
			synctest.Test(t, func(t *testing.T) {
				s := &stage{t: t}
				run(s)
				synctest.Wait()
				s.check(reason)
			})
		})
	}
	if got := pagecache.Reason("no such thing").Explain(); got != "" {
		t.Errorf("an unknown reason: got %q, want no explanation", got)
	}
}

// quietReasons do not stand in Cache-Status: fwd says it already, or there is
// no header to put it in.
var quietReasons = []pagecache.Reason{"method", "hijacked", "handler-panic", "client-gone"}

func (s *stage) check(reason pagecache.Reason) {
	events, stats := s.log.of(pagecache.KindRequest), s.cache.Stats()
	if !slices.ContainsFunc(events, func(e pagecache.Event) bool { return e.Reason == reason }) {
		s.t.Errorf("no event has the reason: %+v", events)
	}
	if !slices.Contains(quietReasons, reason) && !slices.Contains(s.details, string(reason)) {
		s.t.Errorf("got Cache-Status details %q, want %s among them", s.details, reason)
	}
	if n := uint64(s.requests.Load()); uint64(len(events)) != n || stats.Requests != n {
		s.t.Errorf("got %d events and %d requests in Stats for %d requests", len(events), stats.Requests, n)
	}
	balanced(s.t, stats)
}

// balanced checks that the counters agree with each other.
func balanced(t testing.TB, s pagecache.Stats) {
	t.Helper()
	var passed, notStored uint64
	for _, n := range s.Passed {
		passed += n
	}
	for _, n := range s.NotStored {
		notStored += n
	}
	if passed != s.Passes || s.Stored+notStored != s.Misses {
		t.Errorf("got %d passes by reason of %d, %d stored and %d not by reason of %d misses", passed, s.Passes, s.Stored, notStored, s.Misses)
	}
}
