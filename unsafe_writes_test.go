package pagecache_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

// ledger is a page /p that shows a number which unsafe requests raise: once
// before they answer, and once more afterwards if they hold.
type ledger struct {
	number atomic.Int64
	slow   atomic.Bool   // handler runs that begin now wait for hold
	hold   chan struct{} // before they write what they have read
	told   chan struct{} // closed when the client has been told of the success
	on     chan struct{} // and then the handler waits for this, if it is not nil
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		l.write(w)
		return
	}
	n := l.number.Load()
	if l.slow.Load() {
		<-l.hold
	}
	fmt.Fprintf(w, "number %d", n)
}

func (l *ledger) write(w http.ResponseWriter) {
	l.number.Add(1)
	w.WriteHeader(http.StatusAccepted)
	_ = http.NewResponseController(w).Flush()
	close(l.told)
	if l.on != nil {
		<-l.on
		l.number.Add(1)
	}
}

func newLedger() *ledger {
	return &ledger{hold: make(chan struct{}), told: make(chan struct{})}
}

func inWriters(t *testing.T, test func(t *testing.T, l *ledger, pages, writing http.Handler)) {
	for place, write := range writers {
		t.Run(place, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, l := newCache(t), newLedger()
				test(t, l, c.Page(time.Hour)(l), write(c, l))
			})
		})
	}
}

func askLedger(h http.Handler) (answer chan reply) {
	answer = make(chan reply, 1)
	go func() { answer <- call(h, sent("http://a.example/p")) }()
	synctest.Wait()
	return answer
}

func wantNumber(t *testing.T, what string, got reply, n int) {
	t.Helper()
	if got.body != fmt.Sprintf("number %d", n) {
		t.Errorf("%s: got %q (%s), want number %d", what, got.body, got.cacheStatus(), n)
	}
}

// TestReadYourWrites: the client that has been told of the success reads what it
// has written, although the writing handler has not returned, and although a
// page is just being made from what there was before.
func TestReadYourWrites(t *testing.T) {
	inWriters(t, func(t *testing.T, l *ledger, pages, writing http.Handler) {
		l.on = make(chan struct{})
		wantNumber(t, "before", call(pages, sent("http://a.example/p?stored")), 0)
		l.slow.Store(true)
		old := askLedger(pages)
		l.slow.Store(false)
		waiting := askLedger(pages) // for the old one
		go call(writing, sending(http.MethodPost, "http://a.example/p"))
		<-l.told
		wantNumber(t, "a stored page", call(pages, sent("http://a.example/p?stored")), 1)
		wantNumber(t, "a page that is being made", <-askLedger(pages), 1)
		close(l.hold)
		wantNumber(t, "a request that began before", <-old, 0)
		<-waiting
		wantNumber(t, "once the old page has landed", <-askLedger(pages), 1)
		close(l.on)
		synctest.Wait()
		wantNumber(t, "in the end", <-askLedger(pages), 2)
	})
}

// TestReadWhatIsWrittenLate: a page that is made between the status and the end
// of the writing handler, from what there was then, goes when the handler has
// returned, whether it is stored by then or not.
func TestReadWhatIsWrittenLate(t *testing.T) {
	for _, stored := range []bool{true, false} {
		inWriters(t, func(t *testing.T, l *ledger, pages, writing http.Handler) {
			l.on = make(chan struct{})
			l.slow.Store(!stored)
			over := make(chan struct{})
			go func() {
				call(writing, sending(http.MethodPost, "http://a.example/p"))
				close(over)
			}()
			<-l.told
			between := askLedger(pages)
			close(l.on)
			<-over
			l.slow.Store(false)
			wantNumber(t, "after the handler has returned", <-askLedger(pages), 2)
			close(l.hold)
			wantNumber(t, "a request that began before", <-between, 1)
			wantNumber(t, "in the end", <-askLedger(pages), 2)
		})
	}
}

// TestReadYourWritesOverNetwork is the same as a client sees it: it has the
// header of the answer, and not its end.
func TestReadYourWritesOverNetwork(t *testing.T) {
	for place, write := range writers {
		t.Run(place, func(t *testing.T) {
			c, l := newCache(t), newLedger()
			l.on = make(chan struct{})
			pages, writing := c.Page(time.Hour)(l), write(c, l)
			srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					pages.ServeHTTP(w, r)
					return
				}
				writing.ServeHTTP(w, r)
			}))
			get(t, srv.URL+"/p")
			if got := get(t, srv.URL+"/p"); !got.hit() {
				t.Fatalf("got %q, want the page stored", got.cacheStatus())
			}
			res, err := transport.RoundTrip(request(t, http.MethodPost, srv.URL+"/p"))
			if err != nil {
				t.Fatal(err)
			}
			wantNumber(t, "with the header", get(t, srv.URL+"/p"), 1)
			close(l.on)
			if _, err = io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			eventually(t, "what was written late", func() bool { return get(t, srv.URL+"/p").body == "number 2" })
		})
	}
}

// TestReadYourWritesOfTags: the same for what Invalidate names, on pages far from
// the path that is written to.
func TestReadYourWritesOfTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := newCache(t), newLedger()
		pages := c.Page(time.Hour, pagecache.Tags("ledger"))(l)
		writing := c.Invalidate("ledger")(l)
		call(pages, sent("http://a.example/p?stored"))
		l.slow.Store(true)
		old := askLedger(pages)
		l.slow.Store(false)
		call(writing, sending(http.MethodPost, "http://a.example/elsewhere"))
		wantNumber(t, "a stored page", call(pages, sent("http://a.example/p?stored")), 1)
		close(l.hold)
		<-old
		wantNumber(t, "a page that was being made", <-askLedger(pages), 1)
	})
}
