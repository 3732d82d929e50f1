package pagecache

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// address is what Purge is given.
type address struct {
	host, path, query string
	exact             bool // not all queries of the path
}

// parseAddress takes an address apart, keeping the query as it is.
func parseAddress(text string) (at address, err error) {
	rest, _, _ := strings.Cut(text, "#")
	if strings.ContainsFunc(rest, unicode.IsControl) {
		return at, fmt.Errorf("%q has a control character; write it as %%0A and the like", text)
	}
	if scheme, after, ok := strings.Cut(rest, "://"); ok && isToken(scheme) {
		end := strings.IndexAny(after, "/?")
		if end < 0 {
			end = len(after)
		}
		u, err := url.Parse(scheme + "://" + after[:end])
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return at, fmt.Errorf("the URL %q has no host that a request could have; give one such as \"https://shop.example/books/312\"", text)
		}
		at.host, rest, at.exact = strings.ToLower(hostWithoutPort(u)), after[end:], true
		if !strings.HasPrefix(rest, "/") {
			rest = "/" + rest
		}
	}
	if !strings.HasPrefix(rest, "/") {
		return at, fmt.Errorf("%q is no address of a page; give a path that begins with a slash, such as \"/books/312\", or a URL such as \"https://shop.example/books/312\"", text)
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	switch {
	case strings.HasSuffix(path, "/*"):
		return at, fmt.Errorf("%q ends with a wildcard, and an address has none: PurgePrefix(ctx, %q) is for all pages below a directory (write %%2A for an asterisk)", text, strings.TrimSuffix(path, "*"))
	case strings.ContainsAny(path, "{}"):
		return at, fmt.Errorf("%q looks like the pattern of a route, which PurgeRoute is for (write %%7B and %%7D for braces)", text)
	}
	at.path, at.query, at.exact = decodedPath(path), query, at.exact || hasQuery
	return at, nil
}

// tags are those that all pages of the address have, and as few others as can be.
func (at address) tags() []tag {
	if !at.exact {
		return []tag{{kind: pathTag, parts: [3]string{at.path}}}
	}
	keyed := tag{kind: keyedTag, parts: [3]string{at.path}}
	if at.host == "" {
		return []tag{keyed, {kind: targetTag, parts: [3]string{at.path, at.query}}}
	}
	return []tag{keyed, {kind: urlTag, parts: [3]string{at.path, at.query, at.host}}}
}
