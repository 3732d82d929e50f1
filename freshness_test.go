package pagecache

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// noon is when the responses of the decision tests arrive.
var noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

const routeTTL = 10 * time.Minute

// at is the HTTP date d after noon.
func at(d time.Duration) string { return httpdate.Format(noon.Add(d)) }

// fields makes a header from name, value pairs; equal names give several lines.
func fields(pairs ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = append(h[pairs[i]], pairs[i+1])
	}
	return h
}

// cc is a header with these Cache-Control lines.
func cc(lines ...string) http.Header { return http.Header{"Cache-Control": lines} }

// pageOf is the policy of a route with routeTTL, handlerOf that of Handler.
func pageOf(opts ...Option) Policy {
	p := defaultPolicy()
	p.TTL = routeTTL
	return p.derive("Page", opts)
}

func handlerOf(opts ...Option) Policy { return defaultPolicy().derive("With", opts) }

type freshnessCase struct {
	name   string
	status int // 0: 200
	header http.Header
	fresh  time.Duration
	age    time.Duration
	why    Reason
}

func checkFreshness(t *testing.T, p Policy, cases []freshnessCase) {
	t.Helper()
	for _, c := range cases {
		if c.status == 0 {
			c.status = http.StatusOK
		}
		life, why := freshnessOf(&p, c.status, c.header, noon)
		if why != c.why {
			t.Errorf("%s: got reason %q, want %q", c.name, why, c.why)
		}
		if c.why == "" && (life.fresh != c.fresh || life.age != c.age) {
			t.Errorf("%s: got fresh %v, age %v; want %v, %v", c.name, life.fresh, life.age, c.fresh, c.age)
		}
	}
}

// TestPageLifetimeSources is the first row of the design's table: a targeted
// field and s-maxage count exactly, max-age and Expires only shorten.
func TestPageLifetimeSources(t *testing.T) {
	const targeted = "Pagecache-Cache-Control"
	checkFreshness(t, pageOf(), []freshnessCase{
		{name: "nothing", header: fields(), fresh: routeTTL},
		{name: "public alone", header: cc("public"), fresh: routeTTL},
		{name: "targeted shortens", header: fields(targeted, "max-age=60"), fresh: time.Minute},
		{name: "targeted lengthens", header: fields(targeted, "max-age=3600"), fresh: time.Hour},
		{name: "targeted s-maxage before its max-age", header: fields(targeted, "max-age=60, s-maxage=90"), fresh: 90 * time.Second},
		{name: "targeted before s-maxage", header: fields(targeted, "max-age=60", "Cache-Control", "s-maxage=90"), fresh: time.Minute},
		{name: "targeted zero", header: fields(targeted, "max-age=0", "Cache-Control", "s-maxage=90"), why: reasonTTLZero},
		{name: "targeted on two lines", header: fields(targeted, "public", targeted, "max-age=60"), fresh: time.Minute},
		{name: "targeted, last key wins", header: fields(targeted, "max-age=60, max-age=90"), fresh: 90 * time.Second},
		{name: "targeted of another type is ignored", header: fields(targeted, `max-age="60"`, "Cache-Control", "s-maxage=90"), fresh: 90 * time.Second},
		{name: "targeted in upper case is ignored", header: fields(targeted, "Max-Age=60", "Cache-Control", "s-maxage=90"), fresh: 90 * time.Second},
		{name: "targeted negative is ignored", header: fields(targeted, "max-age=-60", "Cache-Control", "s-maxage=90"), fresh: 90 * time.Second},
		{name: "targeted empty is ignored", header: fields(targeted, "", "Cache-Control", "s-maxage=90"), fresh: 90 * time.Second},
		// RFC 9213 section 2.2: a valid field replaces Cache-Control and Expires
		// whole, also where it says nothing of a lifetime.
		{name: "targeted without a lifetime replaces Cache-Control", header: fields(targeted, "must-revalidate", "Cache-Control", "s-maxage=60"), fresh: routeTTL},
		{name: "targeted without a lifetime replaces Expires", header: fields(targeted, "must-revalidate", "Expires", at(time.Minute)), fresh: routeTTL},
		{name: "somebody else's targeted field", header: fields("Cdn-Cache-Control", "max-age=60"), fresh: routeTTL},
		{name: "s-maxage shortens", header: cc("s-maxage=60"), fresh: time.Minute},
		{name: "s-maxage lengthens", header: cc("s-maxage=3600"), fresh: time.Hour},
		{name: "s-maxage before max-age", header: cc("max-age=60, s-maxage=90"), fresh: 90 * time.Second},
		{name: "s-maxage before Expires", header: fields("Cache-Control", "s-maxage=90", "Expires", at(time.Minute)), fresh: 90 * time.Second},
		{name: "s-maxage zero", header: cc("s-maxage=0"), why: reasonTTLZero},
		{name: "max-age shortens", header: cc("max-age=60"), fresh: time.Minute},
		{name: "max-age does not lengthen", header: cc("max-age=3600"), fresh: routeTTL},
		{name: "max-age zero", header: cc("max-age=0"), why: reasonTTLZero},
		{name: "max-age before a later Expires", header: fields("Cache-Control", "max-age=60", "Expires", at(5*time.Minute)), fresh: time.Minute},
		{name: "max-age before an earlier Expires", header: fields("Cache-Control", "max-age=300", "Expires", at(time.Minute)), fresh: 5 * time.Minute},
		{name: "max-age before an invalid Expires", header: fields("Cache-Control", "max-age=60", "Expires", "0"), fresh: time.Minute},
		{name: "Expires shortens", header: fields("Expires", at(time.Minute)), fresh: time.Minute},
		{name: "Expires does not lengthen", header: fields("Expires", at(time.Hour)), fresh: routeTTL},
	})
}

// TestHandlerLifetimeSources is the same row for Handler: the response alone.
func TestHandlerLifetimeSources(t *testing.T) {
	checkFreshness(t, handlerOf(), []freshnessCase{
		{name: "nothing", header: fields(), why: reasonNoFreshness},
		{name: "public alone", header: cc("public"), why: reasonNoFreshness},
		{name: "no heuristic", header: fields("Last-Modified", at(-24*time.Hour)), why: reasonNoFreshness},
		{name: "targeted", header: fields("Pagecache-Cache-Control", "max-age=60"), fresh: time.Minute},
		{name: "targeted without a lifetime", header: fields("Pagecache-Cache-Control", "must-revalidate", "Cache-Control", "max-age=60"), why: reasonNoFreshness},
		{name: "s-maxage", header: cc("s-maxage=3600, max-age=60"), fresh: time.Hour},
		{name: "max-age", header: cc("max-age=3600"), fresh: time.Hour},
		{name: "max-age zero", header: cc("max-age=0"), why: reasonTTLZero},
		{name: "Expires", header: fields("Expires", at(time.Hour)), fresh: time.Hour},
		{name: "Expires over", header: fields("Expires", at(-time.Hour)), why: reasonTTLZero},
		{name: "404 with a lifetime", status: 404, header: cc("max-age=60"), fresh: time.Minute},
		{name: "404 without", status: 404, header: fields(), why: reasonNoFreshness},
		{name: "503 with a lifetime", status: 503, header: cc("max-age=60"), why: reasonStatus},
		{name: "503 without", status: 503, header: fields(), why: reasonStatus},
	})
}

func TestLifetimeGrammar(t *testing.T) {
	checkFreshness(t, pageOf(), []freshnessCase{
		{name: "upper case", header: cc("MAX-AGE=60"), fresh: time.Minute},
		{name: "leading zeros", header: cc("max-age=0060"), fresh: time.Minute},
		{name: "quoted number", header: cc(`max-age="60"`), fresh: time.Minute},
		{name: "text in quotes is no directive", header: cc(`ext="max-age=1, s-maxage=1", max-age=60`), fresh: time.Minute},
		{name: "escaped quote in quotes", header: cc(`ext="a\", max-age=1", max-age=60`), fresh: time.Minute},
		{name: "unknown directives", header: cc("immutable, x=y,, max-age=60"), fresh: time.Minute},
		{name: "on the second line", header: cc("public", "max-age=60"), fresh: time.Minute},
		{name: "first of two on one line", header: cc("max-age=60, max-age=90"), fresh: time.Minute},
		{name: "first of two lines", header: cc("max-age=60", "max-age=90"), fresh: time.Minute},
		{name: "s-maxage on the second line", header: cc("max-age=60", "s-maxage=3600"), fresh: time.Hour},
		// Present but unreadable is stale, never absent.
		{name: "negative", header: cc("max-age=-3600"), why: reasonTTLZero},
		{name: "plus sign", header: cc("max-age=+3600"), why: reasonTTLZero},
		{name: "fraction", header: cc("max-age=3600.0"), why: reasonTTLZero},
		{name: "letter", header: cc("max-age=a3600"), why: reasonTTLZero},
		{name: "single quotes", header: cc("max-age='3600'"), why: reasonTTLZero},
		{name: "no argument", header: cc("max-age"), why: reasonTTLZero},
		{name: "blank before the sign", header: cc("max-age =3600"), why: reasonTTLZero},
		{name: "bad s-maxage hides max-age", header: cc("s-maxage=x, max-age=60"), why: reasonTTLZero},
		{name: "bad max-age hides Expires", header: fields("Cache-Control", "max-age=x", "Expires", at(time.Minute)), why: reasonTTLZero},
		{name: "unterminated quote", header: cc(`ext="s-maxage=60`), why: reasonTTLZero},
	})
}

// TestLifetimeSaturates guards against n*time.Second wrapping around.
func TestLifetimeSaturates(t *testing.T) {
	checkFreshness(t, pageOf(), []freshnessCase{
		{name: "2^31", header: cc("s-maxage=2147483648"), fresh: maxLifetime},
		{name: "wraps to a positive number", header: cc("s-maxage=99999999999"), fresh: maxLifetime},
		{name: "wraps to a negative number", header: cc("s-maxage=9223372037"), fresh: maxLifetime},
		{name: "more than 64 bits", header: cc("s-maxage=99999999999999999999999"), fresh: maxLifetime},
		{name: "less its age", header: fields("Cache-Control", "s-maxage=99999999999", "Age", "60"), fresh: maxLifetime - time.Minute, age: time.Minute},
		{name: "targeted", header: fields("Pagecache-Cache-Control", "max-age=999999999999999"), fresh: maxLifetime},
		{name: "Expires in the year 9999", header: fields("Expires", "Fri, 31 Dec 9999 23:59:59 GMT"), fresh: routeTTL},
		{name: "Date in the year 1", header: fields("Date", "Mon, 01 Jan 0001 00:00:00 GMT"), fresh: routeTTL, age: maxLifetime},
		{name: "huge Age", header: fields("Cache-Control", "s-maxage=60", "Age", "99999999999999999999"), why: reasonTTLZero},
		{name: "huge Age, route's TTL", header: fields("Age", "99999999999999999999"), fresh: routeTTL, age: maxLifetime},
	})
	handler := handlerOf()
	checkFreshness(t, handler, []freshnessCase{
		{name: "Handler: Expires in the year 9999", header: fields("Expires", "Fri, 31 Dec 9999 23:59:59 GMT"), fresh: maxLifetime},
		{name: "Handler: max-age", header: cc("max-age=99999999999"), fresh: maxLifetime},
	})
	forever := pageOf(func(p *Policy) { p.TTL = Forever })
	checkFreshness(t, forever, []freshnessCase{
		{name: "Forever", header: fields(), fresh: maxLifetime},
		{name: "Forever, shortened", header: cc("max-age=60"), fresh: time.Minute},
	})
}
