package pagecache

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// remote keeps pages in a Store. Whoever purges, in whatever process, changes
// a nonce: each tag has a key of its own in the Store that holds one, a page is
// stored with the nonces that stood before its handler ran, and it is served
// only while they all stand. Losing a nonce can only cost a miss.
//
// Tags that a handler adds while it runs were not read before. For them the
// namespace has one more nonce, the mark, which each purge changes first that is not
// of paths: a page with late tags is stored only if the mark is as it was. A
// page keeps the mark that stood before its run, and while it still stands no tag
// of the page can have been purged. So a look-up reads the mark, and tags only for
// pages that are older than the last purge of any tag: a hit is one trip, with as
// many keys however many tags the page has.
type remote struct {
	guard
	hints    hints
	known    known
	memo     memo
	latest   latest
	queue    queue
	owed     owed   // purges that the Store refused
	token    []byte // what all leases of this cache begin with
	prefixes bool   // pages have fences for the directories of their paths
}

func newRemote(c *core, p *Policy) *remote {
	prompt, ok := p.store.(interface{ Prompt() bool })
	return &remote{
		guard: guard{
			core: c, store: p.store, budget: p.StoreBudget, prompt: ok && prompt.Prompt(),
			reads: c.newBreaker("reads"), writes: c.newBreaker("writes"), notes: c.newBreaker("additions"),
			slots: make(chan struct{}, maxCalls),
		},
		prefixes: p.PrefixPurge,
		token:    []byte(rand.Text()[:12] + "."),
	}
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
	if ofMany(fence) || slices.Contains(p.Tags, strings.TrimPrefix(fence, hardPrefix)) {
		return fenceLife
	}
	if p.TTL == 0 {
		return 30 * pageFenceLife
	}
	life := min(p.TTL+max(p.StaleWhileRevalidate, p.StaleIfError), maxRemoteLife/2)
	return min(max(pageFenceLife, 4*life), fenceLife)
}

// ofMany reports whether many pages have the fence by its nature. That of the root
// and of a directory in it is: there are few of these.
func ofMany(fence string) bool {
	fence = strings.TrimPrefix(fence, hardPrefix)
	return fence == namespaceName || fence == markName || strings.HasPrefix(fence, " route ") ||
		strings.HasPrefix(fence, " under ") && strings.Count(fence, "/") <= 2
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
	read   int               // how many of them are read in each look-up
	other  []string          // fences of other paths that the same page was filled by
	page   *marker           // what is known of the page's variants
	spent  *spending         // of the request's budget
	era    uint64            // of the copies nearby
	keys   pageKeys          // of the page
	leased bool              // another process had the right to make it
	landed uint64            // how many pages had landed in this process
	failed bool              // the look-up failed
	loose  bool              // nonces could not be made
}

// newTicket begins a look-up.
func (s *remote) newTicket() *ticket {
	t := &ticket{stamp: s.core.stamps.last.Load(), began: s.core.turns.Add(1), spent: s.newSpending(), landed: s.core.flights.landed.Load()}
	if s.core.near != nil {
		t.era = s.core.near.era.Load()
	}
	return t
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

// knownTags are the names of the fences that a page of this request has whatever
// its handler does. Those up to read are read together with the page; the mark
// stands for the others.
func (rt *route) knownTags(r *http.Request) (names []string, read int) {
	names = make([]string, 0, 8)
	names = append(names, markName)
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
	return append(append(names, namespaceName), rt.policy.Tags...), len(names)
}

// fenceOff makes sure, before the handler runs, that every tag that can be known
// has a nonce to compare with later: those of the route and those that the page
// had the last time. Fences that are absent get one.
func (s *remote) fenceOff(x *fill) {
	t := x.ticket
	if t == nil || t.failed {
		return
	}
	names := s.neededTags(&x.rt.policy, append(s.expectedTags(x.key.hash, x.r), t.known...))
	s.memo.recall(t.nonces, names)
	absent := t.absent(names)
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
	s.memo.keep(t.nonces)
}

// neededTags are the fences that a page with these has: with a window the second
// ones, too.
func (s *remote) neededTags(p *Policy, names []string) []string {
	if !p.servesStale() {
		return names
	}
	for _, name := range names[:len(names):len(names)] {
		if name != markName && !isHard(name) {
			names = append(names, hardPrefix+name)
		}
	}
	return names
}

// expectedTags are the names of fences that the page may have besides the known
// ones, as far as they can be guessed before the handler runs: making one too many
// costs little, one too few another two trips.
func (s *remote) expectedTags(hash uint64, r *http.Request) []string {
	if tags := s.hints.get(hash).tags; len(tags) > 0 {
		return slices.Clone(tags)
	}
	if label := routeLabel(r); label != "" {
		return []string{tag{kind: routeTag, parts: [3]string{label}}.name()}
	}
	return nil
}

// absent are those of the names that have no nonce yet.
func (t *ticket) absent(names []string) (absent []string) {
	for _, name := range names {
		if t.nonces[name] == "" && !slices.Contains(absent, name) {
			absent = append(absent, name)
		}
	}
	return absent
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
