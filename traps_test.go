package pagecache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// trap is a handler that does something unusual. A client must not be able to
// tell from the answer that there is a cache, except by the hits.
type trap struct {
	name   string
	stored bool // the next request is a hit
	talk   talker
}

// say formats what a handler got to see.
func say(args ...any) string { return fmt.Sprint(args...) }

func write(w io.Writer, texts ...string) string {
	var said []string
	for _, text := range texts {
		n, err := w.Write([]byte(text))
		said = append(said, say(n, " ", err))
	}
	return strings.Join(said, "; ")
}

// ends are the ways a handler can end without returning.
var ends = map[string]func(){
	"panic":         func() { panic("out of paper") },
	"abort-handler": func() { panic(http.ErrAbortHandler) },
	"goexit":        runtime.Goexit,
}

func endTraps() (traps []trap) {
	for name, end := range ends {
		traps = append(traps,
			trap{name + "-first", false, func(w http.ResponseWriter, r *http.Request) string { end(); return "" }},
			trap{name + "-after-header", false, func(w http.ResponseWriter, r *http.Request) string {
				w.WriteHeader(http.StatusOK)
				end()
				return ""
			}},
			trap{name + "-after-little", false, func(w http.ResponseWriter, r *http.Request) string {
				write(w, "half a page")
				end()
				return ""
			}},
			trap{name + "-after-much", false, func(w http.ResponseWriter, r *http.Request) string {
				write(w, strings.Repeat("x", 64<<10))
				end()
				return ""
			}},
			trap{name + "-after-flush", false, func(w http.ResponseWriter, r *http.Request) string {
				write(w, "first part")
				_ = http.NewResponseController(w).Flush()
				end()
				return ""
			}},
			trap{name + "-with-declared-length", false, func(w http.ResponseWriter, r *http.Request) string {
				w.Header().Set("Content-Length", "9")
				write(w, "some page") // complete, and yet the handler failed
				end()
				return ""
			}},
		)
	}
	return traps
}

var statusTraps = []trap{
	{"plain", true, func(w http.ResponseWriter, r *http.Request) string { return write(w, "hello") }},
	{"pieces", true, func(w http.ResponseWriter, r *http.Request) string { return write(w, "he", "", "llo") }},
	{"silent", false, func(w http.ResponseWriter, r *http.Request) string { return "nothing" }},
	{"header-only", true, func(w http.ResponseWriter, r *http.Request) string { w.WriteHeader(200); return "" }},
	{"empty-write", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "")
		w.WriteHeader(404) // too late: the empty write sent 200
		return said
	}},
	{"not-found", false, func(w http.ResponseWriter, r *http.Request) string { http.NotFound(w, r); return "" }},
	{"moved", true, func(w http.ResponseWriter, r *http.Request) string {
		http.Redirect(w, r, "/plain", http.StatusMovedPermanently)
		return ""
	}},
	{"found", false, func(w http.ResponseWriter, r *http.Request) string {
		http.Redirect(w, r, "/plain", http.StatusFound)
		return ""
	}},
	{"superfluous", false, func(w http.ResponseWriter, r *http.Request) string {
		w.WriteHeader(200)
		w.WriteHeader(201)
		said := write(w, "fine")
		w.WriteHeader(404)
		return said
	}},
	{"superfluous-after-error", false, func(w http.ResponseWriter, r *http.Request) string {
		w.WriteHeader(500)
		w.WriteHeader(200)
		return write(w, "broken")
	}},
	{"error-too-late", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "half a page")
		w.WriteHeader(504) // too late for the client, not for the cache
		return said
	}},
	{"interim-after-final", true, func(w http.ResponseWriter, r *http.Request) string {
		w.WriteHeader(200)
		w.WriteHeader(103)
		return write(w, "fine")
	}},
	{"code-0", false, func(w http.ResponseWriter, r *http.Request) string { w.WriteHeader(0); return "" }},
	{"code-99", false, func(w http.ResponseWriter, r *http.Request) string { w.WriteHeader(99); return "" }},
	{"code-1000", false, func(w http.ResponseWriter, r *http.Request) string { w.WriteHeader(1000); return "" }},
	{"code-799", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(799)
		return write(w, "odd")
	}},
	{"body-on-204", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(204)
		return write(w, "none")
	}},
	{"body-on-304", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("ETag", `"a"`)
		w.WriteHeader(304)
		return write(w, "none")
	}},
	{"early-hints", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Del("Link")
		return write(w, "page")
	}},
	{"early-hints-kept", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Add("Link", "</b.css>; rel=preload")
		w.WriteHeader(103)
		w.WriteHeader(200)
		return write(w, "page")
	}},
	{"processing", true, func(w http.ResponseWriter, r *http.Request) string { w.WriteHeader(102); return write(w, "page") }},
	{"connection-close", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Connection", "close")
		return write(w, "last")
	}},
}

var lengthTraps = []trap{
	{"length-right", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "5")
		return write(w, "hello")
	}},
	{"length-zero", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(200)
		return ""
	}},
	{"body-short", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "9")
		return write(w, "hello")
	}},
	{"body-missing", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "9")
		w.WriteHeader(200)
		return ""
	}},
	{"body-long", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "3")
		return write(w, "hello")
	}},
	{"body-long-second", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "5")
		return write(w, "hello", " world", "!")
	}},
	{"length-after-write", true, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "hello")
		w.Header().Set("Content-Length", "99")
		return said
	}},
	{"much", true, func(w http.ResponseWriter, r *http.Request) string { return write(w, strings.Repeat("hello ", 20<<10)) }},
	{"too-much", false, func(w http.ResponseWriter, r *http.Request) string {
		return write(w, strings.Repeat("a", 1<<20), "b", strings.Repeat("c", 1<<20))
	}},
	{"too-much-declared", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", fmt.Sprint(3<<20))
		return write(w, strings.Repeat("abc", 1<<20))
	}},
}

// copyTraps send their body by io.Copy, which looks for ReadFrom.
func copyTraps(t *testing.T) []trap {
	file := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(file, bytes.Repeat([]byte("file "), 50<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(src func() io.Reader) talker {
		return func(w http.ResponseWriter, r *http.Request) string {
			n, err := io.Copy(w, src())
			if err != nil {
				http.Error(w, "cannot read", http.StatusInternalServerError)
			}
			return say(n, err)
		}
	}
	text := func(n int) func() io.Reader {
		return func() io.Reader { return struct{ io.Reader }{strings.NewReader(strings.Repeat("x", n))} }
	}
	broken := errors.New("broken")
	return []trap{
		{"copy-small", true, from(text(10))},
		{"copy-large", true, from(text(100 << 10))},
		{"copy-huge", false, from(text(3 << 20))},
		{"copy-one-byte-reads", true, from(func() io.Reader { return iotest.OneByteReader(text(700)()) })},
		{"copy-data-with-eof", true, from(func() io.Reader { return iotest.DataErrReader(text(700)()) })},
		{"copy-unreadable", false, from(func() io.Reader { return iotest.ErrReader(broken) })},
		{"copy-empty-then-error", false, func(w http.ResponseWriter, r *http.Request) string {
			n, err := io.Copy(w, text(0)())
			w.WriteHeader(http.StatusBadGateway) // nothing was copied, so nothing was sent
			return say(n, err)
		}},
		{"copy-file", true, func(w http.ResponseWriter, r *http.Request) string {
			f, err := os.Open(file)
			if err != nil {
				return err.Error()
			}
			defer f.Close()
			n, err := io.Copy(w, f)
			return say(n, err)
		}},
		{"serve-file", true, func(w http.ResponseWriter, r *http.Request) string { http.ServeFile(w, r, file); return "" }},
		{"write-string", true, func(w http.ResponseWriter, r *http.Request) string {
			n, err := w.(io.StringWriter).WriteString("a string")
			return say(n, err)
		}},
	}
}

// TestTraps serves each trap bare and wrapped, side by side: the first and the
// second answer, and the answer to a HEAD request, must be the same.
func TestTraps(t *testing.T) {
	var all []trap
	for _, list := range [][]trap{endTraps(), statusTraps, lengthTraps, copyTraps(t), headerTraps, streamTraps} {
		all = append(all, list...)
	}
	talkers := make(map[string]talker, len(all))
	for _, trap := range all {
		talkers[trap.name] = trap.talk
	}
	for _, proto := range protocols {
		t.Run(strings.ReplaceAll(proto, "/", " "), func(t *testing.T) {
			bare := newHouse(t, proto, func(h http.Handler) http.Handler { return h }, talkers)
			wrapped := newHouse(t, proto, newCache(t, pagecache.WithLogger(silence)).Page(time.Minute), talkers)
			for _, trap := range all {
				t.Run(trap.name, func(t *testing.T) { trap.compare(t, bare, wrapped) })
			}
		})
	}
}

func (trap trap) compare(t *testing.T, bare, wrapped *house) {
	path := "/" + trap.name
	want := bare.ask(t, http.MethodGet, path)
	miss := wrapped.ask(t, http.MethodGet, path)
	for _, d := range miss.differences(want) {
		t.Errorf("first answer: %s", d)
	}
	if miss.said != want.said {
		t.Errorf("the handler saw %.200q, want %.200q", miss.said, want.said)
	}
	again := wrapped.ask(t, http.MethodGet, path)
	if again.hit() != trap.stored {
		t.Errorf("second answer: got Cache-Status %q, want a hit: %v", again.header.Get("Cache-Status"), trap.stored)
	}
	if trap.name == "connection-close" || trap.name == "write-deadline-over" {
		return // meant for one connection
	}
	for _, d := range again.differences(want) {
		t.Errorf("second answer: %s", d)
	}
	head, wantHead := wrapped.ask(t, http.MethodHead, path), bare.ask(t, http.MethodHead, path)
	if head.status != wantHead.status || head.body != "" {
		t.Errorf("HEAD: got status %d, body %q; want status %d", head.status, head.body, wantHead.status)
	}
}
