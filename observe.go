package pagecache

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Observer is told what the cache does. Observe is called on the goroutine
// that does the work, after the decision and with no lock held; it must be
// quick, safe for concurrent use, and ignore kinds it does not know. A panic in
// it is recovered and logged once.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// ObserverFunc is a function as an [Observer].
type ObserverFunc func(ctx context.Context, e Event)

// Observe calls f.
func (f ObserverFunc) Observe(ctx context.Context, e Event) { f(ctx, e) }

// Kind says what an [Event] is about.
type Kind uint8

const (
	// KindRequest is the one event of each client request, whatever happened.
	KindRequest Kind = iota + 1
	// KindStoreError is a failure of the Memory or the Store.
	KindStoreError
	// KindMisuse is a mistake in how the cache is used, once each.
	KindMisuse
	// KindRefresh is a handler run that no client waited for: a page that was
	// refreshed in the background, by Refresh or by Warm.
	KindRefresh
	// KindPurge is a purge or an expiry, by a method or by an unsafe request.
	KindPurge
)

// String returns "request", "store-error", "misuse", "refresh" or "purge".
func (k Kind) String() string {
	switch k {
	case KindRequest:
		return "request"
	case KindStoreError:
		return "store-error"
	case KindMisuse:
		return "misuse"
	case KindRefresh:
		return "refresh"
	case KindPurge:
		return "purge"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Result says how a request was answered. Each request has exactly one.
type Result uint8

const (
	// ResultHit: from a stored response.
	ResultHit Result = iota + 1
	// ResultMiss: by the handler, which filled the cache or tried to.
	ResultMiss
	// ResultCollapsed: from the response that another request was filling in.
	ResultCollapsed
	// ResultPass: by the handler, past the cache.
	ResultPass
	// ResultStale: from a stored response that was not fresh any more.
	ResultStale

	results = iota + 1
)

// String returns "hit", "miss", "collapsed", "pass" or "stale".
func (r Result) String() string {
	switch r {
	case ResultHit:
		return "hit"
	case ResultMiss:
		return "miss"
	case ResultCollapsed:
		return "collapsed"
	case ResultPass:
		return "pass"
	case ResultStale:
		return "stale"
	}
	return fmt.Sprintf("result(%d)", uint8(r))
}

// Event is one thing that the cache did. Which fields are set depends on the
// Kind; new fields may be added.
type Event struct {
	Kind   Kind
	Result Result // of a request
	Fwd    string // why the handler ran, as in RFC 9211 section 2.2; empty for hits
	Reason Reason // why it was no hit, or why the response was not stored
	Route  string // the route's pattern; bounded in number, never a raw path

	Status   int           // sent to the client; 0 if the handler wrote nothing
	Bytes    int64         // length of the stored or recorded body
	Stored   bool          // the response was stored
	TTL      time.Duration // how long it stays fresh; negative for how long it has not been
	Age      time.Duration // of a stored response
	Duration time.Duration // of the whole request in the cache, handler included

	Err     error         // of a store failure
	Message string        // of a misuse: one sentence; of a purge: what was purged
	Request *http.Request // the request as received; nil if there is none; must not be kept
}

// emit tells the observer. Nobody calls it when there is none.
func (c *core) emit(ctx context.Context, e Event) {
	defer func() {
		if p := recover(); p != nil {
			c.logOnce("observer", fmt.Sprintf("the observer panicked: %v", p))
		}
	}()
	c.observer.Observe(ctx, e)
}

// warn reports a mistake in how the cache is used: to the log and to the
// observer, once for each id.
func (c *core) warn(id, message string) {
	if c.logOnce(id, message) && c.observer != nil {
		c.emit(context.Background(), Event{Kind: KindMisuse, Message: message})
	}
}

// maxWarnings bounds the memory that remembering warnings takes.
const maxWarnings = 256

func (c *core) logOnce(id, message string) (first bool) {
	if first = c.firstTime(id); first {
		c.logger().Warn("pagecache: " + message)
	}
	return first
}

func (c *core) firstTime(id string) bool {
	c.warnedMu.Lock()
	defer c.warnedMu.Unlock()
	if c.warned[id] || len(c.warned) >= maxWarnings {
		return false
	}
	if c.warned == nil {
		c.warned = make(map[string]bool)
	}
	c.warned[id] = true
	return true
}

// storeFailed counts and reports a failure of the store, to the log at most
// once a second for each class.
func (c *core) storeFailed(op string, err error) {
	if isSpared(err) {
		return // the failures that led to this were told
	}
	c.storeErrors.Add(1)
	if c.observer != nil {
		c.emit(context.Background(), Event{Kind: KindStoreError, Message: op, Err: err})
	}
	class := classOf(err)
	if c.storeLog.due(class, c.now()) {
		c.logger().Error("pagecache: the store failed; serving without it", "op", op, "class", class, "err", err, "failures", c.storeErrors.Load())
	}
}

// rarely lets each of a few things happen once a second.
type rarely struct {
	mu   sync.Mutex
	last map[string]int64
}

// maxClasses bounds the memory of rarely; what comes later shares one place.
const maxClasses = 32

func (r *rarely) due(what string, now int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = make(map[string]int64)
	}
	last, seen := r.last[what]
	if !seen && len(r.last) >= maxClasses {
		what = ""
		last, seen = r.last[what]
	}
	if seen && now-last < int64(time.Second) {
		return false
	}
	r.last[what] = now
	return true
}
