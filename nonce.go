package pagecache

import (
	"crypto/rand"
	"fmt"
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
	return fmt.Appendf(nil, "%s%08x", text, crc32.Checksum([]byte(text), castagnoli))
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
	cut := len(b) - 8
	return cut > 0 && string(b[cut:]) == fmt.Sprintf("%08x", crc32.Checksum(b[:cut], castagnoli))
}
