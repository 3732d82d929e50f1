package main

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// newRouter is the whole map of the application. Caching is added here and nowhere else:
// a page is the same for every visitor, there are no cookies and no sessions.
func newRouter(a *app) http.Handler {
	r := chi.NewRouter()
	r.Use(secureHeaders)
	r.Use(middleware.GetHead) // HEAD, and so curl -I, is answered by the GET routes
	r.NotFound(a.notFound)

	r.Get("/", a.home)
	r.Get("/books/{id}", a.showBook)     // several queries: the page worth caching
	r.Get("/authors/{id}", a.showAuthor) //
	r.Get("/search", a.search)           // differs by q and page, by nothing else
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
