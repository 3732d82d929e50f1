package pagecache

import (
	"strings"
	"sync/atomic"
)

// hints remember of recent pages what a look-up in a Store should ask for at
// once: the fields they vary on, and the tags that their handlers add. They
// are guesses, in a table of fixed size where newer ones replace older ones;
// what the Store returns decides.
type hints [hintSlots]atomic.Pointer[hint]

const hintSlots = 4096

type hint struct {
	hash  uint64
	names []string
	tags  []string
	paths []string // fences of all its paths, if there are several
	moved bool     // tags were purged since the page was made: ask for these at once
}

func (h *hints) get(hash uint64) hint {
	if at := h[hash%hintSlots].Load(); at != nil && at.hash == hash {
		return *at
	}
	return hint{}
}

func (h *hints) set(hash uint64, to hint) {
	to.hash = hash
	h[hash%hintSlots].Store(&to)
}

// hintOf is what to remember of a page. It outlives the page, whose text it must not
// hold on to.
func hintOf(e *entry, moved, severalPaths bool) hint {
	h := hint{moved: moved}
	for _, name := range e.vary {
		h.names = append(h.names, strings.Clone(name))
	}
	for _, f := range e.fences {
		switch {
		case !isHard(f.tag) && marked(f.tag) && f.tag != namespaceName:
			h.tags = append(h.tags, strings.Clone(f.tag))
		case severalPaths && isPath(f.tag):
			h.paths = append(h.paths, strings.Clone(f.tag))
		}
	}
	return h
}
