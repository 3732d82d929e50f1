package pagecache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// remote keeps pages in a Store. Whoever purges, in whatever process, changes
// a nonce: each tag has a key of its own in the Store that holds one, a page is
// stored with the nonces that stood before its handler ran, and it is served
// only while they all stand. Losing a nonce can only cost a miss.
//
// Tags that a handler adds while it runs were not read before. For them the
// namespace has one more nonce, the mark, which each purge of a tag changes
// first: a page with late tags is stored only if the mark is as it was.
type remote struct {
	guard
	hints hints
}

// Tags that every page has, besides its own: the whole namespace, and its path.
// No tag of a user can be one of these, for it has no spaces.
const (
	namespaceTag = " all"
	markTag      = " mark"
	pathTag      = " path "
)

// fenceLife is how long a nonce is kept: longer than any page, so that a page
// never dies of its nonce's expiry, nor comes to life again by it.
const (
	fenceLife     = 2 * maxRemoteLife
	maxRemoteLife = 365 * 24 * time.Hour
)

// ticket is what a look-up read of the fences: what a page stored later may be
// compared with.
type ticket struct {
	nonces map[string]string // by tag; empty: its key was absent
	made   map[string]bool   // the nonces that this request made, for their keys were absent
	began  uint64            // the turn in which the look-up began, see core.turns
	fenced uint64            // the turn before the nonces were made
	known  []string          // the tags that the page has whatever its handler adds
	page   *marker           // what is known of the page's variants
	spent  *spending         // of the request's budget
	landed uint64            // how many pages had landed in this process
	failed bool              // the look-up failed
	loose  bool              // nonces could not be made
}

// agrees reports whether a page made behind the fences of t2 may be given to a
// request that read the fences for t when it came: no purge was finished between
// the two. It is so when all nonces that both read are equal, the mark among
// them. In process there are no fences to compare.
func (t *ticket) agrees(t2 *ticket) bool {
	if t == nil || t2 == nil || t.failed || t2.failed {
		return t == nil && t2 == nil
	}
	for tag, nonce := range t.nonces {
		other, read := t2.nonces[tag]
		bothAbsent := nonce == "" && t2.made[tag] && t.began < t2.fenced
		if read && other != nonce && !bothAbsent {
			return false
		}
	}
	return true
}

// pageKeys are the names of a page and its parts in the Store.
type pageKeys struct {
	frames string
	page   string
}

func storeKey(kind string, parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(frame.Append(nil, part))
	}
	return kind + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

func keysOf(k *key) pageKeys {
	frames := k.frames
	if k.raw != nil {
		frames = string(k.raw)
	}
	return pageKeys{frames: frames, page: storeKey("p:", []byte(frames))}
}

func (k pageKeys) variant(names []string, values [][]string) string {
	return storeKey("v:", []byte(k.frames), appendVariant(nil, names, values))
}

func fenceKey(tag string) string { return storeKey("f:", []byte(tag)) }

// receivedPath is the path as the client sent it, decoded: every spelling of a
// path has one fence.
func receivedPath(r *http.Request) string {
	path, _, _ := strings.Cut(received(r), "?")
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

// knownTags are the tags that a page of this request will have whatever its
// handler adds: they are read together with the page.
func (rt *route) knownTags(r *http.Request) []string {
	tags := []string{namespaceTag, markTag, pathTag + r.URL.Path}
	if path := receivedPath(r); path != r.URL.Path {
		tags = append(tags, pathTag+path)
	}
	return append(tags, rt.policy.Tags...)
}

// fenceOff makes sure, before the handler runs, that every known tag has a
// nonce to compare with later. Fences that are absent get one.
func (s *remote) fenceOff(x *fill) {
	t := x.ticket
	if t == nil || t.failed {
		return
	}
	var absent []string
	for tag, nonce := range t.nonces {
		if nonce == "" {
			absent = append(absent, tag)
		}
	}
	if len(absent) == 0 {
		return
	}
	fenced := s.core.turns.Add(1)
	nonces, err := s.create(t.spent, absent)
	if err != nil {
		t.loose = true
		s.core.storeFailed("add", err)
		return
	}
	t.made, t.fenced = make(map[string]bool, len(absent)), fenced
	for i, tag := range absent {
		t.nonces[tag], t.made[tag] = nonces[i], true
	}
}

// create gives absent fences a nonce and returns what each holds now.
func (s *remote) create(spent *spending, tags []string) ([]string, error) {
	keys := make([]string, len(tags))
	for i, tag := range tags {
		keys[i] = fenceKey(tag)
	}
	values, err := s.guard.add(spent, newNonce(), fenceLife, keys)
	if err != nil {
		return nil, err
	}
	nonces := make([]string, len(values))
	for i, v := range values {
		if !isNonce(v) {
			return nil, errCorrupt
		}
		nonces[i] = string(v)
	}
	return nonces, nil
}

// newNonce returns a new nonce. It ends with a checksum, so that one that was
// damaged is known for it and not taken for another.
func newNonce() []byte {
	text := rand.Text()
	return fmt.Appendf(nil, "%s%08x", text, crc32.Checksum([]byte(text), castagnoli))
}

func isNonce(b []byte) bool {
	cut := len(b) - 8
	return cut > 0 && string(b[cut:]) == fmt.Sprintf("%08x", crc32.Checksum(b[:cut], castagnoli))
}
