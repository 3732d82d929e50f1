package header

import (
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache/internal/etag"
	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// NotModified answers a conditional request (RFC 9110 section 13) for a handler
// that knows the entity tag of its page, or when the page was modified, before
// it does the expensive work. It returns true if the response is sent:
//
//	if header.NotModified(w, r, book.Revision, book.Changed) {
//		return
//	}
//
// A client whose copy is current gets 304, without the fields that describe a
// body, and a client whose If-Match, If-Unmodified-Since or (with methods other
// than GET and HEAD) If-None-Match fails gets 412, which nobody keeps. Conditions
// are for requests that would succeed, so call it when nothing but the work is
// left to do.
//
// The tag is an entity tag, "x" or W/"x" with its quotes. A tag without them is
// put into quotes; one that no quotes make an entity tag (it has blanks, control
// characters or quotes inside) is not sent and equals no other. An empty tag and
// a zero time say that there is none; both together say that there is no page
// yet, so that "If-Match: *" fails and "If-None-Match: *" holds. Times count in
// whole seconds.
//
// ETag and Last-Modified are set on w for GET and HEAD, and with 412. They are
// not for other methods that go on: what a handler changes has new ones.
//
// A request that fills a pagecache.Cache comes without If-None-Match and
// If-Modified-Since. NotModified then returns false, the page is stored with its
// ETag and Last-Modified, and the cache answers the conditions of the hits.
func NotModified(w http.ResponseWriter, r *http.Request, tag string, modified time.Time) bool {
	now := time.Now()
	c := current{exists: tag != "" || !modified.IsZero(), tag: entityTag(tag), modified: modified.Truncate(time.Second)}
	status := c.answer(r.Method, r.Header, now)
	h := w.Header()
	if status != 0 || reads(r.Method) {
		c.describe(h, now)
	}
	switch status {
	case 0:
		return false
	case http.StatusPreconditionFailed:
		forbid(h) // a lifetime that is set already was meant for the page
	}
	for _, name := range [...]string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range"} {
		delete(h, name)
	}
	w.WriteHeader(status)
	return true
}

// current is what a handler knows of its page.
type current struct {
	exists   bool
	tag      string    // an entity tag or empty
	modified time.Time // in whole seconds, or zero
}

// entityTag returns tag as an entity tag, or nothing if it cannot be one.
func entityTag(tag string) string {
	if tag == "" || etag.Valid(tag) {
		return tag
	}
	if quoted := `"` + tag + `"`; etag.Valid(quoted) {
		return quoted
	}
	return ""
}

// describe sets the validators. A page that will only be modified has the
// present time (RFC 9110 section 8.8.2.1).
func (c current) describe(h http.Header, now time.Time) {
	if c.tag != "" {
		replace(h, "Etag", c.tag)
	}
	if c.modified.After(now) {
		c.modified = now
	}
	if !c.modified.IsZero() {
		replace(h, "Last-Modified", httpdate.Format(c.modified))
	}
}

// answer evaluates the conditions in their order (RFC 9110 section 13.2.2) and
// returns the status that they call for, 0 if the handler should go on.
func (c current) answer(method string, h http.Header, now time.Time) int {
	if selectsNothing(method) {
		return 0
	}
	if lines := h["If-Match"]; len(lines) > 0 {
		if !c.matchesStrongly(lines) {
			return http.StatusPreconditionFailed
		}
	} else if t, _, ok := httpdate.Field(h["If-Unmodified-Since"], now); ok && c.modified.After(t) {
		return http.StatusPreconditionFailed
	}
	if lines := h["If-None-Match"]; len(lines) > 0 {
		switch {
		case !c.exists || !etag.WeakMatch(lines, c.tag):
			return 0
		case reads(method):
			return http.StatusNotModified
		}
		return http.StatusPreconditionFailed
	}
	t, _, ok := httpdate.Field(h["If-Modified-Since"], now)
	if ok && reads(method) && !c.modified.IsZero() && !c.modified.After(t) {
		return http.StatusNotModified
	}
	return 0
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// selectsNothing lists the methods that ignore conditions (RFC 9110 section
// 13.2.1).
func selectsNothing(method string) bool {
	return method == http.MethodConnect || method == http.MethodOptions || method == http.MethodTrace
}

// matchesStrongly evaluates the lines of an If-Match field (RFC 9110 section
// 13.1.1). Members that are no entity tags are skipped.
func (c current) matchesStrongly(lines []string) bool {
	if len(lines) == 1 && trimOWS(lines[0]) == "*" {
		return c.exists
	}
	for _, line := range lines {
		for line != "" {
			var member string
			member, line = cutTag(line)
			if etag.StrongEqual(member, c.tag) {
				return true
			}
		}
	}
	return false
}

// cutTag splits the first member off a list of entity tags. Commas inside
// quotes do not separate; there are no escapes.
func cutTag(s string) (member, rest string) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return trimOWS(s[:i]), s[i+1:]
		}
	}
	return trimOWS(s), ""
}
