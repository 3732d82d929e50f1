package pagecache

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// decoder reads a content from front to back. After a failure it reads zeros,
// so that its callers need to look only once. memory is what it may still
// allocate.
type decoder struct {
	rest   []byte
	memory int
	room   []string // for the lines of fields
	failed bool
}

func (d *decoder) fail() { d.rest, d.failed = nil, true }

func (d *decoder) bytes() []byte {
	b, rest, ok := frame.Cut(d.rest)
	if !ok {
		d.fail()
		return nil
	}
	d.rest = rest
	return b
}

// text aliases the input. Who keeps it for longer than the page clones it.
func (d *decoder) text() string { return textOf(d.bytes()) }

// textOf is what a store has returned, without a copy: neither side writes to it
// any more.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (d *decoder) count() int {
	n, rest, ok := frame.CutCount(d.rest)
	if !ok {
		d.fail()
		return 0
	}
	d.rest = rest
	return n
}

// items reads the number of items that take cost bytes of memory each.
func (d *decoder) items(cost int) int {
	n := d.count()
	if n > d.memory/cost {
		d.fail()
		return 0
	}
	d.memory -= n * cost
	return n
}

func (d *decoder) texts(cost int) []string {
	n := d.items(cost)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.text()
	}
	return list
}

func (d *decoder) lines() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	n--
	if n > len(d.room) {
		d.fail()
		return nil
	}
	lines := d.room[:n:n]
	d.room = d.room[n:]
	for i := range lines {
		lines[i] = d.text()
	}
	return lines
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) int64() int64 {
	if len(d.rest) < 8 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return int64(v)
}

func (d *decoder) duration() time.Duration { return time.Duration(d.int64()) }

func (d *decoder) fences(e *entry) {
	n := d.items(fenceCost)
	if n == 0 {
		return
	}
	e.fences = make([]fence, n)
	for i := range e.fences {
		e.fences[i] = fence{d.text(), d.text()}
	}
}

func (d *decoder) fields(e *entry) {
	n := d.items(fieldCost)
	if n == 0 {
		return
	}
	e.fields = make([]field, n)
	for i := range e.fields {
		change := change(d.byte())
		e.fields[i] = field{name: d.text(), lines: d.lines(), change: change}
	}
}
