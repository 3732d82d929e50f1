package pagecache

import "slices"

// What tests of package pagecache_test know of the keys in a Store.

// FenceKeys are the keys of the fences of a page with this path and tags, the
// mark's second.
func FenceKeys(path string, tags ...string) (keys []string) {
	for _, tag := range slices.Concat([]string{namespaceName, markName, " path " + path}, tags) {
		keys = append(keys, fenceKey(tag))
	}
	return keys
}

// HardFenceKeys are those of the second fences, which only purges change.
func HardFenceKeys(path string, tags ...string) (keys []string) {
	for _, tag := range slices.Concat([]string{namespaceName, " path " + path}, tags) {
		keys = append(keys, fenceKey(hardPrefix+tag))
	}
	return keys
}

// RouteTag names the fence of a route in these.
func RouteTag(pattern string) string {
	return tag{kind: routeTag, parts: [3]string{pattern}}.name()
}

// MaxAbandoned is how many calls a cache may leave behind.
const MaxAbandoned = maxCalls

// FailuresInRow of a store are enough to leave it alone.
const FailuresInRow = failuresInRow

// MaxOwed is for how many fences a purge may be owed.
const MaxOwed = maxOwed
