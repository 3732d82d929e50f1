package pagecache

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-pagecache/pagecache/internal/cachecontrol"
)

// response is a complete response as the decisions see it: header is the whole
// map, outer middleware's fields included, with canonical names.
type response struct {
	status int
	header http.Header
	body   []byte
}

// verdict is the decision to store a response, or why not.
type verdict struct {
	life   lifetime
	vary   []string // the fields that select it, canonical and sorted
	public bool     // requests with Authorization may share it
	why    Reason   // empty: store it
}

// storable decides whether and for how long a complete response may be stored
// and shared (RFC 9111 section 3, stricter where a server can be). said is what
// the handler said through its Control.
func storable(p *Policy, resp response, said remarks, now time.Time) (v verdict) {
	d := cachecontrol.Parse(resp.header["Cache-Control"])
	v.public = permitsSharing(d)
	if v.why = forbidden(p, resp, d, said); v.why != "" {
		return v
	}
	if v.vary, v.why = varyOn(p, resp.header); v.why != "" {
		return v
	}
	v.life, v.why = freshnessOf(p, resp.status, resp.header, now)
	if said.hasTTL && (v.why == "" || v.why == reasonNoFreshness || v.why == reasonTTLZero || storableIfExplicit(resp.status)) {
		v.life, v.why = saidLifetime(said.ttl, v.life)
	}
	return v
}

// saidLifetime is the lifetime that the handler set through its Control: it
// knows best, within the same limits.
func saidLifetime(ttl time.Duration, life lifetime) (lifetime, Reason) {
	if ttl <= 0 {
		return lifetime{}, reasonTTLZero
	}
	life.fresh, life.byPolicy = min(ttl, maxLifetime), false
	return life, ""
}

// forbidden is everything about a response that forbids storing it, whatever
// its lifetime.
func forbidden(p *Policy, resp response, d cachecontrol.Directives, said remarks) Reason {
	h := resp.header
	switch {
	case said.noStore:
		return reasonControl
	case neverStored(resp.status):
		return reasonStatus
	case present(h, "Set-Cookie"), present(h, "Set-Cookie2"):
		return reasonSetCookie
	case present(h, "Clear-Site-Data"):
		return reasonClearSiteData
	case present(h, "Trailer"):
		return reasonTrailers
	case !p.StoreNonce && hasNonce(h):
		return reasonCSPNonce
	case connectionNamesVital(h["Connection"]):
		return reasonConnection
	case len(h) > p.MaxFields, headerSize(h) > p.MaxHeader:
		return reasonHeaderTooLarge
	case len(resp.body) > p.MaxBody:
		return reasonTooLarge
	}
	if why := prohibition(d); why != "" {
		return why
	}
	for _, name := range p.TargetedFields {
		if d, ok := cachecontrol.ParseTargeted(h[name]); ok {
			return prohibition(d)
		}
	}
	return ""
}

// prohibition names the directive that forbids storing. The qualified forms
// (private="field") forbid it too: dropping fields keeps a body that was made
// for one user.
func prohibition(d cachecontrol.Directives) Reason {
	switch {
	case d.NoStore:
		return reasonNoStore
	case d.Private:
		return reasonPrivate
	case d.NoCache:
		return reasonNoCache
	}
	return ""
}

// permitsSharing reports whether a response to a request with Authorization may
// be shared (RFC 9111 section 3.5).
func permitsSharing(d cachecontrol.Directives) bool {
	_, sMaxAge := d.SMaxAge.Get()
	return d.Public || sMaxAge || d.MustRevalidate
}

// neverStored lists statuses that are no complete, final answer to a plain
// GET, whatever they say of themselves.
func neverStored(status int) bool {
	switch status {
	case http.StatusPartialContent, http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return true
	}
	return status < 200 || status > 599
}

func present(h http.Header, name string) bool {
	_, ok := h[name]
	return ok
}

// hasNonce reports whether a content security policy holds a nonce, which is
// worth nothing once it is sent twice.
func hasNonce(h http.Header) bool {
	for _, name := range [...]string{"Content-Security-Policy", "Content-Security-Policy-Report-Only"} {
		for _, line := range h[name] {
			if strings.Contains(strings.ToLower(line), "'nonce-") {
				return true
			}
		}
	}
	return false
}

// connectionNamesVital reports whether Connection lists a field that a cache
// cannot drop without changing what the response means.
func connectionNamesVital(lines []string) bool {
	for name := range listMembers(lines) {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Content-Type", "Content-Encoding", "Cache-Control", "Vary", "Set-Cookie", "Etag", "Host", "Date", "Expires", "Age", "Location":
			return true
		}
	}
	return false
}

func headerSize(h http.Header) (n int) {
	for name, lines := range h {
		for _, line := range lines {
			n += len(name) + len(line) + 4
		}
	}
	return n
}

// refused asks the Refuse functions. One that panics refuses.
func (rt *route) refused(resp response) (refuse bool) {
	defer func() {
		if p := recover(); p != nil {
			refuse = true
			rt.core.warn("refuse panic", fmt.Sprintf("a Refuse function panicked: %v", p))
		}
	}()
	for _, f := range rt.policy.Refuse {
		if f(resp.status, resp.header, resp.body) {
			return true
		}
	}
	return false
}

// canonical returns h with canonical names: h itself in the usual case. A
// handler may write h["set-cookie"], and it reaches the wire.
func canonical(h http.Header) http.Header {
	for name := range h {
		if canonicalName(name) != name {
			return canonicalCopy(h)
		}
	}
	return h
}

func canonicalCopy(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for name, lines := range h {
		name = http.CanonicalHeaderKey(name)
		if old, ok := c[name]; ok {
			lines = append(old[:len(old):len(old)], lines...)
		}
		c[name] = lines
	}
	return c
}

// listMembers yields the members of a comma-separated field over all its lines,
// trimmed, without the empty ones (RFC 9110 section 5.6.1).
func listMembers(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for member := range strings.SplitSeq(line, ",") {
				if member = strings.Trim(member, " \t"); member != "" && !yield(member) {
					return
				}
			}
		}
	}
}
