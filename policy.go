package pagecache

import (
	"log/slog"
	"net/http"
	"time"
)

// Forever is the longest lifetime that HTTP knows (RFC 9111 section 1.2.2), 68
// years, for [Cache.Page]. Eviction and restarts end it earlier.
const Forever time.Duration = (1 << 31) * time.Second

const maxLifetime = Forever

// Policy holds every knob of a cache, a group of routes, or one route. It is
// edited by the options given to [New], [Cache.With] and [Cache.Page], in that
// order; the last word wins. Where no function is offered for a field, write
// the option by hand:
//
//	cache.Page(time.Minute, func(p *pagecache.Policy) { p.MaxVariants = 8 })
//
// A Policy is read only while requests run: it is copied when a route is made.
type Policy struct {
	// TTL is the lifetime of pages whose response states none. [Cache.Page]
	// sets it; 0 means that only the response's own fields count. What decides
	// about a page, first to last: [Control.TTL]; with OverrideTTL the route's
	// StatusTTL or TTL; a targeted field or s-maxage as it says; max-age or
	// Expires, but no longer than StatusTTL or TTL; StatusTTL or TTL.
	TTL time.Duration

	// OverrideTTL lets TTL win over the lifetimes that a response states.
	// What forbids storing (private, no-store, ...) still does.
	OverrideTTL bool

	// Jitter shortens the lifetime that a page has from TTL or StatusTTL by a
	// random part of it, at most this fraction, so that pages made together do
	// not expire together. Default: 0; the most: 0.5.
	Jitter float64

	// StaleWhileRevalidate and StaleIfError are how long a page may be served
	// after it stopped being fresh, see the options of these names. Default: 0.
	StaleWhileRevalidate, StaleIfError time.Duration

	// MaxStale bounds what a response may ask for with stale-while-revalidate
	// and stale-if-error where the route has no such window itself. Default: 24 h.
	MaxStale time.Duration

	// EarlyRefresh refreshes hot pages before they expire: each hit near the end
	// of a page's life refreshes it in the background with a probability that
	// grows with the rate of hits and with the time that the page takes to make,
	// so that a hot page is refreshed once, shortly before its end. This is
	// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache
	// Stampede Prevention, VLDB 2015) and the value is its beta: 1 is the
	// optimum, more is earlier. Default: 0, off.
	EarlyRefresh float64

	// RefreshTimeout is the deadline of a handler run that no client waits for.
	// Default: 30 s.
	RefreshTimeout time.Duration

	// ForceRefresh, when it returns true for a request that may use the cache,
	// has the handler run and its page replace the stored one. It must know
	// whom it allows that: whoever can, can run the handler at will. The fields
	// that name a user keep a request from the cache before it is asked, so use
	// a field of your own, compared by subtle.ConstantTimeCompare, that the
	// handler does not read.
	ForceRefresh func(*http.Request) bool

	// StatusTTL gives lifetimes to further statuses, such as 404. Set it
	// with [NegativeTTL].
	StatusTTL map[int]time.Duration

	// TargetedFields names the response fields that speak to this cache alone
	// (RFC 9213), the most specific first. Default: Pagecache-Cache-Control.
	TargetedFields []string

	// Off sends every request past the cache.
	Off bool

	// Skip functions send a request past the cache when one returns true.
	Skip []func(*http.Request) bool

	// Refuse functions forbid storing a response when one returns true. They
	// must not change or keep what they are given.
	Refuse []func(status int, header http.Header, body []byte) bool

	// Tags are the tags of every page of the route, and TagFuncs make further
	// ones from the request that fills it, see the option [Tags].
	Tags     []string
	TagFuncs []func(*http.Request) []string

	// MaxTags is the largest number of tags a page may have. Default: 64.
	MaxTags int

	// TagFields names response fields that hold tags of the page, divided by
	// blanks or commas, for handlers that do not know this package. Default:
	// Surrogate-Key and Cache-Tag.
	TagFields []string

	// HideTags keeps TagFields from clients.
	HideTags bool

	// Version is part of every key: a new one makes all old pages unreachable.
	Version string

	// IgnoreAllCookies lets requests with any cookie use the cache; what is
	// not part of the key is hidden from the handler. See [IgnoreCookies].
	IgnoreAllCookies bool

	// IgnoredCookies names cookies that do not keep a request from the cache,
	// besides a built-in list of client-side analytics cookies.
	IgnoredCookies []string

	// ShareAuthorized lets requests with Authorization use the cache as RFC
	// 9111 section 3.5 allows: they are answered with pages that say public,
	// s-maxage or must-revalidate in Cache-Control, and fill only such pages;
	// nobody waits for them. Without it, in strict mode, and for all other
	// identity fields, such requests go past the cache unless keyed. Default:
	// true in [Cache.Handler]; Page and PageFunc set it to false before they
	// apply their options.
	ShareAuthorized bool

	// Strict hides every request field from the handler, while it fills the
	// cache, that is neither part of the key nor on AllowedFields. See [Strict].
	Strict bool

	// AllowedFields names request fields that strict mode lets through.
	AllowedFields []string

	// WeakETag gives stored pages without an entity tag one that is made from
	// the content, so that clients can revalidate. Default: true.
	WeakETag bool

	// ClientMaxAge, when positive, tells clients how long they may keep a
	// stored page, see [ClientMaxAge]. Default: 0, the handler's fields stand.
	ClientMaxAge time.Duration

	// NoRanges answers requests for a range of a stored page with the whole
	// page. Set it where middleware outside compresses: the range would be cut
	// first and compressed then.
	NoRanges bool

	// StoreNonce stores pages whose Content-Security-Policy holds a nonce.
	StoreNonce bool

	// StoreFlushed stores responses that the handler flushed before their end,
	// once they are complete; whether they will be is not known when their own
	// header is sent, which says detail=streaming. Event streams are never stored.
	StoreFlushed bool

	// MaxBody is the largest body stored, in bytes. Default: 1 MiB. A response
	// that passes it is streamed to its client and stored nowhere.
	MaxBody int

	// MaxHeader is the largest header section stored, in bytes of names and
	// values. Default: 32 KiB.
	MaxHeader int

	// MaxFields is the largest number of header fields stored. Default: 64.
	MaxFields int

	// MaxTarget is the longest request target looked up, in bytes; longer ones
	// go past the cache. Default: 8 KiB.
	MaxTarget int

	// MaxVary is the largest number of field names a page may vary on.
	// Default: 8.
	MaxVary int

	// MaxVariants is the largest number of fresh variants of one page.
	// Default: 32.
	MaxVariants int

	// MaxWait bounds how long a request waits for an equal one that runs the
	// handler; past it one waiting request at a time runs it as well.
	// Default: 5 s.
	MaxWait time.Duration

	// Lease is how long a process of those that share a [Store] has the right to
	// make a page alone; while its handler runs it is renewed. Requests to other
	// processes wait for the page as for one that is made in their own. If the
	// process dies, the page is made by another when the lease is over. 0 lets
	// each process make its own, which saves two round trips of a miss. Default:
	// 2 s; at least 100 ms.
	Lease time.Duration

	// HitForMiss is how long a page that turned out not to be storable is
	// remembered as such, so that requests for it do not wait for each other.
	// Default: 10 s.
	HitForMiss time.Duration

	// AfterHangUp bounds how long a handler may go on filling the cache after
	// its client has gone. Default: 30 s.
	AfterHangUp time.Duration

	// InvalidateExact makes a successful unsafe request invalidate its own target
	// only, and not the pages of its path with other queries. Over a [Store], and
	// for pages whose key leaves out a part of the query, it changes nothing.
	InvalidateExact bool

	// WriteBack sends a page to its client before it is written to the [Store],
	// through a queue of 256 pages that Close drains; a full queue is waited
	// for like the store itself. A request that comes before the page is written
	// runs the handler again. In process, where storing takes no time, it changes
	// nothing.
	WriteBack bool

	// Name is how this cache calls itself in Cache-Status. Default: pagecache.
	Name string

	// MaxRecording bounds the bytes of all responses being recorded at one
	// time. Default: 64 MiB. On New only.
	MaxRecording int64

	// StoreBudget bounds the time that one request spends on its [Store],
	// all calls together. Default: 50 ms. On New only.
	StoreBudget time.Duration

	// MaxRefreshes bounds how many handler runs that no client waits for are
	// under way at one time. Default: 64. On New only.
	MaxRefreshes int

	// PrefixPurge makes [Cache.PurgePrefix] and [Cache.ExpirePrefix] work over a
	// [Store], where each look-up then reads one more key for each directory of
	// the path. In process they always work. On New only.
	PrefixPurge bool

	keys      keySpec
	via       http.Handler // see RefreshVia
	memory    Memory
	store     Store
	nearBytes int64
	nearStale time.Duration
	observer  Observer
	logger    *slog.Logger
	newOnly   string // the last option applied that only New takes
}

// Option edits a [Policy]. The same options work for a cache, a group made by
// [Cache.With] and a single route, but for those that say otherwise.
type Option func(*Policy)

func defaultPolicy() Policy {
	return Policy{
		TargetedFields:  []string{"Pagecache-Cache-Control"},
		ShareAuthorized: true,
		WeakETag:        true,
		MaxBody:         1 << 20,
		MaxHeader:       32 << 10,
		MaxFields:       64,
		MaxTarget:       8 << 10,
		MaxVary:         8,
		MaxVariants:     32,
		MaxWait:         5 * time.Second,
		Lease:           2 * time.Second,
		HitForMiss:      10 * time.Second,
		AfterHangUp:     30 * time.Second,
		Name:            "pagecache",
		MaxRecording:    64 << 20,
		MaxStale:        24 * time.Hour,
		RefreshTimeout:  30 * time.Second,
		MaxTags:         64,
		TagFields:       []string{"Surrogate-Key", "Cache-Tag"},
		MaxRefreshes:    64,
		StoreBudget:     50 * time.Millisecond,
	}
}
