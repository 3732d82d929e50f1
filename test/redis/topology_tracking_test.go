package redis_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// topoNews is what came over two ways: messages of the store, and the invalidation
// messages of Redis for the names of fences (CLIENT TRACKING with BCAST).
type topoNews struct {
	mu                sync.Mutex
	messages, tracked int // tracked counts names; one message of Redis may have several
	message           time.Time
	names             []time.Time // when each name came
}

// listenBoth subscribes in both ways.
func listenBoth(t *testing.T, server *redistest.Server) *topoNews {
	t.Helper()
	n := new(topoNews)
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		listening.Wait()
	})
	stands := make(chan struct{}, 8)
	client := topoClient(server.Addr())
	t.Cleanup(func() { _ = client.Close() })
	store := redisstore.New(client, topoNamespace)
	listening.Go(func() {
		_ = store.Subscribe(ctx, func() { stands <- struct{}{} }, func([]byte) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.messages, n.message = n.messages+1, time.Now()
		})
	})
	<-stands
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "HELLO 3\r\nCLIENT TRACKING ON BCAST PREFIX %d:%s:2:f:\r\n", len(topoNamespace), topoNamespace)
	tracking := make(chan error, 1)
	go n.track(conn, tracking)
	select {
	case err := <-tracking:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("tracking: no answer within 5 s")
	}
	return n
}

// track reads pushes of the form ">2 invalidate *n name...", line by line: names
// have no line ends.
func (n *topoNews) track(conn io.Reader, ready chan<- error) {
	r := bufio.NewReader(conn)
	names := -1
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "-"):
			ready <- errors.New(line)
			return
		case line == "+OK":
			ready <- nil
		case line == "invalidate":
			names = 0
		case names == 0 && strings.HasPrefix(line, "*"):
			names, _ = strconv.Atoi(line[1:])
		case names > 0 && !strings.HasPrefix(line, "$"):
			names--
			n.mu.Lock()
			n.tracked++
			n.names = append(n.names, time.Now())
			n.mu.Unlock()
		}
	}
}

// counts is what came until now.
func (n *topoNews) counts() *topoNews {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &topoNews{messages: n.messages, tracked: n.tracked, message: n.message, names: slices.Clone(n.names)}
}

// settle waits until so much has come, and nothing more comes.
func (n *topoNews) settle(t *testing.T, messages, tracked int) *topoNews {
	t.Helper()
	now := n.counts()
	topoSoon(t, "news", 10*time.Second, func() error {
		last := now
		time.Sleep(5 * time.Millisecond)
		if now = n.counts(); now.messages < messages || now.tracked < tracked || now.messages != last.messages || now.tracked != last.tracked {
			return fmt.Errorf("got %d messages and %d names, want %d and %d", now.messages, now.tracked, messages, tracked)
		}
		return nil
	})
	return now
}

// firstAfter is when the first name came that was not there before.
func (n *topoNews) firstAfter(after *topoNews, began time.Time) time.Duration {
	return after.names[n.tracked].Sub(began)
}

func topoQuantile(list []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func topoQuantiles(list []time.Duration) string {
	us := time.Microsecond
	return fmt.Sprintf("p50 %v, p90 %v, p99 %v, max %v", topoQuantile(list, .5).Round(us), topoQuantile(list, .9).Round(us),
		topoQuantile(list, .99).Round(us), slices.Max(list).Round(us))
}
