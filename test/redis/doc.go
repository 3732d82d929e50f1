// Package redis tests fleets of caches on real Redis servers: single ones, a
// Cluster and Sentinel, well and under faults. It is a module of its own, so that
// what it needs reaches nobody who uses pagecache.
//
// Without a redis-server on the path an in-process stand-in serves what it can; the
// rest is skipped, loudly. The long forms of the tests, which take the figures of
// the documentation, run with
//
//	go test -v -run Figure -timeout 60m . -args -long
package redis
