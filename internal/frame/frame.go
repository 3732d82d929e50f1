// Package frame joins byte strings so that they can be taken apart again: each
// one is written behind its length. Joined this way, two different lists never
// give the same bytes, whatever bytes their members hold.
package frame

import "encoding/binary"

const header = 4 // a big-endian uint32 length

// Append appends s as one frame.
func Append[T string | []byte](dst []byte, s T) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

// AppendCount appends a number where a frame could stand.
func AppendCount(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// AppendList appends the number of members and each member as a frame.
func AppendList(dst []byte, list []string) []byte {
	dst = AppendCount(dst, len(list))
	for _, s := range list {
		dst = Append(dst, s)
	}
	return dst
}

// Cut takes the first frame off b. It aliases b and allocates nothing.
func Cut(b []byte) (frame, rest []byte, ok bool) {
	n, rest, ok := CutCount(b)
	if !ok || n > len(rest) {
		return nil, nil, false
	}
	return rest[:n:n], rest[n:], true
}

// CutCount takes a number off b. Numbers that no length here can have are
// refused, so that a caller may size by them what it has checked against rest.
func CutCount(b []byte) (n int, rest []byte, ok bool) {
	if len(b) < header {
		return 0, nil, false
	}
	v := binary.BigEndian.Uint32(b)
	if v > 1<<31-1 {
		return 0, nil, false
	}
	return int(v), b[header:], true
}
