// Command nethttp is the smallest site worth caching: http.ServeMux, one slow page, kept for
// 15 minutes, and a way to change what it shows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/go-pagecache/pagecache"
)

// books stands for a database.
var (
	booksMu sync.Mutex
	books   = map[string]string{
		"1": "Middlemarch, by George Eliot",
		"2": "The Moonstone, by Wilkie Collins",
		"3": "Persuasion, by Jane Austen",
	}
)

// queryTime is what a page costs: the answer of a busy database takes about that long.
var queryTime = 300 * time.Millisecond

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "nethttp:", err)
		os.Exit(1)
	}
}

func newMux(cache *pagecache.Cache) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", cache.PageFunc(15*time.Minute, showBook))
	mux.Handle("PUT /books/{id}", cache.Invalidate()(http.HandlerFunc(putBook)))
	return mux
}

func showBook(w http.ResponseWriter, r *http.Request) {
	book, ok := lookup(r.Context(), r.PathValue("id"))
	if !ok {
		http.Error(w, "There is no such book: try 1, 2 or 3.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<title>Book</title>\n<h1>%s</h1>\n<p>Made at %s.</p>\n</html>\n",
		html.EscapeString(book), time.Now().UTC().Format("15:04:05.000"))
}

// lookup takes its time, unless the visitor goes away.
func lookup(ctx context.Context, id string) (string, bool) {
	select {
	case <-time.After(queryTime):
	case <-ctx.Done():
	}
	booksMu.Lock()
	defer booksMu.Unlock()
	book, ok := books[id]
	return book, ok
}

// putBook gives a book another title. The kept page of this address goes when it succeeds.
func putBook(w http.ResponseWriter, r *http.Request) {
	title, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 200))
	if err != nil || len(title) == 0 || !utf8.Valid(title) {
		http.Error(w, "Send the title as the body: 1 to 200 bytes of text.", http.StatusBadRequest)
		return
	}
	booksMu.Lock()
	defer booksMu.Unlock()
	if _, ok := books[r.PathValue("id")]; !ok {
		http.Error(w, "There is no such book: try 1, 2 or 3.", http.StatusNotFound)
		return
	}
	books[r.PathValue("id")] = string(title)
	w.WriteHeader(http.StatusNoContent)
}

// run serves until ctx ends, then lets the requests under way finish.
func run(ctx context.Context, addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w (another address: -addr 127.0.0.1:8081)", addr, err)
	}
	fmt.Printf("serving, Ctrl-C stops; try:  curl -i http://%s/books/1\n", ln.Addr())
	cache := pagecache.New()
	srv := &http.Server{Handler: newMux(cache), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		ctx = context.WithoutCancel(ctx)
		return errors.Join(srv.Shutdown(ctx), cache.Close(ctx))
	}
}
