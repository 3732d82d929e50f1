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
// # Purging
//
// [Cache.Purge] removes the pages of an address, [Cache.PurgeTags] those made
// from something that has changed:
//
//	cache.Page(time.Hour, pagecache.Tags("books", shelfOf))         // for a route
//	pagecache.FromContext(r.Context()).Tag("book:312", "author:44") // in a handler
//	err := cache.PurgeTags(ctx, "author:44")                        // later
//
// [Cache.PurgePrefix], [Cache.PurgeRoute] and [Cache.PurgeAll] remove more at
// once. When a purge has returned nil, no later request gets a page whose handler
// began before it, whatever was under way. [Cache.Expire] and its kin make pages
// stale instead.
//
// A request with an unsafe method that succeeds purges the pages of its own
// address if it passes the cache. Routes that do not pass it, or change other
// pages too, say so:
//
//	r.With(cache.Invalidate(bookOf)).Post("/books/{id}/reviews", postReview)
//
// # Staying warm
//
// [StaleWhileRevalidate] serves a page for a while after its end and has it made
// anew meanwhile, [StaleIfError] serves it when the handler fails. Responses may
// ask for both themselves (RFC 5861). Pages are made anew in the background where
// the router is seen to allow that, which chi and http.ServeMux do, or anywhere
// with [RefreshVia]; else by one of the requests that find them stale.
//
// [Cache.Warm] makes pages before anybody asks for them. [Cache.Refresh] makes one
// now, for a handler that has changed what it shows. [Policy.EarlyRefresh] makes
// hot pages anew before they end, [Policy.Jitter] spreads the ends of those that
// were made together, and [Policy.ForceRefresh] lets requests ask for a new page.
//
// # Stores
//
// A [Memory] keeps live values in this process: by default stores/memstore with
// 64 MiB, everything counted; stores/gocachestore uses a go-cache, which has no
// size limit. A [Store] keeps bytes that several processes share: stores/redisstore
// does, in Redis. It may fail in any way without changing a response; a purge then
// returns an error. Of all processes one makes a page that many miss ([Policy.Lease]);
// [NearCache] spares hits the way to the store, for a moment of staleness at most.
// [Policy.WriteBack] writes to it after the response. stores/storetest holds the
// contracts as tests.
//
// # Seeing why
//
// A request that goes past the cache, a response that is not stored and a page
// that is served stale have one [Reason], the same in Cache-Status, in [Event]
// and in [Stats]; docs/reasons.md and [Reason.Explain] say what each means.
// [Cache.Explain] tells what would happen to a request, [WithObserver] reports
// what happened.
package pagecache
