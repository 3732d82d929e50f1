package header

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CacheControl is middleware that adds directives to the Cache-Control of
// responses:
//
//	header.CacheControl("public", "max-age=3600", "stale-while-revalidate=60")
//
// They join those that the handler set. The one given here replaces another of
// the same name, public replaces private and private replaces public; of two
// max-age, or two s-maxage, the smaller counts. Public therefore belongs around
// handlers only of which no page is personal. Expires and targeted fields stay
// as the handler set them; max-age outweighs Expires.
//
// Responses of a status from 200 to 399 get all the directives. Others get only
// those that restrict (private, no-store, no-cache, must-revalidate,
// proxy-revalidate): an error should not live as long as was meant for the page.
//
// Lifetimes are in seconds. CacheControl panics on what is no directive, on no
// directives at all and on public together with private.
func CacheControl(directives ...string) func(http.Handler) http.Handler {
	all := checkDirectives(directives)
	var restricting []directive
	for _, d := range all {
		if d.kind == restricts {
			restricting = append(restricting, d)
		}
	}
	mark := func(h http.Header, status int) {
		given := all
		if status < 200 || status > 399 {
			given = restricting
		}
		if len(given) > 0 {
			h["Cache-Control"] = []string{merge(gather(h, "Cache-Control"), given)}
		}
	}
	return func(next http.Handler) http.Handler { return wrap("CacheControl", next, mark) }
}

// directive is one member of Cache-Control.
type directive struct {
	name  string // in lower case
	value string // as written, with its quotes
	text  string // the whole member
	kind  kind
}

// kind is what the package knows of a directive.
type kind uint8

const (
	extension kind = iota
	flag           // takes no value
	restricts      // a flag that never lets a response be kept longer
	lifetime       // takes seconds; the smaller of two counts
	allowance      // takes seconds
)

var kinds = map[string]kind{
	"public": flag, "no-transform": flag, "immutable": flag, "must-understand": flag,
	"private": restricts, "no-store": restricts, "no-cache": restricts, "must-revalidate": restricts, "proxy-revalidate": restricts,
	"max-age": lifetime, "s-maxage": lifetime,
	"stale-while-revalidate": allowance, "stale-if-error": allowance,
}

// checkDirectives reads the directives given to CacheControl.
func checkDirectives(texts []string) (given []directive) {
	if len(texts) == 0 {
		refuse(`no directives given; leave the middleware out, or give some, such as "public", "max-age=3600"`)
	}
	for _, text := range texts {
		d, ok := parseDirective(text)
		if !ok {
			refuse(`%q is no directive; give each as a string of its own without blanks, such as "no-cache" or "max-age=3600"`, text)
		}
		checkValue(d)
		given = add(given, d)
	}
	if find(given, "public") >= 0 && find(given, "private") >= 0 {
		refuse(`got %q, but public and private exclude each other; give "private" if any page is for one user only`, texts)
	}
	return given
}

// checkValue refuses a known directive with a value that it cannot have. The
// qualified forms of private and no-cache are among them: many caches ignore
// what they qualify, and they would weaken a plain one that the handler set.
func checkValue(d directive) {
	switch d.kind {
	case flag, restricts:
		if d.text != d.name {
			refuse("%q: %s takes no value here; give %q", d.text, d.name, d.name)
		}
	case lifetime, allowance:
		if _, ok := seconds(d.value); !ok {
			refuse("%q is no number of seconds; give seconds: %s=%d", d.text, d.name, likelySeconds(d.value))
		}
	}
}

// likelySeconds is what somebody meant who gave a duration.
func likelySeconds(value string) int64 {
	if d, err := time.ParseDuration(value); err == nil && d >= time.Second {
		return int64(d / time.Second)
	}
	return 3600
}

func refuse(format string, args ...any) {
	panic("pagecache/header: CacheControl: " + fmt.Sprintf(format, args...))
}

// parseDirective reads cache-directive = token [ "=" ( token / quoted-string ) ]
// (RFC 9111 section 5.2).
func parseDirective(s string) (directive, bool) {
	name, value, hasValue := strings.Cut(s, "=")
	if !isToken(name) || hasValue && !isToken(value) && !isQuoted(value) {
		return directive{}, false
	}
	d := directive{name: strings.ToLower(name), value: value}
	d.kind = kinds[d.name]
	d.text = d.name + s[len(name):]
	return d, true
}

// isQuoted reports whether s is a quoted-string (RFC 9110 section 5.6.4).
func isQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i == len(s)-1
		case c < ' ' && c != '\t', c == 0x7f:
			return false
		case c == '\\':
			i++
		}
	}
	return false
}

// seconds reads delta-seconds (RFC 9111 section 1.2.2), which saturate.
func seconds(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return n, err == nil || isDigits(s)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
