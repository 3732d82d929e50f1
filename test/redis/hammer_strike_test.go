//go:build linux

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
)

// about are pages, by their place on the board, with the versions that a purge
// promises.
type about map[int]int64

// change gives pages a new version, which is what purges are for.
func (h *hitter) change(from, to int) about {
	changed := make(about, to-from)
	for at := from; at < to; at++ {
		changed[at] = h.board.cells[at].version.Add(1)
	}
	return changed
}

// strike changes pages and purges them in one of the ways there are.
func (h *hitter) strike(i, n int) {
	rt, first := siteRoutes[i], perRoute*i
	ctx, c := context.Background(), h.member.cache
	var changed about
	var err error
	switch chance := rand.IntN(100); {
	case chance < 15:
		changed, err = h.post(i, n)
	case chance < 30 && rt.late:
		changed = h.change(first+n, first+n+1)
		err = c.PurgeTags(ctx, rt.lateTag(n))
	case chance < 40 && rt.tag != "":
		changed = h.change(first, first+perRoute)
		err = c.PurgeTags(ctx, rt.tag)
	case chance < 50:
		changed = h.change(first, first+perRoute)
		err = c.PurgeRoute(ctx, rt.pattern())
	case chance < 53:
		changed = h.change(0, sitePages)
		err = c.PurgeAll(ctx)
	default:
		changed = h.change(first+n, first+n+1)
		err = c.Purge(ctx, rt.path(n))
	}
	h.settle(changed, err)
}

// settle notes what a purge has promised: to this process in any case, to all if
// there was no error.
func (h *hitter) settle(changed about, err error) {
	for at, version := range changed {
		raise(&h.own[at], version)
		if err == nil {
			h.board.cells[at].promise(version)
		}
	}
	if err == nil {
		h.desk.count[tallyPurges].Add(1)
	} else {
		h.desk.count[tallyRefused].Add(1)
	}
}

var posts atomic.Int64

// post changes a page by a request to it. The query, which a purge does not care
// for, tells the request from others.
func (h *hitter) post(i, n int) (about, error) {
	rt := siteRoutes[i]
	target := fmt.Sprintf("%s?%d", rt.path(n), posts.Add(1))
	got, err := h.ask(http.MethodPost, target, "de")
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		h.desk.count[tallyFailed].Add(1)
		return nil, fmt.Errorf("got status %d", got.status)
	}
	version, ok := versionOf(got.body, rt.path(n), rt.variant("de"))
	if !ok {
		h.desk.count[tallyWrong].Add(1)
		return nil, fmt.Errorf("got the page %q", got.body)
	}
	if _, refused := h.failed.LoadAndDelete(target); refused {
		err = errRefused
	}
	return about{perRoute*i + n: version}, err
}

var errRefused = errors.New("the store refused a purge")
