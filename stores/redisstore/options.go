package redisstore

import (
	"bytes"
	"fmt"
)

const (
	// minSecret is the shortest secret of a signature, in bytes.
	minSecret = 16

	// minCompress is the smallest bound that Compress takes. Nonces and leases
	// are below it: what is compared in Redis has one spelling only.
	minCompress = 256
)

// SigningKey signs values. ID tells keys apart, so that a new one can take over
// while values of the old one are still good. Secret has at least 16 bytes, of
// which none should be known to those who may write to Redis otherwise.
type SigningKey struct {
	ID     byte
	Secret []byte
}

// String shows the ID only.
func (k SigningKey) String() string { return fmt.Sprintf("signing key %d", k.ID) }

// GoString shows the ID only.
func (k SigningKey) GoString() string { return k.String() }

// SignWith signs each value with HMAC-SHA-256, with the first key, and takes
// values of all keys for good. The signature covers the whole Redis key, so
// that a value is of no use under another one. Others who may write to this
// Redis can then remove pages, and put back older values of the same key, but
// not make any up. A value costs 37 bytes more and some microseconds.
//
// To change keys: add the new one at the end everywhere, then move it to the
// front everywhere, and take the old one out when its values have expired.
//
// SignWith panics when there is no key, a secret is shorter than 16 bytes, or
// two keys have the same ID. It keeps copies of the secrets.
func SignWith(keys ...SigningKey) Option {
	if len(keys) == 0 {
		panic("redisstore: SignWith: there is no key; leave the option out if values need not be signed")
	}
	var own []SigningKey
	seen := map[byte]bool{}
	for _, k := range keys {
		if len(k.Secret) < minSecret {
			panic(fmt.Sprintf("redisstore: SignWith: the secret of key %d has %d bytes; give it %d or more random ones",
				k.ID, len(k.Secret), minSecret))
		}
		if seen[k.ID] {
			panic(fmt.Sprintf("redisstore: SignWith: two keys have the ID %d; give each its own", k.ID))
		}
		seen[k.ID] = true
		own = append(own, SigningKey{k.ID, bytes.Clone(k.Secret)})
	}
	return func(s *Store) { s.sealer.keys = own }
}

// Compress compresses values of at least minBytes, where that makes them
// smaller, with S2: a page of 40 KiB becomes one of 13 to 20 KiB in about 50
// microseconds, and a page again in about 20, which a hit waits for. zstd would
// make it a quarter smaller still, in three times as long both ways. The option
// pays off where memory or the network is short; over a fast network a hit is
// quicker without.
//
// Stores with and without the option read each other's values. Compress panics
// when minBytes is below 256; 1024 is a good one.
func Compress(minBytes int) Option {
	if minBytes < minCompress {
		panic(fmt.Sprintf("redisstore: Compress(%d): the bound is in bytes and must be at least %d; write Compress(1024)",
			minBytes, minCompress))
	}
	return func(s *Store) { s.sealer.min = minBytes }
}
