//go:build linux

package redis_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/go-pagecache/pagecache"
)

// A site has four routes of three pages each. Every page tells what it is: its
// path, its variant, and the version of its content.
const (
	perRoute  = 3
	sitePages = 4 * perRoute
)

type siteRoute struct {
	name string
	tag  string // of the route
	late bool   // the handler adds a tag for the page
	vary bool   // by Accept-Language
	ttl  time.Duration
	swr  bool
}

var siteRoutes = [sitePages / perRoute]siteRoute{
	{name: "plain", ttl: time.Hour},
	{name: "tagged", ttl: time.Hour, tag: "tagged", late: true},
	{name: "vary", ttl: time.Hour, late: true, vary: true},
	{name: "swr", ttl: 200 * time.Millisecond, tag: "swr", swr: true},
}

func (rt siteRoute) pattern() string      { return "/" + rt.name + "/{n}" }
func (rt siteRoute) path(n int) string    { return fmt.Sprintf("/%s/%d", rt.name, n) }
func (rt siteRoute) lateTag(n int) string { return fmt.Sprintf("%s:%d", rt.name, n) }

func (m *member) newSite() *http.ServeMux {
	mux := http.NewServeMux()
	for i, rt := range siteRoutes {
		var opts []pagecache.Option
		if rt.tag != "" {
			opts = append(opts, pagecache.Tags(rt.tag))
		}
		if rt.swr {
			opts = append(opts, pagecache.StaleWhileRevalidate(time.Hour))
		}
		mux.Handle(rt.pattern(), m.cache.Page(rt.ttl, opts...)(m.handler(i, rt)))
	}
	mux.Handle("/slow/{n}", m.cache.Page(time.Hour)(http.HandlerFunc(m.serveSlowly)))
	return mux
}

// handler reads the version first and takes its time then, so that purges find
// runs under way. A POST changes the page.
func (m *member) handler(i int, rt siteRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscan(r.PathValue("n"), &n); err != nil || n < 0 || n >= perRoute {
			http.NotFound(w, r)
			return
		}
		truth := &m.board.cells[perRoute*i+n]
		var version int64
		if r.Method == http.MethodPost {
			version = truth.version.Add(1)
		} else {
			version = truth.version.Load()
		}
		if rand.IntN(4) == 0 {
			time.Sleep(rand.N(time.Millisecond))
		}
		if rt.late {
			pagecache.FromContext(r.Context()).Tag(rt.lateTag(n))
		}
		if rt.vary {
			w.Header().Set("Vary", "Accept-Language")
		}
		fmt.Fprintf(w, "%s %s %d", r.URL.Path, rt.variant(r.Header.Get("Accept-Language")), version)
	})
}

// variant is what a page of the route says for a language.
func (rt siteRoute) variant(language string) string {
	if !rt.vary {
		return "-"
	}
	return language
}

// slowly is how long the slow handler takes.
const slowly = 200 * time.Millisecond

// serveSlowly tells when it begins, and answers with the number of the run.
func (m *member) serveSlowly(w http.ResponseWriter, r *http.Request) {
	n := m.board.began.Add(1)
	if i := int(n - 1); i < len(m.board.runs) {
		m.board.runs[i].at.Store(time.Now().UnixNano())
		m.board.runs[i].by.Store(int64(m.Desk) + 1)
	}
	time.Sleep(slowly)
	fmt.Fprintf(w, "%s - %d", r.URL.Path, n)
}

// versionOf reads the version out of a page, if it is the right one.
func versionOf(body, path, variant string) (version int64, ok bool) {
	rest, ok := strings.CutPrefix(body, path+" "+variant+" ")
	if !ok {
		return 0, false
	}
	_, err := fmt.Sscan(rest, &version)
	return version, err == nil
}
