package pagecache

import (
	"fmt"
	"time"
)

// check panics when a knob has a value that nobody can mean.
func (p *Policy) check(where string) {
	bad := func(format string, args ...any) {
		panic("pagecache: " + where + ": " + fmt.Sprintf(format, args...))
	}
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"MaxBody", p.MaxBody}, {"MaxHeader", p.MaxHeader}, {"MaxFields", p.MaxFields}, {"MaxTarget", p.MaxTarget},
		{"MaxVary", p.MaxVary}, {"MaxVariants", p.MaxVariants}, {"MaxRecording", int(min(p.MaxRecording, 1<<30))},
	} {
		if limit.value <= 0 {
			bad("%s must be positive, got %d; leave it out for the default", limit.name, limit.value)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"MaxWait", p.MaxWait}, {"HitForMiss", p.HitForMiss}, {"AfterHangUp", p.AfterHangUp}, {"StoreBudget", p.StoreBudget},
	} {
		if d.value <= 0 {
			bad("%s must be positive, got %v; leave it out for the default", d.name, d.value)
		}
	}
	if p.TTL < 0 {
		bad("Policy.TTL must not be negative, got %v; give it to Page", p.TTL)
	}
	for status, ttl := range p.StatusTTL {
		if ttl <= 0 {
			bad("StatusTTL of %d must be positive, got %v; leave the status out to store nothing", status, ttl)
		}
	}
	if p.ClientMaxAge < 0 {
		bad("ClientMaxAge must be positive, got %v", p.ClientMaxAge)
	}
	if !isToken(p.Name) || !isAlpha(p.Name[0]) && p.Name[0] != '*' {
		bad("Name %q must be a token that begins with a letter (RFC 9651 section 3.3.4), such as \"shop\"", p.Name)
	}
	if err := p.keys.check(); err != "" {
		bad("%s", err)
	}
}

// checkTTL refuses lifetimes that are almost certainly slips.
func checkTTL(where, wayOut string, ttl time.Duration) {
	switch {
	case ttl <= 0:
		panic(fmt.Sprintf("pagecache: %s: ttl must be positive, got %v; %s", where, ttl, wayOut))
	case ttl < time.Millisecond:
		panic(fmt.Sprintf("pagecache: %s: ttl %v is below 1ms; did you mean %d*time.Second?", where, ttl, int64(ttl)))
	}
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isTokenByte(c byte) bool {
	if isAlpha(c) || '0' <= c && c <= '9' {
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
