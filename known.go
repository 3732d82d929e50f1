package pagecache

import (
	"bytes"
	"sync/atomic"
)

// known are pages that were read from a Store of late, with the bytes that they
// were made of. When the same bytes are read again they need not be decoded, and
// how old the page is need not be asked. It decides nothing: what is served was
// read a moment before, with its fences. It is a table of fixed size like hints.
type known struct {
	at   [hintSlots]atomic.Pointer[knownPage]
	held atomic.Int64 // bytes of all pages
}

// Of larger pages, or more of them, nothing is known.
const (
	maxKnownPage = 64 << 10
	maxKnown     = 16 << 20
)

type knownPage struct {
	hash  uint64
	value []byte
	page  entry
}

func (t *known) get(hash uint64) *knownPage {
	if at := t.at[hash%hintSlots].Load(); at != nil && at.hash == hash {
		return at
	}
	return nil
}

func (t *known) set(hash uint64, value []byte, e *entry) {
	if len(value) > maxKnownPage {
		return
	}
	if held := t.held.Add(int64(len(value))); held > maxKnown {
		t.held.Add(-int64(len(value)))
		return
	}
	if old := t.at[hash%hintSlots].Swap(&knownPage{hash, value, *e}); old != nil {
		t.held.Add(-int64(len(old.value)))
	}
}

// entry returns the page if it was made of these bytes.
func (p *knownPage) entry(value []byte) *entry {
	if p == nil || !bytes.Equal(p.value, value) {
		return nil
	}
	e := p.page
	return &e
}
