package routers

import (
	"net/http"
	"testing"

	"github.com/gorilla/mux"
)

func gorillaIDs(r *http.Request) []string { return []string{mux.Vars(r)["id"]} }

// TestGorilla: gorilla/mux wraps the handler in what was given to Use for each
// request anew, and does not say in the request that it has routed it.
func TestGorilla(t *testing.T) {
	hammer(t, []place{
		{name: "around the router", sees: "ID", build: func(s *site) http.Handler {
			r := mux.NewRouter()
			r.Handle("/books/{id}", s.handler(gorillaIDs))
			return s.page(r)
		}},
		{name: "Use", sees: "ID", build: func(s *site) http.Handler {
			r := mux.NewRouter()
			r.Use(s.page)
			r.Handle("/books/{id}", s.handler(gorillaIDs))
			return r
		}},
		{name: "Use, of a subrouter", sees: "ID", build: func(s *site) http.Handler {
			r := mux.NewRouter()
			sub := r.PathPrefix("/books").Subrouter()
			sub.Use(s.page)
			sub.Handle("/{id}", s.handler(gorillaIDs))
			return r
		}},
		{name: "around the handler", sees: "ID", build: func(s *site) http.Handler {
			r := mux.NewRouter()
			r.Handle("/books/{id}", s.page(s.handler(gorillaIDs)))
			return r
		}},
		{name: "Use, inside ServeMux", sees: "ID", build: func(s *site) http.Handler {
			r := mux.NewRouter()
			r.Use(s.page)
			r.Handle("/books/{id}", s.handler(gorillaIDs))
			return insideServeMux(r)
		}},
	})
}
