package redisstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/klauspost/compress/s2"
)

// What lies in Redis is the value itself, where possible. Other things begin
// with the mark and a kind: what is signed or compressed, and a value that has
// the mark itself. After the kind of a signed one come the ID of its key and
// the signature. Pages of the cache begin with "pgc", nonces are base32.
const (
	mark = "pgs"

	kindPlain        = 'a'
	kindPacked       = 'b'
	kindSigned       = 'c'
	kindSignedPacked = 'd'

	signed  = kindSigned - kindPlain // what a signature adds to a kind
	headLen = len(mark) + 1
	signLen = 1 + sha256.Size
	badMark = mark + "!" // before what cannot be opened; never in Redis

	// A value is not compressed, and taken for a bomb when it is, that has more
	// than maxUnpacked bytes, or more than tolerated bytes and maxGain for each
	// byte that they are packed in.
	maxUnpacked = 64 << 20
	tolerated   = 64 << 10
	maxGain     = 1 << 10
)

// sealer turns values into what lies in Redis, and back.
type sealer struct {
	keys []SigningKey
	min  int // smallest value to compress; 0 for none
}

func (s *sealer) signs() bool { return len(s.keys) > 0 }

// packed is a value before it is signed.
type packed struct {
	kind    byte
	content []byte
}

func (s *sealer) pack(value []byte) packed {
	if s.min > 0 && len(value) >= s.min {
		return compress(value)
	}
	return packed{kindPlain, value}
}

// compress leaves a value as it is that would not be smaller or could not be
// opened again.
func compress(value []byte) packed {
	if len(value) > maxUnpacked {
		return packed{kindPlain, value}
	}
	small := s2.Encode(nil, value)
	if len(small)+headLen >= len(value) || !plausible(len(small), len(value)) {
		return packed{kindPlain, value}
	}
	return packed{kindPacked, small}
}

// unpack is the inverse of compress. The length is judged before memory is
// taken for it.
func unpack(small []byte) (value []byte, ok bool) {
	n, err := s2.DecodedLen(small)
	if err != nil || n > maxUnpacked || !plausible(len(small), n) {
		return nil, false
	}
	value, err = s2.Decode(nil, small)
	return value, err == nil && len(value) == n && n > 0
}

// plausible keeps a few bytes that claim to be 64 MiB from taking that memory.
func plausible(small, n int) bool { return n <= tolerated || n/maxGain <= small }

// sign makes of p what lies under name, with the first key if there is one.
func (s *sealer) sign(name string, p packed) []byte {
	if !s.signs() {
		return unsigned(p)
	}
	return signWith(s.keys[0], name, p)
}

func unsigned(p packed) []byte {
	if p.kind == kindPlain && !needsMark(p.content) {
		return p.content
	}
	sealed := make([]byte, 0, headLen+len(p.content))
	return append(append(append(sealed, mark...), p.kind), p.content...)
}

// needsMark reports whether a value cannot lie in Redis as it is.
func needsMark(value []byte) bool { return len(value) == 0 || hasPrefix(value, mark) }

func signWith(k SigningKey, name string, p packed) []byte {
	sealed := make([]byte, 0, headLen+signLen+len(p.content))
	sealed = append(append(sealed, mark...), p.kind+signed, k.ID)
	sealed = k.sum(sealed, name, p)
	return append(sealed, p.content...)
}

// sum appends the signature of p under name.
func (k SigningKey) sum(b []byte, name string, p packed) []byte {
	mac := hmac.New(sha256.New, k.Secret)
	head := binary.BigEndian.AppendUint32(append(make([]byte, 0, 5+len(name)), p.kind), uint32(len(name)))
	mac.Write(append(head, name...))
	mac.Write(p.content)
	return mac.Sum(b)
}

// open returns the value that sealed was made of. Anything else comes back as
// badMark and the bytes as they are, which is no page and no nonce.
func (s *sealer) open(name string, sealed []byte) []byte {
	if value, ok := s.opened(name, sealed); ok {
		return value
	}
	return append([]byte(badMark), sealed...)
}

func (s *sealer) opened(name string, sealed []byte) (value []byte, ok bool) {
	if !hasPrefix(sealed, mark) {
		return sealed, len(sealed) > 0 && !s.signs()
	}
	if len(sealed) < headLen {
		return nil, false
	}
	p := packed{sealed[headLen-1], sealed[headLen:]}
	if s.signs() {
		p, ok = s.verified(name, p)
		if !ok {
			return nil, false
		}
	}
	switch {
	case p.kind == kindPacked:
		return unpack(p.content)
	case p.kind == kindPlain:
		return p.content, s.signs() || needsMark(p.content)
	}
	return nil, false
}

// verified takes the signature off.
func (s *sealer) verified(name string, p packed) (packed, bool) {
	if p.kind != kindSigned && p.kind != kindSignedPacked || len(p.content) < signLen {
		return p, false
	}
	id, sum := p.content[0], p.content[1:signLen]
	p = packed{p.kind - signed, p.content[signLen:]}
	for _, k := range s.keys {
		if k.ID == id {
			return p, hmac.Equal(sum, k.sum(make([]byte, 0, sha256.Size), name, p))
		}
	}
	return p, false
}

// forms returns all that may lie under name if open returns value: with any of
// the keys, compressed or not, or what could not be opened. For a nonce or a
// lease and one key it is one.
func (s *sealer) forms(name string, value []byte) (forms [][]byte) {
	all := []packed{{kindPlain, value}}
	if len(value) >= minCompress {
		if p := compress(value); p.kind == kindPacked {
			all = append(all, p)
		}
	}
	for _, p := range all {
		if !s.signs() {
			forms = append(forms, unsigned(p))
		}
		for _, k := range s.keys {
			forms = append(forms, signWith(k, name, p))
		}
	}
	if sealed, ok := strings.CutPrefix(string(value), badMark); ok {
		if _, good := s.opened(name, []byte(sealed)); !good {
			forms = append(forms, []byte(sealed))
		}
	}
	return forms
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
