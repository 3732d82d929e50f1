package pagecache

import (
	"crypto/sha256"
	"hash/maphash"
	"math/bits"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// key is what selects a stored response. Identity is the whole key: the hash
// only finds the place to look.
//
// Nearly all requests have a plain key: no bytes are put together for it, its
// parts are hashed and compared where they lie. Every other key is one framed
// string (see appendKey); no plain key equals a framed one.
type key struct {
	hash    uint64
	version string
	host    string
	target  string
	tls     bool
	frames  string
	raw     []byte // frames while they lie in a lent buffer
}

// equal reports whether o, a key at rest, is this one.
func (k *key) equal(o *key) bool {
	if k.raw != nil {
		return string(k.raw) == o.frames
	}
	return k.target == o.target && k.host == o.host && k.tls == o.tls && k.frames == o.frames && k.version == o.version
}

// owned returns the key at rest, which shares no memory with a request or with
// a lent buffer.
func (k *key) owned() key {
	if k.raw != nil {
		return key{hash: k.hash, frames: string(k.raw)}
	}
	o := *k
	o.host, o.target = strings.Clone(k.host), strings.Clone(k.target)
	return o
}

// keyBuffers lends the bytes in which framed keys are put together.
var keyBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, 512)) }}

// releaseKey gives a buffer back, unless one request made it huge.
func releaseKey(buf *[]byte) {
	if cap(*buf) <= 16<<10 {
		keyBuffers.Put(buf)
	}
}

// plainKey fills k if the request's key can be plain.
func (rt *route) plainKey(k *key, r *http.Request, a admission) bool {
	target := received(r)
	if !rt.plain || a.has(routed) || !sameTarget(target, r.URL) {
		return false
	}
	host, hash := rt.core.host(r.Host)
	k.version, k.host, k.target, k.tls = rt.policy.Version, host, target, r.TLS != nil
	k.hash = mix(maphash.String(rt.core.seed, k.target), hash)
	if k.tls {
		k.hash = ^k.hash
	}
	return true
}

// hostHash is a host in lower case with its hash.
type hostHash struct {
	received, lower string
	hash            uint64
}

// host returns a host in lower case and its hash. Most sites have one host, so
// the first one seen is remembered.
func (c *core) host(received string) (lower string, hash uint64) {
	first := c.firstHost.Load()
	if first != nil && first.received == received {
		return first.lower, first.hash
	}
	lower = strings.ToLower(received)
	hash = maphash.String(c.seed, lower)
	if first == nil {
		c.firstHost.CompareAndSwap(nil, &hostHash{strings.Clone(received), strings.Clone(lower), hash})
	}
	return lower, hash
}

// framedKey fills k with a framed key that lies in buf.
func (rt *route) framedKey(k *key, buf *[]byte, r *http.Request, a admission) bool {
	b, ok := rt.appendKey((*buf)[:0], r, a)
	*buf = b
	k.raw, k.hash = b, maphash.Bytes(rt.core.seed, b)
	return ok
}

// sameTarget reports whether the URL still is what the request line said, so
// that the request line alone tells two targets apart. Encoded paths, "#" and
// an empty query do not pass; they take the framed key, which covers both.
func sameTarget(target string, u *url.URL) bool {
	if u.RawPath != "" || u.ForceQuery {
		return false
	}
	if u.RawQuery == "" {
		return u.Path == target
	}
	n := len(u.Path)
	return len(target) == n+1+len(u.RawQuery) && target[:n] == u.Path && target[n] == '?' && target[n+1:] == u.RawQuery
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	return hi ^ lo
}

// appendKey appends the framed key: a sequence of tag bytes, each followed by
// a number of frames that the tag fixes, or by a counted list. It can be read
// back in one way only, so different parts never give equal keys.
func (rt *route) appendKey(b []byte, r *http.Request, a admission) (_ []byte, ok bool) {
	spec := &rt.policy.keys
	b = frame.Append(append(b, 'v'), rt.policy.Version)
	b = frame.Append(append(b, 's'), scheme(r))
	b = frame.Append(append(b, 'h'), strings.ToLower(r.Host))
	switch {
	case len(spec.funcs) > 0:
		b, ok = appendFuncs(b, spec.funcs, r)
	case len(spec.pathValues) > 0:
		b, ok = appendPathValues(b, spec, r)
	default:
		b, ok = appendTarget(b, spec, r), true
	}
	if !ok {
		return b, false
	}
	if a.has(routed) {
		b = appendRouting(b, r.Header)
	}
	for _, name := range spec.headers {
		b = appendHeader(b, name, r.Header[name])
	}
	for _, name := range spec.cookies {
		b = appendCookie(b, name, r.Header["Cookie"])
	}
	if spec.cert {
		b = appendCertificate(b, r)
	}
	return b, true
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// received returns the target as the client sent it. Requests made by a
// program, to warm a page, have no request line yet; theirs would say this.
func received(r *http.Request) string {
	if r.RequestURI != "" {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// appendTarget appends the target as received and, where it is not the same,
// the URL as it stands here: behind http.StripPrefix or a rewrite, two mounts
// of one handler have equal URLs and must not share.
func appendTarget(b []byte, spec *keySpec, r *http.Request) []byte {
	path, query, hasQuery := strings.Cut(received(r), "?")
	b = frame.Append(append(b, 't'), path)
	b = appendQuery(b, spec, query, hasQuery)
	if sameTarget(received(r), r.URL) {
		return b
	}
	u := r.URL
	b = frame.Append(append(b, 'u'), u.Path)
	b = frame.Append(b, u.RawPath)
	return appendQuery(b, spec, u.RawQuery, u.RawQuery != "" || u.ForceQuery)
}

func appendFuncs(b []byte, funcs []KeyFunc, r *http.Request) (_ []byte, ok bool) {
	b = frame.AppendCount(append(b, 'f'), len(funcs))
	for _, f := range funcs {
		s := callKeyFunc(f, r)
		if s == "" {
			return b, false
		}
		b = frame.Append(b, s)
	}
	return b, true
}

// callKeyFunc keeps a mistake in a key function from taking the page down; the
// request then goes past the cache.
func callKeyFunc(f KeyFunc, r *http.Request) (s string) {
	defer func() {
		if recover() != nil {
			s = ""
		}
	}()
	return f(r)
}

// appendPathValues appends the route and its values instead of the path. What
// was stripped off the path before it reached the router stays in the key, for
// two mounts of one router have equal patterns.
func appendPathValues(b []byte, spec *keySpec, r *http.Request) (_ []byte, ok bool) {
	if r.Pattern == "" {
		return b, false
	}
	path, query, hasQuery := strings.Cut(received(r), "?")
	b = frame.Append(append(b, 'p'), r.Pattern)
	b = frame.Append(b, strings.TrimSuffix(path, r.URL.EscapedPath()))
	b = frame.AppendCount(b, len(spec.pathValues))
	for _, name := range spec.pathValues {
		value := r.PathValue(name)
		if value == "" {
			return b, false
		}
		b = frame.Append(frame.Append(b, name), value)
	}
	return appendQuery(b, spec, query, hasQuery), true
}

// appendRouting appends the fields that proxies and frameworks build links and
// redirects from. They would be an unkeyed input otherwise.
func appendRouting(b []byte, h http.Header) []byte {
	for _, name := range routingFields {
		if lines, ok := h[name]; ok {
			b = frame.Append(append(b, 'r'), name)
			b = frame.AppendList(b, lines)
		}
	}
	if lines, ok := h["Forwarded"]; ok {
		b = frame.AppendCount(append(b, 'o'), len(lines))
		for _, line := range lines {
			b = frame.Append(b, forwardedWithoutNodes(line))
		}
	}
	return b
}

func appendHeader(b []byte, name string, lines []string) []byte {
	b = frame.Append(append(b, 'H'), name)
	if class := fieldClass(name); class != identityField && class != cookieField {
		return frame.AppendList(b, lines)
	}
	return appendDigest(b, lines)
}

func appendCookie(b []byte, name string, lines []string) []byte {
	b = frame.Append(append(b, 'C'), name)
	return appendDigest(b, cookieValues(lines, name))
}

func cookieValues(lines []string, name string) (values []string) {
	for cookie, value := range cookies(lines) {
		if cookie == name {
			values = append(values, value)
		}
	}
	return values
}

// appendDigest appends a digest of values that are secrets, or none for no
// value: keys are kept in memory, sent to stores and shown when explained.
func appendDigest(b []byte, values []string) []byte {
	if len(values) == 0 {
		return frame.Append(b, "")
	}
	return frame.Append(b, digest(values))
}

func digest(values []string) []byte {
	sum := sha256.Sum256(frame.AppendList(nil, values))
	return sum[:]
}

func appendCertificate(b []byte, r *http.Request) []byte {
	b = append(b, 'T')
	cert := clientCertificate(r)
	if cert == nil {
		return frame.Append(b, "")
	}
	sum := sha256.Sum256(cert.Raw)
	return frame.Append(b, sum[:])
}
