package main

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-pagecache/pagecache"
)

func main() {
	cache := pagecache.New()
	r := chi.NewRouter()
	r.With(cache.Page(15*time.Minute)).Get("/books/{id}", showBook)
	log.Fatal(http.ListenAndServe("localhost:8080", r))
}

func showBook(w http.ResponseWriter, r *http.Request) {
	time.Sleep(300 * time.Millisecond) // a slow query
	fmt.Fprintf(w, "Book %s, made at %s\n", chi.URLParam(r, "id"), time.Now().Format(time.TimeOnly))
}
