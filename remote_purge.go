package pagecache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// purge changes the nonces of fences, and with soft only those that expire
// pages. Fences of tags that a handler may add while it runs need the mark to be
// changed first, see remote.
func (s *remote) purge(spent *spending, names []string, soft, late bool) error {
	life := pageFenceLife
	if slices.ContainsFunc(names, ofMany) {
		life = fenceLife
	}
	nonce := newNonce()
	if soft {
		nonce = newExpiry(life)
	}
	if late {
		if err := s.insist(spent, nonce, fenceLife, fenceKey(markName)); err != nil {
			return err
		}
	}
	keys := make([]string, 0, 2*len(names))
	for _, name := range names {
		keys = append(keys, fenceKey(name))
		if !soft {
			keys = append(keys, fenceKey(hardPrefix+name))
		}
	}
	if err := s.insist(spent, nonce, life, keys...); err != nil {
		return err
	}
	s.announce(spent, names, soft)
	return nil
}

// insist sets what a purge has to: a program that purges has time for three tries,
// if the store is only late.
func (s *remote) insist(spent *spending, nonce []byte, life time.Duration, keys ...string) (err error) {
	for range purgeTries {
		err = s.guard.set(spent, nonce, life, keys...)
		if err == nil || spent.ctx == nil || spent.ctx.Err() != nil || classOf(err) != "timeout" {
			return err
		}
	}
	return err
}

const purgeTries = 3

// owed are purges that the Store refused. Until they are made good, this process
// serves no page from the Store that they are about.
type owed struct {
	mu    sync.Mutex // of writers
	turn  uint64
	debts atomic.Pointer[debts] // nil for none; never changed, only replaced
	next  atomic.Int64          // when to try to make them good
}

// debts are names of fences, each with the turn in which it was last refused.
type debts map[string]uint64

// maxOwed is how many fences can be owed; of more, the whole namespace is.
const maxOwed = 1024

func (o *owed) add(names []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn++
	next := make(debts)
	if old := o.debts.Load(); old != nil {
		next = maps.Clone(*old)
	}
	for _, name := range names {
		next[name] = o.turn
	}
	if len(next) > maxOwed {
		next = debts{namespaceName: o.turn}
	}
	o.debts.Store(&next)
}

// paid takes debts off that were made good, unless they were made anew.
func (o *owed) paid(names debts) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old := o.debts.Load()
	if old == nil {
		return
	}
	next := maps.Clone(*old)
	maps.DeleteFunc(next, func(name string, turn uint64) bool { return names[name] == turn })
	if len(next) == 0 {
		o.debts.Store(nil)
		return
	}
	o.debts.Store(&next)
}

// about reports whether a page is one that a purge is owed for.
func (d *debts) about(e *entry) bool {
	return d != nil && slices.ContainsFunc(e.fences, func(f fence) bool { return (*d)[f.tag] > 0 })
}

// trySettling has what is owed made good in the background, at most once a
// second. Requests neither wait for it nor pay for it.
func (s *remote) trySettling(now int64) {
	next := s.owed.next.Load()
	if s.owed.debts.Load() == nil || now < next || !s.owed.next.CompareAndSwap(next, now+int64(time.Second)) || !s.core.refreshes.enter(true) {
		return
	}
	go func() {
		defer s.core.refreshes.leave(true)
		s.settle(s.core.refreshes.ctx)
	}()
}

// settle makes good what is owed, if the Store lets it.
func (s *remote) settle(ctx context.Context) {
	debts := s.owed.debts.Load()
	if debts != nil && s.purge(s.within(ctx), slices.Collect(maps.Keys(*debts)), false, true) == nil {
		s.owed.paid(*debts)
	}
}

// forget deletes an old page that is wrong by now. If that fails it stays until
// its window ends, or its page is filled again.
func (s *remote) forget(x *fill) {
	keys := keysOf(&x.old.key)
	place := keys.page()
	if len(x.old.vary) > 0 {
		place = keys.variant(x.old.vary, x.old.values)
	}
	if err := s.guard.delete(s.newSpending(), place); err != nil {
		s.core.storeFailed("delete", err)
	}
}

// within is the time that a purge by a method may take: what is left of ctx, and
// 5 s at most.
func (s *remote) within(ctx context.Context) *spending {
	return &spending{left: purgeTime, ctx: ctx}
}

const purgeTime = 5 * time.Second

// lastSettle is a last try to make good what is owed.
func (s *remote) lastSettle(ctx context.Context) error {
	s.settle(ctx)
	if debts := s.owed.debts.Load(); debts != nil {
		return fmt.Errorf("pagecache: Close: %w: other processes may serve pages of %d purged tags and paths until they expire", errOwed, len(*debts))
	}
	return nil
}

var errOwed = errors.New("the store refused purges to the last")
