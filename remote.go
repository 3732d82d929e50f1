package pagecache

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
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
	page   *marker           // what is known of the page's variants
	spent  *spending         // of the request's budget
	landed uint64            // how many pages had landed in this process
	failed bool
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

// knownTags are the tags that a page of this request will have whatever its
// handler adds: they are read together with the page.
func (rt *route) knownTags(r *http.Request) []string {
	tags := []string{namespaceTag, markTag, pathTag + r.URL.Path}
	if received, _, _ := strings.Cut(received(r), "?"); received != r.URL.Path {
		tags = append(tags, pathTag+received)
	}
	return append(tags, rt.policy.Tags...)
}

// find reads the page and its fences: in one trip when this process has seen
// the page before, for it then knows the page's variants and late tags.
func (s *remote) find(l *lookup, rt *route, r *http.Request, k *key, now int64) {
	spent := s.newSpending()
	if l.ticket != nil {
		spent = l.ticket.spent
	}
	t := &ticket{spent: spent, landed: s.core.flights.landed.Load()}
	q := &query{remote: s, r: r, hash: k.hash, keys: keysOf(k), spent: spent, now: now, known: rt.knownTags(r)}
	hint := s.hints.get(k.hash)
	q.want(q.known...)
	q.want(hint.tags...)
	l.fwd, l.ticket = uriMiss, t
	if err := q.run(l, hint.names); err != nil {
		s.core.storeFailed("get", err)
		t.failed, l.fwd = true, unknown
		return
	}
	t.nonces, t.page = q.nonces, l.page
}

// query is one look-up in the Store.
type query struct {
	*remote
	r      *http.Request
	hash   uint64
	keys   pageKeys
	spent  *spending
	now    int64
	known  []string // the tags that the page must have
	tags   []string // asked for in the next trip
	nonces map[string]string
}

// want asks for the nonces of tags that are not known yet.
func (q *query) want(tags ...string) {
	for _, tag := range tags {
		if _, known := q.nonces[tag]; !known && !slices.Contains(q.tags, tag) {
			q.tags = append(q.tags, tag)
		}
	}
}

// run makes the trips. names are the fields that the page is thought to vary
// on; what comes back says whether it does.
func (q *query) run(l *lookup, names []string) error {
	pages := []string{q.keys.page}
	if len(names) > 0 {
		pages = append(pages, q.keys.variant(names, valuesOf(names, q.r.Header)))
	}
	values, err := q.get(pages)
	if err != nil {
		return err
	}
	e, page := q.read(pages[0], values[0])
	if page != nil {
		l.page, l.fwd = page, varyMiss
		if slices.Equal(page.names, names) {
			e, _ = q.read(pages[1], values[1])
		} else if e, err = q.readVariant(page.names); err != nil {
			return err
		}
	}
	if e == nil || !selects(e.vary, e.values, q.r.Header) {
		return nil
	}
	return q.check(l, e)
}

func (q *query) readVariant(names []string) (*entry, error) {
	key := q.keys.variant(names, valuesOf(names, q.r.Header))
	values, err := q.get([]string{key})
	if err != nil {
		return nil, err
	}
	e, _ := q.read(key, values[0])
	return e, nil
}

// check compares the entry's fences with those that stand, and its lifetime
// with the time.
func (q *query) check(l *lookup, e *entry) error {
	late := lateTags(e.fences, q.known)
	q.want(late...)
	if len(q.tags) > 0 {
		if _, err := q.get(nil); err != nil {
			return err
		}
		q.hints.set(q.hash, hint{names: e.vary, tags: late})
	}
	if q.stands(e) {
		l.take(e, q.now)
	}
	return nil
}

// stands reports whether the entry has every tag that it must have, and no
// nonce of its tags has changed.
func (q *query) stands(e *entry) bool {
	for _, tag := range q.known {
		if tag != markTag && !slices.ContainsFunc(e.fences, func(f fence) bool { return f.tag == tag }) {
			return false
		}
	}
	for _, f := range e.fences {
		if f.nonce == "" || q.nonces[f.tag] != f.nonce {
			return false
		}
	}
	return true
}

// get reads pages and the fences asked for in one trip.
func (q *query) get(pages []string) ([][]byte, error) {
	tags := q.tags
	q.tags = nil
	keys := slices.Clone(pages)
	for _, tag := range tags {
		keys = append(keys, fenceKey(tag))
	}
	values, err := q.guard.get(q.spent, keys)
	if err != nil {
		return nil, err
	}
	if q.nonces == nil {
		q.nonces = make(map[string]string, len(tags))
	}
	for i, tag := range tags {
		q.nonces[tag] = string(values[len(pages)+i])
	}
	return values[:len(pages)], nil
}

// read decodes what lies under a key: a page of this very request key, its
// marker, or nothing that can be used. Rubbish is removed.
func (q *query) read(key string, value []byte) (*entry, *marker) {
	if len(value) == 0 {
		return nil, nil
	}
	if m, err := decodeMarker(value); err == nil {
		if m.key.frames != q.keys.frames {
			return nil, nil
		}
		return nil, m
	}
	e, created, label, err := decodeEntry(value)
	if err != nil {
		q.core.storeFailed("decode", err)
		_ = q.guard.delete(q.spent, key)
		return nil, nil
	}
	if e.key.frames != q.keys.frames {
		return nil, nil
	}
	q.core.adopt(e, created, label)
	return e, nil
}

// adopt translates an entry of another process, or of this one's past, into
// this process's terms. Clocks differ between machines; an entry from the
// future counts as new.
func (c *core) adopt(e *entry, created time.Time, label string) {
	now := time.Now()
	resident := max(0, now.Sub(created))
	e.created = c.now() - int64(resident)
	e.route = c.routeStats(label)
	e.finish(now)
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
	nonces, err := s.create(t.spent, absent)
	if err != nil {
		t.failed = true
		s.core.storeFailed("add", err)
		return
	}
	for i, tag := range absent {
		t.nonces[tag] = nonces[i]
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
		nonces[i] = string(v)
	}
	return nonces, nil
}

func newNonce() []byte { return []byte(rand.Text()) }

// commit stores the page with its fences.
func (s *remote) commit(x *fill, e *entry) Reason {
	if x.ticket == nil || x.ticket.failed {
		return reasonStoreError
	}
	spent := x.ticket.spent
	known := x.rt.knownTags(x.r)
	fences, why := s.fencesFor(x, spent, slices.Concat(known, e.tags))
	if why != "" {
		return why
	}
	e.fences = fences
	e.fresh = min(e.fresh, maxRemoteLife)
	if why := s.write(x, spent, e); why != "" {
		return why
	}
	s.hints.set(x.key.hash, hint{names: e.vary, tags: lateTags(fences, known)})
	return ""
}

// fencesFor returns the nonces that the page is stored with. Those of tags that
// came late are read now, and the mark after them: if it stands as before the
// handler ran, none of them was purged meanwhile.
func (s *remote) fencesFor(x *fill, spent *spending, tags []string) ([]fence, Reason) {
	nonces := x.ticket.nonces
	var late []string
	for _, tag := range tags {
		if nonces[tag] == "" && !slices.Contains(late, tag) {
			late = append(late, tag)
		}
	}
	if len(late) > 0 {
		created, err := s.create(spent, late)
		if err != nil {
			s.core.storeFailed("add", err)
			return nil, reasonStoreError
		}
		mark, err := s.guard.get(spent, []string{fenceKey(markTag)})
		if err != nil {
			s.core.storeFailed("get", err)
			return nil, reasonStoreError
		}
		if !bytes.Equal(mark[0], []byte(nonces[markTag])) {
			return nil, reasonInvalidated
		}
		for i, tag := range late {
			nonces[tag] = created[i]
		}
	}
	var fences []fence
	for _, tag := range tags {
		if f := (fence{tag, nonces[tag]}); tag != markTag && !slices.Contains(fences, f) {
			fences = append(fences, f)
		}
	}
	return fences, ""
}

func lateTags(fences []fence, known []string) (late []string) {
	for _, f := range fences {
		if !slices.Contains(known, f.tag) {
			late = append(late, f.tag)
		}
	}
	return late
}

// write puts the entry in its place: the page's, or a variant's and then the
// marker in the page's.
func (s *remote) write(x *fill, spent *spending, e *entry) Reason {
	keys, page := keysOf(&e.key), x.ticket.page
	if page != nil {
		e.vary = union(page.names, e.vary)
	}
	if len(e.vary) > x.rt.policy.MaxVary {
		return reasonVaryTooMany
	}
	place := keys.page
	var marked []byte
	if len(e.vary) > 0 {
		e.values = varyValues(e.vary, x.asked)
		place = keys.variant(e.vary, e.values)
		var room bool
		if marked, room = markVariant(page, keys, e, place, x.rt.policy.MaxVariants); !room {
			return reasonVariantsFull
		}
	}
	err := s.guard.set(spent, encodeEntry(e, time.Now()), e.fresh, place)
	if err == nil && marked != nil {
		err = s.guard.set(spent, marked, max(markerLife, e.fresh), keys.page)
	}
	if err != nil {
		s.core.storeFailed("set", err)
		return reasonStoreError
	}
	return ""
}

// markVariant encodes the page's marker with one more variant. Writers in other
// processes may overwrite each other's: the bound on variants is then passed by
// a few, and nothing else is lost.
func markVariant(page *marker, keys pageKeys, e *entry, variant string, limit int) (marked []byte, room bool) {
	var live []variantRef
	if page != nil && slices.Equal(page.names, e.vary) {
		live = page.live
	}
	wall := time.Now()
	sum := sha256.Sum256([]byte(variant))
	ref := variantRef{binary.BigEndian.Uint64(sum[:]), wall.Add(e.fresh).UnixNano()}
	if live, room = withVariant(live, ref, wall.UnixNano(), limit); !room {
		return nil, false
	}
	return encodeMarker(keys.frames, e.vary, live), true
}
