package pagecache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func knownOf(hash uint64, fresh time.Duration, values ...[]byte) *knownPage {
	return &knownPage{hash: hash, values: values, page: entry{fresh: fresh}}
}

// TestKnownPagesAreBounded, whatever comes, and however often.
func TestKnownPagesAreBounded(t *testing.T) {
	var table known
	value := make([]byte, maxKnownPage/2)
	for i := range uint64(3 * hintSlots) {
		table.set(knownOf(i, time.Minute, value, value))
	}
	total := int64(0)
	for i := range table.at {
		if at := table.at[i].Load(); at != nil {
			total += at.size()
		}
	}
	if total > maxKnown || total < maxKnown/2 || table.held.Load() != total {
		t.Errorf("got %d bytes held, %d counted, want them equal and up to %d", total, table.held.Load(), maxKnown)
	}
	for i := range uint64(hintSlots) { // full: what is known is replaced, or forgotten
		before := table.get(i)
		small := knownOf(i, time.Hour, []byte("new"))
		table.set(small)
		if at := table.get(i); before != nil && at != small {
			t.Fatalf("a smaller page did not take the place of the old one, got %v", at)
		}
		table.set(knownOf(i, time.Hour, value, value, value))
		if at := table.get(i); at != nil {
			t.Fatalf("an outdated page is known instead of one that is too large: %v", at)
		}
	}
	if held := table.held.Load(); held != 0 {
		t.Errorf("got %d bytes held of no pages", held)
	}
}

// TestKnownPage is one for its own bytes and fences, and a copy.
func TestKnownPage(t *testing.T) {
	var table known
	table.set(knownOf(7, time.Minute, []byte("page"), []byte("all"), []byte("mark")))
	p := table.get(7)
	e := p.stands([][]byte{[]byte("page"), []byte("all"), []byte("mark")})
	if e == nil || e.fresh != time.Minute || p.made([]byte("page")) == nil {
		t.Fatalf("got %v, want the page", e)
	}
	e.fresh = 0
	if again := p.made([]byte("page")); again == nil || again.fresh != time.Minute {
		t.Errorf("got %v, want the page as it was", again)
	}
	for name, values := range map[string][3]string{"another page": {"other", "all", "mark"}, "no page": {"", "all", "mark"}, "all purged": {"page", "new", "mark"}, "mark lost": {"page", "all", ""}} {
		if got := p.stands([][]byte{[]byte(values[0]), []byte(values[1]), []byte(values[2])}); got != nil {
			t.Errorf("%s: got %v, want nothing", name, got)
		}
	}
	if table.get(7+hintSlots) != nil || p.made(nil) != nil || (*knownPage)(nil).made([]byte("page")) != nil {
		t.Error("got a page for another place, or other bytes")
	}
}

// TestLentContexts leave each call fifteen sixteenths of the budget at least, and
// never more than all of it.
func TestLentContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 50 * time.Millisecond
		c := New(WithStore(nothing{})).core
		g := &guard{core: c, budget: budget, prompt: true}
		seen := make(map[context.Context]bool)
		for range 100 {
			ctx, cancel := g.deadline(&spending{left: budget}, c.now())
			defer cancel()
			seen[ctx] = true
			at, _ := ctx.Deadline()
			if left := time.Until(at); ctx.Err() != nil || left < budget*15/16 || left > budget {
				t.Fatalf("got %v left of %v (%v)", left, budget, ctx.Err())
			}
			time.Sleep(time.Millisecond)
		}
		if len(seen) > 30 || len(seen) < 20 {
			t.Errorf("got %d contexts for a hundred calls in 100 ms, want one in four or so", len(seen))
		}
		for name, ask := range map[string]func() (context.Context, context.CancelFunc){
			"a later call": func() (context.Context, context.CancelFunc) { return g.deadline(&spending{left: budget / 2}, c.now()) },
			"a store that hangs": func() (context.Context, context.CancelFunc) {
				return (&guard{core: c, budget: budget}).deadline(&spending{left: budget}, c.now())
			},
			"a purge": func() (context.Context, context.CancelFunc) {
				return g.deadline(&spending{left: budget, ctx: t.Context()}, c.now())
			},
		} {
			ctx, cancel := ask()
			if cancel(); seen[ctx] || ctx.Err() == nil {
				t.Errorf("%s: got a context that others have too", name)
			}
		}
		time.Sleep(budget)
	})
}
