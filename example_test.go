package pagecache_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

func Example() {
	cache := pagecache.New()
	defer cache.Close(context.Background())

	r := chi.NewRouter()
	r.With(cache.Page(15*time.Minute)).Get("/books/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("asking the database for book", chi.URLParam(r, "id"))
		fmt.Fprint(w, "The Way of All Flesh")
	})

	for range 3 {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", "/books/312", nil))
		fmt.Println(w.Body)
	}
	// Output:
	// asking the database for book 312
	// The Way of All Flesh
	// The Way of All Flesh
	// The Way of All Flesh
}
