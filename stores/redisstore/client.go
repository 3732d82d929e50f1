package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// NewClient returns a client like redis.NewUniversalClient, of a copy of o in
// which what is not set has values for page views, where the handler is always
// there instead of a Redis that is slow:
//
//   - ContextTimeoutEnabled, always: a call ends with the time that the cache
//     allows for it. Without it [Store.Prompt] is false.
//   - DialTimeout 200 ms, ReadTimeout and WriteTimeout 100 ms: what a page view
//     may lose at most where no context says less.
//   - PoolTimeout 50 ms: how long it waits for one of PoolSize connections.
//   - MaxRetries -1 and DialerRetries 1, no second attempts: they would find the
//     same Redis and delay the handler. MaxRedirects stays at go-redis' 3, for a
//     cluster moves keys.
//   - PoolSize 10 for each processor and at least 32. A look-up holds one for
//     less than a millisecond, so this is some ten thousand page views a second;
//     more in parallel would queue in Redis, which has one thread.
//   - PipelinePoolSize -1: look-ups are pipelines and use the same connections,
//     instead of up to ten others with buffers of 256 KiB.
//   - ConnMaxIdleTime 5 minutes, which is before the load balancers of the large
//     clouds drop a connection without a word, and a page view finds out.
//   - DisableIdentity, always, and MaintNotificationsConfig disabled: they cost
//     round trips when a page view has to connect.
//   - ClusterStateReloadInterval 500 ms, for a cluster, always: a client asks who
//     holds which slots only when a node redirects it and after this time. A node
//     that has died redirects nobody, so with go-redis' minute its pages would be
//     missed for up to a minute after a replica took over.
//
// NewClient panics when o is nil, or asks for reads from replicas.
func NewClient(o *redis.UniversalOptions) redis.UniversalClient {
	if o == nil {
		panic("redisstore: NewClient: the options are nil; write &redis.UniversalOptions{Addrs: []string{\"localhost:6379\"}}")
	}
	if what := readsReplicas(o.ReadOnly, o.RouteByLatency, o.RouteRandomly); what != "" {
		panic("redisstore: NewClient: " + what + " is set: pages that are purged may still be on replicas; leave it out")
	}
	own := *o
	settings{
		dial: &own.DialTimeout, read: &own.ReadTimeout, write: &own.WriteTimeout, pool: &own.PoolTimeout, idle: &own.ConnMaxIdleTime,
		retries: &own.MaxRetries, dials: &own.DialerRetries, size: &own.PoolSize, pipelines: &own.PipelinePoolSize,
		prompt: &own.ContextTimeoutEnabled, anonymous: &own.DisableIdentity, notes: &own.MaintNotificationsConfig,
	}.fill()
	if own.MasterName == "" && (own.IsClusterMode || len(own.Addrs) > 1) {
		cluster := own.Cluster()
		cluster.ClusterStateReloadInterval = reloadEvery
		return redis.NewClusterClient(cluster)
	}
	return redis.NewUniversalClient(&own)
}

// reloadEvery is shorter than the pause between two tries of a cache that leaves
// its store alone: each try has a new map ready for the next. UniversalOptions and
// URLs do not have the setting.
const reloadEvery = 500 * time.Millisecond

// Open returns a client for a URL, with what the URL does not set as
// [NewClient] has it:
//
//	redis://user:password@host:6379/0       one server; rediss:// with TLS
//	unix:///run/redis.sock?db=0             one server on this machine
//	redis://host1:6379?addr=host2:6379      a Redis Cluster
//	redis://host1:26379?master_name=m       a master found by Sentinels,
//	                                        more of them with &addr=host2:26379
//
// Other settings are query parameters in the spelling of go-redis' ParseURL,
// ParseClusterURL and ParseFailoverURL, such as read_timeout=50ms. Open does
// not connect. Its errors name the URL without passwords.
func Open(rawURL string) (redis.UniversalClient, error) {
	u, err := url.Parse(rawURL)
	switch {
	case rawURL == "":
		return nil, failed("Open", errors.New("the URL is empty; it should look like redis://user:password@host:6379/0"))
	case err != nil:
		// The reason would repeat a part of the URL, perhaps of the password.
		return nil, failed("Open", fmt.Errorf("%s cannot be parsed; it should look like redis://user:password@host:6379/0, "+
			"with %%xx for special characters", scheme(rawURL)))
	case !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme):
		return nil, failed("Open", fmt.Errorf("%s does not begin with redis://, rediss:// or unix://; it should look like "+
			"redis://user:password@host:6379/0", shown(u, rawURL)))
	}
	client, err := open(u, rawURL)
	if err != nil {
		return nil, failed("Open", fmt.Errorf("%s: %w", withoutPasswords(u), err))
	}
	return client, nil
}

func open(u *url.URL, rawURL string) (redis.UniversalClient, error) {
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(rawURL)
		if err != nil {
			return nil, err
		}
		return openFailover(o)
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(rawURL)
		if err != nil {
			return nil, err
		}
		return openCluster(o)
	}
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	settings{
		dial: &o.DialTimeout, read: &o.ReadTimeout, write: &o.WriteTimeout, pool: &o.PoolTimeout, idle: &o.ConnMaxIdleTime,
		retries: &o.MaxRetries, dials: &o.DialerRetries, size: &o.PoolSize, pipelines: &o.PipelinePoolSize,
		prompt: &o.ContextTimeoutEnabled, anonymous: &o.DisableIdentity, notes: &o.MaintNotificationsConfig,
	}.fill()
	return redis.NewClient(o), nil
}

func openFailover(o *redis.FailoverOptions) (redis.UniversalClient, error) {
	if what := readsReplicas(o.ReplicaOnly, o.RouteByLatency, o.RouteRandomly); what != "" {
		return nil, errors.New("asks for " + what + ", but pages that are purged may still be on replicas: leave it out")
	}
	settings{
		dial: &o.DialTimeout, read: &o.ReadTimeout, write: &o.WriteTimeout, pool: &o.PoolTimeout, idle: &o.ConnMaxIdleTime,
		retries: &o.MaxRetries, dials: &o.DialerRetries, size: &o.PoolSize, pipelines: &o.PipelinePoolSize,
		prompt: &o.ContextTimeoutEnabled, anonymous: &o.DisableIdentity,
	}.fill()
	return redis.NewFailoverClient(o), nil
}

func openCluster(o *redis.ClusterOptions) (redis.UniversalClient, error) {
	if what := readsReplicas(o.ReadOnly, o.RouteByLatency, o.RouteRandomly); what != "" {
		return nil, errors.New("asks for " + what + ", but pages that are purged may still be on replicas: leave it out")
	}
	settings{
		dial: &o.DialTimeout, read: &o.ReadTimeout, write: &o.WriteTimeout, pool: &o.PoolTimeout, idle: &o.ConnMaxIdleTime,
		retries: &o.MaxRetries, dials: &o.DialerRetries, size: &o.PoolSize, pipelines: &o.PipelinePoolSize,
		prompt: &o.ContextTimeoutEnabled, anonymous: &o.DisableIdentity, notes: &o.MaintNotificationsConfig,
	}.fill()
	o.ClusterStateReloadInterval = reloadEvery
	return redis.NewClusterClient(o), nil
}

// settings are those that the four kinds of options have in common.
type settings struct {
	dial, read, write, pool, idle   *time.Duration
	retries, dials, size, pipelines *int
	prompt, anonymous               *bool
	notes                           **maintnotifications.Config // nil for Sentinel
}

func (s settings) fill() {
	orElse(s.dial, 200*time.Millisecond)
	orElse(s.read, 100*time.Millisecond)
	orElse(s.write, 100*time.Millisecond)
	orElse(s.pool, 50*time.Millisecond)
	orElse(s.idle, 5*time.Minute)
	orElse(s.retries, -1)
	orElse(s.dials, 1)
	orElse(s.size, max(32, 10*runtime.GOMAXPROCS(0)))
	orElse(s.pipelines, -1)
	*s.prompt, *s.anonymous = true, true
	if s.notes != nil {
		orElse(s.notes, &maintnotifications.Config{Mode: maintnotifications.ModeDisabled})
	}
}

func orElse[T comparable](p *T, value T) {
	var unset T
	if *p == unset {
		*p = value
	}
}

// shown is what an error may show of a URL. What has no scheme may be a password.
func shown(u *url.URL, rawURL string) string {
	if !strings.Contains(rawURL, "://") {
		return "the URL"
	}
	return withoutPasswords(u)
}

// withoutPasswords spells u for an error. go-redis also takes some passwords
// from the query.
func withoutPasswords(u *url.URL) string {
	shown := *u
	query := shown.Query()
	for name := range query {
		if strings.Contains(name, "password") {
			query.Set(name, "xxxxx")
		}
	}
	shown.RawQuery = query.Encode()
	return shown.Redacted()
}

func scheme(rawURL string) string {
	before, _, ok := strings.Cut(rawURL, "://")
	if !ok {
		return "the URL"
	}
	return strconv.Quote(before + "://...")
}
