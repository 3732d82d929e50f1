package pagecache

import (
	"net/http"
	"testing"
	"time"
)

// TestExpires has the forms of RFC 9110 section 5.6.7 that count, and those
// that time.Parse would let pass and that mean "already over".
func TestExpires(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		valid bool
	}{
		{"fixdate", []string{"Mon, 01 Jun 2026 12:01:00 GMT"}, true},
		{"other case", []string{"mon, 01 jun 2026 12:01:00 gmt"}, true},
		{"rfc850", []string{"Monday, 01-Jun-26 12:01:00 GMT"}, true},
		{"asctime", []string{"Mon Jun  1 12:01:00 2026"}, true},
		{"zero", []string{"0"}, false},
		{"minus one", []string{"-1"}, false},
		{"empty", []string{""}, false},
		{"number", []string{"1780315260"}, false},
		{"UTC", []string{"Mon, 01 Jun 2026 12:01:00 UTC"}, false},
		{"another zone", []string{"Mon, 01 Jun 2026 12:01:00 EST"}, false},
		{"two blanks", []string{"Mon, 01 Jun 2026  12:01:00 GMT"}, false},
		{"one-digit hour", []string{"Mon, 01 Jun 2026 9:01:00 GMT"}, false},
		{"rfc850 with another zone", []string{"Monday, 01-Jun-26 12:01:00 PST"}, false},
		{"two lines", []string{"Mon, 01 Jun 2026 12:01:00 GMT", "Mon, 01 Jun 2026 12:01:00 GMT"}, false},
		{"list", []string{"Mon, 01 Jun 2026 12:01:00 GMT, Mon, 01 Jun 2026 12:01:00 GMT"}, false},
	}
	p := pageOf()
	for _, tt := range tests {
		life, why := freshnessOf(&p, http.StatusOK, http.Header{"Expires": tt.lines}, noon)
		if got := why == "" && life.fresh == time.Minute; got != tt.valid {
			t.Errorf("%s: got %v, %q; want one minute %t, else %q", tt.name, life.fresh, why, tt.valid, reasonTTLZero)
		}
		if !tt.valid && why != reasonTTLZero {
			t.Errorf("%s: got reason %q, want %q: an Expires that cannot be read is over", tt.name, why, reasonTTLZero)
		}
	}
}

// TestAge: the response's own lifetime counts from when it was made.
func TestAge(t *testing.T) {
	checkFreshness(t, pageOf(), []freshnessCase{
		{name: "Age is taken off", header: fields("Cache-Control", "max-age=100", "Age", "40"), fresh: time.Minute, age: 40 * time.Second},
		{name: "Age off s-maxage", header: fields("Cache-Control", "s-maxage=3600", "Age", "600"), fresh: 50 * time.Minute, age: routeTTL},
		{name: "as old as it may be", header: fields("Cache-Control", "max-age=100", "Age", "100"), why: reasonTTLZero},
		{name: "older", header: fields("Cache-Control", "max-age=100", "Age", "101"), why: reasonTTLZero},
		{name: "capped after the age is off", header: fields("Cache-Control", "max-age=3600", "Age", "600"), fresh: routeTTL, age: routeTTL},
		{name: "the route's TTL counts from now", header: fields("Age", "40"), fresh: routeTTL, age: 40 * time.Second},
		{name: "first member of a list", header: fields("Cache-Control", "max-age=100", "Age", "40, 70"), fresh: time.Minute, age: 40 * time.Second},
		{name: "first of two lines, never the sum", header: fields("Cache-Control", "max-age=100", "Age", "40", "Age", "50"), fresh: time.Minute, age: 40 * time.Second},
		{name: "blanks", header: fields("Cache-Control", "max-age=100", "Age", " 40 "), fresh: time.Minute, age: 40 * time.Second},
		{name: "negative is ignored", header: fields("Cache-Control", "max-age=100", "Age", "-40"), fresh: 100 * time.Second},
		{name: "fraction is ignored", header: fields("Cache-Control", "max-age=100", "Age", "40.0"), fresh: 100 * time.Second},
		{name: "parameter makes it no number", header: fields("Cache-Control", "max-age=100", "Age", "40;x=y"), fresh: 100 * time.Second},
		{name: "empty is ignored", header: fields("Cache-Control", "max-age=100", "Age", ""), fresh: 100 * time.Second},
		{name: "apparent age", header: fields("Cache-Control", "max-age=100", "Date", at(-40*time.Second)), fresh: time.Minute, age: 40 * time.Second},
		{name: "apparent beats a smaller Age", header: fields("Cache-Control", "max-age=100", "Date", at(-40*time.Second), "Age", "10"), fresh: time.Minute, age: 40 * time.Second},
		{name: "Age beats a smaller apparent one", header: fields("Cache-Control", "max-age=100", "Date", at(-10*time.Second), "Age", "40"), fresh: time.Minute, age: 40 * time.Second},
		{name: "a future Date does not make it younger", header: fields("Cache-Control", "max-age=100", "Date", at(time.Hour)), fresh: 100 * time.Second},
	})
}

// TestExpiresMinusDate: the lifetime is the difference of two fields that one
// clock wrote, and the age is measured against our own.
func TestExpiresMinusDate(t *testing.T) {
	checkFreshness(t, handlerOf(), []freshnessCase{
		{name: "Date now", header: fields("Date", at(0), "Expires", at(time.Minute)), fresh: time.Minute},
		{name: "Date in the past", header: fields("Date", at(-100*time.Second), "Expires", at(100*time.Second)), fresh: 100 * time.Second, age: 100 * time.Second},
		{name: "Date in the future", header: fields("Date", at(50*time.Second), "Expires", at(100*time.Second)), fresh: 50 * time.Second},
		{name: "equal", header: fields("Date", at(0), "Expires", at(0)), why: reasonTTLZero},
		{name: "Expires before Date", header: fields("Date", at(time.Hour), "Expires", at(time.Minute)), why: reasonTTLZero},
		{name: "invalid Date", header: fields("Date", "yesterday", "Expires", at(time.Minute)), fresh: time.Minute},
		{name: "two Dates", header: fields("Date", at(-time.Hour), "Date", at(-time.Hour), "Expires", at(time.Minute)), fresh: time.Minute},
		{name: "with Age", header: fields("Date", at(0), "Expires", at(time.Minute), "Age", "20"), fresh: 40 * time.Second, age: 20 * time.Second},
	})
}

// TestApparentAgeHasWholeSeconds: a Date has no fractions, so a response just
// made must not look up to a second old.
func TestApparentAgeHasWholeSeconds(t *testing.T) {
	for _, fraction := range []time.Duration{0, time.Millisecond, 999 * time.Millisecond} {
		if got := initialAge(fields("Date", at(0)), noon.Add(fraction)); got != 0 {
			t.Errorf("%v after its Date: got age %v, want 0", fraction, got)
		}
	}
	if got := initialAge(fields("Date", at(0)), noon.Add(1001*time.Millisecond)); got != time.Second {
		t.Errorf("1.001s after its Date: got age %v, want 1s", got)
	}
}

// TestStatusLifetimes is the row on statuses: what the route's TTL makes
// storable, and what only a lifetime of its own does.
func TestStatusLifetimes(t *testing.T) {
	byTTL := map[int]bool{200: true, 203: true, 301: true, 308: true}
	explicit := map[int]bool{204: true, 300: true, 302: true, 307: true, 404: true, 405: true, 410: true, 414: true, 501: true}
	p := pageOf()
	for status := 200; status < 600; status++ {
		if neverStored(status) {
			continue
		}
		life, why := freshnessOf(&p, status, fields(), noon)
		if got := why == ""; got != byTTL[status] || got && life.fresh != routeTTL {
			t.Errorf("%d by the route's TTL: got %v, %q; want stored %t", status, life.fresh, why, byTTL[status])
		}
		if !byTTL[status] && why != reasonStatus {
			t.Errorf("%d by the route's TTL: got reason %q, want %q", status, why, reasonStatus)
		}
		life, why = freshnessOf(&p, status, cc("max-age=60"), noon)
		if got, want := why == "", byTTL[status] || explicit[status]; got != want || got && life.fresh != time.Minute {
			t.Errorf("%d with max-age: got %v, %q; want stored %t", status, life.fresh, why, want)
		}
	}
}

func TestExplicitStatusIsCappedByTheRoute(t *testing.T) {
	checkFreshness(t, pageOf(), []freshnessCase{
		{name: "404, max-age", status: 404, header: cc("max-age=3600"), fresh: routeTTL},
		{name: "404, Expires", status: 404, header: fields("Expires", at(time.Hour)), fresh: routeTTL},
		{name: "404, s-maxage", status: 404, header: cc("s-maxage=3600"), fresh: time.Hour},
	})
}

func TestOverrideTTL(t *testing.T) {
	checkFreshness(t, pageOf(OverrideTTL()), []freshnessCase{
		{name: "s-maxage", header: cc("s-maxage=60"), fresh: routeTTL},
		{name: "longer s-maxage", header: cc("s-maxage=3600"), fresh: routeTTL},
		{name: "targeted", header: fields("Pagecache-Cache-Control", "max-age=60"), fresh: routeTTL},
		{name: "max-age zero", header: cc("max-age=0"), fresh: routeTTL},
		{name: "Expires over", header: fields("Expires", "0"), fresh: routeTTL},
		{name: "Age is kept", header: fields("Cache-Control", "max-age=60", "Age", "40"), fresh: routeTTL, age: 40 * time.Second},
		{name: "404 has no TTL to win", status: 404, header: cc("max-age=60"), fresh: time.Minute},
		{name: "404 without a lifetime", status: 404, header: fields(), why: reasonStatus},
	})
	checkFreshness(t, handlerOf(OverrideTTL()), []freshnessCase{
		{name: "Handler has no TTL to win", header: cc("max-age=60"), fresh: time.Minute},
	})
}

func TestNegativeTTL(t *testing.T) {
	checkFreshness(t, pageOf(NegativeTTL(time.Minute)), []freshnessCase{
		{name: "404", status: 404, header: fields(), fresh: time.Minute},
		{name: "410", status: 410, header: fields(), fresh: time.Minute},
		{name: "404 shortened", status: 404, header: cc("max-age=30"), fresh: 30 * time.Second},
		{name: "404 not lengthened", status: 404, header: cc("max-age=300"), fresh: time.Minute},
		{name: "404 exact", status: 404, header: cc("s-maxage=300"), fresh: 5 * time.Minute},
		{name: "404 zero", status: 404, header: cc("max-age=0"), why: reasonTTLZero},
		{name: "405 is not named", status: 405, header: fields(), why: reasonStatus},
		{name: "200 keeps the route's", header: fields(), fresh: routeTTL},
	})
	checkFreshness(t, pageOf(NegativeTTL(time.Minute), NegativeTTL(time.Second, 500, 404)), []freshnessCase{
		{name: "named 500", status: 500, header: fields(), fresh: time.Second},
		{name: "last word on 404", status: 404, header: fields(), fresh: time.Second},
		{name: "410 of the first", status: 410, header: fields(), fresh: time.Minute},
	})
	checkFreshness(t, handlerOf(NegativeTTL(time.Minute)), []freshnessCase{
		{name: "Handler: 404", status: 404, header: fields(), fresh: time.Minute},
		{name: "Handler: 200", header: fields(), why: reasonNoFreshness},
	})
}
