package pagecache

import (
	"net/http"
	"slices"
	"strings"
)

// hide takes from a fill's request what must not shape the shared page: the
// client's conditions, which the cache answers itself, cookies that are not
// part of the key, and in strict mode every field that is not.
func (p *Policy) hide(h http.Header, a admission) {
	if a.has(conditional) {
		delete(h, "If-None-Match")
		delete(h, "If-Modified-Since")
	}
	if a.has(cookied) && !p.keys.keysHeader("Cookie") {
		keepCookies(h, p.keys.cookies)
	}
	if p.Strict {
		p.hideFields(h)
	}
}

// keepCookies puts the Cookie field together anew from the cookies of the key, in
// the key's order: nothing of the field that the key does not have, be it an
// order or a stray semicolon, can shape the page.
func keepCookies(h http.Header, names []string) {
	var kept []string
	for _, name := range names {
		for _, value := range cookieValues(h["Cookie"], name) {
			kept = append(kept, name+"="+value)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}

// hideFields leaves the fields of the key: those named by its parts, cookies
// (only keyed ones are left), and those that proxies route by.
func (p *Policy) hideFields(h http.Header) {
	for name := range h {
		switch {
		case name == "Cookie", p.keys.keysHeader(name), fieldClass(name) == routingField:
		case slices.ContainsFunc(p.AllowedFields, func(allowed string) bool { return strings.EqualFold(allowed, name) }):
		default:
			delete(h, name)
		}
	}
}
