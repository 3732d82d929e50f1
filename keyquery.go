package pagecache

import (
	"slices"
	"strings"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// appendQuery appends the part of the query that the key has.
func appendQuery(b []byte, spec *keySpec, query string, present bool) []byte {
	switch {
	case spec.path:
		return append(b, '-')
	case len(spec.keepQuery) > 0:
		return appendListedQuery(append(b, 'k'), spec.keepQuery, query)
	case len(spec.dropQuery) > 0:
		return appendOtherQuery(append(b, 'd'), spec.dropQuery, query)
	case !present:
		return append(b, 'n')
	}
	return frame.Append(append(b, 'q'), query)
}

// appendListedQuery appends the listed parameters name by name, then, as they
// stand, the pairs whose name cannot be told for sure.
func appendListedQuery(b []byte, names []string, query string) []byte {
	for _, name := range names {
		for pair := range strings.SplitSeq(query, "&") {
			if n, sure := pairName(pair); sure && n == name && pair != "" {
				b = frame.Append(append(b, '='), pair)
			}
		}
		b = append(b, '.')
	}
	for pair := range strings.SplitSeq(query, "&") {
		if _, sure := pairName(pair); !sure {
			b = frame.Append(append(b, '?'), pair)
		}
	}
	return append(b, '.')
}

func appendOtherQuery(b []byte, names []string, query string) []byte {
	for pair := range strings.SplitSeq(query, "&") {
		name, sure := pairName(pair)
		if pair == "" || sure && slices.Contains(names, name) {
			continue
		}
		b = frame.Append(append(b, '='), pair)
	}
	return append(b, '.')
}

// pairName returns the name of a query pair. It is not sure of names that are
// encoded, and of pairs with a semicolon, which some parsers take for "&".
func pairName(pair string) (name string, sure bool) {
	name, _, _ = strings.Cut(pair, "=")
	return name, !strings.ContainsAny(name, "%+") && strings.IndexByte(pair, ';') < 0
}
