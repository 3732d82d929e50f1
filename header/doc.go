// Package header says in response headers who may keep a page, and has an early
// exit for conditional requests. It needs no cache and works with any handler:
//
//	mux := http.NewServeMux()
//	mux.Handle("GET /account", header.NeverCache(account))
//	mux.Handle("GET /news", header.CacheControl("public", "max-age=60")(news))
//	mux.Handle("GET /about", header.VaryOn("Accept-Language")(about))
//	mux.HandleFunc("GET /books/{id}", showBook)
//
//	func showBook(w http.ResponseWriter, r *http.Request) {
//		book := find(r.PathValue("id"))
//		if header.NotModified(w, r, book.Revision, book.Changed) {
//			return
//		}
//		render(w, book)
//	}
//
// The response with the news then begins like this:
//
//	HTTP/1.1 200 OK
//	Cache-Control: public, max-age=60
//
// [NeverCache], [CacheControl] and [VaryOn] change the header at the moment it
// is sent, whatever the handler set before: a middleware further out has the
// last word. Interim responses (103 Early Hints and the like) pass as they are,
// flushing, hijacking and sendfile go on working. When the handler panics, what
// restricts is set on the header all the same, for the error page that another
// middleware may send.
//
// With a pagecache.Cache, place them inside: cache.Page(ttl)(header.NeverCache(h))
// stores nothing and cache.Page(ttl)(header.CacheControl("s-maxage=60")(h))
// stores for a minute. Outside, they speak to the caches between here and the
// client only.
package header
