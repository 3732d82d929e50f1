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
	if a.has(hideable) {
		hideCookies(h, p.keys.cookies)
	}
	if p.Strict {
		p.hideFields(h)
	}
}

func hideCookies(h http.Header, keep []string) {
	var kept []string
	for name, value := range cookies(h["Cookie"]) {
		if slices.Contains(keep, name) {
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
