package pagecache

import "sync"

// body is the buffer that a response is recorded in. Buffers are lent: a page
// that is stored is copied out in its exact size, one that is not leaves no
// garbage.
type body struct {
	buf      *[]byte
	reserved int64 // its share of the recording budget
}

// pooledBody is the largest buffer kept for the next response.
const pooledBody = 64 << 10

var bodyBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, 4<<10)) }}

func (b *body) bytes() []byte {
	if b.buf == nil {
		return nil
	}
	return *b.buf
}

func (b *body) write(p []byte) { *b.buf = append(*b.buf, p...) }

func (b *body) writeString(s string) { *b.buf = append(*b.buf, s...) }

// grow makes room for n more bytes and returns by how much the buffer grew.
func (b *body) grow(n int) (growth int64) {
	if b.buf == nil {
		b.buf = bodyBuffers.Get().(*[]byte)
	}
	old := *b.buf
	if need := len(old) + n; need > cap(old) {
		grown := make([]byte, len(old), max(need, 2*cap(old)))
		copy(grown, old)
		*b.buf = grown
	}
	growth = int64(cap(*b.buf)) - b.reserved
	b.reserved += growth
	return growth
}

// free gives the buffer back. What was lent of the budget the fill returns.
func (b *body) free() {
	if b.buf == nil {
		return
	}
	if cap(*b.buf) <= pooledBody {
		*b.buf = (*b.buf)[:0]
		bodyBuffers.Put(b.buf)
	}
	b.buf = nil
}
