package pagecache

import "strings"

// forwardedWithoutNodes drops the for and by parameters of a Forwarded line
// (RFC 7239 section 4), which name one client and not a page. One that is not a
// plain node stays: parsers differ about quotes, and what one takes for a quoted
// node another reads as a host.
func forwardedWithoutNodes(line string) string {
	var kept strings.Builder
	for len(line) > 0 {
		end := strings.IndexAny(line, ";,")
		if end < 0 {
			end = len(line) - 1
		}
		pair := line[:end+1] // with its separator, which says where an element ends
		line = line[end+1:]
		if !isNodePair(strings.Trim(pair, " \t;,")) {
			kept.WriteString(pair)
		} else if strings.HasSuffix(pair, ",") {
			kept.WriteByte(',')
		}
	}
	return kept.String()
}

// isNodePair reports whether the pair is for= or by= with an address, a name or
// a port, quoted or not.
func isNodePair(pair string) bool {
	name, node, ok := strings.Cut(pair, "=")
	if !ok || !strings.EqualFold(name, "for") && !strings.EqualFold(name, "by") {
		return false
	}
	if len(node) >= 2 && node[0] == '"' && node[len(node)-1] == '"' {
		node = node[1 : len(node)-1]
	}
	return strings.Trim(node, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:_-[]") == ""
}
