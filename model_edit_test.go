package pagecache_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-pagecache/pagecache"
)

// modelForce lets requests ask for a new page.
func modelForce(p *pagecache.Policy) {
	p.ForceRefresh = func(r *http.Request) bool { return r.Header["X-Anew"] != nil }
}

// modelCalls are the methods that invalidate, hard and soft.
var modelCalls = [modelWays][2]func(*pagecache.Cache, context.Context, ...string) error{
	byAddress: {(*pagecache.Cache).Purge, (*pagecache.Cache).Expire},
	byTag:     {(*pagecache.Cache).PurgeTags, (*pagecache.Cache).ExpireTags},
	byPrefix:  {(*pagecache.Cache).PurgePrefix, (*pagecache.Cache).ExpirePrefix},
	byRoute:   {(*pagecache.Cache).PurgeRoute, (*pagecache.Cache).ExpireRoute},
	byAll: {
		func(c *pagecache.Cache, ctx context.Context, _ ...string) error { return c.PurgeAll(ctx) },
		func(c *pagecache.Cache, ctx context.Context, _ ...string) error { return c.ExpireAll(ctx) },
	},
}

// modelEdit is one change of pages and the invalidation that belongs to it.
type modelEdit struct {
	*model
	node  *modelNode
	about []int   // the addresses that are invalidated
	stood []int64 // their versions when that began
	soft  bool
}

type modelEditKey struct{}

// change raises the versions of some of the pages, and remembers all.
func (e *modelEdit) change() {
	e.stood = e.stood[:0]
	for i, at := range e.about {
		version := &e.addresses[at].page.version
		if i == 0 || e.roll(2) == 0 {
			version.Add(1)
		}
		e.stood = append(e.stood, version.Load())
	}
}

// over is called when the invalidation has returned: it holds from now on.
func (e *modelEdit) over(err error) {
	limits, soft := &e.limits, e.soft
	if err != nil { // others may serve the old pages for a while, stale or not; this process must not
		limits, soft = &e.node.limits, false
	}
	for i, at := range e.about {
		if soft && e.addresses[at].stale {
			atLeast(&limits.expired[at], e.stood[i])
		} else {
			atLeast(&limits.purged[at], e.stood[i])
		}
	}
}

func (c *modelClient) edit(node *modelNode, names ...modelName) *modelEdit {
	e := &modelEdit{model: c.model, node: node}
	for _, name := range names {
		e.about = append(e.about, c.covers[name]...)
	}
	return e
}

// invalidate changes pages and purges or expires them, by one name or two.
func (c *modelClient) invalidate(node *modelNode, soft bool) {
	name := c.name()
	names := []modelName{name}
	if c.rnd.IntN(3) == 0 {
		names = append(names, modelName{name.way, pick(c.rnd, c.names[name.way])})
	}
	e := c.edit(node, names...)
	e.soft = soft
	e.change()
	var texts []string
	for _, name := range names {
		texts = append(texts, strings.Fields(name.text)...)
	}
	call := modelCalls[name.way][0]
	if soft {
		call = modelCalls[name.way][1]
	}
	err := call(node.cache, context.Background(), texts...)
	if err != nil && !c.faulty {
		c.report("purge of %v: %v", names, err)
	}
	e.over(err)
}

// name picks something to invalidate by. What is about many pages is rarer.
func (c *modelClient) name() modelName {
	for {
		name := pick(c.rnd, c.addresses[c.somewhere()].names)
		if len(c.covers[name]) < 20 || c.rnd.IntN(8) == 0 {
			return name
		}
	}
}

// post changes a page by an unsafe request for its address.
func (c *modelClient) post(node *modelNode) {
	a := c.addresses[c.somewhere()]
	c.submit(a.request(http.MethodPost), c.edit(node, modelName{byAddress, a.url.Path}))
}

// write changes pages by an unsafe request for another address, which says what
// it is about.
func (c *modelClient) write(node *modelNode) {
	a, tag := c.addresses[c.somewhere()], pick(c.rnd, c.names[byTag])
	u := url.URL{Path: "/write", RawQuery: url.Values{"to": {a.target}, "tag": {tag}}.Encode()}
	form := &modelAddress{host: a.host, target: u.RequestURI(), url: &u}
	c.submit(form.request(http.MethodPost), c.edit(node, modelName{byAddress, a.url.Path}, modelName{byTag, tag}))
}

func (c *modelClient) submit(r *http.Request, e *modelEdit) {
	w := c.send(e.node, r.WithContext(context.WithValue(r.Context(), modelEditKey{}, e)))
	if w.succeeded() {
		e.over(e.refused())
	}
}

// refused is what may have become of an invalidation that tells nobody.
func (e *modelEdit) refused() error {
	if e.faulty {
		return errTold
	}
	return nil
}

// modelWriter is a client that acts on a status as soon as it is told.
type modelWriter struct {
	header http.Header
	status int
	body   []byte
	told   *modelEdit
}

func (w *modelWriter) Header() http.Header { return w.header }

func (w *modelWriter) WriteHeader(status int) {
	w.status = status
	if w.told != nil && w.succeeded() {
		w.told.over(w.told.refused())
	}
}

func (w *modelWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// succeeded tells a success; one that was never told is.
func (w *modelWriter) succeeded() bool { return w.status < 400 }
