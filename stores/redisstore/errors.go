package redisstore

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Error is what the methods of a Store return. Op is the method. Kind is one of
// timeout, canceled, refused, loading, readonly, oom, moved, clusterdown, auth,
// wrongtype, maxclients, misconf, too-large, database, closed, namespace and other. Err
// is what went wrong, so that errors.Is finds context.Canceled and others.
//
// The text ends with a way out where one is known. It holds neither values nor
// passwords.
type Error struct {
	Op   string
	Kind string
	Err  error
}

const (
	classTimeout     = "timeout"
	classCanceled    = "canceled"
	classRefused     = "refused"
	classLoading     = "loading"
	classReadOnly    = "readonly"
	classOOM         = "oom"
	classMoved       = "moved"
	classClusterDown = "clusterdown"
	classAuth        = "auth"
	classWrongType   = "wrongtype"
	classMaxClients  = "maxclients"
	classMisconf     = "misconf"
	classTooLarge    = "too-large"
	classClosed      = "closed"
	classNamespace   = "namespace"
	classDatabase    = "database"
	classOther       = "other"
)

var (
	errTooLarge  = errors.New("the value is too large")
	errNamespace = errors.New("the namespace is in use in another format")
	errReplica   = errors.New("ROLE answers slave")
)

var wayOut = map[string]string{
	classTimeout:     "Redis or the way to it is slow, or the pool of connections is too small: see SLOWLOG and the time limits of the client",
	classRefused:     "no Redis answers there, or it hung up: check the address, that it runs, whether it wants TLS (rediss://), and its maxclients",
	classLoading:     "the server is reading its data from disk; it will answer when that is done",
	classReadOnly:    "the server is a replica; give the address of the master, or use a Sentinel or Cluster client",
	classOOM:         "the memory of Redis is full and nothing may be evicted: set maxmemory-policy allkeys-lru, or raise maxmemory",
	classMoved:       "the server is part of a cluster; use a Cluster client (an URL with ?addr=, or IsClusterMode)",
	classClusterDown: "the cluster has no master for some keys: see CLUSTER INFO",
	classAuth:        "the password or the user is wrong, or may not do this: see ACL LOG, and what the server needs in the package documentation",
	classWrongType:   "something else in this Redis uses the keys of the namespace: give the store another one",
	classMaxClients:  "the server has too many connections: make the pools of the clients smaller, or raise maxclients",
	classMisconf:     "the server cannot save and refuses to write: see its log, or set stop-writes-on-bgsave-error no",
	classTooLarge:    "store smaller pages: see the policy's largest body",
	classDatabase:    "the server has fewer databases than the number at the end of the URL, or Options.DB, says; a Cluster has none but 0",
	classClosed:      "the client or the store is closed: close the cache first, and the client after it",
}

// Error tells what went wrong where, and the way out.
func (e *Error) Error() string {
	text := "redisstore: " + e.Op + ": " + e.Err.Error()
	if way := wayOut[e.Kind]; way != "" {
		text += " (" + way + ")"
	}
	return text
}

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// Class is Kind, as a method by which the cache groups errors in the log.
func (e *Error) Class() string { return e.Kind }

// failed wraps an error of the method op; nil stays nil. A cluster may have
// another master by now: its client would find out in a minute only, if it is not
// told to look.
func (s *Store) failed(op string, err error) error {
	if c, ok := s.client.(*redis.ClusterClient); ok && err != nil {
		switch classOf(err) {
		case classRefused, classTimeout, classClusterDown:
			c.ReloadState(context.Background())
		}
	}
	return failed(op, err)
}

// failed is the same without a client.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return &Error{op, known.Kind, known.Err}
	}
	return &Error{op, classOf(err), withoutArguments(err)}
}

// withoutArguments cuts off where a server repeats the arguments of a command
// that it does not know, for they may hold a page.
func withoutArguments(err error) error {
	text, _, found := strings.Cut(err.Error(), ", with args beginning with")
	if !found {
		return err
	}
	return errors.New(text)
}

func classOf(err error) string {
	var network *net.OpError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return classCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout),
		errors.As(err, &timeout) && timeout.Timeout():
		return classTimeout
	case errors.Is(err, redis.ErrClosed), errors.Is(err, errClosed):
		return classClosed
	case errors.Is(err, errTooLarge):
		return classTooLarge
	case errors.Is(err, errNamespace):
		return classNamespace
	case errors.Is(err, errReplica):
		return classReadOnly
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNREFUSED):
		return classRefused
	}
	return classOfText(err.Error())
}

// texts are the beginnings of the errors of a server, and some words of
// go-redis, in the order in which they are looked for.
var texts = []struct{ text, class string }{
	{"LOADING ", classLoading},
	{"READONLY ", classReadOnly},
	{"OOM ", classOOM},
	{"MOVED ", classMoved},
	{"ASK ", classMoved},
	{"TRYAGAIN ", classMoved},
	{"CROSSSLOT ", classMoved},
	{"CLUSTERDOWN ", classClusterDown},
	{"MASTERDOWN ", classClusterDown},
	{"NOAUTH ", classAuth},
	{"WRONGPASS ", classAuth},
	{"NOPERM ", classAuth},
	{"ERR invalid password", classAuth},
	{"ERR Client sent AUTH", classAuth},
	{"ERR AUTH ", classAuth},
	{"WRONGTYPE ", classWrongType},
	{"ERR max number of clients", classMaxClients},
	{"MISCONF ", classMisconf},
	{"ERR string exceeds maximum", classTooLarge},
	{"ERR Protocol error: invalid bulk length", classTooLarge},
	{"ERR DB index is out of range", classDatabase},
	{"redis: all sentinels", classRefused},
}

// classOfText looks at the beginning of each word: scripts and go-redis put
// words of their own in front.
func classOfText(text string) string {
	for _, t := range texts {
		if strings.HasPrefix(text, t.text) || strings.Contains(text, " "+t.text) {
			return t.class
		}
	}
	return classOther
}
