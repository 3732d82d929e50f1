package cachecontrol

import (
	"net/textproto"
	"strings"
)

// longestName bounds what is worth folding to lower case.
const longestName = len("stale-while-revalidate")

// builder collects directives. Lifetimes keep the first value they are given.
type builder struct {
	d Directives

	// wholeNoCache and wholePrivate record an occurrence without a usable list
	// of field names, which outweighs qualified ones.
	wholeNoCache, wholePrivate bool

	// broken is set after an unterminated quoted string. The later lines are
	// its text, or directives, depending on how the field is joined.
	broken bool
}

// line adds one field line.
func (b *builder) line(s string) {
	for s != "" && !b.broken {
		text, rest, closed := cutMember(s)
		b.broken = !closed
		b.member(parseMember(text))
		s = rest
	}
	words(s, b.restrict)
}

// member adds one list member and salvages what is left of a malformed one.
func (b *builder) member(m member) {
	if len(m.name) <= longestName {
		name := strings.ToLower(m.name)
		b.flag(name, m)
		b.lifetime(name, m)
	}
	words(m.rest, b.restrict)
}

// flag handles the directives that restrict or permit by being there. Those
// that restrict count with any argument (RFC 9111 section 5.2.2), those that
// permit only as they are defined.
func (b *builder) flag(name string, m member) {
	switch name {
	case "public":
		b.d.Public = b.d.Public || m.bare
	case "must-understand":
		b.d.MustUnderstand = b.d.MustUnderstand || m.bare
	case "no-cache":
		b.noCache(m.value)
	case "private":
		b.private(m.value)
	case "no-transform":
		b.d.NoTransform = true
	case "only-if-cached":
		b.d.OnlyIfCached = true
	default:
		b.restrictFlag(name)
	}
}

// restrictFlag handles the directives that restrict and take no argument.
func (b *builder) restrictFlag(name string) {
	switch name {
	case "no-store":
		b.d.NoStore = true
	case "must-revalidate":
		b.d.MustRevalidate = true
	case "proxy-revalidate":
		b.d.ProxyRevalidate = true
	}
}

// noCache adds a no-cache directive. Without a well-formed list of names the
// argument is dropped and the directive covers the response.
func (b *builder) noCache(value string) {
	names := fieldNames(value)
	b.d.NoCache = true
	b.wholeNoCache = b.wholeNoCache || names == nil
	b.d.NoCacheFields = append(b.d.NoCacheFields, names...)
}

// private adds a private directive, like noCache.
func (b *builder) private(value string) {
	names := fieldNames(value)
	b.d.Private = true
	b.wholePrivate = b.wholePrivate || names == nil
	b.d.PrivateFields = append(b.d.PrivateFields, names...)
}

// lifetime handles the directives with a delta-seconds argument.
func (b *builder) lifetime(name string, m member) {
	if name == "max-stale" && m.bare {
		b.d.MaxStaleAny = b.d.MaxStaleAny || !b.d.MaxStale.Set
		return
	}
	dst := b.d.seconds(name)
	if dst == nil || dst.Set || (dst == &b.d.MaxStale && b.d.MaxStaleAny) {
		return
	}
	// A failed parse leaves zero, so the response is stale (RFC 9111 section
	// 4.2.1) and no other source of freshness takes over.
	n, _ := DeltaSeconds(m.value)
	*dst = Seconds{Value: n, Set: true}
}

// seconds returns where the named lifetime is kept, nil for other names.
func (d *Directives) seconds(name string) *Seconds {
	switch name {
	case "max-age":
		return &d.MaxAge
	case "s-maxage":
		return &d.SMaxAge
	case "min-fresh":
		return &d.MinFresh
	case "max-stale":
		return &d.MaxStale
	case "stale-while-revalidate":
		return &d.StaleWhileRevalidate
	case "stale-if-error":
		return &d.StaleIfError
	}
	return nil
}

// restrict reads one word of text that breaks the grammar. It can only make
// the response less reusable.
func (b *builder) restrict(word string) {
	if len(word) > longestName {
		return
	}
	switch name := strings.ToLower(word); name {
	case "no-cache":
		b.noCache("")
	case "private":
		b.private("")
	case "max-age", "s-maxage":
		b.lifetime(name, member{})
	default:
		b.restrictFlag(name)
	}
}

// finish drops the name lists that a stronger form outweighs.
func (b *builder) finish() Directives {
	if b.wholeNoCache {
		b.d.NoCacheFields = nil
	}
	if b.wholePrivate {
		b.d.PrivateFields = nil
	}
	return b.d
}

// fieldNames splits the argument of a qualified no-cache or private (RFC 9111
// sections 5.2.2.4 and 5.2.2.7) into canonical names. Anything but a list with
// at least one token yields nil.
func fieldNames(value string) []string {
	var names []string
	for part := range strings.SplitSeq(value, ",") {
		part = trimOWS(part)
		if tokenLen(part) != len(part) {
			return nil
		}
		if part != "" {
			names = append(names, textproto.CanonicalMIMEHeaderKey(part))
		}
	}
	return names
}
