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
	p.checkLimits(bad)
	p.checkLifetimes(bad)
	p.checkNames(bad)
	if err := p.keys.check(); err != "" {
		bad("%s", err)
	}
}

func (p *Policy) checkLimits(bad func(format string, args ...any)) {
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"MaxBody", p.MaxBody}, {"MaxHeader", p.MaxHeader}, {"MaxFields", p.MaxFields}, {"MaxTarget", p.MaxTarget},
		{"MaxVary", p.MaxVary}, {"MaxVariants", p.MaxVariants}, {"MaxRecording", int(min(p.MaxRecording, 1<<30))},
		{"MaxTags", p.MaxTags}, {"MaxRefreshes", p.MaxRefreshes},
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
		{"MaxStale", p.MaxStale}, {"RefreshTimeout", p.RefreshTimeout},
	} {
		if d.value <= 0 {
			bad("%s must be positive, got %v; leave it out for the default", d.name, d.value)
		}
	}
}

func (p *Policy) checkLifetimes(bad func(format string, args ...any)) {
	if p.Lease != 0 && p.Lease < 100*time.Millisecond {
		bad("Lease must be 100ms at least, got %v; 0 is for no leases", p.Lease)
	}
	if p.TTL < 0 {
		bad("Policy.TTL must not be negative, got %v; give it to Page", p.TTL)
	}
	for status, ttl := range p.StatusTTL {
		if ttl <= 0 {
			bad("StatusTTL of %d must be positive, got %v; leave the status out to store nothing", status, ttl)
		}
	}
	if p.StaleWhileRevalidate < 0 || p.StaleIfError < 0 {
		bad("StaleWhileRevalidate and StaleIfError must not be negative, got %v and %v; 0 serves nothing stale", p.StaleWhileRevalidate, p.StaleIfError)
	}
	if !(p.Jitter >= 0 && p.Jitter <= 0.5) {
		bad("Jitter must be from 0 to 0.5, got %v; 0.1 shortens lifetimes by up to a tenth", p.Jitter)
	}
	if !(p.EarlyRefresh >= 0 && p.EarlyRefresh <= 100) {
		bad("EarlyRefresh must be from 0 to 100, got %v; 1 is the usual value, 0 refreshes nothing early", p.EarlyRefresh)
	}
	if p.ClientMaxAge < 0 {
		bad("ClientMaxAge must be positive, got %v", p.ClientMaxAge)
	}
}

func (p *Policy) checkNames(bad func(format string, args ...any)) {
	for _, name := range p.TagFields {
		if !isToken(name) {
			bad("TagFields: %q is no field name; give one such as \"Surrogate-Key\"", name)
		}
	}
	for _, tag := range p.Tags {
		if err := checkTag(tag); err != "" {
			bad("Tags: %s; give one such as \"books\"", err)
		}
	}
	if len(p.Tags) > p.MaxTags {
		bad("Tags: %d tags, MaxTags is %d", len(p.Tags), p.MaxTags)
	}
	if !isToken(p.Name) || !isAlpha(p.Name[0]) && p.Name[0] != '*' {
		bad("Name %q must be a token that begins with a letter (RFC 9651 section 3.3.4), such as \"shop\"", p.Name)
	}
}

// checkTTL refuses lifetimes that are almost certainly slips.
func checkTTL(where, wayOut string, ttl time.Duration) { checkDuration(where, "ttl", wayOut, ttl) }

func checkDuration(where, what, wayOut string, d time.Duration) {
	switch {
	case d <= 0:
		panic(fmt.Sprintf("pagecache: %s: %s must be positive, got %v; %s", where, what, d, wayOut))
	case d < time.Millisecond:
		panic(fmt.Sprintf("pagecache: %s: %s %v is below 1ms; did you mean %d*time.Second?", where, what, d, int64(d)))
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
