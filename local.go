package pagecache

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// findLocal is one load, or two when the page has variants.
func (c *core) findLocal(l *lookup, k *key, h http.Header, now int64) {
	l.fwd = uriMiss
	at, ok := c.load(k.hash)
	if !ok {
		return
	}
	switch at := at.(type) {
	case *entry:
		if k.equal(&at.key) && len(at.vary) == 0 {
			c.takeLocal(l, at, k.hash, now)
		}
	case *marker:
		if k.equal(&at.key) {
			c.findVariant(l, k, at, h, now)
		}
	}
}

func (c *core) findVariant(l *lookup, k *key, page *marker, h http.Header, now int64) {
	l.page, l.fwd = page, varyMiss
	hash := variantHash(c.seed, k.hash, page.names, h)
	at, _ := c.load(hash)
	if e, ok := at.(*entry); ok && k.equal(&e.key) && selects(e.vary, e.values, h) {
		c.takeLocal(l, e, hash, now)
	}
}

// takeLocal takes the entry in unless it was purged; then its memory is freed.
func (c *core) takeLocal(l *lookup, e *entry, hash uint64, now int64) {
	expired, gone := c.stamps.judge(&e.places, e.stamp)
	if gone {
		c.drop(hash, e)
		return
	}
	l.take(e, expired, now)
}

// load reads the memory. One that is not our own may panic; that is a miss.
func (c *core) load(hash uint64) (any, bool) {
	if c.guarded {
		return c.loadGuarded(hash)
	}
	return c.memory.Load(hash)
}

func (c *core) loadGuarded(hash uint64) (v any, ok bool) {
	defer c.recoverMemory("load", func() { v, ok = nil, false })
	return c.memory.Load(hash)
}

// drop frees the memory of an entry, unless another has taken its place.
func (c *core) drop(hash uint64, e *entry) {
	defer c.recoverMemory("delete", func() {})
	if at, _ := c.load(hash); at == any(e) {
		c.memory.Delete(hash)
	}
}

func (c *core) keep(hash uint64, v any, size int, ttl time.Duration) (err error) {
	defer c.recoverMemory("store", func() { err = errMemoryPanic })
	if m, ok := c.memory.(interface{ MaxSize() int }); ok && size > m.MaxSize() {
		return errTooLarge
	}
	c.memory.Store(hash, v, size, ttl)
	return nil
}

var (
	errMemoryPanic = errors.New("the memory panicked")
	errTooLarge    = errors.New("the memory keeps no value of this size")
)

func (c *core) recoverMemory(op string, undo func()) {
	if p := recover(); p != nil {
		undo()
		c.storeFailed(op, fmt.Errorf("panic: %v", p))
	}
}

// commitLocal files the entry in the page's place, or in a place of its own
// when the page has variants. No lock is held: of two fills of one page that end
// together either may win, and a variant that is lost from the list of variants
// costs a miss.
func (c *core) commitLocal(x *fill, e *entry) Reason {
	if _, gone := c.stamps.judge(&e.places, e.stamp); gone {
		return reasonInvalidated
	}
	at, _ := c.load(e.key.hash)
	var page *marker
	switch at := at.(type) {
	case *entry:
		if at.key.equal(&e.key) && len(e.vary) == 0 && newer(at, e, c.now()) {
			return reasonSuperseded
		}
	case *marker:
		if at.key.equal(&e.key) {
			page = at
			e.varyAlso(at.names, x.asked)
		}
	}
	if len(e.vary) == 0 {
		return c.put(e.key.hash, e, e.weigh(), e.keep())
	}
	return c.commitVariant(x, e, page)
}

// newer reports whether the page in place was begun after the one that is to
// replace it, and still is fresh.
func newer(inPlace, e *entry, now int64) bool {
	return inPlace.turn > e.turn && now < inPlace.ends()
}

// commitVariant files the entry under the values that its request had, and
// notes it in the page's marker.
func (c *core) commitVariant(x *fill, e *entry, page *marker) Reason {
	p := &x.rt.policy
	if len(e.vary) > p.MaxVary {
		return reasonVaryTooMany
	}
	hash := variantHashOf(c.seed, e.key.hash, e.vary, e.values)
	if at, _ := c.load(hash); at != nil {
		if old, ok := at.(*entry); ok && old.key.equal(&e.key) && newer(old, e, c.now()) && slices.Equal(old.vary, e.vary) && slices.EqualFunc(old.values, e.values, slices.Equal) {
			return reasonSuperseded
		}
	}
	next := &marker{key: e.key, names: e.vary, stamp: c.stamps.last.Load()}
	var live []variantRef
	if page != nil && slices.Equal(page.names, e.vary) {
		if expired, _ := c.stamps.judge(&e.places, page.stamp); expired == never {
			live = page.live
		}
	}
	var room bool
	if next.live, room = withVariant(live, variantRef{hash, e.ends()}, c.now(), p.MaxVariants); !room {
		return reasonVariantsFull
	}
	if why := c.put(hash, e, e.weigh(), e.keep()); why != "" {
		return why
	}
	return c.put(e.key.hash, next, next.weigh(), max(markerLife, e.keep()))
}

// markerLife is how long a page's list of variants is kept without a fill. Its
// loss costs one miss for each variant.
const markerLife = 7 * 24 * time.Hour

func (c *core) put(hash uint64, v any, size int, ttl time.Duration) Reason {
	switch err := c.keep(hash, v, size, ttl); err {
	case nil:
		return ""
	case errTooLarge:
		return reasonTooLarge
	}
	return reasonStoreError
}
