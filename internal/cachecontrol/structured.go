package cachecontrol

import "strings"

// kind is the type of a Structured Field value.
type kind uint8

const (
	kindOther kind = iota // valid, but no directive uses it
	kindInteger
	kindBoolean
	kindString
)

// value is one parsed bare item. Integers and Booleans use number; Strings use
// text, without quotes and with escapes left in place.
type value struct {
	kind   kind
	number int64
	text   string
}

// parser consumes a Structured Field from the front (RFC 8941 section 4.2). Date
// and Display String (RFC 9651) came after RFC 9213 and fail.
type parser struct{ s string }

// parseDictionary parses s as a Dictionary (RFC 8941 section 4.2.2), calls set
// for each member in order and returns how many there were. A failure may come
// after calls of set.
func parseDictionary(s string, set func(string, value)) (members int, ok bool) {
	p := parser{strings.Trim(s, " ")}
	for p.s != "" {
		key, ok := p.key()
		if !ok {
			return members, false
		}
		v, ok := p.member()
		if !ok || !p.separator() {
			return members, false
		}
		set(key, v)
		members++
	}
	return members, true
}

// eat consumes c if it is next.
func (p *parser) eat(c byte) bool {
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

// take consumes and returns the first n bytes.
func (p *parser) take(n int) string {
	head := p.s[:n]
	p.s = p.s[n:]
	return head
}

// separator consumes the comma between members. A trailing comma is an error.
func (p *parser) separator() bool {
	p.s = strings.TrimLeft(p.s, " \t")
	if p.s == "" {
		return true
	}
	if !p.eat(',') {
		return false
	}
	p.s = strings.TrimLeft(p.s, " \t")
	return p.s != ""
}

// key parses a key (RFC 8941 section 4.2.3.3).
func (p *parser) key() (string, bool) {
	n := 0
	for n < len(p.s) && isKeyChar(p.s[n], n == 0) {
		n++
	}
	return p.take(n), n > 0
}

func isKeyChar(c byte, first bool) bool {
	if 'a' <= c && c <= 'z' || c == '*' {
		return true
	}
	return !first && (isDigit(c) || c == '_' || c == '-' || c == '.')
}

// member parses what follows a key: "=" with an item or inner list, or nothing
// for Boolean true, and then parameters.
func (p *parser) member() (value, bool) {
	if !p.eat('=') {
		return value{kind: kindBoolean, number: 1}, p.parameters()
	}
	if p.eat('(') {
		return value{}, p.innerList() && p.parameters()
	}
	v, ok := p.bareItem()
	return v, ok && p.parameters()
}

// innerList parses what follows "(" (RFC 8941 section 4.2.1.2).
func (p *parser) innerList() bool {
	for {
		p.s = strings.TrimLeft(p.s, " ")
		if p.eat(')') {
			return true
		}
		if _, ok := p.bareItem(); !ok || !p.parameters() {
			return false
		}
		if p.s == "" || (p.s[0] != ' ' && p.s[0] != ')') {
			return false
		}
	}
}

// parameters parses and drops parameters (RFC 8941 section 4.2.3.2).
func (p *parser) parameters() bool {
	for p.eat(';') {
		p.s = strings.TrimLeft(p.s, " ")
		if _, ok := p.key(); !ok {
			return false
		}
		if !p.eat('=') {
			continue
		}
		if _, ok := p.bareItem(); !ok {
			return false
		}
	}
	return true
}
