package pagecache

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// admission is what one look at the request found out. It is small, for every
// hit hands it on.
type admission struct {
	flags   flags
	refusal *refusal // why the request goes past the cache; nil: it does not
}

// refusal is a reason with the field or cookie behind it.
type refusal struct {
	why     Reason
	culprit string
}

type flags uint8

const (
	conditional flags = 1 << iota // If-None-Match or If-Modified-Since
	ranged                        // Range
	routed                        // fields that proxies route by
	cookied                       // Cookie
	authorized                    // Authorization, under Policy.ShareAuthorized
)

func (a admission) has(f flags) bool { return a.flags&f != 0 }

// admit decides whether the request may use the cache, look-up, storing and
// waiting for others alike (RFC 9111 section 3, and DESIGN promise 1: safe with no
// options at all). It reads the request and changes nothing.
func (rt *route) admit(r *http.Request) (a admission) {
	p := &rt.policy
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return turnedAway(reasonMethod)
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return turnedAway(reasonRequestBody)
	}
	if len(r.RequestURI) > p.MaxTarget {
		return turnedAway(reasonTargetTooLong)
	}
	if r.TLS != nil && !p.keys.cert && clientCertificate(r) != nil {
		return turnedAway(reasonClientCert)
	}
	for name, lines := range r.Header {
		if name == "Accept" && len(lines) == 1 && !isEventStream(lines[0]) {
			continue // nearly every request has it
		}
		if class := fieldClass(name); class != plainField {
			a.note(class, name, lines, p)
		}
	}
	if a.admitted() && a.has(cookied) {
		a.judgeCookies(r.Header["Cookie"], p)
	}
	if a.admitted() && len(p.Skip) > 0 && rt.skipped(r) {
		return turnedAway(reasonSkip)
	}
	return a
}

func turnedAway(why Reason) admission { return admission{refusal: &refusal{why: why}} }

func (a admission) admitted() bool { return a.refusal == nil }

// note takes in a field that is of interest.
func (a *admission) note(class class, name string, lines []string, p *Policy) {
	switch class {
	case conditionalField:
		a.flags |= conditional
	case rangeField:
		a.flags |= ranged
	case preconditionField:
		a.refuse(reasonPrecondition, name)
	case routingField:
		a.flags |= routed
	case cookieField:
		a.flags |= cookied
	case identityField:
		switch {
		case p.keys.keysHeader(name):
		case p.ShareAuthorized && !p.Strict && name == "Authorization": // strict mode would hide it
			a.flags |= authorized
		default:
			a.refuse(identityReason(name), name)
		}
	case overrideField:
		a.refuse(reasonMethodOverride, name)
	case upgradeField:
		a.refuse(reasonUpgrade, name)
	case acceptField:
		if slices.ContainsFunc(lines, isEventStream) {
			a.refuse(reasonEventStream, name)
		}
	}
}

// refuse keeps the request out. Fields come in random order, so that the one
// that counts is chosen by name: the same request always has the same reason.
func (a *admission) refuse(why Reason, culprit string) {
	if a.refusal == nil || culprit < a.refusal.culprit {
		a.refusal = &refusal{why, culprit}
	}
}

func identityReason(name string) Reason {
	if name == "Authorization" || name == "Proxy-Authorization" {
		return reasonAuthorization
	}
	return reasonIdentity
}

// judgeCookies refuses the request unless each of its cookies is ignored or
// part of the key.
func (a *admission) judgeCookies(lines []string, p *Policy) {
	if p.keys.keysHeader("Cookie") {
		return
	}
	for name := range cookies(lines) {
		switch {
		case slices.Contains(p.keys.cookies, name):
		case p.IgnoreAllCookies, slices.Contains(p.IgnoredCookies, name), isAnalyticsCookie(name):
		default:
			a.refuse(reasonCookie, name)
		}
	}
}

// skipped asks the Skip functions. One that panics has said that it does not
// know; the request then goes past the cache.
func (rt *route) skipped(r *http.Request) (skip bool) {
	defer func() {
		if p := recover(); p != nil {
			skip = true
			rt.core.warn("skip panic", fmt.Sprintf("a Skip function panicked: %v", p))
		}
	}()
	for _, f := range rt.policy.Skip {
		if f(r) {
			return true
		}
	}
	return false
}

// clientCertificate is the certificate that the client showed, whoever verified
// it: the server by its configuration, or the program on its own.
func clientCertificate(r *http.Request) *x509.Certificate {
	switch {
	case r.TLS == nil:
		return nil
	case len(r.TLS.PeerCertificates) > 0:
		return r.TLS.PeerCertificates[0]
	case len(r.TLS.VerifiedChains) > 0 && len(r.TLS.VerifiedChains[0]) > 0:
		return r.TLS.VerifiedChains[0][0]
	}
	return nil
}

// isEventStream reports whether a media type, or the first of a list of them, is
// that of server-sent events. An EventSource asks for nothing else; a stream that
// is asked for otherwise is passed through all the same.
func isEventStream(mediaType string) bool {
	const eventStream = "text/event-stream"
	return len(mediaType) >= len(eventStream) && strings.EqualFold(mediaType[:len(eventStream)], eventStream)
}

// cookies yields the name and value of each cookie of a request, split where
// net/http splits them and keeping what it would skip as malformed. Values are
// as they were sent, with the blanks behind them: a handler may read the field.
func cookies(lines []string) func(yield func(name, value string) bool) {
	return func(yield func(string, string) bool) {
		for _, line := range lines {
			for pair := range strings.SplitSeq(line, ";") {
				pair = strings.TrimLeft(pair, " \t")
				if pair == "" {
					continue
				}
				name, value, _ := strings.Cut(pair, "=")
				if !yield(strings.Trim(name, " \t"), value) {
					return
				}
			}
		}
	}
}

// isAnalyticsCookie reports whether scripts in the browser set the cookie to
// count visits, so that no server makes pages by it.
func isAnalyticsCookie(name string) bool {
	if len(name) < 3 || name[0] != '_' {
		return false
	}
	switch name {
	case "_ga", "_gid", "_gat", "_gcl_au", "_gcl_aw", "_gcl_dc", "_gcl_gb", "_gcl_gs", "_fbp", "_fbc", "_clck", "_clsk", "_uetsid", "_uetvid", "_hjid", "_scid", "_tt_enable_cookie", "_ttp":
		return true
	}
	for _, prefix := range [...]string{"_ga_", "_gat_", "_pk_id.", "_pk_ses.", "_pk_ref.", "_pk_cvar.", "_pk_hsr.", "_pk_testcookie", "_hjSession", "_dc_gtm_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasPrefix(name, "__utm")
}
