package header

import (
	"net/http"
	"strings"
)

// gather returns all lines of a field and leaves none of them under another
// spelling of its name: a handler may write h["cache-control"], and it reaches
// the wire.
func gather(h http.Header, name string) []string {
	lines := h[name]
	for other, more := range h {
		if other != name && strings.EqualFold(other, name) {
			lines = append(lines[:len(lines):len(lines)], more...)
			delete(h, other)
		}
	}
	return lines
}

// replace sets a field that is to have no other line, under any spelling.
func replace(h http.Header, name, line string) {
	gather(h, name)
	h[name] = []string{line}
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2), as the names
// of fields and directives are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// trimOWS removes optional white space (RFC 9110 section 5.6.3).
func trimOWS(s string) string { return strings.Trim(s, " \t") }
