package pagecache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
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
	hints    hints
	latest   latest
	queue    queue
	owed     owed // purges that the Store refused
	prefixes bool // pages have fences for the directories of their paths
}

// How long a nonce is kept. Its loss can only cost misses, so that of a page's
// own tags need not be kept for ever, however many tags there are. What many
// pages share is kept longer than any page, lest they are all lost at once.
const (
	fenceLife     = 2 * maxRemoteLife
	maxRemoteLife = 365 * 24 * time.Hour
	pageFenceLife = 24 * time.Hour // at least, and four times the life of the route's pages
)

// lifeOf is how long a nonce for a page of the route is kept.
func (p *Policy) lifeOf(fence string) time.Duration {
	fence = strings.TrimPrefix(fence, hardPrefix)
	if fence == namespaceName || fence == markName || strings.HasPrefix(fence, " route ") || slices.Contains(p.Tags, fence) || isTopDirectory(fence) {
		return fenceLife
	}
	if p.TTL == 0 {
		return 30 * pageFenceLife
	}
	life := min(p.TTL+max(p.StaleWhileRevalidate, p.StaleIfError), maxRemoteLife/2)
	return min(max(pageFenceLife, 4*life), fenceLife)
}

// isTopDirectory reports whether the fence is that of the root or of a directory
// in it. There are few of these, for many pages.
func isTopDirectory(fence string) bool {
	return strings.HasPrefix(fence, " under ") && strings.Count(fence, "/") <= 2
}

// ticket is what a look-up read of the fences: what a page stored later may be
// compared with.
type ticket struct {
	nonces map[string]string // by tag; empty: its key was absent
	made   map[string]bool   // the nonces that this request made, for their keys were absent
	stamp  int64             // the last purge in this process before the look-up began
	began  uint64            // the turn in which the look-up began, see core.turns
	fenced uint64            // the turn before the nonces were made
	known  []string          // the tags that the page has whatever its handler adds
	other  []string          // fences of other paths that the same page was filled by
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
		if !read && slices.Contains(t.known, tag) {
			return false // it has another path, and the page was made behind the fence of that
		}
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

// lateNames are the names of fences that a page of this request may have
// besides the known ones, as far as they can be guessed before the handler runs:
// asking for one too many costs little, for one too few another trip.
func (s *remote) lateNames(r *http.Request, hint hint) []string {
	if label := routeLabel(r); label != "" && len(hint.tags) == 0 {
		return []string{tag{kind: routeTag, parts: [3]string{label}}.name()}
	}
	return hint.tags
}

// knownTags are the names of the fences that a page of this request will have
// whatever its handler does: they are read together with the page.
func (rt *route) knownTags(r *http.Request) []string {
	names := []string{namespaceName, markName}
	for path := range paths(r) {
		names = append(names, tag{kind: pathTag, parts: [3]string{path}}.name())
		if !rt.core.remote.prefixes {
			continue
		}
		for dir := range directories(path) {
			if name := (tag{kind: underTag, parts: [3]string{dir}}).name(); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return append(names, rt.policy.Tags...)
}

// fenceOff makes sure, before the handler runs, that every known tag has a
// nonce to compare with later. Fences that are absent get one.
func (s *remote) fenceOff(x *fill) {
	t := x.ticket
	if t == nil || t.failed {
		return
	}
	var absent []string
	for name, nonce := range t.nonces {
		if nonce == "" {
			absent = append(absent, name)
		}
	}
	if x.rt.policy.servesStale() {
		absent = append(absent, hardNames(t.nonces)...)
	}
	if len(absent) == 0 {
		return
	}
	fenced := s.core.turns.Add(1)
	nonces, err := s.create(t.spent, absent, &x.rt.policy)
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

// create gives absent fences a nonce and returns what each holds now. It is one
// trip for all that are kept equally long.
func (s *remote) create(spent *spending, names []string, p *Policy) ([]string, error) {
	nonces := make([]string, len(names))
	byLife := make(map[time.Duration][]int, 2)
	for i, name := range names {
		life := p.lifeOf(name)
		byLife[life] = append(byLife[life], i)
	}
	for life, group := range byLife {
		keys := make([]string, len(group))
		for i, at := range group {
			keys[i] = fenceKey(names[at])
		}
		values, err := s.guard.add(spent, newNonce(), life, keys)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			if !isNonce(v) {
				return nil, errCorrupt
			}
			nonces[group[i]] = string(v)
		}
	}
	return nonces, nil
}

// newNonce returns a new nonce. It ends with a checksum, so that one that was
// damaged is known for it and not taken for another.
func newNonce() []byte { return signNonce(rand.Text()) }

// newExpiry returns a nonce that tells it is an expiry's, and when that was.
func newExpiry() []byte {
	return signNonce(rand.Text() + "." + strconv.FormatInt(time.Now().UnixNano(), 36) + ".")
}

func signNonce(text string) []byte {
	return fmt.Appendf(nil, "%s%08x", text, crc32.Checksum([]byte(text), castagnoli))
}

// expiredAt is when the expiry was that a nonce is of, by the clock of who made
// it.
func expiredAt(nonce string) (at time.Time, ok bool) {
	_, rest, ok := strings.Cut(nonce, ".")
	text, _, _ := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(text, 36, 64)
	return time.Unix(0, n), ok && err == nil
}

func isNonce(b []byte) bool {
	cut := len(b) - 8
	return cut > 0 && string(b[cut:]) == fmt.Sprintf("%08x", crc32.Checksum(b[:cut], castagnoli))
}
