package pagecache

import (
	"slices"
	"time"
)

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
	found, err := q.get(len(keys), keys)
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
	_, err := q.get(0, nil)
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
