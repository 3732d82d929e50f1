package cachecontrol

import "strings"

// member is one list member of a Cache-Control field, as written.
type member struct {
	name  string // leading token; empty if the member does not start with one
	value string // argument without its quotes; empty when absent or malformed
	bare  bool   // the name is the whole member
	rest  string // what follows the name in a malformed member
}

// cutMember splits the first list member off s. Commas inside quoted strings
// do not separate. If a quoted string is not closed, closed is false and rest
// is the text after its opening quote.
func cutMember(s string) (text, rest string, closed bool) {
	open := -1
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && open < 0:
			open = i
		case s[i] == '"':
			open = -1
		case s[i] == '\\' && open >= 0:
			i++ // quoted-pair, RFC 9110 section 5.6.4
		case s[i] == ',' && open < 0:
			return s[:i], s[i+1:], true
		}
	}
	if open >= 0 {
		return s[:open], s[open+1:], false
	}
	return s, "", true
}

// parseMember reads cache-directive = token [ "=" ( token / quoted-string ) ]
// (RFC 9111 section 5.2). White space next to "=" is outside the grammar.
func parseMember(text string) member {
	text = trimOWS(text)
	n := tokenLen(text)
	m := member{name: text[:n], bare: n == len(text)}
	if m.bare {
		return m
	}
	value, ok := argument(text[n:])
	if !ok || n == 0 {
		m.rest = text[n:]
		return m
	}
	m.value = value
	return m
}

// argument unwraps "=" ( token / quoted-string ). Escapes are left in place:
// none of the known arguments needs one.
func argument(s string) (string, bool) {
	if len(s) < 2 || s[0] != '=' {
		return "", false
	}
	s = s[1:]
	if s[0] != '"' {
		return s, tokenLen(s) == len(s)
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], i == len(s)-1
		}
	}
	return "", false
}

// words yields the tokens of s, whatever separates them.
func words(s string, yield func(string)) {
	for s != "" {
		n := tokenLen(s)
		if n > 0 {
			yield(s[:n])
		}
		s = s[min(n+1, len(s)):]
	}
}

// tokenLen returns the length of the token at the start of s.
func tokenLen(s string) int {
	for i := range len(s) {
		if !isTchar(s[i]) {
			return i
		}
	}
	return len(s)
}

// isTchar reports whether c may appear in a token (RFC 9110 section 5.6.2).
func isTchar(c byte) bool {
	return isAlpha(c) || isDigit(c) || c == '-' || strings.IndexByte("!#$%&'*+.^_`|~", c) >= 0
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// trimOWS removes optional white space (RFC 9110 section 5.6.3). Unlike
// strings.TrimSpace it leaves line ends and Unicode blanks alone.
func trimOWS(s string) string { return strings.Trim(s, " \t") }
