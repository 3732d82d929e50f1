package pagecache

import (
	"crypto/sha256"
	"encoding/base64"
)

// pageKeys are the names of a page and its parts in a Store. The page, its
// variants and their leases have one second part.
type pageKeys struct {
	frames string
	id     string
}

func keysOf(k *key) pageKeys {
	if k.raw != nil {
		return pageKeys{frames: string(k.raw), id: shortName(k.raw)}
	}
	return pageKeys{frames: k.frames, id: shortName([]byte(k.frames))}
}

func (k pageKeys) page() string { return "p:" + k.id }

func (k pageKeys) variant(names []string, values [][]string) string {
	return "v:" + k.id + ":" + shortName(appendVariant(nil, names, values))
}

// leaseKey is where the right lies to make what will lie under another key.
func leaseKey(place string) string { return "l" + place[1:] }

// shortName is a short name for what may be long.
func shortName(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
