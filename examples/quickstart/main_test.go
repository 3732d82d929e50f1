package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

// block returns the first block of the README in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	code, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		t.Fatalf("README.md has no %s block", language)
	}
	return code
}

// TestREADMEProgram: what the README shows first is this program.
func TestREADMEProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if got := block(t, "go"); got != string(program) {
		t.Errorf("got in README.md:\n%s\nwant main.go:\n%s", got, program)
	}
}

// TestREADMETranscript: and this is what it answers, but for times and what is made from them.
func TestREADMETranscript(t *testing.T) {
	cache := pagecache.New()
	defer cache.Close(t.Context())
	r := chi.NewRouter()
	r.With(cache.Page(15*time.Minute)).Get("/books/{id}", showBook)
	srv := httptest.NewServer(r)
	defer srv.Close()

	transcript := strings.Split(block(t, "console"), "$ curl -i localhost:8080/books/312\n")
	if len(transcript) != 3 || transcript[0] != "" {
		t.Fatalf("got %q, want two exchanges", transcript)
	}
	for _, shown := range transcript[1:] {
		if got, want := timeless(exchange(t, srv.URL+"/books/312")), timeless(shown); got != want {
			t.Errorf("got:\n%s\nwant as in README.md:\n%s", got, want)
		}
	}
}

// exchange shows a response as curl -i does.
func exchange(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for name, values := range resp.Header {
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s %s\n%s\n\n%s", resp.Proto, resp.Status, strings.Join(lines, "\n"), body)
}

// timeless hides what differs from run to run.
func timeless(text string) string {
	for _, pattern := range []string{`Date: .*`, `Etag: W/".*"`, `Age: \d+`, `hit; ttl=\d+`, `\d\d:\d\d:\d\d`} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, pattern)
	}
	return text
}
