// Package cachecontrol parses Cache-Control (RFC 9111 section 5.2), targeted
// cache control fields (RFC 9213) and Age (RFC 9111 section 5.1).
//
// What cannot be understood is read on the safe side: a lifetime that does not
// parse is zero, never absent, and text that breaks the grammar can only add
// restrictions.
package cachecontrol

import (
	"strings"
	"time"
)

// maxSeconds is where delta-seconds saturate (RFC 9111 section 1.2.2). Larger
// counts would overflow a time.Duration.
const maxSeconds = 1 << 31

// Seconds is a delta-seconds value: absent, or a count saturated at 2^31. A
// value that was present but did not parse is set and zero.
type Seconds struct {
	Value int64
	Set   bool
}

// Get returns the value as a duration and whether the directive was present.
func (s Seconds) Get() (time.Duration, bool) {
	return time.Duration(s.Value) * time.Second, s.Set
}

// Directives is the content of one Cache-Control field, request or response.
type Directives struct {
	NoStore, NoCache, Private, Public, MustRevalidate, ProxyRevalidate, MustUnderstand, NoTransform, OnlyIfCached bool

	// NoCacheFields and PrivateFields hold the canonical field names of the
	// qualified forms, and are nil as soon as one occurrence is unqualified or
	// malformed: then the directive covers the whole response.
	NoCacheFields, PrivateFields []string

	MaxAge, SMaxAge, MinFresh, MaxStale, StaleWhileRevalidate, StaleIfError Seconds

	// MaxStaleAny is set by max-stale without a value.
	MaxStaleAny bool
}

// Parse reads all lines of a Cache-Control field, in order (RFC 9111 section
// 5.2). Names are case-insensitive, unknown directives are skipped, and the
// first of two equal directives wins (RFC 9111 section 4.2.1).
//
// Members that break the grammar, and everything after an unterminated quoted
// string, are no directives. They are still searched for words that restrict,
// because a sender that wrote them meant them.
func Parse(lines []string) Directives {
	var b builder
	for _, line := range lines {
		b.line(line)
	}
	return b.finish()
}

// DeltaSeconds parses delta-seconds (RFC 9111 section 1.2.2): ASCII digits and
// nothing else. Counts above 2^31 saturate there.
func DeltaSeconds(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		// Saturating inside the loop bounds n for any number of digits.
		n = min(n*10+int64(c-'0'), maxSeconds)
	}
	return n, true
}

// Age parses an Age field (RFC 9111 section 5.1). Only the first list member
// of the first line counts, and only if all of it is delta-seconds; anything
// else means the field is ignored.
func Age(lines []string) (int64, bool) {
	if len(lines) == 0 {
		return 0, false
	}
	first, _, _ := strings.Cut(lines[0], ",")
	return DeltaSeconds(trimOWS(first))
}
