package pagecache_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestUnsafeStatus is what Cache-Status says of unsafe requests, once however
// often they meet the cache.
func TestUnsafeStatus(t *testing.T) {
	const done, failed = "pagecache; fwd=method; detail=invalidated", "pagecache; fwd=method"
	for _, end := range writeEnds {
		want := failed
		if end.success {
			want = done
		}
		for place, write := range writers {
			h := write(newCache(t), &desk{end.answer})
			got, panicked := quietly(h, sending(http.MethodPost, "http://a.example/p"))
			if panicked != nil {
				continue
			}
			if strings.Contains(end.name, "interim, then") { // the recorder of the test takes the first status for the final one
				continue
			}
			if all := got.header["Cache-Status"]; len(all) != 1 || all[0] != want {
				t.Errorf("%s, %s: got Cache-Status %q, want %q once", place, end.name, all, want)
			}
		}
	}
}

// TestUnsafeIsOnePass: the event and the counters of an unsafe request are those
// of a request that went past the cache.
func TestUnsafeIsOnePass(t *testing.T) {
	log := new(eventLog)
	c := newCache(t, pagecache.WithObserver(log))
	for _, h := range []http.Handler{
		c.Page(time.Hour)(&desk{status(201)}),
		c.Invalidate("x")(c.Page(time.Hour)(&desk{status(201)})),
		c.Handler(c.Page(time.Hour)(&desk{status(201)})),
		c.Handler(c.Invalidate("x")(c.Page(time.Hour)(&desk{status(201)}))),
	} {
		before := c.Stats().Passed["method"]
		got := call(h, sending(http.MethodPost, "http://a.example/p"))
		if n := c.Stats().Passed["method"] - before; n != 1 || len(got.header["Cache-Status"]) != 1 {
			t.Errorf("got %d requests counted and Cache-Status %q, want one", n, got.header["Cache-Status"])
		}
		if e := log.last(); e.Result != pagecache.ResultPass || e.Fwd != "method" || e.Reason != "method" || e.Status != 201 {
			t.Errorf("got the event %+v, want a pass with status 201", e)
		}
	}
}
