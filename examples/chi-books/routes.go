package main

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/go-pagecache/pagecache"
)

// How long pages are kept: searches are many.
const (
	pageTTL   = 15 * time.Minute
	searchTTL = time.Minute
)

// newRouter is the whole map of the application. Caching is added here and nowhere else:
// a page is the same for every visitor, there are no cookies and no sessions.
func newRouter(a *app, cache *pagecache.Cache) http.Handler {
	r := chi.NewRouter()
	r.Use(secureHeaders)
	r.Use(middleware.GetHead) // HEAD, and so curl -I, is answered by the GET routes
	r.NotFound(a.notFound)
	r.MethodNotAllowed(a.notAllowed)

	pages := cache.With(
		pagecache.Key(pagecache.Path()),             // no page but the search reads its query
		pagecache.StaleWhileRevalidate(time.Minute), // nobody waits for a page that there was a minute ago
		pagecache.StaleIfError(time.Hour),           // an old page is better than an apology
	)
	site := r.With(oneHost)
	site.With(pages.Page(pageTTL, pagecache.Tags("reviews"))).Get("/", a.home)
	site.With(pages.Page(pageTTL, pagecache.Tags(bookOf))).Get("/books/{id}", a.showBook)
	site.With(pages.Page(pageTTL)).Get("/authors/{id}", a.showAuthor) // its handler names its tags
	site.With(pages.Page(searchTTL, pagecache.Key(pagecache.Query("q", "page")))).Get("/search", a.search)
	r.Get("/style.css", a.style)

	// A review changes the page of its book and that of the author, which counts it, and
	// the home page, which shows the newest.
	r.With(a.sameOrigin, cache.Invalidate(bookOf, "reviews")).Post("/books/{id}/reviews", a.postReview)
	return r
}

// bookOf is the tag of the book that a request is about.
func bookOf(r *http.Request) string { return "book:" + chi.URLParam(r, "id") }

// oneHost has one page for all names of the site, and so for instances on different ports: the
// cache keeps hosts apart, and no page here shows its own.
func oneHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := *r
		named.Host = "books"
		next.ServeHTTP(w, &named)
	})
}

// secureHeaders says that the pages need nothing but our own style sheet and forms.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses forms that another site makes a visitor's browser send. It needs no
// cookie and no token in the page, so the page with the form can be shared and cached.
func (a *app) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, http.StatusForbidden, "This form came from another site, so it was not taken.")
	}))
	return guard.Handler(next)
}
