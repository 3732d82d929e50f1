package pagecache

import (
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"slices"
	"unsafe"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// varyOn returns the request fields that select the response, canonical,
// sorted and without repetition, or why it cannot be stored (RFC 9111 section
// 4.1).
func varyOn(p *Policy, h http.Header) (names []string, why Reason) {
	for name := range listMembers(h["Vary"]) {
		if name == "*" {
			return nil, reasonVaryStar
		}
		if !isToken(name) { // nobody can tell what it meant
			return nil, reasonVaryStar
		}
		name = http.CanonicalHeaderKey(name)
		if keyed, why := varyKeyed(p, name); why != "" {
			return nil, why
		} else if !keyed {
			names = append(names, name)
		}
	}
	if variesByOrigin(h) {
		names = append(names, "Origin")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > p.MaxVary {
		return nil, reasonVaryTooMany
	}
	return names, ""
}

// varyKeyed reports whether the key tells the values of a field apart already.
// Cookies and identities that it does not must never select among shared pages.
func varyKeyed(p *Policy, name string) (keyed bool, why Reason) {
	switch {
	case p.keys.keysHeader(name):
		return true, ""
	case name == "Cookie":
		if p.IgnoreAllCookies || len(p.IgnoredCookies)+len(p.keys.cookies) > 0 {
			return true, ""
		}
		return false, reasonVaryUnkeyed
	case fieldClass(name) == identityField:
		return false, reasonVaryUnkeyed
	}
	return false, ""
}

// variesByOrigin reports whether the response allows one origin by name: it is
// for requests of this origin, whether or not Vary says so.
func variesByOrigin(h http.Header) bool {
	allowed := h["Access-Control-Allow-Origin"]
	return len(allowed) > 0 && (len(allowed) > 1 || allowed[0] != "*")
}

// union merges two sorted lists of names.
func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// marker stands in a page's place when the page has variants. It names the
// fields that select one; each variant has a place of its own. The names only
// grow: filing a page under more fields than needed is always right.
type marker struct {
	key   key
	names []string
	live  []variantRef // the variants stored, for their bound
	stamp int64        // the last purge before it was written: a later one empties live
	epoch uint64       // the same for a marker in a Store, see epochOf
}

// variantRef is one stored variant and when it is over, in time since the
// cache's epoch.
type variantRef struct {
	hash uint64
	ends int64
}

// variantHash finds the place of the variant that a request selects. The
// number and length of the lines is part of it, so no two sets of lines are
// joined to the same bytes.
func variantHash(seed maphash.Seed, page uint64, names []string, h http.Header) uint64 {
	for _, name := range names {
		page = mixLines(seed, page, name, h[name])
	}
	return page
}

// variantHashOf is variantHash of values taken from a request before.
func variantHashOf(seed maphash.Seed, page uint64, names []string, values [][]string) uint64 {
	for i, name := range names {
		page = mixLines(seed, page, name, values[i])
	}
	return page
}

func mixLines(seed maphash.Seed, hash uint64, name string, lines []string) uint64 {
	hash = mix(hash, maphash.String(seed, name))
	hash = mix(hash, uint64(len(lines))+1)
	for _, line := range lines {
		hash = mix(hash, maphash.String(seed, line))
	}
	return hash
}

// selects reports whether a request with header h selects the variant that was
// stored for the values given (RFC 9111 section 4.1): the same lines, or none
// in both.
func selects(names []string, values [][]string, h http.Header) bool {
	for i, name := range names {
		if !slices.Equal(values[i], h[name]) {
			return false
		}
	}
	return true
}

// varyValues takes the selecting values from a request. It must be the request
// as it came in: a handler may edit the fields it negotiates by.
func varyValues(names []string, asked *snapshot) [][]string {
	if len(names) == 0 {
		return nil
	}
	values := make([][]string, len(names))
	for i, name := range names {
		lines, _ := asked.exact(name)
		values[i] = slices.Clone(lines)
	}
	return values
}

// valuesOf takes the selecting values from header fields without copying them.
func valuesOf(names []string, h http.Header) [][]string {
	values := make([][]string, len(names))
	for i, name := range names {
		values[i] = h[name]
	}
	return values
}

// varyAlso files the entry under further fields, those that the page is known to
// vary on.
func (e *entry) varyAlso(names []string, asked *snapshot) {
	e.vary = union(names, e.vary)
	e.values = varyValues(e.vary, asked)
}

// appendVariant appends names and values for stores of bytes.
func appendVariant(b []byte, names []string, values [][]string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(names)))
	for i, name := range names {
		b = frame.Append(b, name)
		b = frame.AppendList(b, values[i])
	}
	return b
}

// withVariant returns the marker's variants with one more, without those that
// are over. It fails when all the places are taken by fresh ones.
func withVariant(live []variantRef, v variantRef, now int64, limit int) ([]variantRef, bool) {
	kept := make([]variantRef, 0, len(live)+1)
	for _, old := range live {
		if old.hash != v.hash && old.ends > now {
			kept = append(kept, old)
		}
	}
	if len(kept) >= limit {
		return live, false
	}
	return append(kept, v), true
}

// weigh counts the memory that the marker holds.
func (m *marker) weigh() int {
	n := int(unsafe.Sizeof(*m)) + len(m.key.host) + len(m.key.target) + len(m.key.frames)
	return n + linesSize(m.names) + cap(m.live)*int(unsafe.Sizeof(variantRef{}))
}
