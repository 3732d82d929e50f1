package pagecache_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/go-pagecache/pagecache"
)

// explain asks what would become of a request for target.
func explain(cache *pagecache.Cache, h http.Handler, target string, fields ...string) pagecache.Explanation {
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return cache.Explain(h, r)
}

func ExampleCache_Explain() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))

	r := httptest.NewRequest("GET", "/books/312", nil)
	fmt.Println(cache.Explain(mux, r))

	r.Header.Set("Cookie", "session=8c1f")
	fmt.Println(cache.Explain(mux, r))
	// Output:
	// fwd=uri-miss; key http://example.com/books/312
	// fwd=bypass: cookie (session). The request carries a cookie that is neither ignored nor part of the key. Use IgnoreCookies or Key(Cookie(name)).
}

func ExampleExplanation() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/books/312", nil))

	e := explain(cache, mux, "/books/312")
	fmt.Println(e.WouldHit, e.Status, e.Route)
	e = explain(cache, mux, "/books/312", "Authorization", "Bearer 123")
	fmt.Println(e.WouldHit, e.Reason, e.Culprit)
	// Output:
	// true 200 /books/{id}
	// false authorization Authorization
}

func ExampleCache_Stats() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))
	for _, target := range []string{"/books/1", "/books/1", "/books/2", "/books/1"} {
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
	}

	s := cache.Stats()
	fmt.Println(s.Requests, "requests,", s.Hits, "hits,", s.Misses, "misses,", s.Stored, "stored")
	for _, route := range s.Routes {
		fmt.Println(route.Route, route.Hits)
	}
	// Output:
	// 4 requests, 2 hits, 2 misses, 2 stored
	// /books/{id} 2
}

func ExampleWithObserver() {
	cache := pagecache.New(pagecache.WithObserver(pagecache.ObserverFunc(func(_ context.Context, e pagecache.Event) {
		if e.Kind == pagecache.KindRequest {
			fmt.Printf("%s: %v, status %d, reason %q\n", e.Route, e.Result, e.Status, e.Reason)
		}
	})))
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))
	for _, cookie := range []string{"", "", "session=8c1f"} {
		r := httptest.NewRequest("GET", "/books/312", nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// /books/{id}: miss, status 200, reason ""
	// /books/{id}: hit, status 200, reason ""
	// /books/{id}: pass, status 200, reason "cookie"
}

func ExampleWithLogger() {
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	cache := pagecache.New(pagecache.WithLogger(log))
	defer cache.Close(context.Background())

	page := cache.Page(time.Minute)
	mux := http.NewServeMux()
	mux.Handle("GET /books/{id}", page(page(http.HandlerFunc(showBook)))) // a slip
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/books/312", nil))
	// Output:
	// level=WARN msg="pagecache: the same cache is mounted twice on \"/books/{id}\"; the inner one is ignored"
}

func ExampleReason_Explain() {
	for _, why := range pagecache.Reasons()[:4] {
		fmt.Printf("%s: %s\n", why, why.Explain())
	}
	// Output:
	// disabled: The route or the cache is switched off with Off(true).
	// closed: The cache was closed; requests go straight to the handler.
	// skip: A Skip function of this route asked to go past the cache.
	// method: Only GET and HEAD are cached.
}
