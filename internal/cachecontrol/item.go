package cachecontrol

import (
	"encoding/base64"
	"strings"
)

// Digit limits of numbers (RFC 8941 section 4.2.4).
const (
	maxIntegerDigits  = 15
	maxDecimalDigits  = 12
	maxFractionDigits = 3
)

// bareItem parses an item without its parameters (RFC 8941 section 4.2.3.1).
func (p *parser) bareItem() (value, bool) {
	if p.s == "" {
		return value{}, false
	}
	switch c := p.s[0]; {
	case c == '-' || isDigit(c):
		return p.number()
	case c == '"':
		return p.quoted()
	case c == '*' || isAlpha(c):
		return p.token()
	case c == ':':
		return value{}, p.bytes()
	case c == '?':
		return p.boolean()
	}
	return value{}, false
}

// number parses an Integer or a Decimal (RFC 8941 section 4.2.4).
func (p *parser) number() (value, bool) {
	negative := p.eat('-')
	digits := p.digits()
	if p.eat('.') {
		fraction := len(p.digits())
		ok := digits != "" && len(digits) <= maxDecimalDigits && fraction > 0 && fraction <= maxFractionDigits
		return value{}, ok
	}
	if digits == "" || len(digits) > maxIntegerDigits {
		return value{}, false
	}
	return value{kind: kindInteger, number: integer(digits, negative)}, true
}

// digits consumes the digits at the front.
func (p *parser) digits() string {
	n := 0
	for n < len(p.s) && isDigit(p.s[n]) {
		n++
	}
	return p.take(n)
}

// integer converts at most maxIntegerDigits digits, which cannot overflow.
func integer(digits string, negative bool) int64 {
	var n int64
	for i := range len(digits) {
		n = n*10 + int64(digits[i]-'0')
	}
	if negative {
		return -n
	}
	return n
}

// quoted parses a String (RFC 8941 section 4.2.5): printable ASCII, where a
// backslash may only escape a quote or another backslash.
func (p *parser) quoted() (value, bool) {
	for i := 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			return value{kind: kindString, text: p.take(i + 1)[1:i]}, true
		case c < ' ' || c > '~':
			return value{}, false
		case c == '\\':
			i++
			if i == len(p.s) || (p.s[i] != '"' && p.s[i] != '\\') {
				return value{}, false
			}
		}
	}
	return value{}, false
}

// token parses a Token (RFC 8941 section 4.2.6), whose first character the
// caller has seen.
func (p *parser) token() (value, bool) {
	n := 1
	for n < len(p.s) && (isTchar(p.s[n]) || p.s[n] == ':' || p.s[n] == '/') {
		n++
	}
	p.take(n)
	return value{}, true
}

// bytes parses and drops a Byte Sequence (RFC 8941 section 4.2.7). Missing
// padding is tolerated, as the section asks for.
func (p *parser) bytes() bool {
	p.eat(':')
	end := strings.IndexByte(p.s, ':')
	if end < 0 {
		return false
	}
	text := strings.TrimRight(p.take(end), "=")
	p.eat(':')
	// DecodeString skips line ends, which are not in the alphabet.
	if strings.ContainsAny(text, "\r\n") {
		return false
	}
	_, err := base64.RawStdEncoding.DecodeString(text)
	return err == nil
}

// boolean parses ?0 or ?1 (RFC 8941 section 4.2.8).
func (p *parser) boolean() (value, bool) {
	p.eat('?')
	if p.eat('1') {
		return value{kind: kindBoolean, number: 1}, true
	}
	return value{kind: kindBoolean}, p.eat('0')
}
