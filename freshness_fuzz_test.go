package pagecache

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// freshnessInput is a response whose fields are all well formed, so that a
// model needs no parser. Numbers are seconds; a nil one is an absent field.
type freshnessInput struct {
	ttl, negative        int64 // of the route and of 404; 0: none
	override             bool
	status               int
	targeted, shared     *int64
	maxAge, expires      *int64 // expires counts from noon
	date, age            *int64 // date counts from noon
	targetedTakesSMaxAge bool
}

func (in freshnessInput) header() http.Header {
	h := make(http.Header)
	number := func(name, format string, n *int64) {
		if n != nil {
			h[name] = append(h[name], fmt.Sprintf(format, *n))
		}
	}
	moment := func(name string, n *int64) {
		if n != nil {
			h[name] = []string{at(time.Duration(*n) * time.Second)}
		}
	}
	format := "max-age=%d"
	if in.targetedTakesSMaxAge {
		format = "max-age=1, s-maxage=%d"
	}
	number("Pagecache-Cache-Control", format, in.targeted)
	number("Cache-Control", "s-maxage=%d", in.shared)
	number("Cache-Control", "max-age=%d", in.maxAge)
	number("Age", "%d", in.age)
	moment("Expires", in.expires)
	moment("Date", in.date)
	return h
}

// modelLifetime is the design's table in plain words and whole seconds.
func modelLifetime(in freshnessInput) (fresh, age int64, stored bool) {
	const most = 1 << 31 // where numbers of seconds saturate
	if in.date != nil {
		age = max(0, -*in.date)
	}
	if in.age != nil {
		age = max(age, *in.age)
	}
	age = min(age, most)
	route := int64(0)
	switch in.status {
	case 200, 301:
		route = in.ttl
	case 404:
		route = in.negative
	}
	if in.override && route > 0 {
		return route, age, true
	}
	stated, exact := int64(-1), false
	switch {
	case in.targeted != nil:
		stated, exact = min(most, *in.targeted), true
	case in.shared != nil:
		stated, exact = min(most, *in.shared), true
	case in.maxAge != nil:
		stated = min(most, *in.maxAge)
	case in.expires != nil && in.date != nil:
		stated = max(0, *in.expires-*in.date)
	case in.expires != nil:
		stated = max(0, *in.expires)
	}
	if stated < 0 {
		return route, age, route > 0
	}
	if in.status == 500 {
		return 0, age, false
	}
	fresh = min(most, stated-age)
	ceiling := route
	if route == 0 {
		ceiling = in.ttl
	}
	if !exact && in.ttl > 0 {
		fresh = min(fresh, ceiling)
	}
	return fresh, age, fresh > 0
}

// FuzzFreshness compares the decision with the model.
func FuzzFreshness(f *testing.F) {
	f.Add(uint16(0), int64(600), int64(0), int64(60), int64(60), int64(60), int64(60), int64(0), int64(0))
	f.Add(uint16(0b1111111), int64(600), int64(60), int64(60), int64(1<<40), int64(3600), int64(-1), int64(-30), int64(7))
	f.Add(uint16(0b0001100), int64(0), int64(60), int64(60), int64(90), int64(3600), int64(100), int64(-100), int64(0))
	f.Add(uint16(0x380), int64(600), int64(60), int64(60), int64(90), int64(3600), int64(100), int64(-100), int64(0))
	f.Fuzz(func(t *testing.T, flags uint16, ttl, negative, targeted, shared, maxAge, expires, date, age int64) {
		in := inputOf(flags, ttl, negative, targeted, shared, maxAge, expires, date, age)
		p := handlerOf()
		p.TTL, p.OverrideTTL = time.Duration(in.ttl)*time.Second, in.override
		if in.negative > 0 {
			NegativeTTL(time.Duration(in.negative) * time.Second)(&p)
		}
		life, why := freshnessOf(&p, in.status, in.header(), noon)
		fresh, wantAge, stored := modelLifetime(in)
		if (why == "") != stored {
			t.Fatalf("%v: got reason %q, want stored %t", in.header(), why, stored)
		}
		if stored && (life.fresh != time.Duration(fresh)*time.Second || life.age != time.Duration(wantAge)*time.Second) {
			t.Fatalf("%v, ttl %d, status %d: got %v, age %v; want %ds, age %ds", in.header(), in.ttl, in.status, life.fresh, life.age, fresh, wantAge)
		}
	})
}

// inputOf brings numbers into the range that the fields can express: delta
// seconds of any size, dates of four-digit years.
func inputOf(flags uint16, ttl, negative, targeted, shared, maxAge, expires, date, age int64) freshnessInput {
	within := func(n, limit int64) int64 { return (n%limit + limit) % limit }
	given := func(bit int, n int64) *int64 {
		if flags&(1<<bit) == 0 {
			return nil
		}
		return &n
	}
	const year = 365 * 24 * 3600
	return freshnessInput{
		ttl: within(ttl, 10*year), negative: within(negative, year), override: flags&1 != 0,
		targeted: given(1, within(targeted, 1e14)), shared: given(2, within(shared, 1e15)), maxAge: given(3, within(maxAge, 1e15)),
		expires: given(4, within(expires, 200*year)-100*year), date: given(5, within(date, 200*year)-100*year), age: given(6, within(age, 1e15)),
		targetedTakesSMaxAge: flags&(1<<7) != 0,
		status:               []int{200, 301, 404, 500}[flags>>8&3],
	}
}
