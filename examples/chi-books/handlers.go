package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/go-pagecache/pagecache"
)

const (
	searchPageSize = 20
	maxQuery       = 100 // characters of a search
)

// app holds what the handlers share.
type app struct {
	store *store
}

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	shelf, err := a.store.shelf(r.Context())
	if err != nil {
		a.broken(w, r, err)
		return
	}
	render(w, r, http.StatusOK, "home.html", page{Title: "Books", Data: shelf})
}

func (a *app) showBook(w http.ResponseWriter, r *http.Request) {
	id, ok := a.id(w, r)
	if !ok {
		return
	}
	a.bookPage(w, r, http.StatusOK, id, reviewForm{})
}

// bookPage renders a book, on its own or with a review that could not be taken.
func (a *app) bookPage(w http.ResponseWriter, r *http.Request, status int, id int64, form reviewForm) {
	details, err := a.store.details(r.Context(), id)
	if err != nil {
		a.lookupFailed(w, r, err, "There is no book with this number.")
		return
	}
	data := struct {
		bookDetails
		Form   reviewForm
		MaxLen int
	}{details, form, maxReview}
	render(w, r, status, "book.html", page{Title: details.Book.Title, Data: data})
}

func (a *app) showAuthor(w http.ResponseWriter, r *http.Request) {
	id, ok := a.id(w, r)
	if !ok {
		return
	}
	details, err := a.store.authorDetails(r.Context(), id)
	if err != nil {
		a.lookupFailed(w, r, err, "There is no author with this number.")
		return
	}
	for _, b := range details.Books { // the page shows something of each
		pagecache.FromContext(r.Context()).Tag("book:" + strconv.FormatInt(b.ID, 10))
	}
	render(w, r, http.StatusOK, "author.html", page{Title: details.Author.Name, Data: details})
}

func (a *app) search(w http.ResponseWriter, r *http.Request) {
	params := r.URL.Query()
	query := strings.Join(strings.Fields(params.Get("q")), " ")
	if !utf8.ValidString(query) || utf8.RuneCountInString(query) > maxQuery {
		a.fail(w, r, http.StatusBadRequest, "Please search with at most "+strconv.Itoa(maxQuery)+" characters.")
		return
	}
	number := int64(1)
	if raw := params.Get("page"); raw != "" {
		var ok bool
		if number, ok = positive(raw); !ok {
			a.fail(w, r, http.StatusBadRequest, "A page is a number: 1, 2, 3 and so on.")
			return
		}
	}
	found, err := a.store.search(r.Context(), query, number)
	if err != nil {
		a.lookupFailed(w, r, err, "This search has fewer pages.")
		return
	}
	title := "All books"
	if query != "" {
		title = "Search: " + query
	}
	render(w, r, http.StatusOK, "search.html", page{Title: title, Query: query, Data: found})
}

func (a *app) style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "templates/style.css")
}

// id reads {id}. Anything but a plain positive number is the client's mistake and no look-up.
func (a *app) id(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, ok := positive(chi.URLParam(r, "id"))
	if !ok {
		a.fail(w, r, http.StatusBadRequest, "The address must end in a number: 1, 2, 3 and so on.")
	}
	return id, ok
}

// positive reads 1, 2, 3 ...; it takes no second spelling (+1, 01), so a page has one address.
func positive(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}

func (a *app) notFound(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, http.StatusNotFound, "There is no page at this address.")
}

// notAllowed answers, say, a reload of the address that a refused review came from.
func (a *app) notAllowed(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if chi.RouteContext(r.Context()).Routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
			w.Header().Add("Allow", method)
		}
	}
	a.fail(w, r, http.StatusMethodNotAllowed, "This address takes a form, and has no page of its own.")
}

func (a *app) lookupFailed(w http.ResponseWriter, r *http.Request, err error, missing string) {
	if errors.Is(err, errNotFound) {
		a.fail(w, r, http.StatusNotFound, missing)
		return
	}
	a.broken(w, r, err)
}

// broken is for faults of ours: the log gets the cause, the visitor an apology.
func (a *app) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // else the visitor has gone: nothing is wrong
		slog.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	a.fail(w, r, http.StatusInternalServerError, "Something went wrong here. Please try again.")
}

func (a *app) fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	render(w, r, status, "error.html", page{Title: http.StatusText(status), Data: message})
}
