package pagecache

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-pagecache/pagecache/internal/cachecontrol"
	"github.com/go-pagecache/pagecache/internal/etag"
	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// change is what the handler did to a field of the live header map.
type change uint8

const (
	set change = iota
	add
	remove
)

// field is one change, to be made again on the header map of each hit. Its
// lines have no spare capacity, so appending to them copies. nil lines are a
// value: they keep net/http from adding a field of its own.
type field struct {
	name   string
	lines  []string
	change change
}

// is compares by the canonical name; handlers may write others.
func (f *field) is(canonicalName string) bool {
	return f.name == canonicalName || len(f.name) == len(canonicalName) && strings.EqualFold(f.name, canonicalName)
}

// replay makes the changes on h. It is the inner loop of every hit.
func replay(h http.Header, fields []field) {
	for i := range fields {
		f := &fields[i]
		switch f.change {
		case set:
			h[f.name] = f.lines
		case add:
			if old := h[f.name]; len(old) > 0 {
				h[f.name] = append(old[:len(old):len(old)], f.lines...)
			} else {
				h[f.name] = f.lines
			}
		case remove:
			delete(h, f.name)
		}
	}
}

// difference returns what turned before into after, without the fields that
// are never replayed. room is for fields to be added.
func difference(before, after *snapshot, room int) []field {
	fields := make([]field, 0, len(after.fields)+room)
	connection := after.all("Connection")
	for _, f := range after.fields {
		if !replayable(f.name, connection) || !isToken(f.name) { // net/http drops what is no field name
			continue
		}
		old, had := before.exact(f.name)
		if f, changed := compare(f.name, old, had, f.lines); changed {
			fields = append(fields, f)
		}
	}
	if before == nil {
		return fields
	}
	for _, f := range before.fields {
		if _, kept := after.exact(f.name); !kept {
			fields = append(fields, field{name: f.name, change: remove})
		}
	}
	return fields
}

// compare finds how one field changed. Lines that outer middleware had set and
// that still stand first were appended to: on a hit, whatever stands there
// then stays in front. Vary is always appended to, for it only grows.
func compare(name string, old []string, had bool, lines []string) (f field, changed bool) {
	switch {
	case !had && name == "Vary":
		return field{name, lines, add}, true
	case !had, (old == nil) != (lines == nil):
		return field{name, lines, set}, true
	case len(lines) < len(old) || !equalLines(old, lines[:len(old)]):
		return field{name, lines, set}, true
	case len(lines) > len(old):
		return field{name, lines[len(old):], add}, true
	}
	return field{}, false
}

func equalLines(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// replayable reports whether a field may be stored: hop-by-hop fields (RFC 9111
// section 3.1), those that Connection names, and fields that belong to one
// exchange are not.
func replayable(name string, connection []string) bool {
	canonicalName := canonicalName(name)
	switch canonicalName {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings", "Set-Cookie", "Set-Cookie2", "Age", "Content-Length",
		"Server-Timing", "X-Request-Id", "X-Correlation-Id", "Traceparent", "Tracestate":
		return false
	}
	if strings.HasPrefix(canonicalName, "Ratelimit") || strings.HasPrefix(canonicalName, "X-Ratelimit") || strings.HasPrefix(canonicalName, http.TrailerPrefix) {
		return false
	}
	for member := range listMembers(connection) {
		if strings.EqualFold(member, name) {
			return false
		}
	}
	return true
}

// canonicalName is http.CanonicalHeaderKey for names that mostly are canonical.
func canonicalName(name string) string {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' || !upper && 'A' <= c && c <= 'Z' || c >= 0x80 {
			return http.CanonicalHeaderKey(name)
		}
		upper = c == '-'
	}
	return name
}

// compact copies all names and lines into one string each entry owns, so that
// nothing of the handler's memory is kept and what is kept can be counted.
func compact(fields []field) {
	size, count := 0, 0
	for _, f := range fields {
		size += len(f.name)
		count += len(f.lines)
		for _, line := range f.lines {
			size += len(line)
		}
	}
	var text strings.Builder
	text.Grow(size)
	lines := make([]string, 0, count)
	for i := range fields {
		f := &fields[i]
		f.name = intern(&text, f.name)
		if f.lines == nil {
			continue
		}
		start := len(lines)
		for _, line := range f.lines {
			lines = append(lines, intern(&text, line))
		}
		f.lines = lines[start:len(lines):len(lines)]
	}
}

// intern appends s to text, which must have room for it, and returns the copy.
// Line ends become blanks, as they do when net/http sends them, and so does NUL.
func intern(text *strings.Builder, s string) string {
	start := text.Len()
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 || strings.IndexByte(s, 0) >= 0 {
		s = lineEndsToBlanks.Replace(s)
	}
	text.WriteString(s)
	return text.String()[start:]
}

var lineEndsToBlanks = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// maxPinned is how many fields a fill may add to the handler's own.
const maxPinned = 6

// pin adds the fields that net/http would otherwise make up at each hit, as the
// client of the fill sees them: Date, Content-Type, Content-Length; and those
// that the policy adds.
func pin(fields []field, p *Policy, status int, h *snapshot, body []byte, fresh time.Duration, now time.Time) []field {
	one := make([]string, 0, maxPinned)
	add := func(name, line string) {
		one = append(one, line)
		fields = append(fields, field{name: name, lines: one[len(one)-1:]})
	}
	if !h.has("Date") {
		add("Date", httpdate.Format(now))
	}
	if hasBody(status) {
		add("Content-Length", strconv.Itoa(len(body)))
		if sniffs(h, body) {
			add("Content-Type", http.DetectContentType(body))
		}
	}
	if p.WeakETag && status == http.StatusOK && !h.has("Etag") {
		add("Etag", etag.Weak(body))
	}
	if p.ClientMaxAge > 0 {
		maxAge := p.ClientMaxAge
		if status >= 400 {
			maxAge = min(maxAge, fresh) // an error should not outlive us at the clients
		}
		if line := clientCacheControl(h, maxAge, p.keys.personal()); line != "" {
			add("Cache-Control", line)
			add("Expires", httpdate.Format(now.Add(maxAge)))
		}
	}
	return fields
}

// sniffs reports whether net/http would find the type out by looking: the
// handler said nothing, not even on purpose by a nil value, and the bytes are
// not encoded.
func sniffs(h *snapshot, body []byte) bool {
	return len(body) > 0 && !h.has("Content-Type") && !h.has("Content-Encoding") && !h.has("Transfer-Encoding")
}

// clientCacheControl tells clients how long they may keep the page, unless the
// handler's own fields do. Of a page that is one user's, caches between here and
// the client, which do not know our key, are told to keep off.
func clientCacheControl(h *snapshot, maxAge time.Duration, personal bool) string {
	lines := h.all("Cache-Control")
	if _, ok := cachecontrol.Parse(lines).MaxAge.Get(); ok || h.has("Expires") {
		return ""
	}
	if personal {
		lines = append(lines, "private")
	}
	return strings.Join(append(lines, "max-age="+strconv.FormatInt(int64(maxAge/time.Second), 10)), ", ")
}

// encodedOutside reports whether middleware outside has announced, before the
// cache was asked, that it encodes the body.
func encodedOutside(live http.Header, e *entry) bool {
	return !e.encoded && present(live, "Content-Encoding")
}

// hasBody reports whether responses of this status have content (RFC 9110
// section 6.4.1).
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// hideTags keeps the fields that hold tags from the client.
func (p *Policy) hideTags(h http.Header) {
	if !p.HideTags {
		return
	}
	for name := range h {
		if slices.Contains(p.TagFields, canonicalName(name)) {
			delete(h, name)
		}
	}
}
