package pagecache

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Control is what a handler may say about its own response while it fills the
// cache. Get it with [FromContext]. Its methods may be called at any time and
// from any goroutine until the handler returns; on a request that fills
// nothing they do nothing, so a handler works the same with and without us.
type Control struct {
	fill    *fill        // nil: inert
	outer   *Control     // of another cache around this one
	explain *Explanation // the request only wants to know, see Cache.Explain
	order   *order       // nobody waits for the response, see order

	mu   sync.Mutex
	said remarks
}

// remarks is what was said through a Control.
type remarks struct {
	tags    []string
	ttl     time.Duration
	hasTTL  bool
	noStore bool
	badTag  string // why the page cannot have all its tags
}

// inert is the Control of requests that fill nothing.
var inert = new(Control)

type controlKey struct{}

// FromContext returns the Control of the request that ctx belongs to. It is
// never nil.
func FromContext(ctx context.Context) *Control {
	if c, ok := ctx.Value(controlKey{}).(*Control); ok {
		return c
	}
	return inert
}

// Tag gives the page further tags: names of what it was made from, such as
// "book:312", for [Cache.PurgeTags]. A tag has 1 to 256 bytes and no spaces,
// commas or control characters. A page that is given another, or more than
// [Policy.MaxTags], could not be purged by all it was made from: it is not
// stored (detail=tags), and the logger is told once.
func (c *Control) Tag(tags ...string) {
	for ; c != nil && c.fill != nil; c = c.outer {
		c.tag(tags)
	}
}

func (c *Control) tag(tags []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.fill.rt.policy
	limit := p.MaxTags + len(p.Tags) // which may be the same
	for _, tag := range tags {
		switch err := checkTag(tag); {
		case err != "":
			c.said.badTag = err
		case slices.Contains(c.said.tags, tag):
		case len(c.said.tags) >= limit:
			c.said.badTag = fmt.Sprintf("it has more than %d tags, Policy.MaxTags", p.MaxTags)
		default:
			c.said.tags = append(c.said.tags, strings.Clone(tag))
		}
	}
}

// tagBy gives the page the tags that functions make from its request.
func (c *Control) tagBy(funcs []func(*http.Request) []string, r *http.Request) {
	if len(funcs) == 0 {
		return
	}
	tags, bad := requestTags(funcs, r)
	c.tag(tags)
	if bad != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.said.badTag = bad
	}
}

// TTL sets the lifetime of the page, before any other source. Zero and less
// mean not to store it. Call it before the first Write, as with header fields.
func (c *Control) TTL(d time.Duration) {
	for ; c != nil && c.fill != nil; c = c.outer {
		c.mu.Lock()
		c.said.ttl, c.said.hasTTL = d, true
		c.mu.Unlock()
	}
}

// NoStore keeps the response out of the cache; requests that wait for it run
// the handler themselves.
func (c *Control) NoStore() {
	for ; c != nil && c.fill != nil; c = c.outer {
		c.mu.Lock()
		c.said.noStore = true
		c.mu.Unlock()
	}
}

// Why says why the handler runs although there is a cache, in the words of RFC
// 9211 section 2.2: "uri-miss" (nothing is stored), "vary-miss" (other variants are),
// "stale" (what is stored is too old), "request" (somebody asked for a new one),
// "miss" (the store cannot tell). It is empty when the response fills nothing.
func (c *Control) Why() string {
	if c.fill == nil {
		return ""
	}
	return c.fill.fwd
}

func (c *Control) remarks() remarks {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said
}
