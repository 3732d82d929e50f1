package pagecache

import (
	"bytes"
	"net/http"
	"slices"
	"time"
)

// find reads the page and its fences: in one trip when this process has seen
// the page before, for it then knows the page's variants and late tags.
func (s *remote) find(l *lookup, rt *route, r *http.Request, k *key, now int64) {
	s.trySettling(now)
	t := l.ticket
	if l.before == nil {
		t = s.newTicket()
		if l.ticket != nil {
			t.spent = l.ticket.spent
		}
	}
	q := &query{remote: s, r: r, hash: k.hash, keys: keysOf(k), spent: t.spent, before: l.before, stamp: t.stamp, debts: s.owed.debts.Load(), now: now}
	q.known, t.read = rt.knownTags(r)
	hint := s.hints.get(k.hash)
	q.hint, q.reads, q.tags = hint, t.read, make([]string, 0, len(q.known)+len(hint.paths)+len(hint.tags))
	q.want(q.known[:t.read]...)
	q.want(hint.paths...)
	if hint.moved {
		q.want(namespaceName)
		q.want(hint.tags...)
	}
	if l.wide {
		q.want(s.neededTags(&rt.policy, append(s.expectedTags(k.hash, r), q.known...))...)
		q.lease = leaseKey(q.place(hint.names))
	}
	l.fwd, l.ticket = uriMiss, t
	if err := q.run(l, hint.names); err != nil {
		s.core.storeFailed("get", err)
		t.failed, l.fwd = true, unknown
		return
	}
	if e := l.entry; e != nil {
		q.learn(rt, e)
		e.hurry(rt.policy.EarlyRefresh)
		if s.core.near != nil {
			s.core.near.keep(rt, r, k.hash, e, t.era, now)
		}
	}
	t.nonces, t.page, t.known, t.leased = q.nonces, l.page, q.known, q.leased
	t.keys = q.keys
	if len(t.nonces) > t.read {
		s.memo.keep(t.nonces)
	}
	if !rt.policy.keys.hasPath() {
		t.other = q.others
	}
}

// query is one look-up in the Store.
type query struct {
	*remote
	r      *http.Request
	hash   uint64
	keys   pageKeys
	spent  *spending
	stamp  int64  // the last purge in this process before the look-up
	debts  *debts // purges owed then: some may be made good since, too late for what was read
	now    int64
	known  []string // the tags that the page must have
	reads  int      // how many of them are read in any case
	tags   []string // asked for in the next trip
	lease  string   // the same; empty for none
	before *reading // a trip that was made already
	first  reading  // the first trip
	trips  int
	hint   hint // what this process knew of the page
	leased bool // there was one
	nonces map[string]string
	left   map[string]time.Duration // of nonces that were read for what they tell of time
	others []string                 // the fences of paths that the page found has, and the request has not
}

// reading is what one trip read.
type reading struct {
	keys []string
	timed
	err error
}

// place is where the page is kept if it varies on these fields.
func (q *query) place(names []string) string {
	if len(names) == 0 {
		return q.keys.page()
	}
	return q.keys.variant(names, valuesOf(names, q.r.Header))
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
	pages := []string{q.keys.page()}
	if len(names) > 0 {
		pages = append(pages, q.place(names))
	}
	thought := q.remote.known.get(q.placeHash(names))
	timed := len(pages)
	if thought != nil && (q.before != nil || q.plain.good(q.now)) {
		timed = 0
	}
	found, err := q.get(timed, pages)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if e := thought.made(found.values[0]); e != nil {
			return q.take(l, e)
		}
	}
	page := q.readMarker(found.values[0])
	if page == nil {
		return q.takeRead(l, pages[0], nil, found, 0)
	}
	l.page, l.fwd = page, varyMiss
	if !slices.Equal(page.names, names) {
		return q.findVariant(l, page.names)
	}
	if e := thought.made(found.values[1]); e != nil {
		return q.take(l, e)
	}
	return q.takeRead(l, pages[1], names, found, 1)
}

// findVariant makes a trip for the page that varies on these fields.
func (q *query) findVariant(l *lookup, names []string) error {
	key := q.place(names)
	found, err := q.get(1, []string{key})
	if err != nil {
		return err
	}
	return q.takeRead(l, key, names, found, 0)
}

// takeRead takes the page that was read under a key. If another one was expected
// there, how long this one has left was not asked, and is now.
func (q *query) takeRead(l *lookup, key string, names []string, found timed, at int) error {
	value := found.values[at]
	if len(value) > 0 && at >= len(found.left) && q.tellsTime() {
		q.remote.known.drop(q.placeHash(names)) // it is another page by now
		again, err := q.get(1, []string{key})
		if err != nil {
			return err
		}
		q.first.values = slices.Clone(q.first.values)
		q.first.values[at] = again.values[0]
		q.trips-- // what is known of the page may stand on both
		found, at, value = again, 0, again.values[0]
	}
	if e := q.readPage(key, value, found.leftOf(at)); e != nil {
		return q.take(l, e)
	}
	return nil
}

// take takes the page if it is the one asked for.
func (q *query) take(l *lookup, e *entry) error {
	if e.key.frames != q.keys.frames || !selects(e.vary, e.values, q.r.Header) {
		return nil
	}
	e.stamp = q.stamp
	return q.check(l, e)
}

// placeHash is place, for tables in this process.
func (q *query) placeHash(names []string) uint64 {
	if len(names) == 0 {
		return q.hash
	}
	return variantHash(q.core.seed, q.hash, names, q.r.Header)
}

// get reads pages and the fences asked for in one trip, and how long the first n
// pages have left.
func (q *query) get(n int, pages []string) (timed, error) {
	tags := q.tags
	q.tags = nil
	keys := make([]string, 0, len(pages)+len(tags))
	keys = append(keys, pages...)
	for _, tag := range tags {
		keys = append(keys, fenceKey(tag))
	}
	lease := q.lease
	if q.lease = ""; lease != "" {
		keys = append(keys, lease)
	}
	found, err := q.read(n, keys)
	if err != nil {
		return timed{}, err
	}
	if q.nonces == nil {
		q.nonces = make(map[string]string, len(tags))
	}
	for i, tag := range tags {
		nonce := found.values[len(pages)+i]
		if len(nonce) > 0 && !isNonce(nonce) {
			_ = q.guard.deleteIf(q.spent, fenceKey(tag), nonce) // its loss costs misses, keeping it would too
			return timed{}, errCorrupt
		}
		q.nonces[tag] = textOf(nonce)
	}
	if lease != "" {
		now := found.values[len(keys)-1]
		q.leased = len(now) > 0 && !bytes.Equal(now, unmakeable)
	}
	return found, nil
}

// read makes a trip, unless just this was read a moment ago.
func (q *query) read(n int, keys []string) (found timed, err error) {
	if b := q.before; b != nil && slices.Equal(b.keys, keys) {
		found, err = b.timed, b.err
	} else {
		found, err = q.guard.getTimed(q.spent, n, keys)
	}
	if q.before = nil; q.trips == 0 {
		q.first = reading{keys: keys, timed: found}
	}
	q.trips++
	return found, err
}

// readMarker decodes what lies in a page's place if it is the marker of this very
// request key.
func (q *query) readMarker(value []byte) *marker {
	m, err := decodeMarker(value)
	if err != nil || m.key.frames != q.keys.frames {
		return nil
	}
	return m
}

// readPage decodes what lies under a key: a page or nothing that can be used.
// Rubbish is removed; another page's marker is none.
func (q *query) readPage(key string, value []byte, left time.Duration) *entry {
	if _, err := decodeMarker(value); len(value) == 0 || err == nil {
		return nil
	}
	e, created, label, err := decodeEntry(value)
	if err != nil {
		q.core.storeFailed("decode", err)
		_ = q.guard.deleteIf(q.spent, key, value)
		return nil
	}
	q.core.adopt(e, created, left, label)
	return e
}

// adopt translates an entry of another process, or of this one's past, into
// this process's terms. How old it is follows from what it has left by the clock
// of the store. Where that is not known the clock of its writer counts; an entry
// from the future is new.
func (c *core) adopt(e *entry, created time.Time, left time.Duration, label string) {
	now := time.Now()
	resident := now.Sub(created)
	if left >= 0 {
		resident = e.keep() - left
	}
	e.created = c.now() - int64(max(0, resident))
	e.route = c.routeStats(label)
	e.finish(now)
}
