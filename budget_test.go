package pagecache_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
)

const (
	budget    = 256 << 10
	mostOfIt  = 200 << 10 // one such page fits, two do not
	bigTarget = "/big"
)

func withBudget(p *pagecache.Policy) { p.MaxRecording = budget }

// TestRecordingBudget: a response for which there is no room any more is passed
// on whole, and there is room again when the others have ended.
func TestRecordingBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("x", mostOfIt)
		c := newCache(t, withBudget)
		h := c.Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			write(w, body)
			time.Sleep(time.Second)
		}))
		targets := []string{"/a", "/b"}
		replies, _ := crowd(h, 2, func(i int) *http.Request { return page(targets[i]) })
		refused := 0
		for _, got := range replies {
			if got.body != body {
				t.Errorf("got %d bytes, want %d", len(got.body), len(body))
			}
			if got.reason() == "recording-budget" {
				refused++
			} else if !got.stored() {
				t.Errorf("got %q, want it stored", got.cacheStatus())
			}
		}
		if refused != 1 {
			t.Errorf("got %d responses without room, want 1", refused)
		}
		if got := call(h, page("/c")); !got.stored() {
			t.Errorf("afterwards: got %q, want it stored", got.cacheStatus())
		}
	})
}

// TestRecordingBudgetComesBack however a recording ends.
func TestRecordingBudgetComesBack(t *testing.T) {
	body := strings.Repeat("x", mostOfIt)
	for name, end := range map[string]func(w http.ResponseWriter, r *http.Request){
		"panic":     func(http.ResponseWriter, *http.Request) { panic("out of paper") },
		"flush":     func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"hijack":    func(w http.ResponseWriter, _ *http.Request) { _, _, _ = w.(http.Hijacker).Hijack() },
		"no store":  func(_ http.ResponseWriter, r *http.Request) { pagecache.FromContext(r.Context()).NoStore() },
		"too large": func(w http.ResponseWriter, _ *http.Request) { write(w, body, body, body, body, body, body) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newCache(t, withBudget).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				write(w, body)
				if r.URL.Path == bigTarget {
					end(w, r)
				}
			}))
			for range 3 {
				_, _ = quietly(h, page(bigTarget))
			}
			if got := call(h, page("/next")); !got.stored() {
				t.Errorf("got %q, want the next page stored", got.cacheStatus())
			}
		})
	}
}

// TestEndlessBodyFreesItsRecording as soon as it passes MaxBody.
func TestEndlessBodyFreesItsRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		h := newCache(t, withBudget, pagecache.MaxBody(mostOfIt)).Page(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			write(w, strings.Repeat("x", mostOfIt))
			if r.URL.Path == bigTarget {
				write(w, "one more byte")
				<-over
			}
		}))
		endless := make(chan reply)
		go func() { endless <- call(h, page(bigTarget)) }()
		synctest.Wait()
		if got := call(h, page("/next")); !got.stored() {
			t.Errorf("got %q, want it stored while the endless one is sent", got.cacheStatus())
		}
		close(over)
		if got := <-endless; len(got.body) != mostOfIt+len("one more byte") {
			t.Errorf("got %d bytes, want all", len(got.body))
		}
	})
}

// TestRefuseSeesTheWholeResponse, outer fields included, once.
func TestRefuseSeesTheWholeResponse(t *testing.T) {
	calls := 0
	refuse := pagecache.Refuse(func(status int, header http.Header, body []byte) bool {
		calls++
		if status != 203 || header.Get("X-Own") != "yes" {
			t.Errorf("got status %d, fields %v; want 203 and the handler's fields", status, header)
		}
		return !bytes.Contains(body, []byte("complete"))
	})
	h := newCache(t).Page(time.Minute, refuse)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Own", "yes")
		w.WriteHeader(203)
		write(w, r.URL.Query().Get("text"))
	}))
	if got := call(h, page("/?text=partial")); got.reason() != "refused" || got.body != "partial" {
		t.Errorf("got %q, %q; want it refused and sent", got.cacheStatus(), got.body)
	}
	if got := call(h, page("/?text=complete")); !got.stored() {
		t.Errorf("got %q, want it stored", got.cacheStatus())
	}
	if calls != 2 {
		t.Errorf("got %d calls for 2 responses, want one each", calls)
	}
}
