package pagecache

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// deaf is a store that is not asked, and passes on no messages.
type deaf struct{ nothing }

func (deaf) Publish(context.Context, []byte) error { return nil }

func (deaf) Subscribe(ctx context.Context, lost func(), _ func([]byte)) error {
	lost()
	<-ctx.Done()
	return nil
}

// TestCopyUnderAnothersHash: two keys with one hash may find each other's copies,
// and must not be given them.
func TestCopyUnderAnothersHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := New(WithStore(deaf{}), NearCache(1<<20, time.Hour))
		defer cache.Close(t.Context())
		synctest.Wait()
		c := cache.core
		rt := cache.Page(time.Minute)(http.NotFoundHandler()).(*route)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", "x")
		for name, tt := range map[string]struct {
			page entry
			want bool
		}{
			"its own":         {entry{key: key{frames: "page"}}, true},
			"another's":       {entry{key: key{frames: "page of another"}}, false},
			"another variant": {entry{key: key{frames: "page"}, vary: []string{"Accept"}, values: [][]string{{"y"}}}, false},
		} {
			page := tt.page
			page.fresh, page.early = time.Minute, math.MaxInt64
			page.created, page.stamp = c.now(), c.stamps.last.Load()
			c.near.memory.Store(7, &copied{&page, rt, math.MaxInt64, c.near.era.Load()}, 100, time.Minute)
			k := key{hash: 7, frames: "page"}
			if got := c.near.find(rt, &k, r.Header, c.now()); (got != nil) != tt.want {
				t.Errorf("%s: got %v, want one: %t", name, got, tt.want)
			}
		}
	})
}
