package pagecache_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// modelSite is a site of 64 pages that show the version of their content. Who
// changes a page raises its version first and invalidates then, so that a page
// tells whether it was made before.
type modelSite struct {
	pages     map[string]*modelPage
	addresses []*modelAddress
	covers    map[modelName][]int // the addresses that an invalidation by a name is about
	names     [modelWays][]string // by which one can invalidate
	dice      atomic.Uint64       // for handlers
}

type modelPage struct {
	name    string
	version atomic.Int64
	late    []string // tags that its handler adds when it is done
	turning string   // another one, which differs between odd and even versions
	field   string   // tags in a field of its response
	vary    string
	fails   bool // its handler does, now and then
}

// modelAddress is one way to ask for a page. Some pages have two.
type modelAddress struct {
	page         *modelPage
	host, target string
	url          *url.URL
	lang         string
	stale        bool        // it may be served stale
	names        []modelName // by which it is invalidated
}

// modelName is something to invalidate by; two tags are divided by a space.
type modelName struct {
	way  int
	text string
}

const (
	byAddress = iota
	byTag
	byPrefix
	byRoute
	byAll
	modelWays
)

func newModelSite(seed uint64) *modelSite {
	s := &modelSite{pages: make(map[string]*modelPage), covers: make(map[modelName][]int)}
	s.dice.Store(seed)
	for i := range 8 {
		id := strconv.Itoa(i)
		tag := func(prefix string) modelName { return modelName{byTag, prefix + ":" + id} }
		turning := func(prefix string) modelName {
			return modelName{byTag, prefix + ":" + id + ":0 " + prefix + ":" + id + ":1"}
		}
		route := func(pattern string) modelName { return modelName{byRoute, pattern} }
		exact := func(url string) modelName { return modelName{byAddress, url} }
		latest := modelName{byTag, "latest"}

		plain := &modelPage{name: "plain/" + id}
		s.add(plain, "/plain/"+id, modelName{byTag, "plain"}, tag("plain"), route("/plain/{id}"))

		late := &modelPage{name: "late/" + id, late: []string{"latest"}, turning: "late:" + id}
		spelled := "/late/%3" + id
		both := []modelName{turning("late"), latest, route("/late/{id}"), exact("http://shop.example/late/" + id), exact("http://shop.example" + spelled), exact(spelled)}
		s.add(late, "/late/"+id, both...)
		s.add(late, spelled, both...)

		swr := &modelPage{name: "swr/" + id, late: []string{"latest"}}
		s.add(swr, "/swr/"+id, modelName{byTag, "swr"}, latest, route("/swr/{id}")).stale = true

		sie := &modelPage{name: "sie/" + id, field: "sie:" + id + " latest", fails: true}
		s.add(sie, "/sie/"+id, tag("sie"), latest, route("/sie/{id}")).stale = true

		shelf := string("ab"[i%2])
		deep := &modelPage{name: "deep/" + id, turning: "deep:" + id, vary: "Accept-Language"}
		for _, lang := range []string{"de", "en"} {
			a := s.add(deep, "/deep/"+shelf+"/"+id, modelName{byTag, "shelf:" + shelf}, turning("deep"), route("/deep/{shelf}/{id}"))
			a.lang = lang
		}

		host := []string{"shop.example", "www.shop.example"}[i/4]
		query := &modelPage{name: "query/" + strconv.Itoa(i%4) + "@" + host, turning: "query:" + id}
		s.add(query, "http://"+host+"/query?id="+strconv.Itoa(i%4), turning("query"), route("/query")).stale = true

		strip := &modelPage{name: "strip/" + id}
		for _, ref := range []string{"a", "b"} {
			seen := []modelName{exact("/" + id), {byTag, "strip"}, route("/{id}")}
			for _, ref := range []string{"a", "b"} { // the key has no ref: who purges one purges all
				for _, path := range []string{"/" + id, "/strip/" + id} {
					seen = append(seen, exact(path+"?ref="+ref), exact("http://shop.example"+path+"?ref="+ref))
				}
			}
			s.add(strip, "/strip/"+id+"?ref="+ref, seen...).stale = true
		}

		alias := &modelPage{name: "alias/" + id, turning: "alias:" + id}
		s.add(alias, "/alias/a/"+id, turning("alias")).stale = true
		s.add(alias, "/alias/b/"+id, turning("alias")).stale = true
	}
	return s
}

// add adds an address of a page, with the names that follow from it and further
// ones.
func (s *modelSite) add(p *modelPage, target string, names ...modelName) *modelAddress {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	host := "shop.example"
	if u.Host != "" {
		host, target = u.Host, u.RequestURI()
	}
	a := &modelAddress{page: p, host: host, target: target, url: &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}}
	names = append(names, modelName{byAll, ""}, modelName{byAddress, u.Path}, modelName{byAddress, target}, modelName{byAddress, "http://" + host + target})
	for i := range u.Path {
		if u.Path[i] == '/' {
			names = append(names, modelName{byPrefix, u.Path[:i+1]})
		}
	}
	for _, name := range names {
		if len(s.covers[name]) == 0 {
			s.names[name.way] = append(s.names[name.way], name.text)
		}
		if !slices.Contains(a.names, name) {
			a.names = append(a.names, name)
			s.covers[name] = append(s.covers[name], len(s.addresses))
		}
	}
	s.pages[p.name] = p
	s.addresses = append(s.addresses, a)
	return a
}

func (a *modelAddress) request(method string) *http.Request {
	u := *a.url
	r := &http.Request{Method: method, URL: &u, RequestURI: a.target, Host: a.host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody, RemoteAddr: "192.0.2.1:1234"}
	if a.lang != "" {
		r.Header["Accept-Language"] = []string{a.lang}
	}
	return r
}

// mount puts the site behind a cache: with chi, with http.ServeMux behind a
// prefix that is stripped, with a router that is asked again, and bare. Only a
// bare handler must have its pages made anew by requests that wait.
func (s *modelSite) mount(c *pagecache.Cache) http.Handler {
	const short, window = 3 * time.Millisecond, 20 * time.Millisecond
	swr, sie := pagecache.StaleWhileRevalidate(window), pagecache.StaleIfError(2*window)
	page := func(kind string, ttl time.Duration, opts ...pagecache.Option) http.Handler {
		return c.Page(ttl, opts...)(s.handler(kind))
	}
	router := chi.NewRouter()
	router.Handle("/plain/{id}", page("plain", time.Minute, pagecache.Tags("plain", func(r *http.Request) string { return "plain:" + r.PathValue("id") })))
	router.Handle("/late/{id}", page("late", time.Minute, func(p *pagecache.Policy) { p.WriteBack = true }))
	router.With(c.Page(short, swr, pagecache.Tags("swr"), func(p *pagecache.Policy) { p.EarlyRefresh = 1 })).Handle("/swr/{id}", s.handler("swr"))
	router.With(c.Page(short, sie)).Handle("/sie/{id}", s.handler("sie"))
	router.Route("/deep", func(deep chi.Router) {
		deep.With(c.Page(10*short, pagecache.Tags(func(r *http.Request) string { return "shelf:" + chi.URLParam(r, "shelf") }))).Handle("/{shelf}/{id}", s.handler("deep"))
	})
	router.Handle("/query", page("query", short, swr, pagecache.RefreshVia(router)))
	mux := http.NewServeMux()
	mux.Handle("/{id}", page("strip", short, swr, pagecache.Key(pagecache.IgnoreQuery("ref")), pagecache.Tags("strip")))
	router.Mount("/strip", http.StripPrefix("/strip", mux))
	router.With(c.Invalidate(func(r *http.Request) []string { return strings.Fields(r.URL.Query().Get("tag")) })).Post("/write", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		s.edit(w, r)
	})
	alias := page("alias", short, swr, pagecache.Key(pagecache.KeyFunc(func(r *http.Request) string { return path.Base(r.URL.Path) })))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/alias/") {
			alias.ServeHTTP(w, r)
			return
		}
		router.ServeHTTP(w, r)
	})
}

// handler makes the pages of a kind. It looks at their content first, so that
// what it shows is as old as it can be.
func (s *modelSite) handler(kind string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			s.edit(w, r)
			return
		}
		p := s.pages[kind+"/"+modelID(kind, r)]
		version := p.version.Load()
		s.dally()
		if p.fails && s.roll(8) == 0 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		control := pagecache.FromContext(r.Context())
		control.Tag(p.late...)
		if p.turning != "" {
			control.Tag(fmt.Sprintf("%s:%d", p.turning, version%2))
		}
		text := fmt.Sprintf("%s|%s|%d", p.name, r.Header.Get("Accept-Language"), version)
		w.Header().Set("Etag", `"`+text+`"`)
		if p.field != "" {
			w.Header().Set("Surrogate-Key", p.field)
		}
		if p.vary != "" {
			w.Header().Set("Vary", p.vary)
		}
		_, _ = io.WriteString(w, text)
	})
}

// modelID is the page that the handler believes it was asked for.
func modelID(kind string, r *http.Request) string {
	switch kind {
	case "query":
		return r.URL.Query().Get("id") + "@" + r.Host
	case "alias":
		return path.Base(r.URL.Path)
	case "strip":
		return r.PathValue("id")
	}
	id, _ := url.PathUnescape(chi.URLParam(r, "id"))
	return id
}

// edit changes what the request is about, tells its client so, mostly, and goes
// on changing it.
func (s *modelSite) edit(w http.ResponseWriter, r *http.Request) {
	e := r.Context().Value(modelEditKey{}).(*modelEdit)
	s.dally()
	e.change()
	switch s.roll(8) {
	case 0:
		w.WriteHeader(http.StatusConflict)
		return
	case 1: // the server will say 200
		return
	case 2:
		w.WriteHeader(http.StatusSeeOther)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	s.dally()
	e.change()
}

func (s *modelSite) roll(sides uint64) uint64 {
	z := s.dice.Add(0x9e3779b97f4a7c15) // splitmix64
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z ^ z>>31) % sides
}

// dally takes no time, a moment, or up to a millisecond.
func (s *modelSite) dally() {
	switch s.roll(8) {
	case 0, 1:
		runtime.Gosched()
	case 2:
		for end := time.Now().Add(time.Duration(s.roll(20)) * time.Microsecond); time.Now().Before(end); {
			runtime.Gosched()
		}
	case 3:
		time.Sleep(time.Duration(s.roll(1000)) * time.Microsecond)
	}
}
