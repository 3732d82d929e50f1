package pagecache_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// checkStatus parses Cache-Status as RFC 9211 and RFC 9651 define it and checks
// what must hold for any response of ours: one member of this name, the last,
// that says either hit or why not. It returns that member.
func checkStatus(t testing.TB, got reply, name string) httpsfv.Item {
	t.Helper()
	lines := got.header.Values("Cache-Status")
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	var own []int
	for i, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			t.Fatalf("%q: member %d is no item", lines, i)
		}
		if item.Value == httpsfv.Token(name) {
			own = append(own, i)
		}
	}
	if len(own) != 1 || own[0] != len(list)-1 {
		t.Fatalf("%q: got %s at %v of %d members, want it once and last", lines, name, own, len(list))
	}
	item := list[own[0]].(httpsfv.Item)
	checkParams(t, lines, item.Params)
	return item
}

func checkParams(t testing.TB, lines []string, params *httpsfv.Params) {
	t.Helper()
	hit, isHit := params.Get("hit")
	fwd, isFwd := params.Get("fwd")
	if isHit == isFwd || isHit && hit != true {
		t.Errorf("%q: got hit %v and fwd %v, want one of them", lines, hit, fwd)
	}
	if _, ok := fwd.(httpsfv.Token); isFwd && !ok {
		t.Errorf("%q: got fwd %v, want a token", lines, fwd)
	}
	if detail, ok := params.Get("detail"); ok {
		token, isToken := detail.(httpsfv.Token)
		if !isToken || !slices.Contains(pagecache.Reasons(), pagecache.Reason(token)) {
			t.Errorf("%q: got detail %v, want one of the listed reasons", lines, detail)
		}
	}
	_, collapsed := params.Get("collapsed")
	_, stored := params.Get("stored")
	if (collapsed || stored) && isHit {
		t.Errorf("%q: collapsed and stored go with fwd only", lines)
	}
	if ttl, ok := params.Get("ttl"); ok {
		if _, isInt := ttl.(int64); !isInt {
			t.Errorf("%q: got ttl %v, want an integer", lines, ttl)
		}
	}
	if status, ok := params.Get("fwd-status"); ok {
		if _, isInt := status.(int64); !isInt || !isFwd {
			t.Errorf("%q: got fwd-status %v, want an integer beside fwd", lines, status)
		}
	}
	for _, name := range params.Names() {
		if !slices.Contains([]string{"hit", "fwd", "fwd-status", "ttl", "stored", "collapsed", "detail"}, name) {
			t.Errorf("%q: got parameter %s, which nobody asked for", lines, name)
		}
	}
}

func wantStatus(t testing.TB, what string, got reply, want string) {
	t.Helper()
	checkStatus(t, got, "pagecache")
	if got.cacheStatus() != want {
		t.Errorf("%s: got %q, want %q", what, got.cacheStatus(), want)
	}
}

// saying answers with these fields and a short page.
func saying(fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		_, _ = w.Write([]byte("page"))
	}
}

func TestStatusOfHits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t).Page(300 * time.Second)(saying("Etag", `"v1"`))
		wantStatus(t, "miss", call(h, page("/")), "pagecache; fwd=uri-miss; stored; ttl=300")
		time.Sleep(13 * time.Second)
		wantStatus(t, "hit", call(h, page("/")), "pagecache; hit; ttl=287")
		wantStatus(t, "304", call(h, page("/", "If-None-Match", `"v1"`)), "pagecache; hit; ttl=287")
		wantStatus(t, "206", call(h, page("/", "Range", "bytes=0-0")), "pagecache; hit; ttl=287")
		wantStatus(t, "several parts", call(h, page("/", "Range", "bytes=0-0,2-2")), "pagecache; hit; ttl=287")
		wantStatus(t, "416", call(h, page("/", "Range", "bytes=9-")), "pagecache; hit; ttl=287")
		head := page("/")
		head.Method = http.MethodHead
		wantStatus(t, "HEAD", call(h, head), "pagecache; hit; ttl=287")
	})
}

func TestStatusOfNegativeHits(t *testing.T) { synctest.Test(t, statusOfNegativeHits) }

func statusOfNegativeHits(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		h := newCache(t).Page(time.Hour, pagecache.NegativeTTL(9*time.Second))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		}))
		wantStatus(t, "miss", call(h, page("/")), "pagecache; fwd=uri-miss; stored; ttl=9")
		if got := call(h, page("/")); got.status != status {
			t.Errorf("got status %d, want %d", got.status, status)
		} else {
			wantStatus(t, "negative hit", got, "pagecache; hit; ttl=9; detail=negative")
		}
	}
}

func TestStatusOfMisses(t *testing.T) { synctest.Test(t, statusOfMisses) }

func statusOfMisses(t *testing.T) {
	h := newCache(t).Page(300 * time.Second)(saying("Vary", "Accept"))
	wantStatus(t, "first", call(h, page("/")), "pagecache; fwd=uri-miss; stored; ttl=300")
	wantStatus(t, "another variant", call(h, page("/", "Accept", "x")), "pagecache; fwd=vary-miss; stored; ttl=300")
	wantStatus(t, "range of nothing", call(h, page("/none", "Range", "bytes=0-1")), "pagecache; fwd=uri-miss; detail=range")
	wantStatus(t, "range of another variant", call(h, page("/", "Range", "bytes=0-1", "Accept", "y")), "pagecache; fwd=vary-miss; detail=range")
	head := page("/none")
	head.Method = http.MethodHead
	wantStatus(t, "HEAD of nothing", call(h, head), "pagecache; fwd=uri-miss; detail=head")
	wantStatus(t, "304 of a miss", call(h, page("/new", "If-None-Match", "*")), "pagecache; fwd=uri-miss; stored; ttl=300")
}

// keeper is a Memory that drops nothing, so that a page is found when it is
// over.
type keeper struct{ values map[uint64]any }

func (k keeper) Load(key uint64) (any, bool)                     { v, ok := k.values[key]; return v, ok }
func (k keeper) Store(key uint64, v any, _ int, _ time.Duration) { k.values[key] = v }
func (k keeper) Delete(key uint64)                               { delete(k.values, key) }

func TestStatusOfStalePages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t, pagecache.WithMemory(keeper{map[uint64]any{}})).Page(10 * time.Second)(saying("Vary", "Accept"))
		call(h, page("/"))
		time.Sleep(10 * time.Second)
		wantStatus(t, "stale", call(h, page("/")), "pagecache; fwd=stale; stored; ttl=10")
		wantStatus(t, "fresh again", call(h, page("/")), "pagecache; hit; ttl=10")
		time.Sleep(time.Minute)
		wantStatus(t, "stale, range", call(h, page("/", "Range", "bytes=0-0")), "pagecache; fwd=stale; detail=range")
	})
}

func TestStatusWhenTheStoreFails(t *testing.T) { synctest.Test(t, statusWhenTheStoreFails) }

func statusWhenTheStoreFails(t *testing.T) {
	var faults storetest.Faults
	c := newCache(t, pagecache.WithStore(storetest.FaultyStore(storetest.NewMap(), &faults)))
	h := c.Page(time.Minute)(saying())
	faults.Before(storetest.Fail(storetest.ErrFault))
	wantStatus(t, "all calls fail", call(h, page("/a")), "pagecache; fwd=miss; detail=store-error")
	faults.Before(storetest.Only(storetest.Fail(storetest.ErrFault), "Set"))
	wantStatus(t, "writes fail", call(h, page("/b")), "pagecache; fwd=uri-miss; detail=store-error")
	faults.Heal()
	wantStatus(t, "healed", call(h, page("/c")), "pagecache; fwd=uri-miss; stored; ttl=60")
}

func TestStatusOfHitForMiss(t *testing.T) { synctest.Test(t, statusOfHitForMiss) }

func statusOfHitForMiss(t *testing.T) {
	secret := true
	h := newCache(t).Page(300 * time.Second)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if secret {
			w.Header().Set("Set-Cookie", "a=b")
		}
		_, _ = w.Write([]byte("page"))
	}))
	wantStatus(t, "refused", call(h, page("/")), "pagecache; fwd=uri-miss; detail=set-cookie")
	wantStatus(t, "refused again", call(h, page("/")), "pagecache; fwd=uri-miss; detail=set-cookie")
	secret = false
	wantStatus(t, "storable now", call(h, page("/")), "pagecache; fwd=uri-miss; stored; ttl=300; detail=hit-for-miss")
	wantStatus(t, "stored", call(h, page("/")), "pagecache; hit; ttl=300")
}

// TestStatusKeepsUpstreamMembers: caches nearer to the origin come first, on
// the miss and on each hit, and ours never gets into the stored page.
func TestStatusKeepsUpstreamMembers(t *testing.T) { synctest.Test(t, statusKeepsUpstreamMembers) }

func statusKeepsUpstreamMembers(t *testing.T) {
	for _, upstream := range [][]string{
		{"Cache-Status", "Origin; hit; ttl=5"},
		{"Cache-Status", `a; hit, "b c"; fwd=uri-miss; detail="x, y"`},
		{"Cache-Status", "a; hit", "Cache-Status", "b; fwd=stale"},
	} {
		h := newCache(t).Page(300 * time.Second)(saying(upstream...))
		for i, want := range []string{"pagecache; fwd=uri-miss; stored; ttl=300", "pagecache; hit; ttl=300", "pagecache; hit; ttl=300"} {
			got := call(h, page("/"))
			wantStatus(t, "upstream", got, want)
			var lines []string
			for j := 1; j < len(upstream); j += 2 {
				lines = append(lines, upstream[j])
			}
			if front := got.header.Values("Cache-Status"); !slices.Equal(front[:len(front)-1], lines) {
				t.Errorf("request %d: got %q in front of ours, want %q", i+1, front[:len(front)-1], lines)
			}
		}
	}
}

// TestStatusOfTwoCaches: two caches around one handler tell two members, the
// same cache twice tells one.
func TestStatusOfTwoCaches(t *testing.T) { synctest.Test(t, statusOfTwoCaches) }

func statusOfTwoCaches(t *testing.T) {
	inner := newCache(t, func(p *pagecache.Policy) { p.Name = "inner" })
	outer := newCache(t)
	h := outer.Page(time.Minute)(inner.Page(time.Hour)(saying()))
	for _, want := range []string{
		"inner; fwd=uri-miss; stored; ttl=3600 | pagecache; fwd=uri-miss; stored; ttl=60",
		"inner; fwd=uri-miss; stored; ttl=3600 | pagecache; hit; ttl=60",
	} {
		got := call(h, page("/"))
		checkStatus(t, got, "pagecache")
		if lines := strings.Join(got.header.Values("Cache-Status"), " | "); lines != want {
			t.Errorf("two caches: got %q, want %q", lines, want)
		}
	}
	twice := outer.Page(time.Minute)(outer.Page(time.Hour)(saying()))
	for _, target := range []string{"/twice", "/twice"} {
		got := call(twice, page(target))
		checkStatus(t, got, "pagecache")
		if lines := got.header.Values("Cache-Status"); len(lines) != 1 {
			t.Errorf("one cache twice: got %q, want one member", lines)
		}
	}
	bypassed := call(twice, page("/twice", "Authorization", "x"))
	wantStatus(t, "one cache twice, bypassed", bypassed, "pagecache; fwd=bypass; detail=authorization")
}

// TestStatusName: a name must be a token of structured fields, which begins
// with a letter, or every response has a Cache-Status that nobody can parse.
func TestStatusName(t *testing.T) {
	for _, name := range []string{"shop", "Shop-1", "a.b", "1st", "-x", "!x", "x'y", "x^y", ".x"} {
		got, accepted := statusUnder(t, name)
		if !accepted {
			continue
		}
		if _, err := httpsfv.UnmarshalList(got.header.Values("Cache-Status")); err != nil {
			t.Errorf("name %q: got %q: %v", name, got.cacheStatus(), err)
		}
	}
}

func statusUnder(t *testing.T, name string) (got reply, accepted bool) {
	defer func() { _ = recover() }()
	h := newCache(t, func(p *pagecache.Policy) { p.Name = name }).Page(time.Minute)(saying())
	return call(h, page("/")), true
}
