package routers

import (
	"net/http"
	"testing"

	"github.com/julienschmidt/httprouter"
)

func httprouterIDs(r *http.Request) []string {
	return []string{httprouter.ParamsFromContext(r.Context()).ByName("id")}
}

// TestHTTPRouter: httprouter keeps path values in the request's context.
func TestHTTPRouter(t *testing.T) {
	hammer(t, []place{
		{name: "around the router", sees: "ID", build: func(s *site) http.Handler {
			r := httprouter.New()
			r.Handler(http.MethodGet, "/books/:id", s.handler(httprouterIDs))
			return s.page(r)
		}},
		{name: "around the handler", sees: "ID", build: func(s *site) http.Handler {
			r := httprouter.New()
			r.Handler(http.MethodGet, "/books/:id", s.page(s.handler(httprouterIDs)))
			return r
		}},
	})
}
