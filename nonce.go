package pagecache

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"
	"strings"
	"time"
)

// newNonce returns a new nonce. It ends with a checksum, so that one that was
// damaged is known for it and not taken for another.
func newNonce() []byte { return signNonce(rand.Text()) }

// newExpiry returns a nonce that tells it is an expiry's, when that was, and how
// long it is kept.
func newExpiry(life time.Duration) []byte {
	return signNonce(rand.Text() + "." + strconv.FormatInt(time.Now().UnixNano(), 36) + "." + strconv.FormatInt(int64(life), 36) + ".")
}

func signNonce(text string) []byte {
	b := append(make([]byte, 0, len(text)+sumSize), text...)
	return appendSum(b, b)
}

// sumSize is the length of a checksum in hexadecimal digits.
const sumSize = 8

func appendSum(b, of []byte) []byte {
	var sum [sumSize / 2]byte
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(of, castagnoli))
	return hex.AppendEncode(b, sum[:])
}

// expiry is what a nonce tells of the expiry that it is of.
type expiry struct {
	at   time.Time     // by the clock of who made it
	life time.Duration // of the nonce
}

func expiryOf(nonce string) (x expiry, ok bool) {
	parts := strings.Split(nonce, ".")
	if len(parts) != 4 {
		return x, false
	}
	at, err := strconv.ParseInt(parts[1], 36, 64)
	life, err2 := strconv.ParseInt(parts[2], 36, 64)
	return expiry{time.Unix(0, at), time.Duration(life)}, err == nil && err2 == nil
}

// ago is how long ago the expiry was, from what its nonce has left by the clock of
// the store. Where that is not known, by the clock of who made it.
func (x expiry) ago(left time.Duration) time.Duration {
	if left >= 0 {
		return x.life - left
	}
	return time.Since(x.at)
}

func isNonce(b []byte) bool {
	cut := len(b) - sumSize
	if cut <= 0 {
		return false
	}
	var sum [sumSize]byte
	return string(b[cut:]) == string(appendSum(sum[:0], b[:cut]))
}
