package pagecache_test

import (
	"bytes"
	"context"
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

func ExampleTags() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		pagecache.FromContext(r.Context()).Tag("book:" + id)
		fmt.Fprintf(w, "book %s", id)
	}, pagecache.Tags("books")))

	visit(mux, "/books/312")
	fmt.Println(explain(cache, mux, "/books/312").Tags)
	// Output:
	// /books/312: book 312 (fwd=uri-miss; stored; ttl=60)
	// [books book:312]
}
