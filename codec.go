package pagecache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// The binary form of what a Store keeps. It begins with magic, format version
// and kind, and ends with a CRC-32C of everything before. All lengths are
// checked before anything is allocated, all text and the body alias the input,
// which nobody changes, and the rest takes no more memory than the input has
// bytes: an encoding whose fields would is padded.
const (
	codecMagic   = "pgc"
	codecVersion = 2
	kindEntry    = 'e'
	kindMarker   = 'm'
	codecHeader  = len(codecMagic) + 2
	codecTrailer = 4
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errCorrupt = errors.New("corrupt or foreign bytes")
)

// fence is a tag and the nonce that its key in the Store held when the page
// was filled. A page whose nonces no longer stand is purged.
type fence struct {
	tag   string
	nonce string
}

func beginCode(kind byte) []byte {
	b := make([]byte, 0, 1024)
	return append(append(b, codecMagic...), codecVersion, kind)
}

func endCode(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// openCode checks what surrounds the content and returns the content.
func openCode(b []byte, kind byte) (content []byte, ok bool) {
	if len(b) < codecHeader+codecTrailer || string(b[:len(codecMagic)]) != codecMagic {
		return nil, false
	}
	if b[len(codecMagic)] != codecVersion || b[len(codecMagic)+1] != kind {
		return nil, false
	}
	content, sum := b[:len(b)-codecTrailer], b[len(b)-codecTrailer:]
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(sum) {
		return nil, false
	}
	return content[codecHeader:], true
}

// encodeEntry writes the entry. Its times are told by the wall clock at which
// it was created, for other processes have other epochs.
func encodeEntry(e *entry, created time.Time) []byte {
	b := beginCode(kindEntry)
	b = frame.Append(b, e.key.frames)
	b = frame.AppendCount(b, linesOf(e))
	b = frame.AppendList(b, e.vary)
	for _, lines := range e.values {
		b = appendLines(b, lines)
	}
	b = frame.AppendCount(b, e.status)
	b = append(b, byte(boolInt(e.public)))
	b = binary.BigEndian.AppendUint64(b, uint64(created.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(e.fresh))
	b = binary.BigEndian.AppendUint64(b, uint64(e.age))
	b = binary.BigEndian.AppendUint64(b, uint64(e.stale.whileRevalidate))
	b = binary.BigEndian.AppendUint64(b, uint64(e.stale.ifError))
	b = binary.BigEndian.AppendUint64(b, uint64(e.took))
	b = frame.Append(frame.Append(b, e.route.label), e.pattern)
	b = frame.AppendCount(b, len(e.fences))
	for _, f := range e.fences {
		b = frame.Append(frame.Append(b, f.tag), f.nonce)
	}
	b = frame.AppendCount(b, len(e.fields))
	for _, f := range e.fields {
		b = frame.Append(append(b, byte(f.change)), f.name)
		b = appendLines(b, f.lines)
	}
	b = frame.Append(b, e.body)
	b = pad(b, structSize(e))
	return endCode(b)
}

// pad lengthens the content to the memory that decoding it takes.
func pad(b []byte, memory int) []byte {
	return append(b, make([]byte, max(0, memory-(len(b)-codecHeader)))...)
}

// Memory that the decoder allocates for each line, field, fence, selecting
// field and variant, besides their text.
const (
	lineCost  = stringSize
	fieldCost = 48
	fenceCost = 2 * stringSize
	varyCost  = stringSize + 24
	refCost   = 16
)

func structSize(e *entry) int {
	return len(e.fields)*fieldCost + len(e.fences)*fenceCost + len(e.vary)*varyCost + linesOf(e)*lineCost
}

// linesOf counts the lines of all fields, for which the decoder makes room at once.
func linesOf(e *entry) (n int) {
	for _, f := range e.fields {
		n += len(f.lines)
	}
	for _, lines := range e.values {
		n += len(lines)
	}
	return n
}

// appendLines keeps nil, no lines and empty lines apart.
func appendLines(b []byte, lines []string) []byte {
	if lines == nil {
		return frame.AppendCount(b, 0)
	}
	b = frame.AppendCount(b, len(lines)+1)
	for _, line := range lines {
		b = frame.Append(b, line)
	}
	return b
}

// decodeEntry reads an entry whose route and times the caller translates.
func decodeEntry(b []byte) (e *entry, created time.Time, label string, err error) {
	content, ok := openCode(b, kindEntry)
	if !ok {
		return nil, time.Time{}, "", errCorrupt
	}
	d := decoder{rest: content, memory: len(content)}
	e = new(entry)
	e.key.frames = d.text()
	d.room = make([]string, d.items(lineCost))
	e.vary = d.texts(varyCost)
	if len(e.vary) > 0 && !d.failed {
		e.values = make([][]string, len(e.vary))
		for i := range e.values {
			e.values[i] = d.lines()
		}
	}
	e.status = d.count()
	e.public = d.byte() == 1
	created = time.Unix(0, d.int64())
	e.fresh, e.age = d.duration(), d.duration()
	e.stale, e.took = windows{d.duration(), d.duration()}, d.duration()
	label, e.pattern = d.text(), d.text()
	d.fences(e)
	d.fields(e)
	e.body = d.bytes()
	if d.failed || !plausible(e) {
		return nil, time.Time{}, "", errCorrupt
	}
	return e, created, label, nil
}

// plausible refuses what no encoder writes and what must not reach a client: a
// signature of bytes says nothing about who made them.
func plausible(e *entry) bool {
	if e.status < 200 || e.status > 599 || e.fresh <= 0 || e.fresh > maxLifetime || e.age < 0 || e.age > maxLifetime {
		return false
	}
	if min(e.stale.whileRevalidate, e.stale.ifError, e.took) < 0 || e.stale.longest() > maxLifetime {
		return false
	}
	for _, f := range e.fields {
		if !isToken(f.name) || f.change > remove || f.change != remove && !replayable(f.name, nil) && f.name != "Content-Length" {
			return false
		}
		if slices.ContainsFunc(f.lines, badFieldValue) {
			return false
		}
	}
	return true
}

func badFieldValue(line string) bool { return strings.ContainsAny(line, "\r\n\x00") }

// encodeMarker writes the marker of a page with variants. The places of the
// variants follow from the names, so a lost marker is replaced by an equal one.
func encodeMarker(frames string, names []string, live []variantRef, epoch uint64) []byte {
	b := beginCode(kindMarker)
	b = frame.Append(b, frames)
	b = frame.AppendList(b, names)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = frame.AppendCount(b, len(live))
	for _, v := range live {
		b = binary.BigEndian.AppendUint64(b, v.hash)
		b = binary.BigEndian.AppendUint64(b, uint64(v.ends))
	}
	b = pad(b, len(names)*lineCost+len(live)*refCost)
	return endCode(b)
}

func decodeMarker(b []byte) (m *marker, err error) {
	content, ok := openCode(b, kindMarker)
	if !ok {
		return nil, errCorrupt
	}
	d := decoder{rest: content, memory: len(content)}
	m = new(marker)
	m.key.frames = d.text()
	m.names = d.texts(lineCost)
	m.epoch = uint64(d.int64())
	m.live = make([]variantRef, d.items(refCost))
	for i := range m.live {
		m.live[i] = variantRef{uint64(d.int64()), d.int64()}
	}
	if d.failed || len(m.names) == 0 {
		return nil, errCorrupt
	}
	return m, nil
}
