package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-pagecache/pagecache"
)

func ExampleKey() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	// What the page depends on: q and page of the query, and the language chosen.
	search := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		lang, _ := r.Cookie("lang")
		fmt.Fprintf(w, "%s in %s", r.FormValue("q"), lang.Value)
	}, pagecache.Key(
		pagecache.Query("q", "page"),
		pagecache.Cookie("lang"),
	))

	visit(search, "/search?q=sea", "Cookie", "lang=en")
	visit(search, "/search?q=sea&ref=letter", "Cookie", "lang=en")
	visit(search, "/search?q=sea", "Cookie", "lang=de")
	// Output:
	// /search?q=sea: sea in en (fwd=uri-miss; stored; ttl=60)
	// /search?q=sea&ref=letter: sea in en (hit)
	// /search?q=sea: sea in de (fwd=uri-miss; stored; ttl=60)
}

func ExamplePath() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	about := cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "about us") // whatever the query says
	}, pagecache.Key(pagecache.Path()))

	visit(about, "/about")
	visit(about, "/about?from=footer")
	// Output:
	// /about: about us (fwd=uri-miss; stored; ttl=3600)
	// /about?from=footer: about us (hit)
}

func ExampleQuery() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	search := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "results for %q", r.FormValue("q"))
	}, pagecache.Key(pagecache.Query("q", "page")))

	visit(search, "/search?q=sea&page=1")
	visit(search, "/search?page=1&q=sea")
	visit(search, "/search?q=sea&page=1&session=2")
	visit(search, "/search?q=land&page=1")
	// Output:
	// /search?q=sea&page=1: results for "sea" (fwd=uri-miss; stored; ttl=60)
	// /search?page=1&q=sea: results for "sea" (hit)
	// /search?q=sea&page=1&session=2: results for "sea" (hit)
	// /search?q=land&page=1: results for "land" (fwd=uri-miss; stored; ttl=60)
}

func ExampleIgnoreQuery() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	list := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "books by %s", r.FormValue("sort"))
	}, pagecache.Key(pagecache.IgnoreQuery("ref")))

	visit(list, "/books?sort=year&ref=7")
	visit(list, "/books?sort=year")
	visit(list, "/books?sort=title")
	// Output:
	// /books?sort=year&ref=7: books by year (fwd=uri-miss; stored; ttl=60)
	// /books?sort=year: books by year (hit)
	// /books?sort=title: books by title (fwd=uri-miss; stored; ttl=60)
}

func ExampleTrackingParams() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	news := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "news")
	}, pagecache.Key(pagecache.TrackingParams()))

	visit(news, "/news?utm_source=letter&utm_campaign=may")
	visit(news, "/news?fbclid=x1")
	visit(news, "/news")
	// Output:
	// /news?utm_source=letter&utm_campaign=may: news (fwd=uri-miss; stored; ttl=60)
	// /news?fbclid=x1: news (hit)
	// /news: news (hit)
}

// A page for each user: without the key part, requests that carry credentials
// go past the cache.
func ExampleHeader() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	account := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		fmt.Fprintf(w, "the account of %s", user)
	}, pagecache.Key(pagecache.Header("Authorization")))

	ann, ben := "Basic YW5uOng=", "Basic YmVuOng="
	visit(account, "/account", "Authorization", ann)
	visit(account, "/account", "Authorization", ann)
	visit(account, "/account", "Authorization", ben)
	// Output:
	// /account: the account of ann (fwd=uri-miss; stored; ttl=60)
	// /account: the account of ann (hit)
	// /account: the account of ben (fwd=uri-miss; stored; ttl=60)
}

func ExampleCookie() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		theme, err := r.Cookie("theme")
		if err != nil {
			theme = &http.Cookie{Value: "light"}
		}
		fmt.Fprint(w, theme.Value)
	}, pagecache.Key(pagecache.Cookie("theme")))

	visit(home, "/")
	visit(home, "/", "Cookie", "theme=dark")
	visit(home, "/", "Cookie", "theme=dark")
	visit(home, "/", "Cookie", "theme=dark; session=8c1f") // a cookie that is not part of the key
	// Output:
	// /: light (fwd=uri-miss; stored; ttl=60)
	// /: dark (fwd=uri-miss; stored; ttl=60)
	// /: dark (hit)
	// /: dark (fwd=bypass; detail=cookie)
}

// The words behind the number are for people and search engines; the number
// alone selects the book.
func ExamplePathValue() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}/{title}", cache.PageFunc(time.Minute, showBook, pagecache.Key(pagecache.PathValue("id"))))

	visit(mux, "/books/312/the-way-of-all-flesh")
	visit(mux, "/books/312/way-of-all-flesh")
	// Output:
	// /books/312/the-way-of-all-flesh: book 312 (fwd=uri-miss; stored; ttl=60)
	// /books/312/way-of-all-flesh: book 312 (hit)
}

// A key of one's own, put together from what the page depends on.
func ExampleKeyFunc() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	byDevice := pagecache.KeyFunc(func(r *http.Request) string {
		if r.Header.Get("Sec-CH-UA-Mobile") == "?1" {
			return "phone " + r.URL.Path
		}
		return "desk " + r.URL.Path
	})
	home := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, byDevice(r))
	}, pagecache.Key(byDevice))

	visit(home, "/start", "Sec-CH-UA-Mobile", "?1")
	visit(home, "/start?x=2", "Sec-CH-UA-Mobile", "?1")
	visit(home, "/start", "Sec-CH-UA-Mobile", "?0")
	// Output:
	// /start: phone /start (fwd=uri-miss; stored; ttl=60)
	// /start?x=2: phone /start (hit)
	// /start: desk /start (fwd=uri-miss; stored; ttl=60)
}

// Pages for each client that has shown a certificate.
func ExampleClientCertificate() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "the orders of %s", r.TLS.VerifiedChains[0][0].Subject.CommonName)
	}, pagecache.Key(pagecache.ClientCertificate())))
}
