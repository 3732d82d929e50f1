package pagecache

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// numbers makes header lines that hold a number of seconds, such as Age. All
// hits of a second share one line, made once: a page of lines around the number
// is kept, in a table of fixed size in which pages replace each other.
type numbers struct {
	prefix, suffix string
	pages          [numberPages]atomic.Pointer[numberPage]
}

const (
	numberPages    = 512
	linesPerNumber = 64
)

type numberPage struct {
	index int64
	lines [linesPerNumber]string
}

// line returns the line for n as a header value, without spare capacity.
func (t *numbers) line(n int64) []string {
	index := n / linesPerNumber // n is never negative here
	slot := &t.pages[uint64(index)%numberPages]
	page := slot.Load()
	if page == nil || page.index != index {
		page = t.page(index)
		slot.Store(page)
	}
	i := n - index*linesPerNumber
	return page.lines[i : i+1 : i+1]
}

func (t *numbers) page(index int64) *numberPage {
	page := &numberPage{index: index}
	for i := range page.lines {
		n := index*linesPerNumber + int64(i)
		page.lines[i] = t.prefix + strconv.FormatInt(n, 10) + t.suffix
	}
	return page
}

var ageLines numbers

// statusLines are the Cache-Status members (RFC 9211) of hits under one name.
type statusLines struct {
	name     string
	hit      numbers
	negative numbers
	stored   numbers // the plain miss
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
		b = append(b, "; stored; ttl="...)
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
