package main

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/go-pagecache/pagecache"
)

// How long pages are kept: the home page shows the newest reviews, and searches are many.
const (
	bookTTL   = 15 * time.Minute
	homeTTL   = 10 * time.Second
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

	r.With(cache.Page(homeTTL)).Get("/", a.home)
	r.With(cache.Page(bookTTL, pagecache.Key(pagecache.Query("posted")))).Get("/books/{id}", a.showBook)
	r.With(cache.Page(bookTTL)).Get("/authors/{id}", a.showAuthor)
	r.With(cache.Page(searchTTL, pagecache.Key(pagecache.Query("q", "page")))).Get("/search", a.search)
	r.Get("/style.css", a.style)

	r.With(a.sameOrigin).Post("/books/{id}/reviews", a.postReview)
	return r
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
