// Package etag compares and generates entity tags (RFC 9110 section 8.8.3).
package etag

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"
	"strings"
)

// weakPrefix marks a weak entity tag. It is case-sensitive.
const weakPrefix = "W/"

// Valid reports whether s is an entity tag and nothing else.
func Valid(s string) bool {
	return s != "" && scan(s) == len(s)
}

// WeakMatch evaluates the lines of an If-None-Match field against the entity
// tag of a stored response, by weak comparison (RFC 9110 section 13.1.2). A
// field that is "*" matches anything, even an empty etag. List members that
// are no entity tags, such as unquoted ones, are skipped up to the next comma.
func WeakMatch(lines []string, etag string) bool {
	if isStar(lines) {
		return true
	}
	if !Valid(etag) {
		return false
	}
	opaque := strings.TrimPrefix(etag, weakPrefix)
	for _, line := range lines {
		if listed(line, opaque) {
			return true
		}
	}
	return false
}

// StrongEqual compares two entity tags strongly (RFC 9110 section 8.8.3.2):
// both valid, equal, and neither weak. If-Range needs this comparison.
func StrongEqual(a, b string) bool {
	return a == b && !strings.HasPrefix(a, weakPrefix) && Valid(a)
}

// Weak returns a weak entity tag for a body, the same one in every process: its
// length and two CRC-32s with different polynomials. Together they tell any two
// bodies apart that differ within 64 bits in a row, and others but for one pair
// in 2^64. A fill computes it while its client waits, which is why it is not a
// cryptographic hash: those take ten times as long (3 us for 4 KiB). Nobody
// should take the tag for proof of anything.
func Weak(body []byte) string {
	b := make([]byte, 0, 40)
	b = append(b, weakPrefix+`"`...)
	b = strconv.AppendInt(b, int64(len(body)), 36)
	b = appendHex(append(b, '-'), crc32.ChecksumIEEE(body))
	b = appendHex(b, crc32.Checksum(body, castagnoli))
	return string(append(b, '"'))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHex(b []byte, sum uint32) []byte {
	return hex.AppendEncode(b, binary.BigEndian.AppendUint32(nil, sum))
}

// isStar reports whether the field is "*" alone. As a list member it is not in
// the grammar and counts as malformed.
func isStar(lines []string) bool {
	return len(lines) == 1 && trimOWS(lines[0]) == "*"
}

// listed reports whether one line of a list holds a tag with this opaque part,
// quotes included.
func listed(line, opaque string) bool {
	for line != "" {
		line = strings.TrimLeft(line, " \t,")
		n := scan(line)
		tag, rest := line[:n], trimOWS(line[n:])
		ends := rest == "" || rest[0] == ','
		if n > 0 && ends && strings.TrimPrefix(tag, weakPrefix) == opaque {
			return true
		}
		line = rest
		if !ends || n == 0 {
			_, line, _ = strings.Cut(rest, ",")
		}
	}
	return false
}

// scan returns the length of the entity tag at the start of s, 0 if there is
// none. The opaque part has no escapes and holds neither blanks nor controls.
func scan(s string) int {
	start := 0
	if strings.HasPrefix(s, weakPrefix) {
		start = len(weakPrefix)
	}
	if start == len(s) || s[start] != '"' {
		return 0
	}
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c <= ' ' || c == 0x7f:
			return 0
		}
	}
	return 0
}

// trimOWS removes optional white space (RFC 9110 section 5.6.3).
func trimOWS(s string) string { return strings.Trim(s, " \t") }
