package redisstore

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// format is the version of what lies in Redis. It is part of every key, so
// that processes which do not understand each other's values do not meet.
const (
	format       = "2"
	formatSigned = format + "s"
)

// maxNamespace keeps keys short: they are sent and stored with every value.
const maxNamespace = 64

// Store keeps bytes in Redis. It implements pagecache.Store and the abilities
// GetTTL, SetIf, DeleteIf, TouchIf, Publish, Subscribe, Prompt and Close.
//
// All methods are safe for concurrent use, and each is one round trip but for
// the first use of a script. What they return as an error is an [*Error].
type Store struct {
	client redis.UniversalClient
	single bool   // one server holds all keys
	space  string // "<length>:<namespace>:"
	prefix string // space, format and a colon

	sealer    sealer
	ringIsFit bool

	once sync.Once
	done chan struct{} // closed by Close
}

// An Option of [New].
type Option func(*Store)

// UnsafeRing admits a *redis.Ring, which New refuses otherwise. A ring moves
// the keys of a shard that does not answer to the others, and back when it
// does. With the shard its old pages return, and the old nonces that vouch for
// them: pages that were purged meanwhile are served again, until their
// lifetimes end. A Redis Cluster does not do this.
func UnsafeRing() Option { return func(s *Store) { s.ringIsFit = true } }

// New returns a store in the Redis that client talks to. It sends nothing; see
// [Store.Check]. The client stays the caller's, who closes it after the cache.
//
// namespace keeps applications and environments apart that share a Redis: 1 to
// 64 bytes without control characters and braces. Everything that is to see the
// same pages and purges must use the same one, with the same options.
//
// New panics when an argument cannot work, and when the client is seen to read
// what may be older than the last purge: from replicas (ReadOnly,
// RouteByLatency, RouteRandomly), from a client-side cache, or from a
// *redis.Ring, see [UnsafeRing]. One case cannot be seen: a client of
// redis.NewFailoverClient with ReplicaOnly. Check finds it.
func New(client redis.UniversalClient, namespace string, opts ...Option) *Store {
	mustName(namespace)
	s := &Store{client: client, space: strconv.Itoa(len(namespace)) + ":" + namespace + ":", done: make(chan struct{})}
	for i, opt := range opts {
		if opt == nil {
			panic(fmt.Sprintf("redisstore: New: option %d is nil; leave it out", i))
		}
		opt(s)
	}
	s.prefix = s.space + s.format() + ":"
	s.single = s.mustServe(client)
	return s
}

func (s *Store) format() string {
	if s.sealer.signs() {
		return formatSigned
	}
	return format
}

func mustName(namespace string) {
	why := ""
	switch {
	case namespace == "":
		why = "is empty"
	case len(namespace) > maxNamespace:
		why = fmt.Sprintf("has %d bytes, more than %d", len(namespace), maxNamespace)
	case strings.ContainsAny(namespace, "{}"):
		why = "has braces, which decide where a cluster keeps a key"
	case strings.ContainsFunc(namespace, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }):
		why = "has control characters"
	default:
		return
	}
	panic(fmt.Sprintf("redisstore: New: the namespace %.80q %s; name the application and environment, as in %q",
		namespace, why, "shop-production"))
}

// mustServe panics when client cannot keep what a Store promises, and reports
// whether all keys are on one server.
func (s *Store) mustServe(client redis.UniversalClient) (single bool) {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		panic(fmt.Sprintf("redisstore: New: the client is nil (%T); make one with redisstore.Open or redisstore.NewClient", client))
	}
	switch c := client.(type) {
	case *redis.Client:
		if o := c.Options(); o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
			panic("redisstore: New: the client has a client-side cache, which may answer with pages that are purged; " +
				"give the store a client without ClientSideCache and ClientSideCacheConfig")
		}
		return true
	case *redis.ClusterClient:
		o := c.Options()
		if what := readsReplicas(o.ReadOnly, o.RouteByLatency, o.RouteRandomly); what != "" {
			panic("redisstore: New: the client has " + what + " set and reads from replicas, where purged pages may " +
				"still be; give the store a client without it")
		}
	case *redis.Ring:
		if !s.ringIsFit {
			panic("redisstore: New: the client is a *redis.Ring, whose shards bring purged pages back when they return; " +
				"use a Redis Cluster, or read what the option redisstore.UnsafeRing says")
		}
	}
	return false
}

// readsReplicas names the first option that is set.
func readsReplicas(readOnly, byLatency, randomly bool) string {
	switch {
	case byLatency:
		return "RouteByLatency"
	case randomly:
		return "RouteRandomly"
	case readOnly:
		return "ReadOnly (or ReplicaOnly)"
	}
	return ""
}

// Prompt reports whether every call returns when its context reaches its
// deadline. It is so for a *redis.Client with ContextTimeoutEnabled. Clients of
// clusters and rings do some of their work on contexts of their own.
func (s *Store) Prompt() bool {
	c, ok := s.client.(*redis.Client)
	return ok && c.Options().ContextTimeoutEnabled
}

// Close ends what the store runs, which is its Subscribe calls. It does not
// close the client, so other methods go on working. It returns nil and may be
// called more than once.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}
