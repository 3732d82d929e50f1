package pagecache

import (
	"context"
	"slices"
)

// What tests of package pagecache_test do to a Store behind a cache's back.

// ForeignPurgeTags is what a purge of tags in another process does: first the
// mark, and only when that is there the tags' own nonces.
func ForeignPurgeTags(ctx context.Context, s Store, tags ...string) error {
	steps := ForeignPurgeSteps(s, tags...)
	if err := steps[0](ctx); err != nil {
		return err
	}
	return steps[1](ctx)
}

// ForeignPurgeSteps are the two round trips of a purge of tags.
func ForeignPurgeSteps(s Store, tags ...string) [2]func(context.Context) error {
	nonce := newNonce()
	keys := make([]string, len(tags))
	for i, tag := range tags {
		keys[i] = fenceKey(tag)
	}
	return [2]func(context.Context) error{
		func(ctx context.Context) error { return s.Set(ctx, nonce, fenceLife, fenceKey(markTag)) },
		func(ctx context.Context) error { return s.Set(ctx, nonce, fenceLife, keys...) },
	}
}

// ForeignPurgePath is what a purge of a path in another process does. A path
// never comes late, so the mark has no part in it.
func ForeignPurgePath(ctx context.Context, s Store, path string) error {
	return s.Set(ctx, newNonce(), fenceLife, fenceKey(pathTag+path))
}

// ForeignPurgeAll is the same for everything.
func ForeignPurgeAll(ctx context.Context, s Store) error {
	return s.Set(ctx, newNonce(), fenceLife, fenceKey(namespaceTag))
}

// FenceKeys are the keys of the fences of a page with this path and tags.
func FenceKeys(path string, tags ...string) []string {
	var keys []string
	for _, tag := range slices.Concat([]string{namespaceTag, markTag, pathTag + path}, tags) {
		keys = append(keys, fenceKey(tag))
	}
	return keys
}

// MaxAbandoned is how many calls a cache may leave behind.
const MaxAbandoned = maxCalls
