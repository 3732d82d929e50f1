package pagecache_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// catalogue is a site of pages that each have one tag, "tag:" and their path.
func catalogue(t testing.TB) (*pagecache.Cache, http.Handler) {
	c := newCache(t)
	return c, c.Page(time.Hour, pagecache.Tags(func(r *http.Request) string { return "tag:" + r.URL.Path }))(text("page"))
}

// invalidated returns those of the pages that h purges when it is sent a request.
func invalidated(t *testing.T, pages, h http.Handler, r *http.Request, paths ...string) (gone []string) {
	t.Helper()
	for _, path := range paths {
		fill(t, pages, "http://a.example"+path)
	}
	_, _ = quietly(h, r)
	for _, path := range paths {
		if !call(pages, sent("http://a.example"+path)).hit() {
			gone = append(gone, path)
		}
	}
	return gone
}

// TestInvalidate: tags that are constants and functions of the request, and all
// of them.
func TestInvalidate(t *testing.T) {
	byField := func(r *http.Request) string { return r.Header.Get("X-Tag") }
	byFields := func(r *http.Request) []string { return r.Header["X-Tag"] }
	for _, tt := range []struct {
		name string
		tags []any
		want string
	}{
		{"nothing but its own path", nil, "/own"},
		{"a constant", []any{"tag:/a"}, "/own /a"},
		{"constants", []any{"tag:/a", "tag:/c"}, "/own /a /c"},
		{"a list", []any{[]string{"tag:/a", "tag:/c"}, []string{}}, "/own /a /c"},
		{"a function", []any{byField}, "/own /b"},
		{"a function of several", []any{byFields}, "/own /b /c"},
		{"all kinds", []any{byFields, "tag:/a", byField}, "/own /a /b /c"},
		{"a function that has nothing to say", []any{func(*http.Request) string { return "" }, func(*http.Request) []string { return nil }}, "/own"},
		{"no tag", []any{func(*http.Request) string { return "no tag" }}, "/own /a /b /c /d"},
		{"a tag and no tag", []any{func(*http.Request) []string { return []string{"tag:/a", "no tag"} }}, "/own /a /b /c /d"},
		{"a panic", []any{func(*http.Request) string { panic("no tag") }}, "/own /a /b /c /d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sparing(t, func() (lost []string) {
				c, pages := catalogue(t)
				r := sending(http.MethodPut, "http://a.example/own")
				r.Header["X-Tag"] = []string{"tag:/b", "tag:/c"}
				got := strings.Join(invalidated(t, pages, c.Invalidate(tt.tags...)(status(204)), r, "/own", "/a", "/b", "/c", "/d"), " ")
				if len(got) > len(tt.want) {
					return []string{got}
				}
				if got != tt.want {
					t.Errorf("got %s purged, want %s", got, tt.want)
				}
				return nil
			})
		})
	}
}

// TestInvalidateWarns of tag functions that do not work, once.
func TestInvalidateWarns(t *testing.T) {
	log := new(eventLog)
	c := newCache(t, pagecache.WithObserver(log))
	h := c.Invalidate(func(r *http.Request) string { panic("no id") })(status(204))
	for range 3 {
		call(h, sending(http.MethodPost, "http://a.example/p"))
	}
	if texts := log.warnings(); len(texts) != 1 || !strings.Contains(texts[0], "no id") || !strings.Contains(texts[0], "everything") {
		t.Errorf("got the warnings %q, want one that says what happened and what follows", texts)
	}
}

// TestInvalidateKnowsPathValues that the router finds further in, for functions
// are asked when the handler answers.
func TestInvalidateKnowsPathValues(t *testing.T) {
	byValue := func(r *http.Request) string { return "tag:/" + r.PathValue("id") }
	byParam := func(r *http.Request) string { return "tag:/" + chi.URLParam(r, "id") }
	done := status(http.StatusCreated)
	for name, build := range map[string]func(c *pagecache.Cache) http.Handler{
		"chi With": func(c *pagecache.Cache) http.Handler {
			r := chi.NewRouter()
			r.With(c.Invalidate(byValue)).Post("/books/{id}", done)
			return r
		},
		"chi With, URLParam": func(c *pagecache.Cache) http.Handler {
			r := chi.NewRouter()
			r.With(c.Invalidate(byParam)).Post("/books/{id}", done)
			return r
		},
		"chi Use, URLParam": func(c *pagecache.Cache) http.Handler {
			r := chi.NewRouter()
			r.Use(c.Invalidate(byParam))
			r.Post("/books/{id}", done)
			return r
		},
		"inside ServeMux": func(c *pagecache.Cache) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("POST /books/{id}", c.Invalidate(byValue)(done))
			return mux
		},
		"outside ServeMux": func(c *pagecache.Cache) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("POST /books/{id}", done)
			return c.Invalidate(byValue)(mux)
		},
		"outside ServeMux, silent": func(c *pagecache.Cache) http.Handler {
			mux := http.NewServeMux()
			mux.HandleFunc("POST /books/{id}", func(http.ResponseWriter, *http.Request) {})
			return c.Invalidate(byValue)(mux)
		},
	} {
		c, pages := catalogue(t)
		if gone := invalidated(t, pages, build(c), sending(http.MethodPost, "http://a.example/books/312"), "/312"); len(gone) != 1 {
			t.Errorf("%s: got nothing purged, want the page of the path value", name)
		}
	}
}

// TestInvalidateOfSafeMethods does nothing at all: not even the writer is
// wrapped.
func TestInvalidateOfSafeMethods(t *testing.T) {
	c, pages := catalogue(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace} {
		h := c.Invalidate("tag:/a", func(*http.Request) string { t.Error("the function was called"); return "tag:/a" })(
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if _, wrapped := w.(interface{ Unwrap() http.ResponseWriter }); wrapped {
					t.Errorf("%s: got a wrapped writer", method)
				}
			}))
		if gone := invalidated(t, pages, h, sending(method, "http://a.example/own"), "/own", "/a"); len(gone) != 0 {
			t.Errorf("%s: got %q purged, want nothing", method, gone)
		}
	}
	if n := c.Stats().Purges; n != 0 {
		t.Errorf("got %d purges counted, want none", n)
	}
}

// TestInvalidateAsksOnce: functions are called once for each request that
// succeeds, and not for others.
func TestInvalidateAsksOnce(t *testing.T) {
	asked := 0
	h := newCache(t).Invalidate(func(*http.Request) string { asked++; return "x" })
	for i, end := range []http.HandlerFunc{status(204), status(409), func(http.ResponseWriter, *http.Request) {}, func(http.ResponseWriter, *http.Request) { panic("x") }} {
		asked = 0
		_, _ = quietly(h(end), sending(http.MethodPost, "http://a.example/p"))
		if want := []int{1, 0, 1, 0}[i]; asked != want {
			t.Errorf("end %d: got %d calls, want %d", i, asked, want)
		}
	}
}

// TestInvalidateMistakes panic where the middleware is made, and say what to
// write instead.
func TestInvalidateMistakes(t *testing.T) {
	c := newCache(t)
	for name, tt := range map[string]struct {
		tags []any
		says []string
	}{
		"number":           {[]any{"a", 312}, []string{"tag 2", "int", "func(*http.Request) string"}},
		"nil":              {[]any{nil}, []string{"tag 1", "nil"}},
		"list of others":   {[]any{[]int{1}}, []string{"tag 1", "[]int"}},
		"list of no tags":  {[]any{"a", []string{"b", "no tag"}}, []string{"tag 2", `"no tag"`}},
		"other function":   {[]any{func() string { return "" }}, []string{"tag 1", "func() string"}},
		"nil function":     {[]any{"a", "b", (func(*http.Request) string)(nil)}, []string{"tag 3", "not nil"}},
		"nil function too": {[]any{(func(*http.Request) []string)(nil)}, []string{"tag 1", "not nil"}},
		"empty tag":        {[]any{""}, []string{"tag 1", "empty", `"book:312"`}},
		"no tag":           {[]any{"two tags"}, []string{"tag 1", `"two tags"`, `"book:312"`}},
		"long tag":         {[]any{strings.Repeat("x", 257)}, []string{"tag 1", "257", "256"}},
	} {
		wantPanic(t, "Invalidate with a "+name, append(tt.says, "pagecache: Invalidate:"), func() { c.Invalidate(tt.tags...) })
		wantPanic(t, "Tags with a "+name, append(tt.says, "pagecache: Tags:"), func() { pagecache.Tags(tt.tags...) })
	}
	wantPanic(t, "no handler", []string{"pagecache: Invalidate:", "nil"}, func() { c.Invalidate("a")(nil) })
}

func wantPanic(t *testing.T, what string, says []string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		message, _ := recover().(string)
		for _, text := range says {
			if !strings.Contains(message, text) {
				t.Errorf("%s: got the panic %q, want it to say %s", what, message, text)
			}
		}
	}()
	f()
}

// TestInvalidateWriter: what handlers do with their writer works through the
// middleware, over a network.
func TestInvalidateWriter(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	for name, tt := range map[string]struct {
		h      http.HandlerFunc
		body   string
		purges bool
	}{
		"ReadFrom": {func(w http.ResponseWriter, _ *http.Request) {
			if n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(long)}); n != int64(len(long)) || err != nil {
				t.Errorf("got %d bytes copied, error %v", n, err)
			}
		}, long, true},
		"WriteString": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) }, long, true},
		"Flush": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("a"))
			w.(http.Flusher).Flush()
			_, _ = io.Copy(w, bytes.NewReader([]byte("b")))
		}, "ab", true},
		"ResponseController": {func(w http.ResponseWriter, _ *http.Request) {
			rc := http.NewResponseController(w)
			for _, err := range []error{rc.SetWriteDeadline(time.Now().Add(time.Minute)), rc.SetReadDeadline(time.Now().Add(time.Minute)), rc.EnableFullDuplex(), rc.Flush()} {
				if err != nil {
					t.Error(err)
				}
			}
			_, _ = w.Write([]byte("done"))
		}, "done", true},
		"failure": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusConflict) }, "no\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, pages := catalogue(t)
			fill(t, pages, "http://a.example/p")
			srv := serve(t, c.Invalidate("tag:/p")(tt.h))
			if got := do(t, request(t, http.MethodPost, srv.URL+"/x")); got.body != tt.body || got.err != nil {
				t.Errorf("got %d bytes %.20q, error %v; want %.20q", len(got.body), got.body, got.err, tt.body)
			}
			if hit := call(pages, sent("http://a.example/p")).hit(); hit == tt.purges {
				t.Errorf("got a hit %t, want a purge %t", hit, tt.purges)
			}
		})
	}
}

// TestInvalidateHijack: the handler gets the connection.
func TestInvalidateHijack(t *testing.T) {
	srv := serve(t, newCache(t).Invalidate("x")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
	})))
	if got := do(t, request(t, http.MethodPost, srv.URL)); got.status != http.StatusAccepted || got.body != "done" {
		t.Errorf("got status %d, %q, %v; want what was written to the connection", got.status, got.body, got.err)
	}
}

// TestInvalidateClosed: after Close nothing is cached, so nothing is purged.
func TestInvalidateClosed(t *testing.T) {
	c := newCache(t)
	h := c.Invalidate("x")(status(204))
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := call(h, sending(http.MethodPost, "http://a.example/p")); got.status != 204 || c.Stats().Purges != 0 {
		t.Errorf("got status %d and %d purges, want the handler's answer alone", got.status, c.Stats().Purges)
	}
}
