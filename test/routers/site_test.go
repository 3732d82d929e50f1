package routers

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// place is somewhere in a program where a cache may stand.
type place struct {
	name  string
	build func(*site) http.Handler

	url  string // of the page with an id; "": /books/ID
	path string // that its handler sees; "": the one of the URL
	sees string // the path values that its handler is told, in each way there is: ID for the id

	// background says that pages are refreshed there after the request has been
	// answered, also if the cache is not given the root handler. With it they are
	// everywhere.
	background bool
}

func (p *place) target(id int) string {
	return strings.ReplaceAll(cmp.Or(p.url, "/books/ID"), "ID", strconv.Itoa(id))
}

func (p *place) handlerPath(id int) string {
	if p.path == "" {
		return p.target(id)
	}
	return strings.ReplaceAll(p.path, "ID", strconv.Itoa(id))
}

// request is one for the page as a server makes it.
func (p *place) request(ctx context.Context, id int) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.target(id), http.NoBody)
	if err != nil {
		panic(err)
	}
	r.Host, r.RequestURI, r.RemoteAddr = "books.example", p.target(id), "192.0.2.1:1234"
	return r
}

// rightPage is the page with an id, but for its first line.
func (p *place) rightPage(id int) string {
	line := "sees " + strings.ReplaceAll(p.sees, "ID", strconv.Itoa(id)) + " at " + p.handlerPath(id) + ", asked for " + p.target(id) + "\n"
	return line + line
}

// site is a program with a cache in one place.
type site struct {
	place place
	cache *pagecache.Cache
	page  func(http.Handler) http.Handler // the cache's middleware
	root  root
	runs  atomic.Int64 // of the handler
	asked atomic.Int64 // pages
	wrong atomic.Int64 // of them
	log   bytes.Buffer // of the cache; to be read when it is closed
}

// root is a program's outermost handler, which can be named before it is built.
type root struct{ http.Handler }

// newSite builds one whose pages are stale after a millisecond.
func newSite(p place, via bool) *site {
	s := &site{place: p}
	opts := []pagecache.Option{
		pagecache.WithLogger(slog.New(slog.NewTextHandler(&s.log, nil))),
		pagecache.StaleWhileRevalidate(time.Hour),
	}
	if via {
		opts = append(opts, pagecache.RefreshVia(&s.root))
	}
	s.cache = pagecache.New(opts...)
	s.page = s.cache.Page(time.Millisecond)
	s.root.Handler = remember(p.build(s))
	return s
}

type rememberKey struct{}

// remember keeps what was asked for in the context, as middleware in front of a
// cache does with users and trace ids: a refresh must find the right one.
func remember(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), rememberKey{}, r.URL.Path)))
	})
}

// sight is what a handler sees of its request; ids are what it is told by each
// means that the router has.
func sight(r *http.Request, ids ...string) string {
	line := fmt.Sprintf("sees %s at %s, asked for %v", strings.Join(ids, " "), r.URL.Path, r.Context().Value(rememberKey{}))
	if err := r.Context().Err(); err != nil {
		line += ": " + err.Error()
	}
	return line + "\n"
}

// show makes a page of what its handler sees, which looks twice: by the second
// time a context that was lent to the request may be another's.
func (s *site) show(look func() string) string {
	run := s.runs.Add(1)
	first := look()
	if run%4 == 0 {
		time.Sleep(300 * time.Microsecond)
	}
	return fmt.Sprintf("run %d\n", run) + first + look()
}

// handler shows what a router of net/http handlers tells them.
func (s *site) handler(ids func(r *http.Request) []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, s.show(func() string { return sight(r, ids(r)...) }))
	}
}

// ask asks for a page and returns the run that made it, and whether that is the
// right page. The request's context ends with it, and a panic with the request, as
// on a server.
func (s *site) ask(id int) (run int64, got string, right bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			got, right = fmt.Sprint("panic: ", p), false
		}
	}()
	w := httptest.NewRecorder()
	s.root.ServeHTTP(w, s.place.request(ctx, id))
	got = w.Body.String()
	first, rest, _ := strings.Cut(got, "\n")
	run, err := strconv.ParseInt(strings.TrimPrefix(first, "run "), 10, 64)
	return run, got, err == nil && w.Code == http.StatusOK && rest == s.place.rightPage(id)
}

// close closes the cache and returns what it counted and logged.
func (s *site) close(t *testing.T) (pagecache.Stats, string) {
	t.Helper()
	if err := s.cache.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	return s.cache.Stats(), s.log.String()
}

// nothing is what routers tell handlers that they do not know.
func nothing(*http.Request) []string { return nil }

// insideServeMux serves h through http.ServeMux, which tells in each request that
// it has routed it, whatever h is.
func insideServeMux(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	return mux
}

// insideChi is insideServeMux for chi.
func insideChi(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount("/", h)
	return r
}
