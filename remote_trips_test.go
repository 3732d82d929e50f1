package pagecache_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// tripsTable is a store and the processes whose round trips are counted.
type tripsTable struct {
	*testing.T
	*shared
}

func (t tripsTable) want(what string, h http.Handler, r *http.Request, hit bool, ops string) {
	t.Helper()
	t.trips()
	if got := call(h, r); got.hit() != hit {
		t.Errorf("%s: got %q, want hit %t", what, got.cacheStatus(), hit)
	}
	if got := t.trips(); got != ops {
		t.Errorf("%s: got round trips %q, want %q", what, got, ops)
	}
}

func inTrips(test func(tripsTable)) func(*testing.T) {
	return func(t *testing.T) { test(tripsTable{t, newShared()}) }
}

// alone is a process that makes its pages without leases.
func alone(p *pagecache.Policy) { p.Lease = 0 }

func (t tripsTable) process(tb testing.TB, opts ...pagecache.Option) *pagecache.Cache {
	tb.Helper()
	return t.shared.process(tb, append(opts, alone)...)
}

// prime asks for another page, so that what all pages share is there: its nonces
// are kept longer than those of one page, and are made in a round trip of their
// own, once.
func (t tripsTable) prime() {
	t.Helper()
	call(t.process(t).Page(time.Minute)(echo(nil)), page("/another"))
	t.trips()
}

// TestTripsOfTheFirstPage: only the very first miss makes what all pages share.
func TestTripsOfTheFirstPage(t *testing.T) { synctest.Test(t, inTrips(tripsOfTheFirstPage)) }

func tripsOfTheFirstPage(t tripsTable) {
	route := pagecache.Tags("route")
	a, b := t.process(t).Page(time.Minute, route)(echo(nil)), t.process(t).Page(time.Minute, route)(echo(nil))
	t.want("first miss of all", a, page("/x"), false, "Get Add Add Set")
	t.want("first miss of a path", a, page("/y"), false, "Get Add Set")
	t.want("first miss of a path, elsewhere", b, page("/z"), false, "Get Add Add Set")
}

// TestTripsOfPlainPages: the look-up reads the page and its fences at once.
func TestTripsOfPlainPages(t *testing.T) { synctest.Test(t, inTrips(tripsOfPlainPages)) }

func tripsOfPlainPages(t tripsTable) {
	route := pagecache.Tags("route")
	a, b := t.process(t).Page(time.Minute, route)(echo(nil)), t.process(t).Page(time.Minute, route)(echo(nil))
	call(b, page("/another"))
	t.want("first miss", a, page("/x"), false, "Get Add Add Set")
	t.want("hit", a, page("/x"), true, "Get")
	t.want("hit, in a process that never saw the page", b, page("/x"), true, "Get")
	t.want("304", b, page("/x", "If-None-Match", "*"), true, "Get")
	t.want("miss, fences known", a, page("/x?q"), false, "Get Set")
	t.want("first miss of a path", a, page("/y"), false, "Get Add Set")
	time.Sleep(time.Minute)
	t.want("miss after expiry", b, page("/x"), false, "Get Set")
	t.want("bypass", a, page("/x", "Authorization", "x"), false, "")
	t.want("range of nothing", a, page("/z", "Range", "bytes=0-0"), false, "Get")
	head := page("/z")
	head.Method = http.MethodHead
	t.want("HEAD of nothing", a, head, false, "Get")
}

// TestTripsOfVaryingPages: who has seen the page asks for its variant at once.
func TestTripsOfVaryingPages(t *testing.T) { synctest.Test(t, inTrips(tripsOfVaryingPages)) }

func tripsOfVaryingPages(t tripsTable) {
	t.prime()
	handler := echo([]string{"Vary", "Accept"})
	a, b := t.process(t).Page(time.Minute)(handler), t.process(t).Page(time.Minute)(handler)
	t.want("first miss", a, page("/", "Accept", "1"), false, "Get Add Add Set Set")
	t.want("hit, seen before", a, page("/", "Accept", "1"), true, "Get")
	t.want("another variant", a, page("/", "Accept", "2"), false, "Get Set Set")
	t.want("hit in a process that never saw the page", b, page("/", "Accept", "1"), true, "Get Get")
	t.want("hit there again", b, page("/", "Accept", "1"), true, "Get")
	t.want("another variant there", b, page("/", "Accept", "2"), true, "Get")
	time.Sleep(time.Minute)
	t.want("miss, seen before", a, page("/", "Accept", "1"), false, "Get Set Set")
}

// TestTripsOfLateTags: tags that the handler adds are late only once.
func TestTripsOfLateTags(t *testing.T) { synctest.Test(t, inTrips(tripsOfLateTags)) }

func tripsOfLateTags(t tripsTable) {
	t.prime()
	handler := echo(nil, "late", "later")
	a, b := t.process(t).Page(time.Minute)(handler), t.process(t).Page(time.Minute)(handler)
	t.want("first miss", a, page("/"), false, "Get Add Add Add Get Set")
	t.want("hit, seen before", a, page("/"), true, "Get")
	t.want("hit in a process that never saw the page", b, page("/"), true, "Get")
	t.want("hit there again", b, page("/"), true, "Get")
	time.Sleep(time.Minute)
	t.want("miss, tags known", a, page("/"), false, "Get Add Set")
	time.Sleep(time.Minute)
	cold := t.process(t).Page(time.Minute)(handler)
	t.want("miss in a process that never saw the page", cold, page("/"), false, "Get Add Add Get Set")
}

// TestTripsOfVaryAndLateTags is the table's worst case.
func TestTripsOfVaryAndLateTags(t *testing.T) { synctest.Test(t, inTrips(tripsOfVaryAndLateTags)) }

func tripsOfVaryAndLateTags(t tripsTable) {
	t.prime()
	handler := echo([]string{"Vary", "Accept"}, "late")
	a, b := t.process(t).Page(time.Minute)(handler), t.process(t).Page(time.Minute)(handler)
	t.want("first miss", a, page("/", "Accept", "1"), false, "Get Add Add Add Get Set Set")
	t.want("hit, seen before", a, page("/", "Accept", "1"), true, "Get")
	t.want("hit in a process that never saw the page", b, page("/", "Accept", "1"), true, "Get Get")
	t.want("hit there again", b, page("/", "Accept", "1"), true, "Get")
	t.want("another variant", b, page("/", "Accept", "2"), false, "Get Add Add Set Set")
	time.Sleep(time.Minute)
	t.want("miss, seen before", a, page("/", "Accept", "1"), false, "Get Add Set Set")
}

// TestTripsOfRefusals: a page that is not stored costs no write of its own.
func TestTripsOfRefusals(t *testing.T) { synctest.Test(t, inTrips(tripsOfRefusals)) }

func tripsOfRefusals(t tripsTable) {
	t.prime()
	a := t.process(t).Page(time.Minute)(echo([]string{"Set-Cookie", "a=b"}, "late"))
	t.want("first", a, page("/"), false, "Get Add Add")
	t.want("again", a, page("/"), false, "Get")
	time.Sleep(time.Minute)
	t.want("after the mark", a, page("/"), false, "Get")
}

// TestTripsOfFollowers: who waited has read the fences itself, before it waited,
// and needs no more of the store to be given the page.
func TestTripsOfFollowers(t *testing.T) { synctest.Test(t, inTrips(tripsOfFollowers)) }

func tripsOfFollowers(t tripsTable) {
	t.prime()
	release := make(chan struct{})
	a := t.process(t).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = w.Write([]byte("page"))
	}))
	leader, follower := together(a, func() { close(release) })
	wantStatus(t, "leader", leader, "pagecache; fwd=uri-miss; stored; ttl=60")
	wantStatus(t, "follower", follower, "pagecache; fwd=uri-miss; collapsed; ttl=60")
	if got, want := t.trips(), "Get Add Add Get Set"; got != want {
		t.Errorf("got round trips %q, want %q", got, want)
	}
}
