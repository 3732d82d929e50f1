package cachecontrol

import "strings"

// ParseTargeted reads all lines of a targeted cache control field such as
// CDN-Cache-Control (RFC 9213 section 2.1). The field is a Dictionary as
// defined for Structured Fields (RFC 8941; keys are lower-case, the last of
// two equal keys wins, parameters are ignored).
//
// With ok false the field counts as absent and Cache-Control applies: it is
// missing, empty, not a Dictionary, or its max-age or s-maxage is not a
// non-negative Integer. That last case keeps the field, with the value zero,
// if it also says no-store, no-cache or private, so that a mistake in one
// member cannot lift a restriction made by another.
//
// Directives of requests are not read.
func ParseTargeted(lines []string) (d Directives, ok bool) {
	// RFC 8941 section 4.2 parses the lines as one value. Join does not
	// allocate for a single line.
	var t targeted
	members, ok := parseDictionary(strings.Join(lines, ", "), t.set)
	if !ok || members == 0 {
		return Directives{}, false
	}
	restricted := t.d.NoStore || t.d.NoCache || t.d.Private
	if (t.badMaxAge || t.badSMaxAge) && !restricted {
		return Directives{}, false
	}
	return t.d, true
}

// targeted collects the directives of a Dictionary.
type targeted struct {
	d Directives

	badMaxAge, badSMaxAge bool
}

// set applies one member. A directive that restricts counts whatever its type,
// one that permits only as Boolean true.
func (t *targeted) set(key string, v value) {
	switch key {
	case "public":
		t.d.Public = v.isTrue()
	case "must-understand":
		t.d.MustUnderstand = v.isTrue()
	case "no-store":
		t.d.NoStore = true
	case "must-revalidate":
		t.d.MustRevalidate = true
	case "proxy-revalidate":
		t.d.ProxyRevalidate = true
	case "no-transform":
		t.d.NoTransform = true
	case "no-cache":
		t.d.NoCache, t.d.NoCacheFields = true, v.fieldNames()
	case "private":
		t.d.Private, t.d.PrivateFields = true, v.fieldNames()
	default:
		t.lifetime(key, v)
	}
}

// lifetime applies a member whose type is Integer. Other types are not coerced
// (RFC 9213 section 2.1).
func (t *targeted) lifetime(key string, v value) {
	n, ok := v.delta()
	s := Seconds{Value: n, Set: true}
	switch key {
	case "max-age":
		t.d.MaxAge, t.badMaxAge = s, !ok
	case "s-maxage":
		t.d.SMaxAge, t.badSMaxAge = s, !ok
	case "stale-while-revalidate":
		t.d.StaleWhileRevalidate = s
	case "stale-if-error":
		t.d.StaleIfError = s
	}
}

// isTrue reports whether v is Boolean true.
func (v value) isTrue() bool { return v.kind == kindBoolean && v.number == 1 }

// delta returns a non-negative Integer, saturated like DeltaSeconds.
func (v value) delta() (int64, bool) {
	if v.kind != kindInteger || v.number < 0 {
		return 0, false
	}
	return min(v.number, maxSeconds), true
}

// fieldNames returns the list held by a String, nil for other types.
func (v value) fieldNames() []string {
	if v.kind != kindString {
		return nil
	}
	return fieldNames(v.text)
}
