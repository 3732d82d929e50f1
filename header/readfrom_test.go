package header_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-pagecache/pagecache/header"
)

// TestReadFrom: files go through whole, at any place in the response, and the
// type is found out by their first bytes.
func TestReadFrom(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 100_000} {
		for name, before := range map[string]func(http.ResponseWriter){
			"at once":           func(w http.ResponseWriter) {},
			"after WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(200) },
			"after Write":       func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") },
		} {
			t.Run(fmt.Sprint(size, " ", name), func(t *testing.T) {
				content := ("<html>" + strings.Repeat("x", size))[:size]
				file := filepath.Join(t.TempDir(), "page")
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				res := fetch(t, serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
					before(w)
					f, err := os.Open(file)
					if err != nil {
						t.Error(err)
						return
					}
					defer f.Close()
					if n, err := io.Copy(w, f); n != int64(size) || err != nil {
						t.Errorf("got %d, %v; want %d", n, err, size)
					}
				})).URL)
				wantNever(t, res.Header)
				if name == "after Write" {
					content = "<html>" + content
				}
				if got := body(t, res); got != content {
					t.Errorf("got %d bytes, want %d", len(got), len(content))
				}
				if got := res.Header.Get("Content-Type"); len(content) > 6 && got != "text/html; charset=utf-8" {
					t.Errorf("got type %q", got)
				}
			})
		}
	}
}

// fast is a response writer with a fast path, as that of net/http is.
type fast struct {
	http.ResponseWriter
	read int64
}

func (w *fast) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(struct{ io.Writer }{w.ResponseWriter}, src)
	w.read += n
	return n, err
}

// TestReadFromFastPath: all but the first bytes reach the ReadFrom of the server.
func TestReadFromFastPath(t *testing.T) {
	rec := httptest.NewRecorder()
	w := &fast{ResponseWriter: rec}
	src := struct{ io.Reader }{strings.NewReader("<html>" + strings.Repeat("x", 10_000))}
	stack(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, src) }).ServeHTTP(w, request("GET", "/"))
	if w.read < 9_000 {
		t.Errorf("got %d bytes by ReadFrom, want nearly all of 10006", w.read)
	}
	if got := rec.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("got type %q", got)
	}
}

// TestReadFromBroken: a source that fails at once leaves the handler free to
// answer with an error, one that fails later does not.
func TestReadFromBroken(t *testing.T) {
	broken := iotest.ErrReader(errors.New("no disk"))
	for name, tt := range map[string]struct {
		src    io.Reader
		status int
		cc     string
	}{
		"at once":    {broken, 500, ""},
		"after 3":    {io.MultiReader(strings.NewReader("abc"), broken), 200, "max-age=60"},
		"after 5000": {io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)), broken), 200, "max-age=60"},
	} {
		t.Run(name, func(t *testing.T) {
			res := get(header.CacheControl("max-age=60")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := w.(io.ReaderFrom).ReadFrom(tt.src); err == nil {
					t.Error("got no error")
				}
				w.WriteHeader(500)
			})))
			if res.StatusCode != tt.status || res.Header.Get("Cache-Control") != tt.cc {
				t.Errorf("got %d, %q; want %d, %q", res.StatusCode, res.Header.Get("Cache-Control"), tt.status, tt.cc)
			}
		})
	}
}

// script is a source that says exactly what it is told to.
type script []func(p []byte) (int, error)

func (s *script) Read(p []byte) (int, error) {
	next := (*s)[0]
	*s = (*s)[1:]
	return next(p)
}

// TestReadFromEnds: a source is not read again after its end or its failure.
func TestReadFromEnds(t *testing.T) {
	failure := errors.New("no disk")
	some := func(n int, err error) func([]byte) (int, error) {
		return func(p []byte) (int, error) { return min(n, len(p)), err }
	}
	for name, tt := range map[string]struct {
		src  script
		size int64
		err  error
	}{
		"end in the first bytes":     {script{some(3, io.EOF)}, 3, nil},
		"end behind them":            {script{some(3, nil), some(0, io.EOF)}, 3, nil},
		"failure with the first":     {script{some(3, failure)}, 3, failure},
		"failure with all the first": {script{some(512, failure)}, 512, failure},
		"failure later":              {script{some(512, nil), some(9, failure)}, 521, failure},
	} {
		t.Run(name, func(t *testing.T) {
			get(stack(func(w http.ResponseWriter, r *http.Request) {
				if n, err := w.(io.ReaderFrom).ReadFrom(&tt.src); n != tt.size || err != tt.err {
					t.Errorf("got %d, %v; want %d, %v", n, err, tt.size, tt.err)
				}
			}))
			if len(tt.src) > 0 {
				t.Errorf("got %d reads left over", len(tt.src))
			}
		})
	}
}

// TestServeContent: the standard library's ways of sending a file work,
// conditions and ranges included.
func TestServeContent(t *testing.T) {
	srv := serve(t, stack(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		http.ServeContent(w, r, "page.html", time.Time{}, strings.NewReader(strings.Repeat("x", 5000)))
	}))
	for _, tt := range []struct {
		name, line   string
		status, size int
	}{
		{"X", "", 200, 5000}, {"Range", "bytes=1-1000", 206, 1000}, {"If-None-Match", `"a"`, 304, 0}, {"Range", "bytes=9000-", 416, -1},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(tt.name, tt.line)
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		wantNever(t, res.Header)
		if got := body(t, res); res.StatusCode != tt.status || tt.size >= 0 && len(got) != tt.size {
			t.Errorf("%s: got %d with %d bytes, want %d with %d", tt.line, res.StatusCode, len(got), tt.status, tt.size)
		}
	}
}
