package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/go-pagecache/pagecache"
)

func TestMain(m *testing.M) {
	queryTime = 0
	os.Exit(m.Run())
}

func TestShowBook(t *testing.T) {
	cache := pagecache.New()
	srv := httptest.NewServer(newMux(cache))
	defer srv.Close()
	for _, tt := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/books/1", http.StatusOK, "Middlemarch"},
		{"GET", "/books/3", http.StatusOK, "Persuasion"},
		{"HEAD", "/books/1", http.StatusOK, ""},
		{"GET", "/books/4", http.StatusNotFound, "no such book"},
		{"POST", "/books/1", http.StatusMethodNotAllowed, ""},
		{"GET", "/", http.StatusNotFound, ""},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("got %d %q, want %d with %q", resp.StatusCode, body, tt.status, tt.want)
			}
		})
	}
}

func TestSecondRequestIsAHit(t *testing.T) {
	cache := pagecache.New()
	mux := newMux(cache)
	get := func() (body string, header http.Header) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/books/1", nil))
		return w.Body.String(), w.Header()
	}
	made, header := get()
	if got, want := header.Get("Cache-Status"), "pagecache; fwd=uri-miss; stored; ttl=900"; got != want {
		t.Errorf("first: got Cache-Status %q, want %q", got, want)
	}
	kept, header := get()
	if got := header.Get("Cache-Status"); !strings.HasPrefix(got, "pagecache; hit; ttl=") || header.Get("Age") == "" {
		t.Errorf("second: got Cache-Status %q, Age %q, want a hit and its age", got, header.Get("Age"))
	}
	if kept != made {
		t.Errorf("second: got %q, want the page of the first: %q", kept, made)
	}
	if err := cache.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, header = get(); header.Get("Cache-Status") != "pagecache; fwd=bypass; detail=closed" {
		t.Errorf("closed: got Cache-Status %q", header.Get("Cache-Status"))
	}
}

func TestPutBook(t *testing.T) {
	cache := pagecache.New()
	mux := newMux(cache)
	send := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
		kept               string // a part of Cache-Status
	}{
		{"GET", "/books/2", "", http.StatusOK, "fwd=uri-miss; stored"},
		{"PUT", "/books/2", "", http.StatusBadRequest, ""},
		{"PUT", "/books/2", "\xff", http.StatusBadRequest, ""},
		{"PUT", "/books/2", strings.Repeat("x", 201), http.StatusBadRequest, ""},
		{"PUT", "/books/4", "Emma", http.StatusNotFound, ""},
		{"GET", "/books/2", "", http.StatusOK, "hit"},
		{"PUT", "/books/2", "Emma & co", http.StatusNoContent, ""},
		{"GET", "/books/2", "", http.StatusOK, "fwd=uri-miss; stored"},
		{"GET", "/books/2", "", http.StatusOK, "hit"},
	} {
		w := send(tt.method, tt.path, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Header().Get("Cache-Status"), tt.kept) {
			t.Errorf("%s %s: got %d, Cache-Status %q, want %d with %q", tt.method, tt.path, w.Code, w.Header().Get("Cache-Status"), tt.status, tt.kept)
		}
	}
	if body := send("GET", "/books/2", "").Body.String(); !strings.Contains(body, "<h1>Emma &amp; co</h1>") {
		t.Errorf("got %q, want the new title", body)
	}
}

func TestPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	err = run(t.Context(), ln.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "-addr") {
		t.Errorf("got %v, want an error that says how to choose another address", err)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0"); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
