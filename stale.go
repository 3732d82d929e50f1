package pagecache

import (
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache/internal/cachecontrol"
)

// windows are how long a response may be served once it is not fresh any more
// (RFC 5861).
type windows struct {
	whileRevalidate time.Duration
	ifError         time.Duration
}

// longest is how long the response is of any use.
func (w windows) longest() time.Duration { return max(w.whileRevalidate, w.ifError) }

// windowsOf decides how long a response may be served stale: never with
// must-revalidate or proxy-revalidate; else as it says itself, within the bounds
// of the route; else, where it does not say s-maxage, which asks for validation
// as well (RFC 9111 section 5.2.2.10), as the route says. An error page has no
// window but its own: it was stored for a moment only.
func windowsOf(p *Policy, status int, h http.Header) windows {
	d := directivesOf(p, h)
	if d.MustRevalidate || d.ProxyRevalidate {
		return windows{}
	}
	route := windows{p.StaleWhileRevalidate, p.StaleIfError}
	if _, exact := d.SMaxAge.Get(); exact && !p.OverrideTTL || status >= 400 {
		route = windows{}
	}
	return windows{
		whileRevalidate: window(p, d.StaleWhileRevalidate, route.whileRevalidate, p.StaleWhileRevalidate),
		ifError:         window(p, d.StaleIfError, route.ifError, p.StaleIfError),
	}
}

// window is one of them: route where the response states none, else what it
// states, up to the route's bound.
func window(p *Policy, stated cachecontrol.Seconds, route, bound time.Duration) time.Duration {
	d, ok := stated.Get()
	if !ok {
		return route
	}
	if bound == 0 {
		bound = p.MaxStale
	}
	return min(d, bound)
}

// directivesOf reads the directives that are for this cache: those of the first
// valid targeted field, else of Cache-Control (RFC 9213 section 2.2).
func directivesOf(p *Policy, h http.Header) cachecontrol.Directives {
	for _, name := range p.TargetedFields {
		if d, ok := cachecontrol.ParseTargeted(h[name]); ok {
			return d
		}
	}
	return cachecontrol.Parse(h["Cache-Control"])
}

// staleUse is what may be done with a page that is not fresh any more.
type staleUse uint8

const (
	staleNot        staleUse = iota // nothing: the request needs the handler
	staleRefreshing                 // serve it, and have it made anew
	staleWaiting                    // serve it; its handler failed a moment ago
	staleIfItFails                  // ask the handler, and serve it if that fails
	staleAfterError                 // serve it for the error that its handler failed with
)

// useStale decides about a page that is stale since a time, with its windows,
// and whose handler is not to be tried again until retry (0: may be tried).
func useStale(w windows, since, now, retry int64) staleUse {
	age := time.Duration(now - since)
	switch {
	case age < w.whileRevalidate && now < retry:
		return staleWaiting
	case age < w.whileRevalidate:
		return staleRefreshing
	case age >= w.ifError:
		return staleNot
	case now < retry:
		return staleAfterError
	}
	return staleIfItFails
}

// lesson is what a response that was not stored says about the page that it
// would have replaced.
type lesson uint8

const (
	lessonNone    lesson = iota // nothing: one client's mistake, or ours
	lessonFailure               // the handler failed; the old page is the best there is
	lessonGone                  // the old page is wrong: it is gone, or not for everybody any more
)

func lessonOf(status int, why Reason) lesson {
	switch why {
	case reasonHandlerPanic, reasonDeadline, reasonLateError, reasonBrokenSource, reasonLengthMismatch:
		return lessonFailure
	case reasonClientGone, reasonRecordingBudget, reasonStoreError, reasonSuperseded, reasonInvalidated, reasonHandlerSilent, reasonHijacked, reasonVariantsFull:
		return lessonNone
	}
	switch {
	case status >= 500:
		return lessonFailure
	case status < 400, status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound,
		status == http.StatusGone, status == http.StatusUnavailableForLegalReasons:
		return lessonGone
	}
	return lessonNone
}
