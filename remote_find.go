package pagecache

import (
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
	t := &ticket{began: s.core.turns.Add(1), spent: spent, landed: s.core.flights.landed.Load()}
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
	t.nonces, t.page, t.known = q.nonces, l.page, q.known
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
	}
	if q.stands(e) {
		l.take(e, q.now)
		q.remember(e.vary, late)
	}
	return nil
}

// remember notes what to ask for the next time.
func (q *query) remember(names, tags []string) {
	if h := q.hints.get(q.hash); !slices.Equal(h.names, names) || !slices.Equal(h.tags, tags) {
		q.hints.set(q.hash, hint{names: names, tags: tags})
	}
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
