package pagecache

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-pagecache/pagecache/stores/memstore"
)

// near keeps copies of pages from a Store in this process. A purge by this process
// kills its copies at once, as it would in a cache without a Store. Purges by
// others are told by messages; while these may have been missed, or are late, a
// copy is served until its time is up, and not longer.
type near struct {
	memory   *memstore.Store
	maxStale time.Duration
	era      atomic.Uint64 // a new one begins when messages may have been missed

	cancel context.CancelFunc
	ended  chan struct{}
}

// NearCache keeps copies of pages from the [Store] in up to bytes of this
// process's memory, so that pages in demand need no round trip. It is the one
// option that weakens what a purge promises: other processes may serve a copy of a
// purged page until they have read the message of it, which takes as long as the
// store takes to pass it on, but never longer than maxStale after they last saw in
// the store that the page stands. What this process purges itself it does not serve
// any more. The store must be one that passes on messages, such as redisstore. For
// [New] only. Without it each hit asks the store.
//
// Copies die when their connection for messages is lost and comes back. Pages whose
// [Key] leaves out the path, requests with Authorization, and routes with
// [Policy.ForceRefresh] do without copies.
func NearCache(bytes int64, maxStale time.Duration) Option {
	if bytes < 1<<16 {
		panic(fmt.Sprintf("pagecache: NearCache: got %d bytes; give the size of its memory, 64 KiB at least, such as 64<<20", bytes))
	}
	checkDuration("NearCache", "maxStale", "leave the option out to ask the store for each hit", maxStale)
	return func(p *Policy) { p.nearBytes, p.nearStale, p.newOnly = bytes, maxStale, "NearCache" }
}

// messenger is the ability of a Store that a near cache needs.
type messenger interface {
	Publish(ctx context.Context, message []byte) error
	Subscribe(ctx context.Context, lost func(), received func(message []byte)) error
}

// openNear begins to listen to what other processes purge.
func (c *core) openNear(p *Policy) {
	if p.nearBytes == 0 {
		return
	}
	m, ok := p.store.(messenger)
	if !ok {
		panic("pagecache: New: NearCache needs a Store that passes on messages (with the methods Publish and Subscribe), such as redisstore; leave it out, or give such a store with WithStore")
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.near = &near{memory: memstore.New(p.nearBytes), maxStale: p.nearStale, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(c.near.ended)
		defer c.near.memory.Close()
		err := m.Subscribe(ctx, c.near.lost, c.heard)
		if err != nil && ctx.Err() == nil {
			c.storeFailed("subscribe", err)
			c.warn("near", "NearCache hears of no purge by other processes, for the store passes on no messages; copies are served for maxStale: "+err.Error())
		}
	}()
}

// close stops listening.
func (n *near) close(ctx context.Context) error {
	n.cancel()
	select {
	case <-n.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pagecache: Close: the subscription of NearCache has not ended: %w", ctx.Err())
	}
}

// lost begins a new era: purges of the last one may not have been heard of.
func (n *near) lost() { n.era.Add(1) }

// copied is a copy of a page.
type copied struct {
	*entry
	by    *route // whose look-up found it
	until int64  // what other processes purge may be served for so long
	era   uint64
}

// branching is where the copies of a page with variants branch off.
type branching struct {
	key   key
	names []string
}

// answerNear answers from a copy, if there is one that may be served.
func (rt *route) answerNear(w http.ResponseWriter, r *http.Request, a admission, k *key, now int64) bool {
	p := &rt.policy
	if p.ForceRefresh != nil || a.has(authorized) || !p.keys.hasPath() {
		return false
	}
	e := rt.core.near.find(rt, k, r.Header, now)
	if e == nil {
		return false
	}
	rt.hit(w, r, a, k, &lookup{entry: e}, now)
	return true
}

func (n *near) find(rt *route, k *key, h http.Header, now int64) *entry {
	at, _ := n.memory.Load(k.hash)
	if b, ok := at.(*branching); ok && k.equal(&b.key) {
		at, _ = n.memory.Load(variantHash(rt.core.seed, k.hash, b.names, h))
	}
	e, ok := at.(*copied)
	if !ok || !k.equal(&e.key) || !selects(e.vary, e.values, h) {
		return nil
	}
	if now >= e.until || now >= e.early || e.era != n.era.Load() || e.by != rt && !e.hasTags(rt.policy.Tags) {
		return nil
	}
	if expired, _ := rt.core.stamps.judge(&e.places, e.stamp); expired != never {
		return nil
	}
	return e.entry
}

// hasTags reports whether an entry of a Store has these tags: one that was filled
// without them could not be purged by them.
func (e *entry) hasTags(tags []string) bool {
	for _, tag := range tags {
		if !slices.ContainsFunc(e.fences, func(f fence) bool { return f.tag == tag }) {
			return false
		}
	}
	return true
}

// keep makes a copy of a fresh page that was found in the Store by a look-up which
// began in an era. Its stamp is of then, too: a purge that was heard of meanwhile
// kills the copy.
func (n *near) keep(rt *route, r *http.Request, hash uint64, e *entry, era uint64, now int64) {
	if !rt.policy.keys.hasPath() {
		return
	}
	c := rt.core
	page := *e
	page.key.hash, page.places = hash, c.withTags(rt.placesOf(nil, r), e.ownTags(), withoutMethod(e.pattern))
	until := e.ends()
	if life := int64(n.maxStale); now < math.MaxInt64-life {
		until = min(until, now+life)
	}
	ttl := time.Duration(until - now)
	if ttl <= 0 {
		return
	}
	place := hash
	if len(page.vary) > 0 {
		b := &branching{page.key, page.vary}
		n.memory.Store(place, b, len(b.key.frames)+128, ttl)
		place = variantHashOf(c.seed, hash, page.vary, page.values)
	}
	n.memory.Store(place, &copied{&page, rt, until, era}, page.weigh()+fencesSize(page.fences), ttl)
}

func fencesSize(fences []fence) (n int) {
	for _, f := range fences {
		n += 2*stringSize + len(f.tag) + len(f.nonce)
	}
	return n
}
