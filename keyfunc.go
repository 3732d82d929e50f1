package pagecache

import (
	"fmt"
	"net/http"
	"slices"
)

// KeyPart is one part of a key, for [Key].
type KeyPart interface {
	addTo(*keySpec)
}

// KeyFunc names the page of a request; it replaces the whole target, path and
// query, in the key. Requests with the same string (and scheme and host) share
// one page, also across routes: put into it what tells them apart. The empty
// string sends the request past the cache, and so does a panic. It is called
// on every request, before the look-up, and must be safe for concurrent use.
type KeyFunc func(r *http.Request) string

func (f KeyFunc) addTo(s *keySpec) { s.funcs = append(s.funcs, f) }

// Path keys by the path alone: every query string gets the same page.
func Path() KeyPart { return pathPart{} }

// Query keeps the path and keys by these query parameters only, each with all
// its values in the order received; the order of different names does not
// count. Names are compared as they stand in the URL. A parameter whose name
// is percent-encoded, or a pair that servers read in different ways (with a
// semicolon), stays in the key, listed or not.
func Query(names ...string) KeyPart {
	checkNames("Query", names, "use Path() for a key without the query")
	return queryPart{keep: names}
}

// IgnoreQuery keys by the path and the whole query but for these parameters,
// under the rules of [Query]. The handler still sees them, so they must not
// shape the page.
func IgnoreQuery(names ...string) KeyPart {
	checkNames("IgnoreQuery", names, "leave the part out to keep the whole query")
	return queryPart{drop: names}
}

// TrackingParams is [IgnoreQuery] for the parameters that advertising and mail
// campaigns add to links: utm_*, gclid, fbclid, msclkid and their like.
func TrackingParams() KeyPart { return queryPart{drop: trackingParams} }

var trackingParams = []string{
	"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id",
	"gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "twclid", "ttclid",
	"yclid", "igshid", "mc_cid", "mc_eid", "_hsenc", "_hsmi", "vero_id", "oly_enc_id", "oly_anon_id",
}

// Header adds all lines of a request field to the key; an absent field differs
// from an empty one. A field that names a user, such as Authorization, no
// longer keeps requests from the cache: each value gets pages of its own. Such
// values enter the key as a SHA-256 digest.
func Header(name string) KeyPart {
	if http.CanonicalHeaderKey(name) == "Host" {
		panic("pagecache: Header: Host is part of every key already; leave it out")
	}
	if !isToken(name) {
		panic(fmt.Sprintf("pagecache: Header: %q is no field name; give one such as \"Accept-Language\"", name))
	}
	return headerPart(http.CanonicalHeaderKey(name))
}

// Cookie adds all values of a cookie to the key, as a SHA-256 digest. The cookie
// no longer keeps requests out of the cache (another one still may), and the
// handler sees it, also where IgnoreCookies names it. The Cookie field that a
// filling handler sees is put together from the cookies of the key.
func Cookie(name string) KeyPart {
	if !isToken(name) {
		panic(fmt.Sprintf("pagecache: Cookie: %q is no cookie name; give one such as \"lang\"", name))
	}
	return cookiePart(name)
}

// PathValue replaces the path in the key by the route's pattern and the value
// of this wildcard; the query stays. It needs a place where the router has
// matched already: chi's With, or a handler registered with http.ServeMux.
// Elsewhere, and where the value is empty, requests go past the cache. Beside
// [Path] it leaves the query out as well.
func PathValue(name string) KeyPart {
	if name == "" {
		panic("pagecache: PathValue: the name is empty; give the wildcard's, such as \"id\" for /books/{id}")
	}
	return pathValuePart(name)
}

// ClientCertificate adds the client's TLS certificate to the key, as
// a SHA-256 digest, so that requests with one use the cache.
func ClientCertificate() KeyPart { return certPart{} }

type (
	pathPart      struct{}
	queryPart     struct{ keep, drop []string }
	headerPart    string
	cookiePart    string
	pathValuePart string
	certPart      struct{}
)

func (pathPart) addTo(s *keySpec)        { s.path = true }
func (p headerPart) addTo(s *keySpec)    { s.headers = append(s.headers, string(p)) }
func (p cookiePart) addTo(s *keySpec)    { s.cookies = append(s.cookies, string(p)) }
func (p pathValuePart) addTo(s *keySpec) { s.pathValues = append(s.pathValues, string(p)) }
func (certPart) addTo(s *keySpec)        { s.cert = true }

func (p queryPart) addTo(s *keySpec) {
	s.keepQuery = append(s.keepQuery, p.keep...)
	s.dropQuery = append(s.dropQuery, p.drop...)
}

// keySpec says what a key is made of. The zero value is the default key.
type keySpec struct {
	path       bool
	keepQuery  []string
	dropQuery  []string
	headers    []string
	cookies    []string
	pathValues []string
	funcs      []KeyFunc
	cert       bool
}

// isDefault reports whether the key is the default one, which needs no bytes
// to be put together.
func (s *keySpec) isDefault() bool {
	return !s.path && !s.cert && len(s.keepQuery)+len(s.dropQuery)+len(s.headers)+len(s.cookies)+len(s.pathValues)+len(s.funcs) == 0
}

// hasPath reports whether requests with different paths have different keys.
func (s *keySpec) hasPath() bool { return len(s.funcs)+len(s.pathValues) == 0 }

// hasWholeQuery reports whether requests with different targets have different
// keys.
func (s *keySpec) hasWholeQuery() bool {
	return s.hasPath() && !s.path && len(s.keepQuery)+len(s.dropQuery) == 0
}

// personal reports whether the key tells users apart.
func (s *keySpec) personal() bool {
	return s.cert || len(s.cookies) > 0 || slices.ContainsFunc(s.headers, func(name string) bool {
		class := fieldClass(name)
		return class == identityField || class == cookieField
	})
}

// keysHeader reports whether the field (in canonical form) is part of the key.
func (s *keySpec) keysHeader(name string) bool { return slices.Contains(s.headers, name) }

// check returns what is contradictory in the parts, or nothing.
func (s *keySpec) check() string {
	switch {
	case len(s.keepQuery) > 0 && len(s.dropQuery) > 0:
		return "Key: Query lists the parameters that count and IgnoreQuery those that do not; give one of them"
	case s.path && len(s.keepQuery)+len(s.dropQuery) > 0:
		return "Key: Path() leaves the whole query out; give it or the query parts, not both"
	case len(s.funcs) > 0 && (s.path || len(s.keepQuery)+len(s.dropQuery)+len(s.pathValues) > 0):
		return "Key: a KeyFunc replaces the whole target, so Path, Query, IgnoreQuery and PathValue have no effect beside it"
	}
	return ""
}

func checkNames(part string, names []string, wayOut string) {
	if len(names) == 0 {
		panic(fmt.Sprintf("pagecache: %s: no names given; %s", part, wayOut))
	}
	if slices.Contains(names, "") {
		panic(fmt.Sprintf("pagecache: %s: an empty name in %q", part, names))
	}
}
