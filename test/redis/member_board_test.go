//go:build linux

package redis_test

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// board is memory that all processes of a fleet share: what the pages show by
// now, what purges have promised, and what was counted. No fault touches it, it
// costs next to nothing to ask, and the counts of a process that was killed stay.
type board struct {
	stop  atomic.Bool
	gate  atomic.Int64 // the last stampede that was released
	began atomic.Int64 // handler runs since then
	runs  [64]run
	desks [desks]desk
	cells [sitePages]cell
}

const (
	desks   = 12
	ourDesk = desks - 1 // of the test's own process
)

// run is one run of the slow handler.
type run struct{ by, at atomic.Int64 }

// desk is what one process writes. One that is started in another's place goes
// on with its counts.
type desk struct {
	port, ready, done atomic.Int64

	count [tallies]atomic.Int64

	late  [len(lateness) + 1]atomic.Int64 // answers that were older than a purge, by how long ago that was
	worst atomic.Int64
}

// tally is something that is counted.
type tally int

const (
	tallyServed  tally = iota // answers
	tallyHits                 // those from the cache
	tallyPurges               // that succeeded
	tallyRefused              // and that did not
	tallyStale                // pages from before a purge, too late to be right
	tallyOwn                  // pages from before a purge by the same process
	tallyWrong                // other pages than were asked for
	tallyFailed               // answers with another status than 200
	tallyPanics
	tallyLost // requests without an answer
	tallies
)

// lateness bounds the classes in which late answers are counted.
var lateness = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond,
	300 * time.Millisecond, 600 * time.Millisecond, time.Second,
}

// cell is the truth about one page. Who changes it raises version, purges, and
// raises floor to that version when the purge has succeeded.
type cell struct {
	version, floor atomic.Int64
	purged         [1 << 14]struct{ version, at atomic.Int64 }
}

// promise notes that no request which starts from now on may see a page from
// before version.
func (c *cell) promise(version int64) {
	slot := &c.purged[version%int64(len(c.purged))]
	slot.at.Store(time.Now().UnixNano())
	slot.version.Store(version)
	raise(&c.floor, version)
}

// overdue is for how long it had been promised that version is not seen any
// more, when a request began.
func (c *cell) overdue(version, floor, began int64) time.Duration {
	size := int64(len(c.purged))
	first := began
	for v := max(version+1, floor-size+1); v <= floor; v++ {
		if slot := &c.purged[v%size]; slot.version.Load() == v {
			first = min(first, slot.at.Load())
		}
	}
	return time.Duration(began - first)
}

func raise(to *atomic.Int64, n int64) {
	for old := to.Load(); old < n && !to.CompareAndSwap(old, n); old = to.Load() {
	}
}

func (d *desk) countLate(by time.Duration) {
	class := 0
	for class < len(lateness) && by > lateness[class] {
		class++
	}
	d.late[class].Add(1)
	raise(&d.worst, int64(by))
}

// openBoard maps the file that a board is in.
func openBoard(name string) (*board, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size := int(unsafe.Sizeof(board{}))
	if err := file.Truncate(int64(size)); err != nil {
		return nil, err
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*board)(unsafe.Pointer(unsafe.SliceData(memory))), nil
}

// sum adds up one count of all processes.
func (b *board) sum(what tally) (n int64) {
	for i := range b.desks {
		n += b.desks[i].count[what].Load()
	}
	return n
}
