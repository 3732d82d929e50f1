package pagecache

import (
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache/internal/cachecontrol"
	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// lifetime is how long a response may be served without asking the handler.
type lifetime struct {
	fresh    time.Duration // from now on
	age      time.Duration // what the response's age was when it arrived
	stale    windows
	byPolicy bool // fresh is the route's, not the response's
}

// stated holds what a response says of its own lifetime.
type stated struct {
	exact   time.Duration // of a targeted field or s-maxage: meant for caches like this
	atMost  time.Duration // of max-age or Expires: meant for everybody
	isExact bool
	isLimit bool
}

// statedLifetime reads the lifetime that a response states: in the first valid
// targeted field, which stands for Cache-Control and Expires even if it names
// none (RFC 9213 section 2.2), else in s-maxage, max-age, or Expires minus Date,
// in this order (RFC 9111 section 4.2.1).
func statedLifetime(targeted []string, h http.Header, now time.Time) (s stated) {
	for _, name := range targeted {
		if d, ok := cachecontrol.ParseTargeted(h[name]); ok {
			s.exact, s.isExact = shared(d)
			return s
		}
	}
	d := cachecontrol.Parse(h["Cache-Control"])
	if s.exact, s.isExact = d.SMaxAge.Get(); s.isExact {
		return s
	}
	if s.atMost, s.isLimit = d.MaxAge.Get(); s.isLimit {
		return s
	}
	expires, present, ok := httpdate.Field(h["Expires"], now)
	if !present {
		return s
	}
	s.isLimit = true
	if ok {
		s.atMost = max(0, expires.Sub(date(h, now)))
	}
	return s
}

func shared(d cachecontrol.Directives) (time.Duration, bool) {
	if t, ok := d.SMaxAge.Get(); ok {
		return t, true
	}
	return d.MaxAge.Get()
}

// date is the response's Date, or now where it has none that can be read.
func date(h http.Header, now time.Time) time.Time {
	if t, _, ok := httpdate.Field(h["Date"], now); ok {
		return t
	}
	return now
}

// initialAge is the age of a response on arrival (RFC 9111 section 4.2.3). A
// Date has whole seconds, so less than one second of apparent age is none.
func initialAge(h http.Header, now time.Time) time.Duration {
	apparent := now.Truncate(time.Second).Sub(date(h, now)).Truncate(time.Second)
	received, _ := cachecontrol.Age(h["Age"])
	return min(maxLifetime, max(0, apparent, time.Duration(received)*time.Second))
}

// freshnessOf decides the lifetime of a response under the policy. The route's
// TTL counts from now; a lifetime that the response states counts from when
// the response was made, so its age is taken off.
func freshnessOf(p *Policy, status int, h http.Header, now time.Time) (lifetime, Reason) {
	base, hasBase := routeLifetime(p, status)
	life := lifetime{fresh: base, age: initialAge(h, now), stale: windowsOf(p, status, h), byPolicy: true}
	if hasBase && p.OverrideTTL {
		return life, ""
	}
	s := statedLifetime(p.TargetedFields, h, now)
	limit := s.atMost
	if s.isExact {
		limit = s.exact
	}
	switch {
	case !s.isExact && !s.isLimit:
		if hasBase {
			return life, ""
		}
		return life, missingFreshness(p, status)
	case !hasBase && !storableIfExplicit(status):
		return life, reasonStatus
	case limit <= life.age:
		return life, reasonTTLZero
	}
	life.fresh, life.byPolicy = min(maxLifetime, limit-life.age), false
	if s.isLimit && p.TTL > 0 {
		life.fresh = min(life.fresh, longest(base, p.TTL, hasBase))
	}
	return life, ""
}

// longest is what max-age and Expires may reach: they shorten the route's
// lifetime and never lengthen it.
func longest(base, ttl time.Duration, hasBase bool) time.Duration {
	if hasBase {
		return base
	}
	return ttl
}

// routeLifetime is the lifetime that the route gives responses of this status
// when they state none.
func routeLifetime(p *Policy, status int) (time.Duration, bool) {
	if ttl, ok := p.StatusTTL[status]; ok {
		return min(ttl, maxLifetime), true
	}
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusMovedPermanently, http.StatusPermanentRedirect:
		return min(p.TTL, maxLifetime), p.TTL > 0
	}
	return 0, false
}

func missingFreshness(p *Policy, status int) Reason {
	if p.TTL > 0 || !storableIfExplicit(status) {
		return reasonStatus
	}
	return reasonNoFreshness
}

// storableIfExplicit lists the statuses that are stored when the response
// states its lifetime. Client errors that one request provokes for all (400,
// 413, 431 and so on) and server errors are not among them: a failing handler
// easily leaves behind a lifetime that was meant for its success.
func storableIfExplicit(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}
