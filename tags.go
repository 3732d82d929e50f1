package pagecache

import (
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// tagKind tells the tags that every page has from those that are given to it.
type tagKind byte

const (
	userTag   tagKind = iota
	pathTag           // its path, decoded: as received, and as it stands here
	underTag          // each directory of these paths
	routeTag          // the pattern of its route
	urlTag            // host, path and query as received
	targetTag         // path and query as received
	keyedTag          // the path of a page whose key does not have the whole query
)

// tag is one name by which pages are purged.
type tag struct {
	kind  tagKind
	parts [3]string
}

// rare reports whether purges of such tags are rare enough that hits look at
// them only after one.
func (k tagKind) rare() bool { return k >= underTag }

// hashTag hashes a tag without putting it together.
func hashTag(seed maphash.Seed, t tag) uint64 {
	h := uint64(t.kind)
	for _, part := range t.parts {
		if part != "" {
			h = mix(h, maphash.String(seed, part))
		}
		h = mix(h, 1)
	}
	return h
}

// receivedPath is the path as the client sent it, decoded: every spelling of a
// path has one fence.
func receivedPath(r *http.Request) string {
	path, _, _ := strings.Cut(received(r), "?")
	if _, rest, ok := strings.Cut(path, "://"); ok && path[0] != '/' { // absolute form, RFC 9112 section 3.2.2
		if at := strings.IndexByte(rest, '/'); at >= 0 {
			path = rest[at:]
		}
	}
	return decodedPath(path)
}

func decodedPath(path string) string {
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

// paths yields the paths by which a page of this request is purged.
func paths(r *http.Request) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(r.URL.Path) {
			return
		}
		if path := receivedPath(r); path != r.URL.Path {
			yield(path)
		}
	}
}

// maxDepth bounds for how many directories of a path PurgePrefix works.
const maxDepth = 16

// directories yields the prefixes of a path that end with a slash.
func directories(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i, depth := 0, 0; i < len(path) && depth < maxDepth; i++ {
			if path[i] == '/' {
				depth++
				if !yield(path[:i+1]) {
					return
				}
			}
		}
	}
}

// placesOf finds the places of what is known of a page before its handler runs.
// They are appended to a list that may be lent.
func (rt *route) placesOf(list []uint32, r *http.Request) places {
	c := rt.core
	for path := range paths(r) {
		list = append(list, c.place(pathTag, path))
	}
	for _, t := range rt.policy.Tags {
		list = append(list, c.place(userTag, t))
	}
	common := len(list)
	for path := range paths(r) {
		for dir := range directories(path) {
			list = append(list, c.place(underTag, dir))
		}
	}
	_, query, _ := strings.Cut(received(r), "?")
	whole, host := rt.policy.keys.hasWholeQuery(), strings.ToLower(r.Host)
	for path := range paths(r) {
		if whole {
			list = append(list, c.place(targetTag, path, query), c.place(urlTag, path, query, host))
		} else {
			list = append(list, c.place(keyedTag, path))
		}
	}
	return places{list, common}
}

// mostPlaces is how many places a page usually has, and then some.
const mostPlaces = 12

func (c *core) place(kind tagKind, parts ...string) uint32 {
	t := tag{kind: kind}
	copy(t.parts[:], parts)
	return c.stamps.place(hashTag(c.seed, t))
}

// withTags returns p with the places of what is known once the handler has run.
func (c *core) withTags(p places, tags []string, label string) places {
	list := append(make([]uint32, 0, len(p.list)+len(tags)+1), p.list[:p.common]...)
	for _, t := range tags {
		if place := c.place(userTag, t); !slices.Contains(list, place) {
			list = append(list, place)
		}
	}
	common := len(list)
	list = append(list, p.list[p.common:]...)
	if label != "" {
		list = append(list, c.place(routeTag, label))
	}
	return places{list, common}
}

const maxTagSize = 256

// checkTag says what is wrong with a tag, or nothing.
func checkTag(tag string) string {
	switch {
	case tag == "":
		return "it is empty"
	case len(tag) > maxTagSize:
		return fmt.Sprintf("it has %d bytes, the limit is %d", len(tag), maxTagSize)
	}
	for i := range len(tag) {
		if c := tag[i]; c <= ' ' || c == ',' || c == 0x7f {
			return fmt.Sprintf("%q has a space, comma or control character", tag)
		}
	}
	return ""
}

// tagsOf puts together the tags of a page: those of the route, those that the
// handler gave through its Control, and those of its response fields. A page
// that cannot have all its tags could not be purged by them; why says so.
func tagsOf(p *Policy, said remarks, fields *snapshot) (tags []string, why string) {
	if said.badTag != "" {
		return nil, said.badTag
	}
	for _, t := range slices.Concat(p.Tags, said.tags) {
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	for _, name := range p.TagFields {
		for _, line := range fields.all(name) {
			for t := range strings.FieldsFuncSeq(line, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' }) {
				if why := checkTag(t); why != "" {
					return nil, why
				}
				if !slices.Contains(tags, t) {
					tags = append(tags, strings.Clone(t))
				}
			}
		}
	}
	if len(tags) > p.MaxTags {
		return nil, fmt.Sprintf("it has %d tags, Policy.MaxTags is %d", len(tags), p.MaxTags)
	}
	return tags, ""
}

// tagSources takes apart what Tags and Invalidate are given.
func tagSources(where string, sources []any) (names []string, funcs []func(*http.Request) []string) {
	for i, source := range sources {
		switch source := source.(type) {
		case string:
			if err := checkTag(source); err != "" {
				panic(fmt.Sprintf("pagecache: %s: tag %d cannot be one: %s; give one such as \"books\" or \"book:312\"", where, i+1, err))
			}
			names = append(names, source)
			continue
		case []string:
			list, _ := tagSources(where, anyOf(source))
			names = append(names, list...)
			continue
		case func(*http.Request) string:
			if source != nil {
				funcs = append(funcs, func(r *http.Request) []string { return []string{source(r)} })
				continue
			}
		case func(*http.Request) []string:
			if source != nil {
				funcs = append(funcs, source)
				continue
			}
		}
		panic(fmt.Sprintf("pagecache: %s: tag %d has type %T; give a string, a []string, or a func(*http.Request) string or []string that is not nil", where, i+1, source))
	}
	return names, funcs
}

func anyOf(list []string) []any {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return values
}

// requestTags calls the tag functions. err says which of what they returned is
// no tag, or that one panicked.
func requestTags(funcs []func(*http.Request) []string, r *http.Request) (tags []string, err string) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Sprintf("a tag function panicked: %v", p)
		}
	}()
	for _, f := range funcs {
		for _, t := range f(r) {
			if t == "" {
				continue
			}
			if why := checkTag(t); why != "" {
				err = why
				continue
			}
			if !slices.Contains(tags, t) {
				tags = append(tags, strings.Clone(t))
			}
		}
	}
	return tags, err
}
