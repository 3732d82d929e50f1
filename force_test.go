package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// force makes requests with X-Again ask for a new page.
func force(p *pagecache.Policy) {
	p.ForceRefresh = func(r *http.Request) bool { return r.Header.Get("X-Again") == "please" }
}

// TestForceRefresh: the page is made anew for who may ask for it, and for all.
func TestForceRefresh(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.want("fill", k.ask("/"), 1, "fwd=uri-miss; stored; ttl=60")
		time.Sleep(10 * time.Second)
		var why string
		k.press.do(func(w http.ResponseWriter, r *http.Request) {
			why = pagecache.FromContext(r.Context()).Why()
			write(w, "edition 2")
		})
		k.want("forced", k.ask("/", "X-Again", "please"), 2, "fwd=request; stored; ttl=60; detail=refresh")
		if e := k.log.last(); why != "request" || e.Result != pagecache.ResultMiss || e.Fwd != "request" || e.Reason != "refresh" || !e.Stored {
			k.Errorf("got Why %q and the event %+v", why, e)
		}
		k.press.print()
		k.want("next", k.ask("/"), 2, "hit; ttl=60")
		k.want("not asked for", k.ask("/", "X-Again", "no"), 2, "hit; ttl=60")
		k.want("forced again", k.ask("/", "X-Again", "please"), 3, "fwd=request; stored; ttl=60; detail=refresh")
		k.want("forced where nothing is", k.ask("/new", "X-Again", "please"), 4, "fwd=request; stored; ttl=60; detail=refresh")
		time.Sleep(fresh)
		k.want("forced where it is stale", k.ask("/", "X-Again", "please"), 5, "fwd=request; stored; ttl=60; detail=refresh")
	}, force, swrMinute)
}

// TestForceRefreshOfParts: what fills nothing refreshes nothing, and is answered by
// the handler.
func TestForceRefreshOfParts(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		head := page("/", "X-Again", "please")
		head.Method = http.MethodHead
		for i, got := range []reply{call(k.root, head), k.ask("/", "X-Again", "please", "Range", "bytes=0-1")} {
			if got.cacheStatus() != "pagecache; fwd=request; detail=refresh" {
				k.Errorf("%d: got %q, want it passed on", i, got.cacheStatus())
			}
		}
		k.wantRuns("in all", 3)
		k.want("afterwards", k.ask("/"), 1, "hit; ttl=60")
	}, force)
}

// TestForceRefreshIsGuarded: it is asked only about requests that may use the
// cache, and who panics has not said yes.
func TestForceRefreshIsGuarded(t *testing.T) {
	asked := 0
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		k.want("a panic", k.ask("/"), 1, "hit; ttl=60")
		k.want("another", k.ask("/"), 1, "hit; ttl=60")
		if warnings := k.log.warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], "Policy.ForceRefresh panicked: no") {
			k.Errorf("got warnings %q, want one", warnings)
		}
		before := asked
		for _, field := range []string{"Authorization", "X-Api-Key", "Cookie"} {
			k.ask("/", field, "a=b")
		}
		if asked != before {
			k.Errorf("asked about %d requests that must not use the cache", asked-before)
		}
	}, func(p *pagecache.Policy) {
		p.ForceRefresh = func(*http.Request) bool {
			asked++
			panic("no")
		}
	})
}

// TestForceRefreshThatFails: the old page stays unless it is wrong by now. Who
// forced it is told, where no old page may be served instead.
func TestForceRefreshThatFails(t *testing.T) {
	for status, kept := range map[int]bool{500: true, 429: true, 404: false} {
		inKiosk(t, func(k *kiosk) {
			k.ask("/")
			k.press.do(response(status))
			if got := k.ask("/", "X-Again", "please"); got.status != status || got.cacheStatus() != "pagecache; fwd=request; detail=status" {
				k.Errorf("%d: got %d, %q; want the handler's word", status, got.status, got.cacheStatus())
			}
			if got := k.ask("/"); got.hit() != kept {
				k.Errorf("%d: got %q next, want the old page kept %t", status, got.cacheStatus(), kept)
			}
		}, force)
	}
}

// TestForceRefreshByManyAtOnce: each runs the handler; the page whose run began
// last stays.
func TestForceRefreshByManyAtOnce(t *testing.T) {
	inKiosk(t, func(k *kiosk) {
		k.ask("/")
		k.press.take(time.Second)
		replies, _ := crowd(k.root, 5, func(int) *http.Request { return page("/", "X-Again", "please") })
		stored := 0
		for _, got := range replies {
			if got.stored() {
				stored++
			} else if got.reason() != "superseded" {
				k.Errorf("got %q, want it stored or superseded", got.cacheStatus())
			}
		}
		k.wantRuns("in all", 6)
		if stored == 0 {
			k.Error("no page was stored")
		}
		if got := k.ask("/"); !got.hit() || got.body == "edition 1" {
			k.Errorf("got %q, %q; want a new page", got.body, got.cacheStatus())
		}
	}, force)
}
