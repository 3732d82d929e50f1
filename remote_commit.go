package pagecache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// parcel is a page on its way into the Store. It shares nothing with its request.
type parcel struct {
	policy *Policy
	hash   uint64
	ticket *ticket
	page   *entry
	names  []string // of its fences
	nonces map[string]string
	hold   *hold // nil: without a lease
	size   int64 // while it waits
}

// commit stores the page with its fences, now or soon.
func (s *remote) commit(x *fill, e *entry) Reason {
	p, t := &x.rt.policy, x.ticket
	if t == nil || t.failed || t.loose {
		return reasonStoreError
	}
	if _, gone := s.core.stamps.judge(&e.places, e.stamp); gone {
		return reasonInvalidated
	}
	if t.page != nil {
		e.varyAlso(t.page.names, x.asked)
	}
	if len(e.vary) > p.MaxVary {
		return reasonVaryTooMany
	}
	if !s.isLatest(e) {
		return reasonSuperseded
	}
	e.fresh = min(e.fresh, maxRemoteLife)
	stored := *e // the page itself belongs to those who wait for it as well
	parcel := &parcel{policy: p, hash: x.key.hash, ticket: t, page: &stored, names: x.fenceNames(e), nonces: t.nonces, hold: x.hold}
	if p.WriteBack && s.queue.put(s, parcel) {
		x.note, x.hold = reasonWriteBack, nil // the parcel has the lease now
		return ""
	}
	return s.deliver(parcel, t.spent)
}

// isLatest reports, and remembers, that no page was stored in the entry's place
// that was begun after it. Of other processes it knows nothing.
func (s *remote) isLatest(e *entry) bool {
	return s.latest.raise(variantHashOf(s.core.seed, e.key.hash, e.vary, e.values), e.turn)
}

// deliver writes the page.
func (s *remote) deliver(x *parcel, spent *spending) Reason {
	fences, why := s.fencesFor(x, spent)
	if why != "" {
		return why
	}
	x.page.fences = fences
	if why := s.write(x, spent); why != "" {
		return why
	}
	s.hints.set(x.hash, hintOf(x.page, false, len(x.ticket.other) > 0))
	return ""
}

// fenceNames are the names of all fences that the page has.
func (x *fill) fenceNames(e *entry) []string {
	names := slices.Concat(x.ticket.known, x.ticket.other, e.tags)
	if label := routeLabel(x.req); label != "" {
		names = append(names, tag{kind: routeTag, parts: [3]string{label}}.name())
	}
	if e.stale.longest() > 0 && x.rt.policy.servesStale() {
		for _, name := range names {
			if name != markName {
				names = append(names, hardPrefix+name)
			}
		}
	}
	return names
}

// servesStale reports whether pages of the route may be served stale by its own
// word. Others can be, by a word of their response, but not after an expiry in a
// Store: it is a purge for them.
func (p *Policy) servesStale() bool { return p.StaleWhileRevalidate > 0 || p.StaleIfError > 0 }

// fencesFor returns the nonces that the page is stored with. Those of tags that
// came late are read now, and the mark after them: if it stands as before the
// handler ran, none of them was purged meanwhile.
func (s *remote) fencesFor(x *parcel, spent *spending) ([]fence, Reason) {
	nonces := x.nonces
	var late []string
	for _, tag := range x.names {
		if nonces[tag] == "" && !slices.Contains(late, tag) {
			late = append(late, tag)
		}
	}
	if len(late) > 0 {
		created, err := s.create(spent, late, x.policy)
		if err != nil {
			s.core.storeFailed("add", err)
			return nil, reasonStoreError
		}
		mark, err := s.guard.get(spent, []string{fenceKey(markName)})
		if err != nil {
			s.core.storeFailed("get", err)
			return nil, reasonStoreError
		}
		if !bytes.Equal(mark[0], []byte(nonces[markName])) {
			return nil, reasonInvalidated
		}
		for i, tag := range late {
			nonces[tag] = created[i]
		}
	}
	var fences []fence
	for _, tag := range x.names {
		if f := (fence{tag, nonces[tag]}); !slices.Contains(fences, f) {
			fences = append(fences, f)
		}
	}
	return fences, ""
}

// write puts the page in its place: its own, or a variant's and then the marker
// in the page's.
func (s *remote) write(x *parcel, spent *spending) Reason {
	e := x.page
	keys := keysOf(&e.key)
	place := keys.page()
	var marker []byte
	if len(e.vary) > 0 {
		place = keys.variant(e.vary, e.values)
		var room bool
		if marker, room = markVariant(x, keys, place); !room {
			return reasonVariantsFull
		}
	}
	resident := time.Duration(s.core.now() - e.created)
	value, ttl := encodeEntry(e, time.Now().Add(-resident)), max(e.keep()-resident, time.Millisecond)
	ours, err := true, error(nil)
	if x.hold.end() {
		ours, err = s.guard.setIf(spent, value, ttl, place, x.hold.key, x.hold.token)
		if err != nil { // whether it was done is not known
			_ = s.guard.deleteIf(spent, x.hold.key, x.hold.token)
		}
	} else {
		err = s.guard.set(spent, value, ttl, place)
	}
	if err == nil && !ours { // another process has the lease by now, and a later page
		return reasonSuperseded
	}
	if err == nil && marker != nil {
		err = s.guard.set(spent, marker, max(markerLife, e.keep()), keys.page())
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
func markVariant(x *parcel, keys pageKeys, variant string) (marked []byte, room bool) {
	e, page, epoch := x.page, x.ticket.page, epochOf(x.ticket.known, x.nonces)
	var live []variantRef
	if page != nil && page.epoch == epoch && slices.Equal(page.names, e.vary) {
		live = page.live
	}
	wall := time.Now()
	sum := sha256.Sum256([]byte(variant))
	ref := variantRef{binary.BigEndian.Uint64(sum[:]), wall.Add(e.fresh).UnixNano()}
	if live, room = withVariant(live, ref, wall.UnixNano(), x.policy.MaxVariants); !room {
		return nil, false
	}
	return encodeMarker(keys.frames, e.vary, live, epoch), true
}

// epochOf is a digest of the known fences as they stand: another one when all
// variants of the page have been purged.
func epochOf(known []string, nonces map[string]string) uint64 {
	h := sha256.New()
	for _, name := range known {
		if name != markName {
			h.Write(frame.Append(nil, nonces[name]))
		}
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}
