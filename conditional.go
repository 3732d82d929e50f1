package pagecache

import (
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache/internal/etag"
	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// notModified evaluates a request's conditions against the validators of the
// representation it would get (RFC 9110 section 13.2.2, RFC 9111 section
// 4.3.2): If-None-Match by weak comparison, and only without it
// If-Modified-Since.
func notModified(request http.Header, tag string, modified time.Time) bool {
	if lines := request["If-None-Match"]; len(lines) > 0 {
		return etag.WeakMatch(lines, tag)
	}
	since, _, ok := httpdate.Field(request["If-Modified-Since"], modified)
	return ok && !modified.IsZero() && !modified.After(since)
}

// validators reads the validators of a response: its entity tag, and its
// Last-Modified or else its Date (RFC 9111 section 4.3.2).
func validators(h http.Header, now time.Time) (tag string, modified time.Time) {
	if lines := h["Etag"]; len(lines) > 0 {
		tag = lines[0]
	}
	if t, _, ok := httpdate.Field(h["Last-Modified"], now); ok {
		return tag, t
	}
	modified, _, _ = httpdate.Field(h["Date"], now)
	return tag, modified
}

// rangeApplies evaluates If-Range (RFC 9110 section 13.1.5): the range counts
// only if the stored representation is the very one that the client has.
func rangeApplies(request http.Header, tag string, strongDate string) bool {
	lines := request["If-Range"]
	switch {
	case len(lines) == 0:
		return true
	case len(lines) > 1:
		return false
	case etag.Valid(lines[0]):
		return etag.StrongEqual(lines[0], tag)
	}
	return lines[0] == strongDate && strongDate != ""
}

// sendNotModified sends 304 with the fields that RFC 9110 section 15.4.5 asks
// for: everything that a 200 would have but what describes the content.
func sendNotModified(w http.ResponseWriter, h http.Header) {
	_, tagged := h["Etag"]
	for _, name := range [...]string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range"} {
		delete(h, name)
	}
	if tagged {
		delete(h, "Last-Modified")
	}
	w.WriteHeader(http.StatusNotModified)
}

// answersCondition answers the client's own condition, which the handler did
// not get to see, for a response that is not stored (RFC 9110 section 13).
func (x *fill) answersCondition(status int, h http.Header) bool {
	if !x.admission.has(conditional) || status != http.StatusOK {
		return false
	}
	tag, modified := validators(canonical(h), time.Now())
	if !notModified(x.r.Header, tag, modified) {
		return false
	}
	appendStatusLine(h, x.rec.line)
	x.rt.policy.hideTags(h)
	sendNotModified(x.w, h)
	x.rec.status = http.StatusNotModified
	return true
}
