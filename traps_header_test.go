package pagecache_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"
)

var silence = slog.New(slog.DiscardHandler)

// headerTraps do unusual things with the header map.
var headerTraps = []trap{
	{"many-lines", true, func(w http.ResponseWriter, r *http.Request) string {
		for _, link := range []string{"<c>", "<a>", "<b>", "<a>"} {
			w.Header().Add("Link", link)
		}
		return write(w, "page")
	}},
	{"edit-after-header", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("X-Early", "yes")
		w.WriteHeader(200)
		w.Header().Set("X-Late", "yes")
		w.Header().Set("X-Early", "no")
		w.Header().Del("Content-Type")
		return write(w, "page")
	}},
	{"edit-after-write", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header()["X-Early"] = []string{"yes"}
		said := write(w, "pa")
		w.Header().Set("X-Late", "yes")
		w.Header()["X-Early"][0] = "no"
		return said + write(w, "ge")
	}},
	{"edit-after-header-unstored", false, func(w http.ResponseWriter, r *http.Request) string {
		w.WriteHeader(404)
		w.Header().Set("X-Late", "yes")
		return write(w, "page")
	}},
	{"edit-after-header-too-much", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("X-Early", "yes")
		w.WriteHeader(200)
		w.Header().Set("X-Late", "yes")
		w.Header().Del("X-Early")
		return write(w, string(make([]byte, 1<<20+1)))
	}},
	{"no-date", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header()["Date"] = nil
		return write(w, "page")
	}},
	{"no-type", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header()["Content-Type"] = nil
		return write(w, "<html>page")
	}},
	{"empty-type", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Type", "")
		return write(w, "<html>page")
	}},
	{"own-date", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		return write(w, "page")
	}},
	{"lower-case-names", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header()["etag"] = []string{`"a"`}
		w.Header()["x-lower"] = []string{"yes"}
		return write(w, "page")
	}},
	{"sniff-html", true, func(w http.ResponseWriter, r *http.Request) string { return write(w, "<ht", "ml><body>") }},
	{"sniff-bytes", true, func(w http.ResponseWriter, r *http.Request) string { return write(w, "<", "h", "t", "m", "l", ">") }},
	{"sniff-blank-first", true, func(w http.ResponseWriter, r *http.Request) string {
		return write(w, "  \n", "\t", "<!DOCTYPE html>")
	}},
	{"sniff-png", true, func(w http.ResponseWriter, r *http.Request) string { return write(w, "\x89PN", "G\r\n\x1a\n") }},
	{"sniff-string", true, func(w http.ResponseWriter, r *http.Request) string {
		n, err := io.WriteString(w, "%PDF-")
		return say(n, err)
	}},
	{"encoded-unsniffed", true, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Encoding", "br")
		return write(w, "<html>")
	}},
	{"set-cookie", false, func(w http.ResponseWriter, r *http.Request) string {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		return write(w, "yours")
	}},
	{"reused-slice", true, func(w http.ResponseWriter, r *http.Request) string {
		buf := make([]byte, 4)
		for _, piece := range []string{"one ", "two ", "six "} {
			copy(buf, piece)
			_, _ = w.Write(buf)
		}
		copy(buf, "bad!")
		return ""
	}},
	{"slice-kept-by-handler", true, func(w http.ResponseWriter, r *http.Request) string {
		lines := []string{"yes", "spare"}
		w.Header()["X-Lines"] = lines[:1]
		said := write(w, "page")
		lines[0] = "no" // after the header was sent, as far as the handler knows
		return said
	}},
}

// streamTraps flush, or have trailers.
var streamTraps = []trap{
	{"flush-first", false, func(w http.ResponseWriter, r *http.Request) string {
		w.(http.Flusher).Flush()
		return write(w, "page")
	}},
	{"flush-between", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "first ")
		err := http.NewResponseController(w).Flush()
		return said + say(err) + write(w, "second")
	}},
	{"flush-last", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "page")
		w.(http.Flusher).Flush()
		return said
	}},
	{"flush-then-edit", false, func(w http.ResponseWriter, r *http.Request) string {
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "yes")
		w.WriteHeader(404)
		return write(w, "page")
	}},
	{"flush-then-short", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "9")
		said := write(w, "page")
		w.(http.Flusher).Flush()
		return said
	}},
	{"flush-then-long", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Length", "4")
		said := write(w, "page")
		w.(http.Flusher).Flush()
		return said + write(w, "more")
	}},
	{"controller", true, func(w http.ResponseWriter, r *http.Request) string {
		c, later := http.NewResponseController(w), time.Now().Add(time.Minute)
		said := say(c.SetReadDeadline(later), c.SetWriteDeadline(later), c.EnableFullDuplex())
		return said + write(w, "page")
	}},
	{"write-deadline-over", true, func(w http.ResponseWriter, r *http.Request) string {
		err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(-time.Second))
		_ = write(w, "page") // of no use to this client, but whole
		return say(err)
	}},
	{"event-stream", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Type", "text/event-stream")
		said := write(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		return said + write(w, "data: 2\n\n")
	}},
	{"event-stream-unflushed", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		return write(w, "data: 1\n\n")
	}},
	{"trailer-declared", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Trailer", "X-Sum")
		said := write(w, "page")
		w.Header().Set("X-Sum", "42")
		return said
	}},
	{"trailer-declared-flushed", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set("Trailer", "X-Sum, X-Other")
		said := write(w, "page")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "42")
		return said
	}},
	{"trailer-by-prefix-early", false, func(w http.ResponseWriter, r *http.Request) string {
		w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		return write(w, "page")
	}},
	{"trailer-by-prefix-late-flushed", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "page")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		return said
	}},
	{"trailer-by-prefix-late-much", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, string(make([]byte, 10<<10)))
		w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		return said
	}},
	{"trailer-by-prefix-late", false, func(w http.ResponseWriter, r *http.Request) string {
		said := write(w, "page")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		return said
	}},
}

// TestEventStreamInAnyCase: media types are case-insensitive (RFC 9110 section
// 8.3.1), and an event stream is never recorded.
func TestEventStreamInAnyCase(t *testing.T) {
	c := newCache(t)
	h := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "Text/Event-Stream; charset=utf-8")
		_ = write(w, "data: 1\n\n")
	}))
	if got := call(h, page("/")); got.reason() != "streaming" {
		t.Errorf("got %q, want detail=streaming", got.cacheStatus())
	}
}
