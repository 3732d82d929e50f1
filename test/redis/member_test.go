//go:build linux

package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// memberEnv, when it is set, makes this test binary a member of a fleet: a
// process with a cache of its own, see TestMain.
const memberEnv = "PAGECACHE_TEST_MEMBER"

// memberOptions is how a member is told what to be.
type memberOptions struct {
	Board  string // file
	Desk   int
	Redis  string // host and port
	Clock  bool   // ask together with all other members, round by round, instead of hammering
	Asking int    // clients in the process

	Lease, Budget time.Duration
	Patience      time.Duration // of the Redis client, where it differs from what NewClient has
	Near          time.Duration // maxStale of a near cache; 0 for none
	Broken        string        // what is wrong with the store, see brokenStore
}

func TestMain(m *testing.M) {
	text := os.Getenv(memberEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := beMember(text); err != nil {
		fmt.Fprintln(os.Stderr, "member:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// member is this process when it is one.
type member struct {
	memberOptions
	board *board
	desk  *desk
	cache *pagecache.Cache
	mux   *http.ServeMux
}

// beMember serves, and asks, until the board says stop.
func beMember(text string) error {
	m := new(member)
	if err := json.Unmarshal([]byte(text), &m.memberOptions); err != nil {
		return err
	}
	var err error
	if m.board, err = openBoard(m.Board); err != nil {
		return err
	}
	m.desk = &m.board.desks[m.Desk]
	client := m.newClient()
	defer client.Close()
	h := newHitter(m)
	m.cache = m.newCache(client, h)
	m.mux = m.newSite()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: m.mux, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	m.desk.port.Store(int64(ln.Addr().(*net.TCPAddr).Port))
	if m.Clock {
		m.askByTheClock()
	} else {
		h.hammer()
	}
	if err := server.Close(); err != nil {
		return err
	}
	if err := <-served; err != http.ErrServerClosed {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = m.cache.Close(ctx) // it fails when a purge is owed to the last, which is no fault here
	return nil
}

func (m *member) newClient() redis.UniversalClient {
	return redisstore.NewClient(&redis.UniversalOptions{
		Addrs:       []string{m.Redis},
		DialTimeout: m.Patience, ReadTimeout: m.Patience, WriteTimeout: m.Patience, PoolTimeout: m.Patience,
	})
}

func (m *member) newCache(client redis.UniversalClient, h *hitter) *pagecache.Cache {
	store := brokenStore(m.Broken, redisstore.New(client, "fleet"))
	// What fails, and how often, the test knows: it makes the faults itself.
	opts := []pagecache.Option{
		pagecache.WithStore(store), pagecache.WithObserver(h),
		pagecache.WithLogger(slog.New(slog.DiscardHandler)),
		func(p *pagecache.Policy) { p.Lease, p.StoreBudget = m.Lease, m.Budget },
	}
	if m.Near > 0 {
		opts = append(opts, pagecache.NearCache(16<<20, m.Near))
	}
	return pagecache.New(opts...)
}
