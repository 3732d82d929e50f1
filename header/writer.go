package header

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"reflect"
)

// edit changes the header of a final response just before it is sent.
type edit func(h http.Header, status int)

// wrap returns a handler that runs next and edits the header of its response.
func wrap(where string, next http.Handler, e edit) http.Handler {
	if isNil(next) {
		panic("pagecache/header: " + where + ": the handler is nil; give it the handler whose responses are to be marked")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ew := &writer{w: w, edit: e}
		status := http.StatusInternalServerError // if it panics: what somebody outside will make of it
		defer func() { ew.seal(status) }()
		next.ServeHTTP(ew, r)
		status = http.StatusOK
	})
}

// isNil reports whether h is nil or holds a nil pointer, map, func or the like.
func isNil(h http.Handler) bool {
	if h == nil {
		return true
	}
	switch v := reflect.ValueOf(h); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Chan, reflect.Slice:
		return v.IsNil()
	}
	return false
}

// writer is a response writer that edits the header when it is sent.
type writer struct {
	w      http.ResponseWriter
	edit   edit
	sealed bool // the header is edited and as good as sent
}

// seal edits the header, once.
func (w *writer) seal(status int) {
	if !w.sealed {
		w.sealed = true
		w.edit(w.w.Header(), status)
	}
}

// Header returns the live map, so that the handler can change what outer
// middleware set.
func (w *writer) Header() http.Header { return w.w.Header() }

// Unwrap is for http.ResponseController: deadlines and full duplex pass.
func (w *writer) Unwrap() http.ResponseWriter { return w.w }

// WriteHeader seals the header for a final status. Interim responses (RFC 9110
// section 15.2) pass, and so do mistakes that net/http panics at.
func (w *writer) WriteHeader(status int) {
	if 200 <= status && status <= 999 || status == http.StatusSwitchingProtocols {
		w.seal(status)
	}
	w.w.WriteHeader(status)
}

// Write makes the implicit WriteHeader, which it leaves to the writer inside:
// net/http looks for the content type in the bytes.
func (w *writer) Write(p []byte) (int, error) {
	w.seal(http.StatusOK)
	return w.w.Write(p)
}

// WriteString is Write without copying the string first.
func (w *writer) WriteString(s string) (int, error) {
	w.seal(http.StatusOK)
	return io.WriteString(w.w, s)
}

// firstBytes is how much goes through Write before ReadFrom hands over: net/http
// looks at no more for the content type.
const firstBytes = 512

// ReadFrom lets net/http use its fast path. The header is sent with the first
// bytes: a source that cannot be read leaves the handler free to answer with an
// error, as with net/http.
func (w *writer) ReadFrom(src io.Reader) (n int64, err error) {
	if !w.sealed {
		n, err = io.Copy(writeOnly{w}, io.LimitReader(src, firstBytes))
		if err != nil || n < firstBytes {
			return n, err
		}
	}
	rest, err := io.Copy(w.w, src)
	return n + rest, err
}

// writeOnly hides ReadFrom.
type writeOnly struct{ io.Writer }

// Flush sends what there is.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController. Where nothing can flush,
// nothing is sent: the handler may still answer that it cannot stream.
func (w *writer) FlushError() error {
	if !flushes(w.w) {
		return http.ErrNotSupported
	}
	if !w.sealed {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.w).Flush()
}

// flushes reports whether http.ResponseController finds something in w that
// flushes.
func flushes(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case *writer:
			w = inner.w
		case http.Flusher, interface{ FlushError() error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

// Hijack hands over the connection.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.w).Hijack()
}
