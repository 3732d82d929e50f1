package pagecache

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// numbers makes header lines that hold a number of seconds, such as Age. All
// hits of a second share one line, made once: lines are kept in a table of
// fixed size in which they replace each other.
type numbers struct {
	prefix, suffix string
	lines          [numberLines]atomic.Pointer[numberLine]
}

const numberLines = 1024

type numberLine struct {
	n    int64
	line [1]string
}

// line returns the line for n as a header value, without spare capacity.
func (t *numbers) line(n int64) []string {
	slot := &t.lines[uint64(n)%numberLines]
	l := slot.Load()
	if l == nil || l.n != n {
		l = &numberLine{n, [1]string{t.prefix + strconv.FormatInt(n, 10) + t.suffix}}
		slot.Store(l)
	}
	return l.line[:]
}

var ageLines numbers

// statusLines are the Cache-Status members (RFC 9211) of hits under one name.
type statusLines struct {
	name     string
	hit      numbers
	negative numbers
	stored   numbers // the plain miss
	stales   map[Reason]*numbers
	passes   map[Reason]string
}

func (c *core) statusLines(name string) *statusLines {
	c.linesMu.Lock()
	defer c.linesMu.Unlock()
	if l := c.lines[name]; l != nil {
		return l
	}
	l := &statusLines{name: name, passes: make(map[Reason]string, len(sentences))}
	l.hit.prefix = name + "; hit; ttl="
	l.stored.prefix = name + "; fwd=" + uriMiss + "; stored; ttl="
	l.negative.prefix, l.negative.suffix = name+"; hit; ttl=", "; detail="+string(reasonNegative)
	l.stales = make(map[Reason]*numbers)
	for _, why := range []Reason{reasonStaleWhileRevalidate, reasonUpdating, reasonStaleIfError} {
		l.stales[why] = &numbers{prefix: name + "; hit; ttl=", suffix: "; detail=" + string(why)}
	}
	for _, s := range sentences {
		l.passes[s.reason] = name + "; fwd=bypass; detail=" + string(s.reason)
	}
	l.passes[reasonMethod] = name + "; fwd=method"
	c.lines[name] = l
	return l
}

// of returns the member for a hit of e. RFC 9211 section 2.1.
func (l *statusLines) of(e *entry, ttl int64) []string {
	if e.status >= 400 {
		return l.negative.line(ttl)
	}
	return l.hit.line(ttl)
}

// stale returns the member for a page that is served although it is not fresh.
func (l *statusLines) stale(why Reason, ttl int64) []string { return l.stales[why].line(ttl) }

// pass returns the member of a request that goes past the cache.
func (l *statusLines) pass(why Reason) string { return l.passes[why] }

// sharedLine is the member of a request that was answered by what another one
// filled in.
func (x *fill) sharedLine(ttl int64) string {
	return x.rt.lines.name + "; fwd=" + x.fwd + "; collapsed; ttl=" + strconv.FormatInt(ttl, 10)
}

// statusLine is the member of the fill's own response: why it was forwarded,
// and that it is stored or why it is not.
func (x *fill) statusLine(why Reason) string {
	b := make([]byte, 0, 80)
	b = append(append(b, x.rt.lines.name...), "; fwd="...)
	b = append(b, x.fwd...)
	if x.collapsed == inVain {
		b = append(b, "; collapsed=?0"...)
	}
	if why == "" && x.result != nil {
		if x.note != reasonWriteBack {
			b = append(b, "; stored"...)
		}
		b = append(b, "; ttl="...)
		_, ttl := x.result.ageAt(x.result.created)
		b = strconv.AppendInt(b, ttl, 10)
		why = x.note
	}
	if why != "" {
		b = append(append(b, "; detail="...), why...)
	}
	return string(b)
}

// addStatusLine adds the member of a fill that was stored.
func (x *fill) addStatusLine(h http.Header) {
	if x.fwd == uriMiss && x.collapsed == didNotWait && x.note == "" && h["Cache-Status"] == nil {
		_, ttl := x.result.ageAt(x.result.created)
		h["Cache-Status"] = x.rt.lines.stored.line(ttl)
		return
	}
	appendStatusLine(h, x.statusLine(""))
}

// appendStatusLine adds our member behind those of caches nearer to the origin.
func appendStatusLine(h http.Header, line string) {
	old := h["Cache-Status"]
	h["Cache-Status"] = append(old[:len(old):len(old)], line)
}
