//go:build linux

package redis_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

const (
	stampedeMembers = 10
	stampedeClients = 100
)

// askByTheClock has all clients of this member ask for the same page at the moment
// in which the gate opens, round by round.
func (m *member) askByTheClock() {
	for round := m.board.gate.Load() + 1; ; round++ {
		h := newHitter(m)
		release := make(chan struct{})
		var clients sync.WaitGroup
		for range m.Asking {
			clients.Go(func() {
				<-release
				m.askOnce(h, round)
			})
		}
		m.desk.ready.Store(round)
		for m.board.gate.Load() < round && !m.board.stop.Load() {
			time.Sleep(500 * time.Microsecond)
		}
		if m.board.stop.Load() {
			return
		}
		close(release)
		clients.Wait()
		m.desk.done.Store(round)
	}
}

func (m *member) askOnce(h *hitter, round int64) {
	path := fmt.Sprintf("/slow/%d", round)
	got, err := h.ask(http.MethodGet, path, "")
	if _, ok := versionOf(got.body, path, "-"); err != nil || got.status != http.StatusOK || !ok {
		m.desk.count[tallyWrong].Add(1)
		h.complain("%s: got status %d, %q, %q", path, got.status, got.body, got.mark)
		return
	}
	m.desk.count[tallyServed].Add(1)
}

// TestFigureStampede: a thousand clients of ten processes ask for a page that nobody has,
// all at once. One handler runs.
func TestFigureStampede(t *testing.T) {
	f := newStampede(t, 2*time.Second)
	var took []time.Duration
	for range f.rounds(3) {
		before := f.board.sum(tallyServed)
		began := f.release()
		f.awaitDone(-1)
		took = append(took, time.Since(began).Round(time.Millisecond))
		if runs := f.board.began.Load(); runs != 1 {
			t.Errorf("got %d handler runs in the fleet, want 1: %s", runs, f.runs())
		}
		if got := f.board.sum(tallyServed) - before; got != stampedeMembers*stampedeClients {
			t.Errorf("got %d answers, want %d", got, stampedeMembers*stampedeClients)
		}
	}
	f.end()
	f.wantAllRight()
	slices.Sort(took)
	t.Logf("%d stampedes of %d clients in %d processes: 1 run of %v each; all answered after %v",
		len(took), stampedeMembers*stampedeClients, stampedeMembers, slowly, took)
}

// TestFigureStampedeHolderKilled: the process that makes the page for all dies. Another
// one takes over when its lease has ended: two runs in all.
func TestFigureStampedeHolderKilled(t *testing.T) {
	lease := time.Second
	if *long {
		lease = 2 * time.Second // the default
	}
	f := newStampede(t, lease)
	var took []time.Duration
	for range f.rounds(2) {
		f.release()
		holder := f.awaitRun()
		holder.kill()
		killed := time.Now().UnixNano()
		f.awaitDone(holder.Desk)
		if runs := f.board.began.Load(); runs != 2 {
			t.Errorf("got %d handler runs in the fleet, want 2: %s", runs, f.runs())
		} else {
			took = append(took, time.Duration(f.board.runs[1].at.Load()-killed).Round(time.Millisecond))
		}
		f.start(holder)
	}
	f.end()
	f.wantAllRight()
	if len(took) == 0 {
		t.Fatal("got no takeover")
	}
	slices.Sort(took)
	t.Logf("%d stampedes whose holder was killed, with a lease of %v: takeover after %v", len(took), lease, took)
	// Where others need the processors too, it takes as long as they are busy.
	bound := lease + 5*time.Second
	if *long {
		bound = lease + 100*time.Millisecond
	}
	if slowest := took[len(took)-1]; slowest > bound {
		t.Errorf("got a takeover after %v, want it within %v", slowest, bound)
	}
}

// stampede is a fleet whose clients ask all at once.
type stampede struct{ *processes }

func newStampede(t *testing.T, lease time.Duration) *stampede {
	if testing.Short() {
		t.Skip("starts ten processes")
	}
	f := &stampede{newFleet(t)}
	server := redistest.Start(t)
	for range stampedeMembers {
		// Ten processes on two processors wait for each other longer than the
		// budget of a page view is. Not to wait for the store would be right then,
		// but would say nothing about leases.
		f.join(memberOptions{
			Redis: server.Addr(), Clock: true, Asking: stampedeClients, Lease: lease,
			Budget: 5 * time.Second, Patience: 5 * time.Second,
		})
	}
	return f
}

func (f *stampede) rounds(short int) int {
	if *long {
		return 20
	}
	return short
}

// release has all members ask, when all are ready for it.
func (f *stampede) release() (began time.Time) {
	f.Helper()
	round := f.board.gate.Load() + 1
	for _, p := range f.all {
		f.await(p, "is not ready", func() bool { return f.board.desks[p.Desk].ready.Load() >= round })
	}
	f.board.began.Store(0)
	for i := range f.board.runs {
		f.board.runs[i].by.Store(0)
	}
	began = time.Now()
	f.board.gate.Store(round)
	return began
}

// awaitDone waits until all members but one have their answers.
func (f *stampede) awaitDone(but int) {
	f.Helper()
	for _, p := range f.all {
		if p.Desk != but {
			f.await(p, "has not all its answers", func() bool { return f.board.desks[p.Desk].done.Load() >= f.board.gate.Load() })
		}
	}
}

// awaitRun waits for the first run, and tells in which process it is.
func (f *stampede) awaitRun() *process {
	f.Helper()
	by := &f.board.runs[0].by
	f.await(f.all[0], "and the others run no handler", func() bool { return by.Load() > 0 })
	return f.all[by.Load()-1]
}

func (f *stampede) await(p *process, otherwise string, done func() bool) {
	f.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if f.mustLive(p); time.Now().After(deadline) {
			f.Fatalf("member %d %s; %s\n%s", p.Desk, otherwise, f.runs(), p.said())
		}
	}
}

// runs says which members have run the handler.
func (f *stampede) runs() (list string) {
	for i := range min(int(f.board.began.Load()), len(f.board.runs)) {
		r := &f.board.runs[i]
		list += fmt.Sprintf("member %d at %s; ", r.by.Load()-1, time.Unix(0, r.at.Load()).Format("05.000"))
	}
	return list
}

func (f *stampede) wantAllRight() {
	f.Helper()
	for _, p := range f.all {
		if d := &f.board.desks[p.Desk]; d.count[tallyWrong].Load()+d.count[tallyPanics].Load() > 0 {
			f.Errorf("member %d: %d wrong answers, %d panics\n%s", p.Desk, d.count[tallyWrong].Load(), d.count[tallyPanics].Load(), p.said())
		}
	}
}
