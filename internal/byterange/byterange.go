// Package byterange parses Range fields and writes partial content (RFC 9110
// section 14).
package byterange

import (
	"math"
	"strconv"
	"strings"
)

// MaxRanges is how many ranges one request may ask for.
const MaxRanges = 8

// Range is the half-open byte range [Start, End).
type Range struct{ Start, End int64 }

// Len returns the number of bytes in the range.
func (r Range) Len() int64 { return r.End - r.Start }

// Verdict says how to answer a request with a Range field.
type Verdict uint8

const (
	// Ignore means to answer as if there were no Range field.
	Ignore Verdict = iota
	// Unsatisfiable means to answer 416 (Range Not Satisfiable).
	Unsatisfiable
	// Satisfiable means to answer 206 (Partial Content).
	Satisfiable
)

// String returns the name of the verdict.
func (v Verdict) String() string {
	switch v {
	case Unsatisfiable:
		return "unsatisfiable"
	case Satisfiable:
		return "satisfiable"
	}
	return "ignore"
}

// Parse parses a Range field value against a representation of size bytes. The
// ranges come in the order asked for, within [0, size); they may overlap.
//
// A field is ignored, as RFC 9110 section 14.2 permits for any, if its unit is
// not bytes, its syntax is wrong, it has more than [MaxRanges] members, or its
// ranges add up to more than size bytes: then the whole representation is the
// cheaper answer (section 17.15). An empty representation has no byte that a
// Content-Range could name, so for size 0 everything is ignored too.
func Parse(field string, size int64) ([]Range, Verdict) {
	set, ok := cutUnit(field)
	if !ok || size <= 0 {
		return nil, Ignore
	}
	var kept [MaxRanges]Range
	specs, n, total := 0, 0, int64(0)
	for spec := range strings.SplitSeq(set, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue // RFC 9110 section 5.6.1.2: recipients accept empty members
		}
		r, ok := parseSpec(spec, size)
		specs++
		if !ok || specs > MaxRanges || r.Len() > size-total {
			return nil, Ignore
		}
		if r.Len() > 0 {
			kept[n] = r
			n++
			total += r.Len()
		}
	}
	return conclude(kept, n, specs)
}

// conclude turns what was found into the answer of Parse.
func conclude(kept [MaxRanges]Range, n, specs int) ([]Range, Verdict) {
	switch {
	case specs == 0:
		return nil, Ignore
	case n == 0:
		return nil, Unsatisfiable
	}
	return append([]Range(nil), kept[:n]...), Satisfiable
}

// cutUnit strips the unit, whose name is case-insensitive (RFC 9110 section
// 14.1).
func cutUnit(field string) (set string, ok bool) {
	unit, set, ok := strings.Cut(strings.Trim(field, " \t"), "=")
	// The length keeps Unicode look-alikes out, which EqualFold would take.
	return set, ok && len(unit) == len("bytes") && strings.EqualFold(unit, "bytes")
}

// parseSpec parses one int-range or suffix-range (RFC 9110 section 14.1.1). A
// range that lies outside of the representation is ok and empty.
func parseSpec(spec string, size int64) (Range, bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return Range{}, false
	}
	if first == "" {
		n, ok := position(last)
		return Range{size - min(n, size), size}, ok
	}
	start, ok := position(first)
	if !ok {
		return Range{}, false
	}
	end := int64(math.MaxInt64)
	if last != "" {
		end, ok = position(last)
		ok = ok && start <= end
	}
	return clip(start, end, size), ok
}

// clip converts inclusive positions to a range within size.
func clip(start, last, size int64) Range {
	if start >= size {
		return Range{}
	}
	return Range{start, min(last, size-1) + 1}
}

// position converts 1*DIGIT, saturating at the largest int64. There are no
// signs, which strconv.ParseInt would take.
func position(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 {
			return 0, false
		}
		if n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + d
	}
	return n, true
}

// ContentRange returns the Content-Range value for r in a representation of
// size bytes (RFC 9110 section 14.4).
func ContentRange(r Range, size int64) string {
	return string(appendContentRange(make([]byte, 0, 48), r, size))
}

// Unsatisfied returns the Content-Range value of a 416 answer (RFC 9110
// section 15.5.17).
func Unsatisfied(size int64) string {
	return "bytes */" + strconv.FormatInt(size, 10)
}

func appendContentRange(b []byte, r Range, size int64) []byte {
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, r.Start, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, r.End-1, 10)
	b = append(b, '/')
	return strconv.AppendInt(b, size, 10)
}
