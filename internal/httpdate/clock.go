package httpdate

import (
	"strings"
	"time"
)

// clock collects the parts of a date. ok turns false at the first part that
// does not fit, and stays so.
type clock struct {
	year, month, day  int
	hour, minute, sec int

	ok bool
}

// literal requires s to be the lower-case text want, in any case.
func (c *clock) literal(s, want string) {
	c.ok = c.ok && equalFold(s, want)
}

// digits converts s, which must be digits only. Signs and blanks, which
// strconv or time.Parse let pass in places, fail.
func (c *clock) digits(s string) int {
	n := 0
	for i := range len(s) {
		c.ok = c.ok && '0' <= s[i] && s[i] <= '9'
		n = n*10 + int(s[i]) - '0'
	}
	return n
}

// setMonth converts a month name.
func (c *clock) setMonth(s string) {
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	for i := 0; i < len(names); i += 3 {
		if equalFold(s, names[i:i+3]) {
			c.month = i/3 + 1
		}
	}
	c.ok = c.ok && c.month != 0
}

// setTime converts hh:mm:ss.
func (c *clock) setTime(s string) {
	c.hour = c.digits(s[:2])
	c.literal(s[2:3], ":")
	c.minute = c.digits(s[3:5])
	c.literal(s[5:6], ":")
	c.sec = c.digits(s[6:])
	c.ok = c.ok && c.hour < 24 && c.minute < 60 && c.sec < 60
}

// setCentury completes a two-digit year: the latest century that does not put
// the date more than 50 years ahead of now (RFC 9110 section 5.6.7).
func (c *clock) setCentury(now time.Time) {
	limit := now.AddDate(farFuture, 0, 0)
	c.year += (now.Year()/100 + 1) * 100
	for range 2 {
		if c.date().After(limit) {
			c.year -= 100
		}
	}
}

// time returns the date if every part was fine and the day exists.
func (c *clock) time() (time.Time, bool) {
	t := c.date()
	// time.Date rolls 31 April over to 1 May.
	if !c.ok || t.Day() != c.day {
		return time.Time{}, false
	}
	return t, true
}

func (c *clock) date() time.Time {
	return time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.sec, 0, time.UTC)
}

func isWeekday(s string) bool {
	const names = "monday tuesday wednesday thursday friday saturday sunday"
	for name := range strings.SplitSeq(names, " ") {
		if equalFold(s, name) {
			return true
		}
	}
	return false
}

func isShortWeekday(s string) bool {
	const names = "montuewedthufrisatsun"
	for i := 0; i < len(names); i += 3 {
		if equalFold(s, names[i:i+3]) {
			return true
		}
	}
	return false
}

// equalFold compares s with the lower-case text want. Only letters fold:
// strings.EqualFold would take Unicode look-alikes such as the long s.
func equalFold(s, want string) bool {
	if len(s) != len(want) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
