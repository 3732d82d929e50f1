package pagecache

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// snapshot is a deep copy of a header map as it stood at one moment: a flat
// list in lent memory, for every miss takes two or three. Nothing of it may be
// kept beyond the request.
type snapshot struct {
	fields []field
	lines  []string
}

// pooledLines is the size of the largest snapshot kept for the next request.
const pooledLines = 256

var snapshots = sync.Pool{New: func() any { return new(snapshot) }}

// take copies h. Lines that are nil stay nil: they are a value.
func take(h http.Header) *snapshot {
	s := snapshots.Get().(*snapshot)
	for name, lines := range h {
		f := field{name: name}
		if lines != nil {
			start := len(s.lines)
			s.lines = append(s.lines, lines...)
			f.lines = s.lines[start:len(s.lines):len(s.lines)]
		}
		s.fields = append(s.fields, f)
	}
	return s
}

// release gives the memory back. A nil snapshot has none.
func (s *snapshot) release() {
	if s == nil {
		return
	}
	if cap(s.lines) > pooledLines {
		return
	}
	clear(s.fields)
	clear(s.lines)
	s.fields, s.lines = s.fields[:0], s.lines[:0]
	snapshots.Put(s)
}

// exact returns the field written with just this name.
func (s *snapshot) exact(name string) (lines []string, ok bool) {
	if s == nil {
		return nil, false
	}
	for i := range s.fields {
		if s.fields[i].name == name {
			return s.fields[i].lines, true
		}
	}
	return nil, false
}

// has reports whether there is such a field, however its name is written.
func (s *snapshot) has(canonicalName string) bool {
	if s == nil {
		return false
	}
	for i := range s.fields {
		if s.fields[i].is(canonicalName) {
			return true
		}
	}
	return false
}

// all returns the lines of a field by its canonical name.
func (s *snapshot) all(canonicalName string) (lines []string) {
	for i := range s.fields {
		if s.fields[i].is(canonicalName) {
			lines = append(lines, s.fields[i].lines...)
		}
	}
	return lines
}

// header returns a header map of its own, with canonical names.
func (s *snapshot) header() http.Header {
	h := make(http.Header, len(s.fields))
	for _, f := range s.fields {
		name := http.CanonicalHeaderKey(f.name)
		h[name] = append(h[name], f.lines...)
	}
	return h
}

// restore makes h what it was: what the handler changed after WriteHeader must
// not reach the client because we sent it later. It returns the trailers that
// were set since by prefix (net/http.TrailerPrefix): they belong back into the
// map once the header is sent.
func (s *snapshot) restore(h http.Header) (trailers http.Header) {
	for name, lines := range h {
		if _, ok := s.exact(name); ok {
			continue
		}
		if strings.HasPrefix(name, http.TrailerPrefix) {
			if trailers == nil {
				trailers = make(http.Header)
			}
			trailers[name] = lines
		}
		delete(h, name)
	}
	for _, f := range s.fields {
		if now, ok := h[f.name]; !ok || (now == nil) != (f.lines == nil) || !slices.Equal(now, f.lines) {
			h[f.name] = slices.Clone(f.lines)
		}
	}
	return trailers
}
