package header

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// VaryOn is middleware that adds request fields to the Vary of every response:
//
//	header.VaryOn("Accept-Language", "Accept")
//
// What the handler listed stays, and no field is listed twice. A response that
// says "Vary: *" keeps it. VaryOn panics on what is no field name, on none at
// all and on "*".
func VaryOn(fields ...string) func(http.Handler) http.Handler {
	if len(fields) == 0 {
		panic(`pagecache/header: VaryOn: no fields given; leave the middleware out, or name the fields that the page depends on, such as "Accept-Language"`)
	}
	var names []string
	for _, field := range fields {
		if field == "*" {
			panic(`pagecache/header: VaryOn: "*" keeps every cache from using the page; name the fields that it depends on, or use NeverCache`)
		}
		if !isToken(field) {
			panic(fmt.Sprintf(`pagecache/header: VaryOn: %q is no field name; give each as a string of its own, such as "Accept-Language"`, field))
		}
		if name := http.CanonicalHeaderKey(field); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	mark := func(h http.Header, _ int) { h["Vary"] = addFields(gather(h, "Vary"), names) }
	return func(next http.Handler) http.Handler { return wrap("VaryOn", next, mark) }
}

// addFields adds the names that the lines of a Vary field do not list.
func addFields(lines, names []string) []string {
	var members []string
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			if member = trimOWS(member); member != "" {
				members = append(members, member)
			}
		}
	}
	if slices.Contains(members, "*") {
		return lines
	}
	listed := len(members)
	for _, name := range names {
		if !slices.ContainsFunc(members[:listed], func(m string) bool { return strings.EqualFold(m, name) }) {
			members = append(members, name)
		}
	}
	if len(members) == listed {
		return lines
	}
	return []string{strings.Join(members, ", ")}
}
