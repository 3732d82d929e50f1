package pagecache

import (
	"testing"
	"time"
)

// TestKnownPagesAreBounded, whatever comes, and however often.
func TestKnownPagesAreBounded(t *testing.T) {
	var table known
	value := make([]byte, maxKnownPage)
	for i := range uint64(3 * hintSlots) {
		table.set(i, value, &entry{fresh: time.Minute})
	}
	total := int64(0)
	for i := range table.at {
		if at := table.at[i].Load(); at != nil {
			total += int64(len(at.value))
		}
	}
	if total > maxKnown || total < maxKnown/2 || table.held.Load() != total {
		t.Errorf("got %d bytes held, %d counted, want them equal and up to %d", total, table.held.Load(), maxKnown)
	}
	table.set(1, make([]byte, maxKnownPage+1), &entry{})
	if at := table.get(1); at != nil && len(at.value) > maxKnownPage {
		t.Error("a page is held that is too large")
	}
}

// TestKnownPage is one for its own bytes, and a copy.
func TestKnownPage(t *testing.T) {
	var table known
	table.set(7, []byte("value"), &entry{fresh: time.Minute})
	e := table.get(7).entry([]byte("value"))
	if e == nil || e.fresh != time.Minute {
		t.Fatalf("got %v, want the page", e)
	}
	e.fresh = 0
	if again := table.get(7).entry([]byte("value")); again == nil || again.fresh != time.Minute {
		t.Errorf("got %v, want the page as it was", again)
	}
	for name, got := range map[string]*entry{
		"other bytes": table.get(7).entry([]byte("other")),
		"no bytes":    table.get(7).entry(nil),
		"other place": table.get(7 + hintSlots).entry([]byte("value")),
	} {
		if got != nil {
			t.Errorf("%s: got %v, want nothing", name, got)
		}
	}
}
