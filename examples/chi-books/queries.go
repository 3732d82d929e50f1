package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode"
)

const (
	shelfSize    = 12
	similarSize  = 6
	reviewsShown = 50
)

type author struct {
	ID    int64
	Name  string
	Books int // only where a list of authors is shown
}

type book struct {
	ID     int64
	Ebook  int64 // number in the Project Gutenberg catalogue
	Title  string
	Year   int64 // 0: not known
	Author author
}

type review struct {
	Text    string
	Written time.Time
	Book    book // only where reviews of several books are shown
}

// bookDetails is the page of a book: five queries.
type bookDetails struct {
	Book     book
	Subjects []string
	Others   []book // by the same author
	Similar  []book // by somebody else
	Reviews  []review
}

type authorDetails struct {
	Author author
	Books  []reviewedBook
}

// reviewedBook is a book with the number of its reviews.
type reviewedBook struct {
	ID, Year int64 // year 0: not known
	Title    string
	Reviews  int
}

// shelf is the home page.
type shelf struct {
	Books   []book
	Authors []author
	Reviews []review
}

type searchResult struct {
	Query             string
	Books             []book
	Total             int64
	Page, Pages       int64
	Previous, Next    int64 // 0: there is none
	FirstNum, LastNum int64
}

const selectBooks = "SELECT b.id, b.ebook, b.title, coalesce(b.year, 0), a.id, a.name FROM books b JOIN authors a ON a.id = b.author_id "

func scanBook(rows scanner) (b book, err error) {
	err = rows.Scan(&b.ID, &b.Ebook, &b.Title, &b.Year, &b.Author.ID, &b.Author.Name)
	return b, err
}

func (s *store) details(ctx context.Context, id int64) (d bookDetails, err error) {
	d.Book, err = scanBook(s.db.QueryRowContext(ctx, selectBooks+"WHERE b.id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return d, errNotFound
	}
	if err != nil {
		return d, err
	}
	if d.Subjects, err = s.subjects(ctx, id); err != nil {
		return d, err
	}
	if d.Others, err = list(ctx, s.db, scanBook, selectBooks+"WHERE a.id = ? AND b.id <> ? ORDER BY b.year IS NULL, b.year, b.title", d.Book.Author.ID, id); err != nil {
		return d, err
	}
	if d.Similar, err = s.similar(ctx, d.Book); err != nil {
		return d, err
	}
	d.Reviews, err = s.reviews(ctx, id)
	return d, err
}

func (s *store) subjects(ctx context.Context, book int64) ([]string, error) {
	scan := func(rows scanner) (name string, err error) { return name, rows.Scan(&name) }
	return list(ctx, s.db, scan, "SELECT s.name FROM book_subjects bs JOIN subjects s ON s.id = bs.subject_id WHERE bs.book_id = ? ORDER BY s.name", book)
}

// similar finds books by others that share subjects. A rare subject says more than one that
// half the shop has, so each counts one over the number of its books; near years break ties.
func (s *store) similar(ctx context.Context, b book) ([]book, error) {
	const query = `
WITH mine AS (
	SELECT subject_id, 1.0 / (SELECT count(*) FROM book_subjects n WHERE n.subject_id = m.subject_id) AS weight
	FROM book_subjects m WHERE m.book_id = ?
), close AS (
	SELECT bs.book_id, sum(mine.weight) AS score
	FROM mine JOIN book_subjects bs ON bs.subject_id = mine.subject_id
	GROUP BY bs.book_id
)
` + selectBooks + `JOIN close ON close.book_id = b.id
WHERE a.id <> ?
ORDER BY close.score DESC, abs(coalesce(b.year, 9999) - ?), b.id
LIMIT ?`
	return list(ctx, s.db, scanBook, query, b.ID, b.Author.ID, b.Year, similarSize)
}

func (s *store) reviews(ctx context.Context, book int64) ([]review, error) {
	scan := func(rows scanner) (r review, err error) {
		var written int64
		err = rows.Scan(&r.Text, &written)
		r.Written = time.Unix(written, 0).UTC()
		return r, err
	}
	return list(ctx, s.db, scan, "SELECT text, written FROM reviews WHERE book_id = ? ORDER BY id DESC LIMIT ?", book, reviewsShown)
}

// addReview returns errNotFound when there is no such book.
func (s *store) addReview(ctx context.Context, book int64, text string) error {
	result, err := s.db.ExecContext(ctx, "INSERT INTO reviews (book_id, text, written) SELECT id, ?, ? FROM books WHERE id = ?", text, time.Now().Unix(), book)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errNotFound)
	}
	return nil
}

func (s *store) authorDetails(ctx context.Context, id int64) (d authorDetails, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT id, name FROM authors WHERE id = ?", id).Scan(&d.Author.ID, &d.Author.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return d, errNotFound
	}
	if err != nil {
		return d, err
	}
	scan := func(rows scanner) (b reviewedBook, err error) {
		err = rows.Scan(&b.ID, &b.Year, &b.Title, &b.Reviews)
		return b, err
	}
	d.Books, err = list(ctx, s.db, scan, "SELECT b.id, coalesce(b.year, 0), b.title, (SELECT count(*) FROM reviews r WHERE r.book_id = b.id) FROM books b WHERE b.author_id = ? ORDER BY b.year IS NULL, b.year, b.title", id)
	return d, err
}

func (s *store) shelf(ctx context.Context) (h shelf, err error) {
	if h.Books, err = list(ctx, s.db, scanBook, selectBooks+"ORDER BY b.id LIMIT ?", shelfSize); err != nil {
		return h, err
	}
	scanAuthor := func(rows scanner) (a author, err error) { return a, rows.Scan(&a.ID, &a.Name, &a.Books) }
	if h.Authors, err = list(ctx, s.db, scanAuthor, "SELECT a.id, a.name, count(*) AS n FROM authors a JOIN books b ON b.author_id = a.id GROUP BY a.id ORDER BY n DESC, a.name LIMIT ?", shelfSize); err != nil {
		return h, err
	}
	scanReview := func(rows scanner) (r review, err error) {
		var written int64
		err = rows.Scan(&r.Text, &written, &r.Book.ID, &r.Book.Title)
		r.Written = time.Unix(written, 0).UTC()
		return r, err
	}
	h.Reviews, err = list(ctx, s.db, scanReview, "SELECT substr(r.text, 1, 200), r.written, b.id, b.title FROM reviews r JOIN books b ON b.id = r.book_id ORDER BY r.id DESC LIMIT 5")
	return h, err
}

// search finds books that have every word of query in title, author or subjects; an empty
// query finds them all. errNotFound means a page past the last.
func (s *store) search(ctx context.Context, query string, page int64) (f searchResult, err error) {
	f = searchResult{Query: query, Page: page}
	from, args := "", []any{}
	order := "ORDER BY b.id "
	if query != "" {
		words := matchExpression(query)
		if words == "" {
			return f, onlyPage(page) // nothing but punctuation: no book has it
		}
		from, args = "JOIN book_words ON book_words.rowid = b.id WHERE book_words MATCH ? ", append(args, words)
		order = "ORDER BY book_words.rank, b.id "
	}
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM books b "+from, args...).Scan(&f.Total); err != nil {
		return f, err
	}
	f.Pages = (f.Total + searchPageSize - 1) / searchPageSize
	if page > max(f.Pages, 1) {
		return f, errNotFound
	}
	f.Books, err = list(ctx, s.db, scanBook, selectBooks+from+order+"LIMIT ? OFFSET ?", append(args, searchPageSize, (page-1)*searchPageSize)...)
	f.place()
	return f, err
}

func onlyPage(page int64) error {
	if page > 1 {
		return errNotFound
	}
	return nil
}

// place works out what the links under the list need.
func (f *searchResult) place() {
	if len(f.Books) == 0 {
		return
	}
	f.FirstNum = (f.Page-1)*searchPageSize + 1
	f.LastNum = f.FirstNum + int64(len(f.Books)) - 1
	f.Previous = f.Page - 1
	if f.Page < f.Pages {
		f.Next = f.Page + 1
	}
}

// matchExpression makes an FTS5 query of the words alone: each must occur, at least as the
// beginning of a word. Quoted, nothing a visitor types is an operator.
func matchExpression(query string) string {
	words := strings.FieldsFunc(query, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsMark(c)
	})
	for i, word := range words {
		words[i] = `"` + word + `"*`
	}
	return strings.Join(words, " ")
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(...any) error }

func list[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
