package pagecache

import (
	"cmp"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// ForeignClock returns what lies in a Store as a process would have written it
// whose clock is ahead by d. What is no page is returned as it is.
func ForeignClock(value []byte, d time.Duration) []byte {
	e, created, label, err := decodeEntry(value)
	if err != nil {
		return value
	}
	e.route = &routeStats{label: label}
	return encodeEntry(e, created.Add(d))
}

// JumpWallClock makes it look to the cache as if the wall clock had been set
// forward by d since it was made, which no test can do to the clock itself: the
// epoch that all times in process count from gets an earlier wall clock reading
// and keeps its monotonic one. It reports whether there is a monotonic one.
func JumpWallClock(c *Cache, d time.Duration) bool {
	at := (*struct { // of a time.Time
		wall uint64 // 1 bit: has a monotonic reading; 33 bits of seconds; 30 of nanoseconds
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&c.core.epoch))
	before := c.core.epoch.Round(0)
	at.wall -= uint64(int64(d/time.Second)) << 30
	return at.wall>>63 == 1 && before.Sub(c.core.epoch.Round(0)) == d
}

const (
	routeSWR = time.Minute
	routeSIE = 5 * time.Minute
)

// TestWindowsOf: how long responses may be served stale (RFC 5861), by who
// says what about it.
func TestWindowsOf(t *testing.T) {
	route := []Option{StaleWhileRevalidate(routeSWR), StaleIfError(routeSIE)}
	swr, sie := route[:1], route[1:]
	targeted := func(value string, lines ...string) http.Header {
		return http.Header{"Pagecache-Cache-Control": {value}, "Cache-Control": lines}
	}
	const s = time.Second
	for _, tt := range []struct {
		name   string
		opts   []Option
		status int // 200 unless given
		header http.Header
		want   windows
	}{
		{"nobody", nil, 0, nil, windows{}},
		{"the response", nil, 0, cc("stale-while-revalidate=30, stale-if-error=300"), windows{30 * s, 300 * s}},
		{"the response, one of two", nil, 0, cc("stale-if-error=300"), windows{0, 300 * s}},
		{"the response, upper case, second line", nil, 0, cc("max-age=60", "STALE-WHILE-REVALIDATE=30"), windows{30 * s, 0}},
		{"the response, beyond a day", nil, 0, cc("stale-while-revalidate=86401, stale-if-error=999999999999"), windows{24 * time.Hour, 24 * time.Hour}},
		{"the response, beyond MaxStale", []Option{func(p *Policy) { p.MaxStale = 10 * s }}, 0, cc("stale-while-revalidate=30, stale-if-error=9"), windows{10 * s, 9 * s}},
		{"the response, no number", nil, 0, cc("stale-while-revalidate=x, stale-if-error"), windows{}},
		{"the response with must-revalidate", nil, 0, cc("stale-while-revalidate=30, must-revalidate"), windows{}},
		{"the response with proxy-revalidate", nil, 0, cc("stale-if-error=30", "proxy-revalidate"), windows{}},
		{"the response with s-maxage", nil, 0, cc("s-maxage=60, stale-while-revalidate=30"), windows{30 * s, 0}},
		{"s-maxage alone", nil, 0, cc("s-maxage=60"), windows{}},
		{"an error response of its own", nil, 404, cc("stale-if-error=30"), windows{0, 30 * s}},

		{"the route", route, 0, nil, windows{routeSWR, routeSIE}},
		{"the route, one of two", swr, 0, nil, windows{routeSWR, 0}},
		{"the route beside max-age and Expires", route, 0, http.Header{"Cache-Control": {"public, max-age=60"}, "Expires": {"0"}}, windows{routeSWR, routeSIE}},
		{"the route with must-revalidate", route, 0, cc("must-revalidate"), windows{}},
		{"the route with proxy-revalidate", route, 0, cc("proxy-revalidate"), windows{}},
		{"the route with s-maxage", route, 0, cc("s-maxage=60"), windows{}},
		{"the route with a broken s-maxage", route, 0, cc("s-maxage=x"), windows{}},
		{"the route that overrides s-maxage", append(route, OverrideTTL()), 0, cc("s-maxage=60"), windows{routeSWR, routeSIE}},
		{"the route that overrides, with must-revalidate", append(route, OverrideTTL()), 0, cc("s-maxage=60, must-revalidate"), windows{}},
		{"a redirect", route, 301, nil, windows{routeSWR, routeSIE}},
		{"an error", route, 404, nil, windows{}},
		{"an error that overrides", append(route, OverrideTTL()), 404, nil, windows{}},
		{"an error with a word of its own", route, 410, cc("stale-while-revalidate=30"), windows{30 * s, 0}},

		{"both, less", route, 0, cc("stale-while-revalidate=30, stale-if-error=30"), windows{30 * s, 30 * s}},
		{"both, more", route, 0, cc("stale-while-revalidate=61, stale-if-error=301"), windows{routeSWR, routeSIE}},
		{"both, none", route, 0, cc("stale-while-revalidate=0, stale-if-error=0"), windows{}},
		{"both, no number", route, 0, cc("stale-while-revalidate=-5"), windows{0, routeSIE}},
		{"both, one of two", route, 0, cc("stale-while-revalidate=30"), windows{30 * s, routeSIE}},
		{"both with s-maxage", route, 0, cc("s-maxage=60, stale-while-revalidate=30"), windows{30 * s, 0}},
		{"both with s-maxage, more", route, 0, cc("s-maxage=60, stale-if-error=999"), windows{0, routeSIE}},
		{"each one of two", sie, 0, cc("stale-while-revalidate=999"), windows{999 * s, routeSIE}},

		{"targeted", nil, 0, targeted("max-age=60, stale-while-revalidate=20", "stale-while-revalidate=50, stale-if-error=50"), windows{20 * s, 0}},
		{"targeted beside the route", route, 0, targeted("max-age=60", "must-revalidate, s-maxage=9"), windows{routeSWR, routeSIE}},
		{"targeted s-maxage beside the route", route, 0, targeted("s-maxage=60"), windows{}},
		{"targeted must-revalidate", route, 0, targeted("must-revalidate", "stale-if-error=50"), windows{}},
		{"targeted, invalid", route, 0, targeted("max-age=", "stale-while-revalidate=50"), windows{50 * s, routeSIE}},
	} {
		p := pageOf(tt.opts...)
		if got := windowsOf(&p, cmp.Or(tt.status, http.StatusOK), tt.header); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestUseStale: what may be done with a page that is stale for so long, when its
// handler failed and must not be tried again yet, and when not.
func TestUseStale(t *testing.T) {
	both := windows{30 * time.Second, 300 * time.Second}
	const since = int64(7 * time.Hour)
	for _, tt := range []struct {
		name          string
		w             windows
		age           time.Duration
		free, waiting staleUse
	}{
		{"just now", both, 0, staleRefreshing, staleWaiting},
		{"at the last moment", both, 30*time.Second - 1, staleRefreshing, staleWaiting},
		{"past the first window", both, 30 * time.Second, staleIfItFails, staleAfterError},
		{"at the very last moment", both, 300*time.Second - 1, staleIfItFails, staleAfterError},
		{"past both", both, 300 * time.Second, staleNot, staleNot},
		{"for ever", both, math.MaxInt64 - time.Duration(since), staleNot, staleNot},
		{"no window", windows{}, 0, staleNot, staleNot},
		{"while it is refreshed only", windows{whileRevalidate: time.Second}, time.Second - 1, staleRefreshing, staleWaiting},
		{"while it is refreshed only, past it", windows{whileRevalidate: time.Second}, time.Second, staleNot, staleNot},
		{"on errors only", windows{ifError: time.Second}, time.Second - 1, staleIfItFails, staleAfterError},
		{"on errors only, past it", windows{ifError: time.Second}, time.Second, staleNot, staleNot},
		{"the first window longer", windows{time.Minute, time.Second}, 59 * time.Second, staleRefreshing, staleWaiting},
		{"the first window longer, past it", windows{time.Minute, time.Second}, time.Minute, staleNot, staleNot},
	} {
		now := since + int64(tt.age)
		for _, at := range []struct {
			name  string
			retry int64
			want  staleUse
		}{{"at any time", 0, tt.free}, {"from now on", now, tt.free}, {"a moment later", min(now, math.MaxInt64-1) + 1, tt.waiting}} {
			if got := useStale(tt.w, since, now, at.retry); got != at.want && now != math.MaxInt64 {
				t.Errorf("%s, to be tried %s: got %d, want %d", tt.name, at.name, got, at.want)
			}
		}
	}
}

// TestLessonOf: each reason for which a response is not stored says one of three
// things about the page that it would have replaced.
func TestLessonOf(t *testing.T) {
	failures := []Reason{reasonHandlerPanic, reasonDeadline, reasonLateError, reasonBrokenSource, reasonLengthMismatch}
	nothing := []Reason{reasonClientGone, reasonRecordingBudget, reasonStoreError, reasonSuperseded, reasonInvalidated, reasonHandlerSilent, reasonHijacked, reasonVariantsFull}
	for _, why := range Reasons() {
		want := lessonGone // this page is not for everybody any more, or cannot be kept
		switch {
		case slices.Contains(failures, why):
			want = lessonFailure
		case slices.Contains(nothing, why):
			want = lessonNone
		}
		if got := lessonOf(http.StatusOK, why); got != want {
			t.Errorf("200, %s: got %d, want %d", why, got, want)
		}
	}
	gone := []int{200, 204, 206, 301, 302, 304, 307, 401, 403, 404, 410, 451}
	for status := 200; status <= 599; status++ {
		want := lessonNone
		switch {
		case status >= 500:
			want = lessonFailure
		case status < 400, slices.Contains(gone, status):
			want = lessonGone
		}
		if got := lessonOf(status, reasonStatus); got != want {
			t.Errorf("status %d: got %d, want %d", status, got, want)
		}
	}
	if got := lessonOf(http.StatusInternalServerError, reasonSetCookie); got != lessonFailure {
		t.Errorf("500 with Set-Cookie: got %d, want a failure", got)
	}
	if got := lessonOf(http.StatusInternalServerError, reasonClientGone); got != lessonNone {
		t.Errorf("500 whose client hung up: got %d, want nothing to learn", got)
	}
}

// TestRetryAfter: twice as long after each failure, up to a minute.
func TestRetryAfter(t *testing.T) {
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for failures, want := range want {
		if got := retryAfter(failures); got != want*time.Second {
			t.Errorf("after %d failures: got %v, want %v", failures, got, want*time.Second)
		}
	}
	for _, failures := range []int{30, 31, 63, 64, 1 << 20, math.MaxInt} {
		if got := retryAfter(failures); got != time.Minute {
			t.Errorf("after %d failures: got %v, want 1m", failures, got)
		}
	}
}

func TestSetbacks(t *testing.T) {
	table, now := new(setbacks), int64(time.Hour)
	expect := func(what string, hash uint64, want time.Duration) {
		t.Helper()
		got := time.Duration(table.retry(hash) - now)
		if table.retry(hash) == 0 {
			got = 0
		}
		if got != want {
			t.Errorf("%s: got retry in %v, want %v", what, got, want)
		}
	}
	expect("nothing failed", 5, 0)
	table.add(5, now)
	table.add(6, now)
	expect("once", 5, time.Second)
	table.add(5, now)
	table.add(5, now)
	expect("three times", 5, 4*time.Second)
	expect("another page", 6, time.Second)
	expect("a page of the same place", 5+markSlots, 0)
	table.clear(5 + markSlots)
	expect("cleared for a page of the same place", 5, 4*time.Second)
	table.clear(5)
	expect("cleared", 5, 0)
	table.add(5, now)
	expect("failed anew", 5, time.Second)
	table.add(5+markSlots, now)
	expect("forgotten for a page of the same place", 5, 0)
	expect("which begins with its first failure", 5+markSlots, time.Second)
}

// TestHurry: from when on hits draw lots. 20 times the mean is where no lot
// falls any more: the chance is one in 485 million.
func TestHurry(t *testing.T) {
	for _, tt := range []struct {
		eagerness   float64
		took        time.Duration
		early, lead time.Duration
	}{
		{0, time.Second, never, 0},
		{1, time.Second, 40 * time.Second, time.Second},
		{2, time.Second, 20 * time.Second, 2 * time.Second},
		{0.5, time.Second, 50 * time.Second, 500 * time.Millisecond},
		{1, 10 * time.Second, -140 * time.Second, 10 * time.Second}, // from the first hit on
		{1, 0, time.Minute - 20, 1},
	} {
		e := &entry{fresh: time.Minute, took: tt.took}
		e.hurry(tt.eagerness)
		if e.early != int64(tt.early) || e.lead != tt.lead {
			t.Errorf("eagerness %v, took %v: got %v, %v; want %v, %v", tt.eagerness, tt.took, time.Duration(e.early), e.lead, tt.early, tt.lead)
		}
	}
}

// TestHurries: the lot counts back from the end, and is exponential with the
// time that the page took as its mean.
func TestHurries(t *testing.T) {
	e := &entry{created: int64(time.Hour), fresh: time.Minute, lead: 2 * time.Second}
	for lot, before := range map[float64]time.Duration{0: 0, 0.5: time.Second, 1: 2 * time.Second, 5: 10 * time.Second} {
		at := e.ends() - int64(before)
		if e.hurries(at-1, lot) || !e.hurries(at, lot) {
			t.Errorf("lot %v: got %t, %t; want it to fall %v before the end", lot, e.hurries(at-1, lot), e.hurries(at, lot), before)
		}
	}
	const draws = 100_000
	rnd := rand.New(rand.NewPCG(1, 2))
	for before, want := range map[time.Duration]float64{0: 1, time.Second: math.Exp(-0.5), 2 * time.Second: math.Exp(-1), 10 * time.Second: math.Exp(-5)} {
		yes := 0
		for range draws {
			if e.hurries(e.ends()-int64(before), rnd.ExpFloat64()) {
				yes++
			}
		}
		if got := float64(yes) / draws; math.Abs(got-want) > 0.01 {
			t.Errorf("%v before the end: got a refresh in %.3f of the hits, want %.3f", before, got, want)
		}
	}
}
