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
)

func TestMain(m *testing.M) {
	queryTime = 0
	os.Exit(m.Run())
}

func TestShowBook(t *testing.T) {
	srv := httptest.NewServer(newMux())
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
