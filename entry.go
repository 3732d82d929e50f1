package pagecache

import (
	"strings"
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
	turn    uint64        // and in which turn
	created int64         // when it had returned
	fresh   time.Duration // how long it may be served from then on
	age     time.Duration // how old it was by then
	stale   windows       // how long it may be served after that
	took    time.Duration // by its handler
	lead    time.Duration // took, times the route's eagerness to refresh it early
	early   int64         // when hits begin to

	// What conditional requests are compared with, taken from fields.
	etag     string
	modified time.Time // Last-Modified, or Date where there is none
	dated    string    // Last-Modified as it stands, if it is a strong validator

	encoded bool        // the handler encoded it
	relayed bool        // it came with the Cache-Status of caches behind us
	public  bool        // it may answer requests with Authorization
	route   *routeStats // the label it was filled under
	pattern string      // and the pattern that the router gave
	tags    []string
	stamp   int64   // the last purge before its handler was called
	places  places  // where later ones would show
	fences  []fence // the same for an entry in a Store
}

// ends is when the entry stops being fresh.
func (e *entry) ends() int64 { return e.created + int64(e.fresh) }

// keep is how long the entry is of any use: fresh, and then stale.
func (e *entry) keep() time.Duration { return min(e.fresh+e.stale.longest(), maxLifetime) }

// ageAt is the entry's age (RFC 9111 section 4.2.3) in whole seconds, and ttl
// how many it still is fresh: together they stay the same.
func (e *entry) ageAt(now int64) (age, ttl int64) {
	resident := max(0, now-e.created)
	age = (resident + int64(e.age)) / int64(time.Second)
	ttl = int64(e.fresh)/int64(time.Second) - resident/int64(time.Second)
	return age, ttl
}

// entry makes the stored form of the response.
func (x *fill) entry(tags []string) *entry {
	p, c := &x.rt.policy, x.rt.core
	now, body := time.Now(), x.rec.body.bytes()
	fields := difference(x.before, x.rec.frozen, maxPinned)
	own := len(fields)
	fields = pin(fields, p, x.rec.status, x.rec.frozen, body, x.verdict.life.fresh, now)
	compact(fields)
	x.extra = fields[own:]
	e := &entry{
		key:     x.key,
		vary:    x.verdict.vary,
		values:  varyValues(x.verdict.vary, x.asked),
		status:  x.rec.status,
		public:  x.verdict.public,
		fields:  fields,
		body:    append([]byte(nil), body...),
		started: x.started,
		turn:    x.turn,
		created: c.now(),
		fresh:   x.verdict.life.fresh,
		age:     x.verdict.life.age,
		route:   x.stats(),
		stale:   x.verdict.life.stale,
		pattern: strings.Clone(x.req.Pattern),
		tags:    tags,
		stamp:   x.stamp,
		places:  c.withTags(x.places, tags, routeLabel(x.req)),
	}
	e.took = time.Duration(e.created - e.started)
	e.hurry(p.EarlyRefresh)
	e.finish(now)
	return e
}

// hurry has hits refresh the entry early, when a random time before its end is
// reached: the time that the handler took, times eagerness, times a random
// number with mean 1 (XFetch, see Policy.EarlyRefresh). Numbers above 20 do not
// occur, so that hits have nothing to draw before that.
func (e *entry) hurry(eagerness float64) {
	e.early = never
	if eagerness > 0 {
		e.lead = max(1, time.Duration(eagerness*float64(e.took)))
		e.early = e.ends() - 20*int64(e.lead)
	}
}

// hurries reports whether a hit at now that drew this lot refreshes the entry.
func (e *entry) hurries(now int64, lot float64) bool {
	return now+int64(float64(e.lead)*lot) >= e.ends()
}

// finish computes what is derived from the fields. A Last-Modified is a strong
// validator when it is older than the response by a second at least (RFC 9110
// section 8.8.2.2).
func (e *entry) finish(now time.Time) {
	var date, modified time.Time
	var text string
	for i := range e.fields {
		switch f := &e.fields[i]; {
		case len(f.lines) == 0:
		case f.is("Cache-Status"):
			e.relayed = true
		case f.is("Content-Encoding"):
			e.encoded = true
		case f.is("Etag"):
			e.etag = f.lines[0]
		case f.is("Last-Modified"):
			modified, _ = httpdate.Parse(f.lines[0], now)
			text = f.lines[0]
		case f.is("Date"):
			date, _ = httpdate.Parse(f.lines[0], now)
		}
	}
	e.modified = modified
	if modified.IsZero() {
		e.modified = date
	} else if date.Sub(modified) >= time.Second {
		e.dated = text
	}
}

// weigh counts all the memory that the entry holds.
func (e *entry) weigh() int {
	n := int(unsafe.Sizeof(*e)) + cap(e.body) + len(e.key.host) + len(e.key.target) + len(e.key.frames)
	n += len(e.pattern) + cap(e.fields)*int(unsafe.Sizeof(field{}))
	for _, f := range e.fields {
		n += len(f.name)
		n += linesSize(f.lines)
	}
	for i, name := range e.vary {
		n += stringSize + len(name) + int(unsafe.Sizeof(e.values[i])) + linesSize(e.values[i])
	}
	for _, tag := range e.tags {
		n += stringSize + len(tag)
	}
	return n + cap(e.places.list)*4
}

const stringSize = int(unsafe.Sizeof(""))

func linesSize(lines []string) (n int) {
	for _, line := range lines {
		n += stringSize + len(line)
	}
	return n
}
