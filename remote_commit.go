package pagecache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// commit stores the page with its fences.
func (s *remote) commit(x *fill, e *entry) Reason {
	if x.ticket == nil || x.ticket.failed || x.ticket.loose {
		return reasonStoreError
	}
	spent, known := x.ticket.spent, x.ticket.known
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
		e.varyAlso(page.names, x.asked)
	}
	if len(e.vary) > x.rt.policy.MaxVary {
		return reasonVaryTooMany
	}
	place := keys.page
	var marked []byte
	if len(e.vary) > 0 {
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
