package routers

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"
)

// TestEcho: echo's contexts go back to a pool when it returns; its WrapMiddleware
// wraps the handler for each request anew.
func TestEcho(t *testing.T) {
	hammer(t, []place{
		{name: "around echo", sees: "ID", build: func(s *site) http.Handler {
			return s.page(echoBooks(s))
		}},
		{name: "WrapMiddleware, Use", sees: "ID", build: func(s *site) http.Handler {
			return echoBooks(s, echo.WrapMiddleware(s.page))
		}},
		{name: "WrapMiddleware, Pre", sees: "ID", build: func(s *site) http.Handler {
			e := echoBooks(s)
			e.Pre(echo.WrapMiddleware(s.page))
			return e
		}},
		{name: "WrapMiddleware, of a group", sees: "ID", build: func(s *site) http.Handler {
			e := echo.New()
			e.Group("/books", echo.WrapMiddleware(s.page)).GET("/:id", echoBook(s))
			return e
		}},
		{name: "WrapMiddleware, inside ServeMux", sees: "ID", build: func(s *site) http.Handler {
			return insideServeMux(echoBooks(s, echo.WrapMiddleware(s.page)))
		}},
		{name: "WrapMiddleware, inside chi", sees: "ID", build: func(s *site) http.Handler {
			return insideChi(echoBooks(s, echo.WrapMiddleware(s.page)))
		}},
		{name: "WrapHandler", build: func(s *site) http.Handler {
			e := echo.New()
			e.GET("/books/:id", echo.WrapHandler(s.page(s.handler(nothing))))
			return e
		}},
	})
}

func echoBooks(s *site, use ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.Use(use...)
	e.GET("/books/:id", echoBook(s))
	return e
}

func echoBook(s *site) echo.HandlerFunc {
	return func(c echo.Context) error {
		return c.String(http.StatusOK, s.show(func() string { return sight(c.Request(), c.Param("id")) }))
	}
}

// TestEcho5: the fifth version tells the pattern in the request, as ServeMux does.
func TestEcho5(t *testing.T) {
	hammer(t, []place{
		{name: "WrapMiddleware, Use", sees: "ID ID", build: func(s *site) http.Handler {
			e := echo5.New()
			e.Use(echo5.WrapMiddleware(s.page))
			e.GET("/books/:id", echo5Book(s))
			return e
		}},
		{name: "WrapMiddleware, of the route", sees: "ID ID", build: func(s *site) http.Handler {
			e := echo5.New()
			e.GET("/books/:id", echo5Book(s), echo5.WrapMiddleware(s.page))
			return e
		}},
		{name: "WrapHandler", sees: "ID", build: func(s *site) http.Handler {
			e := echo5.New()
			e.GET("/books/:id", echo5.WrapHandler(s.page(s.handler(muxIDs))))
			return e
		}},
	})
}

func echo5Book(s *site) echo5.HandlerFunc {
	return func(c *echo5.Context) error {
		return c.String(http.StatusOK, s.show(func() string { return sight(c.Request(), c.Param("id"), c.Request().PathValue("id")) }))
	}
}
