package routers

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	adapter "github.com/gwatts/gin-adapter"
)

// TestGin: gin's contexts go back to a pool when the engine returns.
func TestGin(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	hammer(t, []place{
		{name: "around the engine", sees: "ID", build: func(s *site) http.Handler {
			return s.page(ginEngine(s))
		}},
		{name: "around the engine, in ServeMux", sees: "ID", background: true, build: func(s *site) http.Handler {
			return insideServeMux(s.page(ginEngine(s)))
		}},
		{name: "WrapH", build: func(s *site) http.Handler {
			e := gin.New()
			e.GET("/books/:id", gin.WrapH(s.page(s.handler(nothing))))
			return e
		}},
		{name: "an adapter that wraps for each request", sees: "ID", build: func(s *site) http.Handler {
			return ginEngine(s, ginMiddleware(s.page))
		}},
		{name: "an adapter that wraps for each request, inside ServeMux", sees: "ID", build: func(s *site) http.Handler {
			return insideServeMux(ginEngine(s, ginMiddleware(s.page)))
		}},
		{name: "an adapter that wraps once", sees: "ID", build: func(s *site) http.Handler {
			return ginEngine(s, adapter.Wrap(s.page))
		}},
		{name: "an adapter that wraps once, inside ServeMux", sees: "ID", build: func(s *site) http.Handler {
			return insideServeMux(ginEngine(s, adapter.Wrap(s.page)))
		}},
		{name: "an adapter that wraps once, inside chi", sees: "ID", build: func(s *site) http.Handler {
			return insideChi(ginEngine(s, adapter.Wrap(s.page)))
		}},
	})
}

func ginEngine(s *site, use ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.Use(use...)
	e.GET("/books/:id", func(c *gin.Context) {
		c.String(http.StatusOK, "%s", s.show(func() string { return sight(c.Request, c.Param("id")) }))
	})
	return e
}

// ginMiddleware makes gin middleware of m, as programs do.
func ginMiddleware(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		asked := false
		m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = true
			c.Request, c.Writer = r, ginWriter{c.Writer, w}
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !asked {
			c.Abort()
		}
	}
}

type ginWriter struct {
	gin.ResponseWriter
	w http.ResponseWriter
}

func (w ginWriter) Header() http.Header         { return w.w.Header() }
func (w ginWriter) Write(p []byte) (int, error) { return w.w.Write(p) }
func (w ginWriter) WriteHeader(status int)      { w.w.WriteHeader(status) }
