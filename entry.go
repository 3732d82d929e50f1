package pagecache

import (
	"time"
	"unsafe"

	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// entry is a stored response. It never changes once it is stored: every hit
// shares its slices.
type entry struct {
	key    key
	vary   []string   // the fields that select this variant
	values [][]string // and their values in the request that filled it

	status int
	fields []field
	body   []byte

	// Times are nanoseconds since the cache's epoch, by the monotonic clock.
	started int64         // when the handler was called
	created int64         // when it had returned
	fresh   time.Duration // how long it may be served from then on
	age     time.Duration // how old it was by then

	// What conditional requests are compared with, taken from fields.
	etag     string
	modified time.Time // Last-Modified, or Date where there is none

	relayed bool        // it came with the Cache-Status of caches behind us
	route   *routeStats // the label it was filled under
	pattern string      // and the pattern that the router gave
	tags    []string
	fences  []fence // of an entry in a Store
}

// ends is when the entry stops being fresh.
func (e *entry) ends() int64 { return e.created + int64(e.fresh) }

// ageAt is the entry's age (RFC 9111 section 4.2.3) in whole seconds, and ttl
// how many it still is fresh: together they stay the same.
func (e *entry) ageAt(now int64) (age, ttl int64) {
	resident := max(0, now-e.created)
	age = (resident + int64(e.age)) / int64(time.Second)
	ttl = int64(e.fresh)/int64(time.Second) - resident/int64(time.Second)
	return age, ttl
}

// finish computes what is derived from the fields.
func (e *entry) finish(now time.Time) {
	for i := range e.fields {
		switch f := &e.fields[i]; {
		case len(f.lines) == 0:
		case f.is("Cache-Status"):
			e.relayed = true
		case f.is("Etag"):
			e.etag = f.lines[0]
		case f.is("Last-Modified"):
			e.modified, _ = httpdate.Parse(f.lines[0], now)
		case f.is("Date") && e.modified.IsZero():
			e.modified, _ = httpdate.Parse(f.lines[0], now)
		}
	}
}

// weigh counts all the memory that the entry holds.
func (e *entry) weigh() int {
	n := int(unsafe.Sizeof(*e)) + cap(e.body) + len(e.key.host) + len(e.key.target) + len(e.key.frames)
	for _, f := range e.fields {
		n += int(unsafe.Sizeof(f)) + len(f.name)
		n += linesSize(f.lines)
	}
	for i, name := range e.vary {
		n += stringSize + len(name) + int(unsafe.Sizeof(e.values[i])) + linesSize(e.values[i])
	}
	for _, tag := range e.tags {
		n += stringSize + len(tag)
	}
	return n
}

const stringSize = int(unsafe.Sizeof(""))

func linesSize(lines []string) (n int) {
	for _, line := range lines {
		n += stringSize + len(line)
	}
	return n
}
