package routers

import (
	"net/http"
	"testing"
)

func muxIDs(r *http.Request) []string { return []string{r.PathValue("id")} }

const muxSees = "ID"

// TestServeMux: http.ServeMux keeps what it knows in the request itself.
func TestServeMux(t *testing.T) {
	books := func(s *site) *http.ServeMux {
		mux := http.NewServeMux()
		mux.Handle("GET /books/{id}", s.handler(muxIDs))
		return mux
	}
	hammer(t, []place{
		{name: "around the mux", sees: muxSees, background: true, build: func(s *site) http.Handler {
			return s.page(books(s))
		}},
		{name: "around the handler", sees: muxSees, background: true, build: func(s *site) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /books/{id}", s.page(s.handler(muxIDs)))
			return mux
		}},
		{name: "around a mux in a mux", sees: muxSees, background: true, build: func(s *site) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/books/", s.page(books(s)))
			return mux
		}},
		{name: "around the handler, of a mux in a mux", sees: muxSees, background: true, build: func(s *site) http.Handler {
			mux, sub := http.NewServeMux(), http.NewServeMux()
			sub.Handle("GET /books/{id}", s.page(s.handler(muxIDs)))
			mux.Handle("/books/", sub)
			return mux
		}},
		{name: "around the handler, behind StripPrefix", url: "/shop/books/ID", path: "/books/ID", sees: muxSees, background: true, build: func(s *site) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /shop/books/{id}", http.StripPrefix("/shop", s.page(s.handler(muxIDs))))
			return mux
		}},
		{name: "around the mux, behind StripPrefix", url: "/shop/books/ID", path: "/books/ID", sees: muxSees, background: true, build: func(s *site) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/shop/", http.StripPrefix("/shop", s.page(books(s))))
			return mux
		}},
		{name: "around StripPrefix", url: "/shop/books/ID", path: "/books/ID", sees: muxSees, background: true, build: func(s *site) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/shop/", s.page(http.StripPrefix("/shop", books(s))))
			return mux
		}},
	})
}
