package pagecache

import "testing"

// TestNumbersOfManyAges: a site whose pages are of all ages, up to weeks, makes
// few header lines anew.
func TestNumbersOfManyAges(t *testing.T) {
	var table numbers
	n := int64(0)
	allocs := testing.AllocsPerRun(1000, func() {
		n = (n + 604_801) % 2_000_000 // all over three weeks
		table.line(n)
	})
	if allocs > 2 {
		t.Errorf("got %v allocations a line, want 2 at most", allocs)
	}
	for _, n := range []int64{0, 1, 899, 1<<31 - 1} {
		if a, b := table.line(n), table.line(n); &a[0] != &b[0] || cap(a) != 1 {
			t.Errorf("%d: two lines, or room to append: %q, %q", n, a, b)
		}
	}
}

// TestWeighCountsRoom: a list of fields that had room for those of outer
// middleware is weighed with it.
func TestWeighCountsRoom(t *testing.T) {
	tight, roomy := &entry{fields: make([]field, 2)}, &entry{fields: make([]field, 2, 60)}
	if got := roomy.weigh() - tight.weigh(); got < 58*40 {
		t.Errorf("got %d bytes for the room of 58 fields, want all of them", got)
	}
}
