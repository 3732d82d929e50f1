// Package httpdate parses and writes HTTP dates (RFC 9110 section 5.6.7) as
// strictly as the grammar asks for: Expires and Date decide about freshness,
// and a date that other caches reject must not keep a response alive here.
package httpdate

import (
	"strings"
	"sync/atomic"
	"time"
)

const (
	lenIMF     = len("Sun, 06 Nov 1994 08:49:37 GMT")
	lenASCTime = len("Sun Nov  6 08:49:37 1994")
	lenRFC850  = len("06-Nov-94 08:49:37 GMT") // behind the weekday
)

// farFuture is how many years ahead a two-digit year may point.
const farFuture = 50

// Parse reads one of the three forms of HTTP-date. Names and the zone GMT are
// matched in any case; blanks, digits and zone must otherwise be exactly those
// of the grammar. The weekday has to be one but is not compared with the date,
// and a leap second is no valid time. now places two-digit years: those that
// would be more than 50 years ahead belong to the century before.
func Parse(s string, now time.Time) (time.Time, bool) {
	switch {
	case len(s) == lenIMF && s[3] == ',':
		return parseIMF(s)
	case len(s) == lenASCTime && s[3] == ' ':
		return parseASCTime(s)
	}
	return parseRFC850(s, now)
}

// Format returns t as IMF-fixdate, in UTC. The text of the second asked for
// last is remembered: mostly that is the present one.
func Format(t time.Time) string {
	second := t.Unix()
	if last := lastFormatted.Load(); last != nil && last.second == second {
		return last.text
	}
	text := t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	lastFormatted.Store(&formatted{second, text})
	return text
}

type formatted struct {
	second int64
	text   string
}

var lastFormatted atomic.Pointer[formatted]

// Field reads a field that holds one date, like Expires. Several lines are
// present but not ok, even if they agree.
func Field(lines []string, now time.Time) (t time.Time, present, ok bool) {
	if len(lines) != 1 {
		return time.Time{}, len(lines) > 0, false
	}
	t, ok = Parse(lines[0], now)
	return t, true, ok
}

// parseIMF reads IMF-fixdate from a string of its length.
func parseIMF(s string) (time.Time, bool) {
	c := clock{ok: isShortWeekday(s[:3])}
	c.literal(s[3:5], ", ")
	c.day = c.digits(s[5:7])
	c.literal(s[7:8], " ")
	c.setMonth(s[8:11])
	c.literal(s[11:12], " ")
	c.year = c.digits(s[12:16])
	c.literal(s[16:17], " ")
	c.setTime(s[17:25])
	c.literal(s[25:], " gmt")
	return c.time()
}

// parseASCTime reads asctime-date from a string of its length.
func parseASCTime(s string) (time.Time, bool) {
	c := clock{ok: isShortWeekday(s[:3])}
	c.literal(s[3:4], " ")
	c.setMonth(s[4:7])
	c.literal(s[7:8], " ")
	c.day = c.digits(strings.TrimPrefix(s[8:10], " "))
	c.literal(s[10:11], " ")
	c.setTime(s[11:19])
	c.literal(s[19:20], " ")
	c.year = c.digits(s[20:])
	return c.time()
}

// parseRFC850 reads rfc850-date.
func parseRFC850(s string, now time.Time) (time.Time, bool) {
	weekday, s, _ := strings.Cut(s, ", ")
	if len(s) != lenRFC850 {
		return time.Time{}, false
	}
	c := clock{ok: isWeekday(weekday)}
	c.day = c.digits(s[:2])
	c.literal(s[2:3], "-")
	c.setMonth(s[3:6])
	c.literal(s[6:7], "-")
	c.year = c.digits(s[7:9])
	c.literal(s[9:10], " ")
	c.setTime(s[10:18])
	c.literal(s[18:], " gmt")
	c.setCentury(now.UTC())
	return c.time()
}
