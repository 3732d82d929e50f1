//go:build linux

package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-pagecache/pagecache"
)

// hitter asks for pages, purges them, and judges the answers. Each member has one,
// whose clients call the site in process: a million requests over the loopback
// would mostly test the loopback. The test has one that asks over the network.
type hitter struct {
	board *board
	desk  *desk
	near  time.Duration // what purges by other processes may take
	ask   func(method, target, language string) (answer, error)

	member *member                 // nil for the test's own
	own    [sitePages]atomic.Int64 // like the floors of the board, for what this process purged itself
	failed sync.Map                // targets of POST requests whose purge the store refused
	said   atomic.Int64            // complaints
	to     io.Writer               // where they go
}

type answer struct {
	status int
	body   string
	mark   string // Cache-Status
}

func newHitter(m *member) *hitter {
	h := &hitter{board: m.board, desk: m.desk, near: m.Near, member: m, to: os.Stderr}
	h.ask = h.askHere
	return h
}

// hammer asks and purges until the board says stop.
func (h *hitter) hammer() {
	var clients sync.WaitGroup
	for range h.member.Asking {
		clients.Go(func() {
			for !h.board.stop.Load() {
				i, n := rand.IntN(len(siteRoutes)), rand.IntN(perRoute)
				if rand.IntN(30) == 0 {
					h.strike(i, n)
				} else {
					h.read(i, n)
				}
			}
		})
	}
	clients.Wait()
}

// recorder takes an answer down.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// askHere calls the site of this process.
func (h *hitter) askHere(method, target, language string) (got answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.desk.count[tallyPanics].Add(1)
			h.complain("panic: %v\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Accept-Language", language)
	w := &recorder{header: make(http.Header)}
	h.member.mux.ServeHTTP(w, r)
	return answer{w.status, w.body.String(), w.header.Get("Cache-Status")}, nil
}

// clockStep is how far apart two processes may be when they tell the time, which
// they do by the system's clock; it may be set while they run.
const clockStep = 5 * time.Millisecond

// read asks for a page. What it may be was promised before the request began.
func (h *hitter) read(i, n int) {
	rt, truth := siteRoutes[i], &h.board.cells[perRoute*i+n]
	path, language := rt.path(n), [...]string{"de", "en"}[rand.IntN(2)]
	own, floor := h.own[perRoute*i+n].Load(), truth.floor.Load()
	began := time.Now().UnixNano()
	got, err := h.ask(http.MethodGet, path, language)
	if err != nil {
		h.desk.count[tallyLost].Add(1)
		return
	}
	h.desk.count[tallyServed].Add(1)
	if strings.HasPrefix(got.mark, "pagecache; hit") {
		h.desk.count[tallyHits].Add(1)
	}
	if got.status != http.StatusOK {
		h.desk.count[tallyFailed].Add(1)
		h.complain("%s: got status %d, %q", path, got.status, got.mark)
		return
	}
	version, ok := versionOf(got.body, path, rt.variant(language))
	switch {
	case !ok:
		h.desk.count[tallyWrong].Add(1)
		h.complain("%s, %s: got the page %q, %q", path, language, got.body, got.mark)
	case version < own:
		h.desk.count[tallyOwn].Add(1)
		h.complain("%s: got version %d, %q; this process purged %d itself", path, version, got.mark, own)
	case version < floor:
		late := truth.overdue(version, floor, began)
		h.desk.countLate(late)
		if h.near == 0 || late > h.near+clockStep {
			h.desk.count[tallyStale].Add(1)
			h.complain("%s: got version %d, %q; version %d was promised, and another %v before", path, version, got.mark, floor, late)
		}
	}
}

// complain says what went wrong, up to a few times.
func (h *hitter) complain(format string, args ...any) {
	if h.said.Add(1) <= 10 {
		fmt.Fprintf(h.to, time.Now().Format("05.000000 ")+format+"\n", args...)
	}
}

// Observe learns of purges by POST requests that the store refused: nothing else
// tells, for these requests have succeeded. It learns of panics below the cache,
// too, which the cache takes for failures of its store.
func (h *hitter) Observe(_ context.Context, e pagecache.Event) {
	if e.Err == nil {
		return
	}
	if strings.Contains(e.Err.Error(), "panicked") {
		h.desk.count[tallyPanics].Add(1)
		h.complain("%v: %v", e.Message, e.Err)
	}
	if target, ok := strings.CutPrefix(e.Message, "POST "); ok && e.Kind == pagecache.KindPurge {
		h.failed.Store(target, true)
	}
}
