// Package pagecache caches HTTP responses: net/http middleware and handler
// decorator.
//
//	cache := pagecache.New()
//
//	r := chi.NewRouter()
//	r.With(cache.Page(15*time.Minute)).Get("/books/{id}", showBook)
//
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))
//
// The first request for a book runs showBook; the next 15 minutes of requests
// are answered with its page. Each response says which it was:
//
//	Cache-Status: pagecache; fwd=uri-miss; stored; ttl=900
//	Cache-Status: pagecache; hit; ttl=897
//
// [Cache.Page] gives pages a lifetime, [Cache.Handler] obeys only those that
// responses state themselves. [Cache.With] is a cache with other options for a
// group of routes, over the same pages. [Cache.Close] belongs after the
// server's Shutdown.
//
// # What is cached
//
// GET requests fill the cache; GET and HEAD requests are answered from it, with
// conditions (If-None-Match, If-Modified-Since) and ranges.
//
// A request does not use the cache when it carries what may make its page
// personal or its meaning another: a cookie, other than those of common
// analytics scripts; Authorization or another field that names a user or a
// tenant; a TLS client certificate; a body; If-Match; a wish for
// another protocol. It reaches the handler as it is. [IgnoreCookies] and the
// parts of a [Key] admit more.
//
// A response is not stored when it sets a cookie, says private, no-store or
// no-cache, varies on what the key does not tell apart, repeats a nonce, was
// flushed, or did not end as it should. Of the statuses, 200, 203, 301 and 308
// have the lifetime of the route; see [NegativeTTL] for others. The fields that
// middleware around the cache has set count as well.
//
// Only the fields that the handler set are stored. What middleware around the
// cache sets, such as a request id, is new on each hit.
//
// While a handler fills the cache, its request is a copy without the client's
// conditions and without ignored cookies, so that they cannot shape the page.
// [Strict] hides all that is not part of the key.
//
// # Keys
//
// Two requests share a page when scheme, host, path and query are equal, byte
// for byte, and so are the fields that the response lists in Vary and those
// that proxies route by, such as X-Forwarded-Host. [Key] replaces path and
// query, or adds to them:
//
//	cache.Page(time.Minute, pagecache.Key(pagecache.Query("q", "page")))
//	cache.Page(time.Minute, pagecache.Key(pagecache.Header("Authorization"))) // a page per user
//
// [Path], [Query], [IgnoreQuery], [TrackingParams] and [PathValue] say what
// counts of the target, [Header], [Cookie] and [ClientCertificate] add to it,
// and a [KeyFunc] replaces it. [Version] is part of every key.
//
// # Lifetimes
//
// A page lives for the ttl given to [Cache.Page], or less: max-age and Expires
// of the response shorten it. What is meant for caches like this one counts
// exactly: s-maxage, and the targeted field Pagecache-Cache-Control (RFC 9213).
// With [OverrideTTL] the route wins. A handler has the last word:
//
//	pagecache.FromContext(r.Context()).TTL(time.Minute)
//
// Clients see the handler's own Cache-Control and Expires, unless
// [ClientMaxAge] is given. The Cache-Control of a request is ignored.
//
// # Waiting
//
// When several requests miss the same page at once, one of them runs the
// handler and the others wait for its response. If it turns out not to be
// storable, all of them run the handler at once, and for a moment nobody waits
// for that page. When the handler takes longer than [Policy.MaxWait], one waiting
// request at a time runs it too.
//
// The handler runs on the goroutine of its own request. A client that hangs up
// does not stop a fill that others can use; deadlines stay. The response is
// held back until the handler returns and sent in one piece, up to [MaxBody];
// a response that cannot be stored is passed on as it comes.
//
// # Stores
//
// A [Memory] keeps live values in this process: by default stores/memstore with
// 64 MiB, everything counted; stores/gocachestore uses a go-cache, which has no
// size limit. A [Store] keeps bytes that several processes share; it may fail
// in any way without changing a response. stores/storetest holds the contracts
// as tests.
//
// # Seeing why
//
// A request that goes past the cache and a response that is not stored have one
// [Reason], the same in Cache-Status, in [Event] and in [Stats]; docs/reasons.md
// and [Reason.Explain] say what each means. [Cache.Explain] tells what would
// happen to a request, [WithObserver] reports what happened.
package pagecache
