package routers

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
)

// chiIDs are the ways to a path value in chi.
func chiIDs(r *http.Request) []string { return []string{chi.URLParam(r, "id"), r.PathValue("id")} }

const chiSees = "ID ID"

// TestChi: chi's contexts go back to a pool when the outermost router returns.
func TestChi(t *testing.T) {
	hammer(t, []place{
		{name: "around", sees: chiSees, background: true, build: func(s *site) http.Handler {
			r := chi.NewRouter()
			r.Get("/books/{id}", s.handler(chiIDs))
			return s.page(r)
		}},
		{name: "Use", sees: chiSees, background: true, build: func(s *site) http.Handler {
			r := chi.NewRouter()
			r.Use(s.page)
			r.Get("/books/{id}", s.handler(chiIDs))
			return r
		}},
		{name: "Group", sees: chiSees, background: true, build: func(s *site) http.Handler {
			r := chi.NewRouter()
			r.Group(func(r chi.Router) {
				r.Use(s.page)
				r.Get("/books/{id}", s.handler(chiIDs))
			})
			return r
		}},
		{name: "Route.Use", sees: chiSees, background: true, build: func(s *site) http.Handler {
			r := chi.NewRouter()
			r.Route("/books", func(r chi.Router) {
				r.Use(s.page)
				r.Get("/{id}", s.handler(chiIDs))
			})
			return r
		}},
		{name: "With", sees: chiSees, background: true, build: func(s *site) http.Handler {
			r := chi.NewRouter()
			r.With(s.page).Get("/books/{id}", s.handler(chiIDs))
			return r
		}},
		{name: "Mount of a router with Use", sees: chiSees, background: true, build: func(s *site) http.Handler {
			sub := chi.NewRouter()
			sub.Use(s.page)
			sub.Get("/{id}", s.handler(chiIDs))
			r := chi.NewRouter()
			r.Mount("/books", sub)
			return r
		}},
		{name: "With, of Mount", sees: chiSees, background: true, build: func(s *site) http.Handler {
			sub := chi.NewRouter()
			sub.Get("/{id}", s.handler(chiIDs))
			r := chi.NewRouter()
			r.With(s.page).Mount("/books", sub)
			return r
		}},
		{name: "With, inside Mount", sees: chiSees, background: true, build: func(s *site) http.Handler {
			sub := chi.NewRouter()
			sub.With(s.page).Get("/{id}", s.handler(chiIDs))
			r := chi.NewRouter()
			r.Mount("/books", sub)
			return r
		}},
		{name: "Route.Use, behind a parameter", url: "/shops/ID/books/ID", sees: chiSees + " " + chiSees, background: true, build: chiShops},
	})
}

// chiShops has the cache where the router knows one path value, and not yet the
// other.
func chiShops(s *site) http.Handler {
	r := chi.NewRouter()
	r.Route("/shops/{shop}", func(r chi.Router) {
		r.Use(s.page)
		r.Get("/books/{id}", s.handler(func(r *http.Request) []string {
			return append(chiIDs(r), chi.URLParam(r, "shop"), r.PathValue("shop"))
		}))
	})
	return r
}
