package memstore

import "sync/atomic"

// front stands before otter's table: a direct-mapped table of the values read
// last, so that a hit on a hot page is one load and a comparison. It holds
// nothing that otter does not: a value that leaves the table is marked gone,
// and taken out of here.
type front struct {
	slots []atomic.Pointer[item]
	mask  uint64
}

// Slots: one for each so many bytes of the budget, within bounds.
const (
	bytesPerSlot = 8 << 10
	minSlots     = 64
	maxSlots     = 1 << 18
)

func newFront(budget int64) front {
	n := uint64(minSlots)
	for n < maxSlots && int64(n) < budget/bytesPerSlot {
		n *= 2
	}
	return front{slots: make([]atomic.Pointer[item], n), mask: n - 1}
}

// size is the memory of the table, in bytes.
func (f *front) size() int64 { return int64(len(f.slots)) * 8 }

func (f *front) get(key uint64) *item {
	it := f.slots[key&f.mask].Load()
	if it == nil || it.key != key || it.gone.Load() {
		return nil
	}
	return it
}

// put makes it the value of its slot. An item that left the table meanwhile is
// taken back out, in whatever order the two things happened.
func (f *front) put(it *item) {
	slot := &f.slots[it.key&f.mask]
	slot.Store(it)
	if it.gone.Load() {
		slot.CompareAndSwap(it, nil)
	}
}

func (f *front) drop(it *item) {
	it.gone.Store(true)
	f.slots[it.key&f.mask].CompareAndSwap(it, nil)
}
