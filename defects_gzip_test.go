package pagecache_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
)

// gzipWriter is what most compressing middleware looks like: it decides when
// the status is written.
type gzipWriter struct {
	http.ResponseWriter
	zip   *gzip.Writer
	wrote bool
}

func (w *gzipWriter) WriteHeader(status int) {
	if !w.wrote {
		w.wrote = true
		w.Header().Del("Content-Length")
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *gzipWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.zip.Write(p)
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

func lateGzip(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r) {
			next.ServeHTTP(w, r)
			return
		}
		zip := gzip.NewWriter(w)
		defer zip.Close()
		next.ServeHTTP(&gzipWriter{ResponseWriter: w, zip: zip}, r)
	})
}

// earlyGzip is the short form seen in tutorials. It says what it will do before
// the handler runs, and counts on no length being sent: net/http's own file
// server sends none when it sees a Content-Encoding.
func earlyGzip(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		defer zip.Close()
		next.ServeHTTP(&gzipWriter{ResponseWriter: w, zip: zip, wrote: true}, r)
	})
}

func TestDefect21_CompressionOutsideAndInside(t *testing.T) {
	body := strings.Repeat("<p>The same page for all, compressed or not.</p>\n", 100)
	plain := text(body, "Content-Type", "text/html")
	for name, compress := range map[string]middleware{"chi": chimiddleware.Compress(5), "late": lateGzip, "early": earlyGzip} {
		for place, build := range map[string]func(cache middleware) http.Handler{
			"outside": func(cache middleware) http.Handler { return compress(cache(plain)) },
			"inside":  func(cache middleware) http.Handler { return cache(compress(plain)) },
		} {
			for _, order := range [][]string{{"gzip", "", "gzip", ""}, {"", "gzip", "", "gzip"}, {"gzip", "gzip", ""}} {
				t.Run(fmt.Sprintf("%s %s %q", name, place, order), func(t *testing.T) {
					srv := serve(t, build(newCache(t).Page(time.Minute)))
					hits := 0
					for i, accept := range order {
						got := get(t, srv.URL, "Accept-Encoding", accept)
						if unzipped := unzip(got); got.status != 200 || got.err != nil || unzipped != body || got.header.Get("Content-Encoding") == "gzip" && accept == "" {
							t.Errorf("request %d for %q: got status %d, Content-Encoding %q, Content-Length %q, %d bytes (%d unzipped), error %v; want %d",
								i, accept, got.status, got.header.Get("Content-Encoding"), got.header.Get("Content-Length"), len(got.body), len(unzipped), got.err, len(body))
						}
						if got.hit() {
							hits++
						}
					}
					if hits == 0 {
						t.Error("got no hit, want some")
					}
				})
			}
		}
	}
}

func unzip(got reply) string {
	if got.header.Get("Content-Encoding") != "gzip" {
		return got.body
	}
	r, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
