package pagecache

import (
	"strings"
)

// Names of the fences that a page in a [Store] has: one for each of its tags,
// the namespace, and the mark. No tag of a user can be one of the others, for
// it has no spaces.
const (
	namespaceName = " all"
	markName      = " mark"
)

// name is the name of a tag's fence.
func (t tag) name() string {
	switch t.kind {
	case pathTag:
		return " path " + t.parts[0]
	case underTag:
		return " under " + t.parts[0]
	case routeTag:
		return " route " + t.parts[0]
	}
	return t.parts[0]
}

// hardPrefix begins the name of a second fence that only purges change, and not
// expiries. Pages that may be served stale have it too. It is read when the
// first one has changed: if it has not, the page is only stale.
const hardPrefix = "\x00"

// marked reports whether a purge of this fence changes the mark first.
func marked(name string) bool {
	name = strings.TrimPrefix(name, hardPrefix)
	return !strings.HasPrefix(name, " ") || strings.HasPrefix(name, " route ") || name == namespaceName
}

// ownTags are the tags that were given to the page. Those of a page in a Store
// are told by its fences.
func (e *entry) ownTags() []string {
	if e.fences == nil {
		return e.tags
	}
	var tags []string
	for _, f := range e.fences {
		if f.tag != "" && f.tag[0] > ' ' {
			tags = append(tags, f.tag)
		}
	}
	return tags
}

// isPath reports whether the fence is that of a path, or of a directory in it.
func isPath(name string) bool {
	return strings.HasPrefix(name, " path ") || strings.HasPrefix(name, " under ")
}

// The keys that all pages have in common.
var (
	namespaceKey = "f:" + shortName([]byte(namespaceName))
	markKey      = "f:" + shortName([]byte(markName))
)

func isHard(name string) bool { return strings.HasPrefix(name, hardPrefix) }

// fenceKey is where a fence's nonce is kept.
func fenceKey(name string) string {
	if isHard(name) {
		return "h:" + shortName([]byte(name[len(hardPrefix):]))
	}
	switch name {
	case namespaceName:
		return namespaceKey
	case markName:
		return markKey
	}
	return "f:" + shortName([]byte(name))
}
