package pagecache

import (
	"net/http"
	"slices"
	"strings"
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
	t := &ticket{stamp: s.core.stamps.last.Load(), began: s.core.turns.Add(1), spent: spent, landed: s.core.flights.landed.Load()}
	q := &query{remote: s, r: r, hash: k.hash, keys: keysOf(k), spent: spent, stamp: t.stamp, debts: s.owed.debts.Load(), now: now, known: rt.knownTags(r)}
	hint := s.hints.get(k.hash)
	q.want(q.known...)
	q.want(s.lateNames(r, hint)...)
	l.fwd, l.ticket = uriMiss, t
	if err := q.run(l, hint.names); err != nil {
		s.core.storeFailed("get", err)
		t.failed, l.fwd = true, unknown
		return
	}
	if e := l.entry; e != nil {
		e.hurry(rt.policy.EarlyRefresh)
	}
	t.nonces, t.page, t.known = q.nonces, l.page, q.known
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
	nonces map[string]string
	others []string // the fences of paths that the page found has, and the request has not
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
	if err := q.getFences(); err != nil {
		return err
	}
	q.note(late)
	if q.debts.about(e) || q.owed.debts.Load().about(e) {
		l.fwd = unknown
		return nil
	}
	expired := int64(never)
	if !q.stands(e, false) {
		if e.stale.longest() == 0 {
			return nil
		}
		for _, f := range e.fences {
			if isHard(f.tag) {
				q.want(f.tag)
			}
		}
		if err := q.getFences(); err != nil {
			return err
		}
		if !q.stands(e, true) {
			return nil
		}
		expired = q.expired(e)
	}
	l.take(e, expired, q.now)
	q.remember(e.vary, hinted(e.fences))
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
func (q *query) note(late []string) {
	for _, name := range late {
		if (strings.HasPrefix(name, " path ") || strings.HasPrefix(name, " under ")) && len(q.others) < maxOthers {
			q.others = append(q.others, name)
		}
	}
}

// maxOthers is how many fences of other paths a page keeps.
const maxOthers = 32

// expired is when the first of the entry's fences was changed that do not stand
// any more: between its making and now, whatever clock told the time.
func (q *query) expired(e *entry) int64 {
	wall, first := time.Now(), q.now
	for _, f := range e.fences {
		if at, ok := expiredAt(q.nonces[f.tag]); ok && !isHard(f.tag) && q.nonces[f.tag] != f.nonce {
			first = min(first, q.now-int64(wall.Sub(at)))
		}
	}
	return max(first, e.created)
}

// remember notes what to ask for the next time.
func (q *query) remember(names, tags []string) {
	if h := q.hints.get(q.hash); !slices.Equal(h.names, names) || !slices.Equal(h.tags, tags) {
		q.hints.set(q.hash, hint{names: names, tags: tags})
	}
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
	for _, f := range e.fences {
		switch {
		case f.nonce == "":
			return false
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
	_, expiry := expiredAt(q.nonces[changed.tag])
	return expiry && slices.ContainsFunc(e.fences, func(f fence) bool { return f.tag == hardPrefix+changed.tag })
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
		nonce := values[len(pages)+i]
		if len(nonce) > 0 && !isNonce(nonce) {
			_ = q.guard.delete(q.spent, fenceKey(tag)) // its loss costs misses, keeping it would too
			return nil, errCorrupt
		}
		q.nonces[tag] = string(nonce)
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
	e.stamp = q.stamp
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
