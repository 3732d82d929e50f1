package header

import (
	"slices"
	"strconv"
	"strings"
)

// merge joins the directives given with those of the handler's Cache-Control.
// Members that break the grammar stay as they are: caches look in them for
// words that restrict.
func merge(lines []string, given []directive) string {
	given = slices.Clone(given)
	var kept []string
	rest := strings.Join(lines, ", ")
	for rest != "" {
		member, after, closed := cutMember(rest)
		if !closed {
			break
		}
		rest = after
		if member = trimOWS(member); member == "" {
			continue
		}
		if d, ok := parseDirective(member); !ok || !supersede(given, d) {
			kept = append(kept, member)
		}
	}
	for _, d := range given {
		kept = append(kept, d.text)
	}
	if rest = trimOWS(rest); rest != "" {
		kept = append(kept, rest) // an open quote, which would swallow what follows
	}
	return strings.Join(kept, ", ")
}

// supersede reports whether one of the directives given stands for d, a
// directive of the handler. It takes over a smaller lifetime.
func supersede(given []directive, d directive) bool {
	i := find(given, d.name)
	if i >= 0 && d.kind == lifetime {
		given[i] = shorter(given[i], d)
	}
	switch d.name {
	case "public":
		return i >= 0 || find(given, "private") >= 0
	case "private":
		return i >= 0 || find(given, "public") >= 0
	}
	return i >= 0
}

// add adds a directive to those given before it by the same rules.
func add(given []directive, d directive) []directive {
	i := find(given, d.name)
	switch {
	case i < 0:
		return append(given, d)
	case d.kind == lifetime:
		given[i] = shorter(given[i], d)
	default:
		given[i] = d
	}
	return given
}

// shorter returns the shorter of two lifetimes. One that cannot be read is over
// (RFC 9111 section 4.2.1).
func shorter(a, b directive) directive {
	m, _ := seconds(strings.Trim(a.value, `"`))
	n, _ := seconds(strings.Trim(b.value, `"`))
	if n < m {
		a.value = strconv.FormatUint(n, 10)
		a.text = a.name + "=" + a.value
	}
	return a
}

func find(list []directive, name string) int {
	return slices.IndexFunc(list, func(d directive) bool { return d.name == name })
}

// cutMember splits the first list member off s. Commas inside quoted strings do
// not separate. If a quoted string is not closed, closed is false.
func cutMember(s string) (member, rest string, closed bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++ // quoted-pair, RFC 9110 section 5.6.4
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", !quoted
}
