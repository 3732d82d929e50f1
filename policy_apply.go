package pagecache

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// apply edits a copy of p for where and checks the result.
func (p Policy) apply(where string, opts []Option) Policy {
	p.unshare()
	for i, opt := range opts {
		if opt == nil {
			panic(fmt.Sprintf("pagecache: %s: option %d is nil; leave it out", where, i+1))
		}
		opt(&p)
	}
	p.check(where)
	p.TargetedFields = canonicalNames(p.TargetedFields)
	p.TagFields = canonicalNames(p.TagFields)
	return p
}

// unshare gives p lists of its own, so that no option edits those of the group.
func (p *Policy) unshare() {
	p.StatusTTL = maps.Clone(p.StatusTTL)
	p.TargetedFields, p.TagFields = slices.Clone(p.TargetedFields), slices.Clone(p.TagFields)
	p.TagFuncs = slices.Clone(p.TagFuncs)
	p.Skip, p.Refuse = slices.Clone(p.Skip), slices.Clone(p.Refuse)
	p.Tags, p.IgnoredCookies, p.AllowedFields = slices.Clone(p.Tags), slices.Clone(p.IgnoredCookies), slices.Clone(p.AllowedFields)
}

func canonicalNames(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = http.CanonicalHeaderKey(name)
	}
	return list
}

// derive is apply for everything but New, which alone may choose what the
// caches derived from it share.
func (p Policy) derive(where string, opts []Option) Policy {
	old := p
	p.newOnly = ""
	p = p.apply(where, opts)
	if p.newOnly != "" {
		panic(fmt.Sprintf("pagecache: %s: %s belongs to New, which makes the cache; here the cache exists already", where, p.newOnly))
	}
	if p.StoreBudget != old.StoreBudget || p.MaxRecording != old.MaxRecording || p.MaxRefreshes != old.MaxRefreshes || p.PrefixPurge != old.PrefixPurge {
		panic(fmt.Sprintf("pagecache: %s: StoreBudget, MaxRecording, MaxRefreshes and PrefixPurge are shared by the whole cache; set them in New", where))
	}
	return p
}
