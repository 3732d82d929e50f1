package pagecache

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Purge removes stored pages by address: when it has returned nil, no request
// that starts afterwards gets a page whose handler run began before the call. A
// page that is being made meanwhile is not stored. An address is
//
//   - a path, such as "/books/312": all pages of this path, with every query, on
//     every host and scheme, in every variant, however the path is spelled;
//   - a path with a query, such as "/books?page=2", or a whole URL, such as
//     "https://shop.example/books?page=2": the pages of just this target, or URL,
//     on every scheme; where the key of a page leaves out a part of the query, all
//     pages of the path. Over a [Store] it is all pages of the path in any case.
//
// The path may be that which clients send or, behind http.StripPrefix and the
// like, that which the cache sees.
//
// Purging takes the same time however many pages are stored; their memory is
// freed when they are asked for next, or evicted. In process a purge cannot fail
// but for an address that is none; then nothing is purged. Over a Store it takes
// a few round trips, within ctx and 5 s, and is retried before this process
// serves a page again from the Store that it is about if the Store refuses it;
// the error says so. In process it works after ctx has ended, and after Close, too.
func (c *Cache) Purge(ctx context.Context, addresses ...string) error {
	return c.invalidateAddresses(ctx, "Purge", addresses, false)
}

// Expire makes stored pages stale by address, see [Cache.Purge]: they are served
// only as [StaleWhileRevalidate] and [StaleIfError] allow, whose windows count
// from the last expiry, up to the page's own end and window. Pages without such a
// window are gone, as after a Purge. Over a [Store] that includes those whose
// window is only in their response's own directives.
// What clients were told to keep, by [ClientMaxAge] or by their handler, they do.
func (c *Cache) Expire(ctx context.Context, addresses ...string) error {
	return c.invalidateAddresses(ctx, "Expire", addresses, true)
}

// PurgeTags removes all pages that have one of the tags, as [Cache.Purge] does:
// tags of the route (see [Tags]), of the handler (see [Control.Tag]) and of
// response fields (see [Policy.TagFields]).
func (c *Cache) PurgeTags(ctx context.Context, tags ...string) error {
	return c.invalidateTags(ctx, "PurgeTags", tags, false)
}

// ExpireTags makes all pages stale that have one of the tags, see [Cache.Expire].
func (c *Cache) ExpireTags(ctx context.Context, tags ...string) error {
	return c.invalidateTags(ctx, "ExpireTags", tags, true)
}

// PurgePrefix removes all pages below a directory, as [Cache.Purge] does:
// "/books/" is for /books/ and /books/312, on every host, and not for /books. A
// prefix ends with a slash and has 16 of them at most. Over a [Store] it needs
// [Policy.PrefixPurge].
func (c *Cache) PurgePrefix(ctx context.Context, prefixes ...string) error {
	return c.invalidatePrefixes(ctx, "PurgePrefix", prefixes, false)
}

// ExpirePrefix makes all pages below a directory stale, see [Cache.PurgePrefix]
// and [Cache.Expire].
func (c *Cache) ExpirePrefix(ctx context.Context, prefixes ...string) error {
	return c.invalidatePrefixes(ctx, "ExpirePrefix", prefixes, true)
}

// PurgeRoute removes all pages of a route, as [Cache.Purge] does, by the pattern
// that it was registered with: "/books/{id}". A method before it does not count, a
// host does. [Cache.Stats] lists the patterns of the routes that were used; one
// that is not known is no error, for its pages may be in a [Store].
func (c *Cache) PurgeRoute(ctx context.Context, patterns ...string) error {
	return c.invalidateRoutes(ctx, "PurgeRoute", patterns, false)
}

// ExpireRoute makes all pages of a route stale, see [Cache.PurgeRoute] and
// [Cache.Expire].
func (c *Cache) ExpireRoute(ctx context.Context, patterns ...string) error {
	return c.invalidateRoutes(ctx, "ExpireRoute", patterns, true)
}

// PurgeAll removes all pages, as [Cache.Purge] does: of all caches derived from
// this one, and over a [Store] of all processes that share it.
func (c *Cache) PurgeAll(ctx context.Context) error {
	return c.core.invalidate(ctx, invalidation{all: true, what: "everything"})
}

// ExpireAll makes all pages stale, see [Cache.PurgeAll] and [Cache.Expire].
func (c *Cache) ExpireAll(ctx context.Context) error {
	return c.core.invalidate(ctx, invalidation{all: true, soft: true, what: "everything"})
}

func (c *Cache) invalidateAddresses(ctx context.Context, where string, addresses []string, soft bool) error {
	in := invalidation{soft: soft, what: strings.Join(addresses, " ")}
	for _, text := range addresses {
		at, err := parseAddress(text)
		if err != nil {
			return fmt.Errorf("pagecache: %s: %w", where, err)
		}
		in.tags = append(in.tags, at.tags()...)
	}
	return c.core.invalidate(ctx, in)
}

func (c *Cache) invalidateTags(ctx context.Context, where string, tags []string, soft bool) error {
	in := invalidation{soft: soft, what: "tags " + strings.Join(tags, " ")}
	for _, t := range tags {
		if err := checkTag(t); err != "" {
			return fmt.Errorf("pagecache: %s: no page can have this tag: %s", where, err)
		}
		in.tags = append(in.tags, tag{kind: userTag, parts: [3]string{t}})
	}
	return c.core.invalidate(ctx, in)
}

func (c *Cache) invalidatePrefixes(ctx context.Context, where string, prefixes []string, soft bool) error {
	in := invalidation{soft: soft, what: "below " + strings.Join(prefixes, " ")}
	for _, prefix := range prefixes {
		switch {
		case !strings.HasPrefix(prefix, "/") || strings.ContainsAny(prefix, "?#"):
			return fmt.Errorf("pagecache: %s: %q is no path; give one such as \"/books/\"", where, prefix)
		case strings.ContainsAny(prefix, "{}"):
			return fmt.Errorf("pagecache: %s: %q looks like the pattern of a route, which PurgeRoute and ExpireRoute are for (write %%7B and %%7D for braces)", where, prefix)
		case strings.HasSuffix(prefix, "*"):
			return fmt.Errorf("pagecache: %s: %q has a wildcard, which a prefix does not need; give %q", where, prefix, strings.TrimRight(prefix, "*"))
		case !strings.HasSuffix(prefix, "/"):
			return fmt.Errorf("pagecache: %s: %q does not end with a slash; %q is for what is below it, %s(ctx, %q) for the page itself", where, prefix, prefix+"/", strings.TrimSuffix(where, "Prefix"), prefix)
		case strings.Count(decodedPath(prefix), "/") > maxDepth:
			return fmt.Errorf("pagecache: %s: %q has more than %d slashes; give a directory further up", where, prefix, maxDepth)
		}
		in.tags = append(in.tags, tag{kind: underTag, parts: [3]string{decodedPath(prefix)}})
	}
	if r := c.core.remote; r != nil && !r.prefixes {
		return fmt.Errorf("pagecache: %s: over a Store this needs New(func(p *pagecache.Policy) { p.PrefixPurge = true }) in all processes, which makes each look-up read a key for each directory; or give the pages a tag", where)
	}
	return c.core.invalidate(ctx, in)
}

func (c *Cache) invalidateRoutes(ctx context.Context, where string, patterns []string, soft bool) error {
	in := invalidation{soft: soft, what: "route " + strings.Join(patterns, " ")}
	for _, pattern := range patterns {
		label := withoutMethod(pattern)
		if !strings.Contains(label, "/") {
			return fmt.Errorf("pagecache: %s: %q is no route pattern; give one such as \"/books/{id}\", as Stats lists them", where, pattern)
		}
		in.tags = append(in.tags, tag{kind: routeTag, parts: [3]string{label}})
		if short := strings.TrimSuffix(label, "/"); short != "" && short != label { // chi leaves the slash out
			in.tags = append(in.tags, tag{kind: routeTag, parts: [3]string{short}})
		}
	}
	return c.core.invalidate(ctx, in)
}

// invalidation is one purge or expiry.
type invalidation struct {
	tags  []tag
	all   bool
	soft  bool
	spent *spending // of the budget of a request that waits for it; nil: of what ctx leaves
	again bool      // it is counted already
	what  string    // for people
}

// invalidate purges in this process first, then in the Store. When it returns,
// with whatever error, no request of this process is served what it is about.
func (c *core) invalidate(ctx context.Context, in invalidation) error {
	if len(in.tags) == 0 && !in.all {
		return nil
	}
	sc := scope{all: in.all}
	for _, t := range in.tags {
		sc.places = append(sc.places, c.stamps.place(hashTag(c.seed, t)))
		sc.rare = sc.rare || t.kind.rare()
	}
	c.stamps.strike(sc, in.soft, c.now())
	if !in.again {
		c.purges.Add(1)
	}
	var err error
	if c.remote != nil {
		err = c.invalidateRemote(ctx, in)
	}
	if c.near != nil { // a copy may have been made of what the store held until now
		c.stamps.strike(sc, in.soft, c.now())
	}
	if c.observer != nil && !in.again {
		c.emit(ctx, Event{Kind: KindPurge, Message: in.what, Err: err})
	}
	return err
}

func (c *core) invalidateRemote(ctx context.Context, in invalidation) error {
	var names []string
	late := false
	for _, t := range in.tags {
		switch t.kind {
		case userTag, routeTag:
			late = true
		case urlTag, targetTag, keyedTag: // a Store has no fences so fine
			t = tag{kind: pathTag, parts: [3]string{t.parts[0]}}
		}
		if name := t.name(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if in.all {
		names, late = append(names, namespaceName), true
	}
	spent := in.spent
	if spent == nil {
		spent = c.remote.within(ctx)
	}
	err := c.remote.purge(spent, names, in.soft, late)
	if err != nil {
		c.remote.owed.add(names)
		c.storeFailed("purge", err)
		return fmt.Errorf("pagecache: the store refused a purge (%s), which this process will retry; others may serve the old pages until then: %w", in.what, err)
	}
	return nil
}
