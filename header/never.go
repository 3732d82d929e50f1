package header

import (
	"net/http"
	"strings"
)

// NeverCache is middleware whose responses nobody keeps: no browser, no proxy
// and no cache around it, whatever the handler and the middleware inside say.
// Every response, errors and 304 included, gets
//
//	Cache-Control: no-store, no-cache, private, must-revalidate, max-age=0
//	Expires: Thu, 01 Jan 1970 00:00:00 GMT
//
// and loses the fields that tell some caches otherwise: targeted ones such as
// CDN-Cache-Control (RFC 9213), Surrogate-Control and X-Accel-Expires. A browser
// may still show the page when its user goes back.
func NeverCache(next http.Handler) http.Handler {
	return wrap("NeverCache", next, func(h http.Header, _ int) { forbid(h) })
}

// never has a word for each kind of cache: those that do not know one of the
// directives know another.
const never = "no-store, no-cache, private, must-revalidate, max-age=0"

const longAgo = "Thu, 01 Jan 1970 00:00:00 GMT"

// forbid replaces all that a response says to caches.
func forbid(h http.Header) {
	for name := range h {
		if speaksToCaches(name) {
			delete(h, name)
		}
	}
	h["Cache-Control"] = []string{never}
	h["Expires"] = []string{longAgo}
}

// speaksToCaches reports whether a field says how long a response may be kept.
// Targeted fields count instead of Cache-Control for those that know them (RFC
// 9213 section 2.2), so they cannot stay.
func speaksToCaches(name string) bool {
	switch name = strings.ToLower(name); name {
	case "cache-control", "expires", "surrogate-control", "x-accel-expires":
		return true
	}
	return strings.HasSuffix(name, "-cache-control")
}
