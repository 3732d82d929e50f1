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
	spent := s.newSpending()
	if l.ticket != nil {
		spent = l.ticket.spent
	}
	s.trySettling(now)
	var era uint64
	if s.core.near != nil {
		era = s.core.near.era.Load()
	}
	t := &ticket{stamp: s.core.stamps.last.Load(), began: s.core.turns.Add(1), spent: spent, landed: s.core.flights.landed.Load()}
	q := &query{remote: s, r: r, hash: k.hash, keys: keysOf(k), spent: spent, stamp: t.stamp, debts: s.owed.debts.Load(), now: now}
	q.known, t.read = rt.knownTags(r)
	hint := s.hints.get(k.hash)
	q.hint, q.tags = hint, make([]string, 0, len(q.known)+len(hint.paths)+len(hint.tags))
	q.want(q.known[:t.read]...)
	q.want(hint.paths...)
	if hint.moved {
		q.want(hint.tags...)
	}
	if l.wide {
		q.want(q.known...)
		q.want(s.expectedTags(k.hash, r)...)
		q.lease = leaseKey(q.place(hint.names))
	}
	l.fwd, l.ticket = uriMiss, t
	if err := q.run(l, hint.names); err != nil {
		s.core.storeFailed("get", err)
		t.failed, l.fwd = true, unknown
		return
	}
	if e := l.entry; e != nil {
		e.hurry(rt.policy.EarlyRefresh)
		if s.core.near != nil {
			s.core.near.keep(rt, r, k.hash, e, era, now)
		}
	}
	t.nonces, t.page, t.known, t.leased = q.nonces, l.page, q.known, q.leased
	t.keys = q.keys
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
	tags   []string // asked for in the next trip
	lease  string   // the same; empty for none
	hint   hint     // what this process knew of the page
	leased bool     // there was one
	nonces map[string]string
	left   map[string]time.Duration // of nonces that were read for what they tell of time
	others []string                 // the fences of paths that the page found has, and the request has not
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
	found, err := q.get(pages)
	if err != nil {
		return err
	}
	e, page := q.read(pages[0], found.values[0], found.leftOf(0))
	if page != nil {
		l.page, l.fwd = page, varyMiss
		if slices.Equal(page.names, names) {
			e, _ = q.read(pages[1], found.values[1], found.leftOf(1))
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
	key := q.place(names)
	found, err := q.get([]string{key})
	if err != nil {
		return nil, err
	}
	e, _ := q.read(key, found.values[0], found.leftOf(0))
	return e, nil
}

// check compares the entry's fences with those that stand, and its lifetime
// with the time.
func (q *query) check(l *lookup, e *entry) error {
	trusted := q.marksAgree(e)
	for _, f := range e.fences {
		if !isHard(f.tag) && !(trusted && marked(f.tag)) {
			q.want(f.tag)
		}
	}
	if err := q.getFences(); err != nil {
		return err
	}
	q.note(e)
	if q.debts.about(e) || q.owed.debts.Load().about(e) {
		l.fwd = unknown
		return nil
	}
	expired := int64(never)
	if !q.stands(e, false) {
		if e.stale.longest() == 0 {
			return nil
		}
		if err := q.getHardFences(e); err != nil {
			return err
		}
		if !q.stands(e, true) {
			return nil
		}
		expired = q.expired(e)
	}
	l.take(e, expired, q.now)
	q.remember(e, !trusted)
	return nil
}

// marksAgree reports whether no tag and no route was purged since the entry's
// handler ran: the mark is as it was. Their fences need not be read then.
func (q *query) marksAgree(e *entry) bool {
	mark := q.nonces[markName]
	return mark != "" && slices.Contains(e.fences, fence{markName, mark})
}

// getHardFences reads the second fences, and once more the first ones that have
// changed, for what they tell of the time of their expiry.
func (q *query) getHardFences(e *entry) error {
	var changed []string
	for _, f := range e.fences {
		if isHard(f.tag) {
			q.want(f.tag)
		} else if nonce, read := q.nonces[f.tag]; read && nonce != f.nonce && f.tag != markName {
			changed = append(changed, f.tag)
		}
	}
	keys := make([]string, len(changed))
	for i, tag := range changed {
		keys[i] = fenceKey(tag)
	}
	found, err := q.get(keys)
	if err != nil {
		return err
	}
	q.left = make(map[string]time.Duration, len(changed))
	for i, tag := range changed {
		if q.left[tag] = -1; string(found.values[i]) == q.nonces[tag] {
			q.left[tag] = found.leftOf(i)
		}
	}
	return nil
}

func (q *query) getFences() error {
	if len(q.tags) == 0 {
		return nil
	}
	_, err := q.get(nil)
	return err
}

// note keeps the fences of paths that are not this request's: a page has them
// if its key has no path, and must keep them when it is filled anew.
func (q *query) note(e *entry) {
	for _, f := range e.fences {
		if isPath(f.tag) && !slices.Contains(q.known, f.tag) && len(q.others) < maxOthers {
			q.others = append(q.others, f.tag)
		}
	}
}

// maxOthers is how many fences of other paths a page keeps.
const maxOthers = 32

// expired is when the first of the entry's fences was changed that do not stand
// any more: between its making and now, whatever clock told the time.
func (q *query) expired(e *entry) int64 {
	first := q.now
	for _, f := range e.fences {
		left, changed := q.left[f.tag]
		if x, ok := expiryOf(q.nonces[f.tag]); ok && changed {
			first = min(first, q.now-int64(x.ago(left)))
		}
	}
	return max(first, e.created)
}

// remember notes what to ask for the next time, if that is news.
func (q *query) remember(e *entry, moved bool) {
	h := q.hint
	if h.hash == q.hash && h.moved == moved && slices.Equal(h.names, e.vary) && len(h.paths) > 0 == (len(q.others) > 0) {
		return
	}
	q.hints.set(q.hash, hintOf(e, moved, len(q.others) > 0))
}

// stands reports whether the entry has every fence that it must have, and none
// has changed. With hard it asks whether those that did were changed by an
// expiry, and the second ones have not.
func (q *query) stands(e *entry, hard bool) bool {
	for _, name := range q.known {
		if name != markName && !slices.ContainsFunc(e.fences, func(f fence) bool { return f.tag == name }) {
			return false
		}
	}
	trusted := q.marksAgree(e)
	for _, f := range e.fences {
		switch {
		case f.nonce == "":
			return false
		case f.tag == markName, trusted && marked(f.tag):
		case q.nonces[f.tag] == f.nonce, isHard(f.tag) && !hard:
		case isHard(f.tag) || !hard || !q.onlyExpired(e, f):
			return false
		}
	}
	return true
}

// onlyExpired reports whether a fence that has changed was changed by an expiry,
// of a page that can tell this from a purge.
func (q *query) onlyExpired(e *entry, changed fence) bool {
	_, expiry := expiryOf(q.nonces[changed.tag])
	return expiry && slices.ContainsFunc(e.fences, func(f fence) bool { return f.tag == hardPrefix+changed.tag })
}

// get reads pages and the fences asked for in one trip.
func (q *query) get(pages []string) (timed, error) {
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
	found, err := q.guard.getTimed(q.spent, len(pages), keys)
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

// read decodes what lies under a key: a page of this very request key, its
// marker, or nothing that can be used. Rubbish is removed.
func (q *query) read(key string, value []byte, left time.Duration) (*entry, *marker) {
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
		_ = q.guard.deleteIf(q.spent, key, value)
		return nil, nil
	}
	if e.key.frames != q.keys.frames {
		return nil, nil
	}
	q.core.adopt(e, created, left, label)
	e.stamp = q.stamp
	return e, nil
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
