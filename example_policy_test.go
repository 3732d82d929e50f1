package pagecache_test

import (
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-pagecache/pagecache"
)

// An option that has no function of its own.
func ExampleOption() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	named := func(name string) pagecache.Option {
		return func(p *pagecache.Policy) { p.Name = name }
	}
	home := cache.PageFunc(time.Minute, showHome, named("shop"))

	visit(home, "/")
	// Output:
	// /: home (shop; fwd=uri-miss; stored; ttl=60)
}

func ExampleSkip() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	preview := func(r *http.Request) bool { return r.URL.Query().Has("preview") }
	home := cache.PageFunc(time.Minute, showHome, pagecache.Skip(preview))

	visit(home, "/")
	visit(home, "/?preview")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /?preview: home (fwd=bypass; detail=skip)
}

// A page that says that it is not complete is not kept.
func ExampleRefuse() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	incomplete := func(status int, header http.Header, body []byte) bool {
		return bytes.Contains(body, []byte("temporarily unavailable"))
	}
	book := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "book 312, reviews temporarily unavailable")
	}, pagecache.Refuse(incomplete))

	visit(book, "/books/312")
	// Output:
	// /books/312: book 312, reviews temporarily unavailable (fwd=uri-miss; detail=refused)
}

// Nothing is cached in development, but for one route.
func ExampleOff() {
	development := true
	cache := pagecache.New(pagecache.Off(development))
	defer cache.Close(context.Background())

	visit(cache.PageFunc(time.Minute, showHome), "/")
	visit(cache.PageFunc(time.Minute, showHome, pagecache.Off(false)), "/home")
	// Output:
	// /: home (fwd=bypass; detail=disabled)
	// /home: home (fwd=uri-miss; stored; ttl=60)
}

func ExampleMaxBody() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	dots := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Repeat(".", 20))
	}, pagecache.MaxBody(10))

	visit(dots, "/dots")
	// Output:
	// /dots: .................... (fwd=uri-miss; detail=too-large)
}

// The cookie of a consent banner does not shape the page. The handler does not
// see it while it fills the cache.
func ExampleIgnoreCookies() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "home, %d cookies", len(r.Cookies()))
	}, pagecache.IgnoreCookies("consent"))

	visit(home, "/", "Cookie", "consent=yes")
	visit(home, "/", "Cookie", "consent=no")
	visit(home, "/", "Cookie", "consent=no; session=8c1f")
	// Output:
	// /: home, 0 cookies (fwd=uri-miss; stored; ttl=60)
	// /: home, 0 cookies (hit)
	// /: home, 2 cookies (fwd=bypass; detail=cookie)
}

// No field that is missing from the key can shape the page.
func ExampleStrict() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	greet := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "lang=%s region=%s", r.Header.Get("Accept-Language"), r.Header.Get("X-Region"))
	}
	home := cache.PageFunc(time.Minute, greet, pagecache.Strict(), pagecache.Key(pagecache.Header("Accept-Language")))

	visit(home, "/", "Accept-Language", "de", "X-Region", "north")
	visit(home, "/", "Accept-Language", "de", "X-Region", "south")
	// Output:
	// /: lang=de region= (fwd=uri-miss; stored; ttl=60)
	// /: lang=de region= (hit)
}

// A page has the tags of its route, those that functions make from its request,
// and those that its handler knows of.
func ExampleTags() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	byShelf := func(r *http.Request) string { return "shelf:" + r.PathValue("shelf") }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /shelves/{shelf}", cache.PageFunc(time.Hour, func(w http.ResponseWriter, r *http.Request) {
		pagecache.FromContext(r.Context()).Tag("book:312", "book:321") // what it found there
		fmt.Fprint(w, "two books")
	}, pagecache.Tags("books", byShelf)))

	visit(mux, "/shelves/9")
	fmt.Println(explain(cache, mux, "/shelves/9").Tags)
	// Output:
	// /shelves/9: two books (fwd=uri-miss; stored; ttl=3600)
	// [books shelf:9 book:312 book:321]
}

// Lifetimes of different lengths for pages that are made together, and hot
// pages that are made anew before they expire.
func ExamplePolicy() {
	cache := pagecache.New(func(p *pagecache.Policy) {
		p.Jitter = 0.2       // a minute is something between 48 s and a minute
		p.EarlyRefresh = 1.5 // a little earlier than the optimum
	})
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, showHome)
	exampleRequest(home, "GET", "/")
	ttl := explain(cache, home, "/").TTL
	fmt.Println(45*time.Second < ttl && ttl <= time.Minute)
	// Output:
	// true
}

// Whoever knows the word gets a new page made, for everybody. The word is a
// secret: it stands in no page, no log and no address.
func ExamplePolicy_forceRefresh() {
	word := []byte("4be1-a63c")
	force := func(p *pagecache.Policy) {
		p.ForceRefresh = func(r *http.Request) bool {
			return subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Refresh")), word) == 1
		}
	}
	cache := pagecache.New()
	defer cache.Close(context.Background())

	home := cache.PageFunc(time.Minute, showHome, force)
	visit(home, "/")
	visit(home, "/", "X-Refresh", "4be1-a63c")
	visit(home, "/", "X-Refresh", "a guess")
	// Output:
	// /: home (fwd=uri-miss; stored; ttl=60)
	// /: home (fwd=request; stored; ttl=60; detail=refresh)
	// /: home (hit)
}

// A handler that knows nothing of this package names what its page is made from
// in a response field. Clients need not see it.
func ExamplePolicy_hideTags() {
	cache := pagecache.New(func(p *pagecache.Policy) { p.HideTags = true })
	defer cache.Close(context.Background())

	book := cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Surrogate-Key", "book:312 author:44")
		fmt.Fprint(w, "The Way of All Flesh")
	})
	w := exampleRequest(book, "GET", "/books/312")
	fmt.Println(w.Body, w.Header()["Surrogate-Key"])
	fmt.Println(explain(cache, book, "/books/312").Tags)
	// Output:
	// The Way of All Flesh []
	// [book:312 author:44]
}
