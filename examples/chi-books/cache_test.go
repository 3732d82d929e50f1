package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// startTwo runs two instances over one database and one Redis.
func startTwo(t *testing.T, redis *redistest.Server, args ...string) (a, b started) {
	t.Helper()
	folder, args := filledFolder(t), append([]string{"-redis", redis.URL()}, args...)
	return start(t, folder, args...), start(t, folder, args...)
}

func (p started) stopped(t *testing.T) {
	t.Helper()
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// shared waits until one instance makes or has a page that the other has as well: on a busy
// machine Redis may take longer than a page view waits for it, and the page is made again.
func shared(t *testing.T, a, b started, path string) (page answer) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		made := send(t, "GET", a.url+path, "")
		want(t, made, http.StatusOK)
		page = send(t, "GET", b.url+path, "")
		if strings.HasPrefix(page.Header.Get("Cache-Status"), "pagecache; hit; ") && page.body == made.body {
			return page
		}
	}
	t.Fatalf("%s: got Cache-Status %q for 20 s, want a hit on the other's page", path, page.Header.Get("Cache-Status"))
	return page
}

// TestInstancesShareTheirPages: what one has made the others serve, and a review that one
// has taken shows in all of them.
func TestInstancesShareTheirPages(t *testing.T) {
	a, b := startTwo(t, redistest.Start(t))
	for _, path := range []string{"/", "/books/312", "/search?q=sea"} {
		shared(t, a, b, path)
	}
	writer := send(t, "POST", b.url+"/books/312/reviews", "text=Bought-twice") // follows the redirect
	want(t, writer, http.StatusOK, "Bought-twice")
	for _, path := range []string{"/", "/books/312"} {
		shows(t, a, path, "Bought-twice")
		want(t, shared(t, a, b, path), http.StatusOK, "Bought-twice")
	}
	a.stopped(t)
	b.stopped(t)
}

// TestCopiesLearnOfReviews: a review reaches the copies that -near keeps, long before these
// would expire.
func TestCopiesLearnOfReviews(t *testing.T) {
	a, b := startTwo(t, redistest.Start(t), "-near", "5m")
	shared(t, a, b, "/books/312")
	want(t, send(t, "POST", a.url+"/books/312/reviews", "text=Soon-everywhere"), http.StatusOK, "Soon-everywhere")
	shows(t, b, "/books/312", "Soon-everywhere")
	a.stopped(t)
	b.stopped(t)
}

// shows waits for a text in a page. It is there at once, unless a busy machine made the
// purge miss its time limit: it is then tried again.
func shows(t *testing.T, site started, path, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(send(t, "GET", site.url+path, "").body, text) {
			return
		}
	}
	t.Errorf("%s: got no %q for 20 s", path, text)
}

// TestRedisDiesUnderLoad: visitors do not notice.
func TestRedisDiesUnderLoad(t *testing.T) {
	redis := redistest.Start(t)
	a, b := startTwo(t, redis)
	const workers, each = 4, 100
	var served atomic.Int64
	var visitors sync.WaitGroup
	for w := range workers {
		visitors.Go(func() {
			for i := range each {
				visit(t, []string{a.url, b.url}[w%2]+"/books/"+strconv.Itoa(1+i%30))
				if served.Add(1) == workers*each/3 {
					redis.Kill()
				}
			}
		})
	}
	visitors.Wait()
	if n := served.Load(); n != workers*each {
		t.Errorf("got %d requests, want %d", n, workers*each)
	}
	want(t, send(t, "POST", a.url+"/books/1/reviews", "text=Written+without"), http.StatusOK, "Written without")
	// Who purged in vain says so at the end: there may be old pages if Redis was only out of reach.
	if err := a.stop(); err == nil || !strings.Contains(err.Error(), "refused purges") {
		t.Errorf("stop: got %v, want a word about the purge that Redis did not take", err)
	}
	b.stopped(t)
}

// visit wants a page of a book, from wherever.
func visit(t *testing.T, url string) {
	res, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "Similar books") {
		t.Errorf("%s: got %d, %v, %q; want a book", url, res.StatusCode, err, body)
	}
}

// TestStartsWithoutRedis: the site is there before its Redis, which is used as soon as it
// comes.
func TestStartsWithoutRedis(t *testing.T) {
	redis := redistest.Start(t)
	redis.Kill()
	a, b := startTwo(t, redis)
	want(t, send(t, "GET", a.url+"/books/312", ""), http.StatusOK, "The Way of All Flesh")

	redis.Restart()
	shared(t, a, b, "/books/312")
	a.stopped(t)
	b.stopped(t)
}
