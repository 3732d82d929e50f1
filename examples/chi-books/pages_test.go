package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-pagecache/pagecache"
)

// filled is the database of a first start, made once: under the race detector that takes
// seconds.
var filled = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "chi-books-test-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	s, err := openStore(context.Background(), folder)
	if err != nil {
		return nil, err
	}
	if err := s.close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(folder, "books.db"))
})

// filledFolder is a folder with a database of its own.
func filledFolder(t *testing.T) string {
	t.Helper()
	data, err := filled()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, "books.db"), string(data))
	return folder
}

// newSite is the application over a database of its own.
func newSite(t *testing.T) (url string, s *store) {
	t.Helper()
	url, s, _ = newCachedSite(t)
	return url, s
}

func newCachedSite(t *testing.T) (url string, s *store, cache *pagecache.Cache) {
	t.Helper()
	s, err := openStore(t.Context(), filledFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	cache = pagecache.New()
	srv := httptest.NewServer(newRouter(&app{store: s}, cache))
	t.Cleanup(func() {
		srv.Close()
		if err := cache.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return srv.URL, s, cache
}

type answer struct {
	*http.Response
	body string
}

// send sends a request; form is the body of a POST.
func send(t *testing.T, method, url, form string, header ...string) answer {
	t.Helper()
	return sendWith(t, http.DefaultClient, method, url, form, header...)
}

func sendWith(t *testing.T, client *http.Client, method, url, form string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(body)}
}

// want checks the status and that each text is in the body.
func want(t *testing.T, a answer, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: got %d, want %d", a.Request.Method, a.Request.URL.RequestURI(), a.StatusCode, status)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s %s: %q is not in %s", a.Request.Method, a.Request.URL.RequestURI(), text, a.body)
		}
	}
}

func TestPages(t *testing.T) {
	site, _ := newSite(t)
	for _, tt := range []struct {
		path   string
		status int
		texts  []string
	}{
		{"/", 200, []string{"O Pioneers!", "Charles Dickens", `action="/search"`}},
		{"/books/1", 200, []string{"O Pioneers!", "Willa Cather", "1913", "By the same author", "Similar books"}},
		{"/books/312", 200, []string{"The Way of All Flesh", "By the same author", "Erewhon", "Similar books", "Nobody has written"}},
		{"/books/321", 200, []string{"An Iceland Fisherman", "Pierre Loti"}},
		{"/authors/1", 200, []string{"Willa Cather", "One of Ours"}},
		{"/style.css", 200, []string{"body {"}},
		{"/books/424", 404, []string{"no book"}},
		{"/books/9223372036854775807", 404, []string{"no book"}},
		{"/books/abc", 400, []string{"must end in a number"}},
		{"/books/-1", 400, nil},
		{"/books/0", 400, nil},
		{"/books/0312", 400, nil},
		{"/books/+312", 400, nil},
		{"/books/99999999999999999999", 400, nil},
		{"/authors/9999", 404, []string{"no author"}},
		{"/authors/x", 400, nil},
		{"/nowhere", 404, []string{"no page"}},
	} {
		t.Run(tt.path, func(t *testing.T) { want(t, send(t, "GET", site+tt.path, ""), tt.status, tt.texts...) })
	}
}

func TestPagesAreShareable(t *testing.T) {
	site, _ := newSite(t)
	for _, path := range []string{"/", "/books/312", "/authors/1", "/search?q=sea"} {
		a := send(t, "GET", site+path, "")
		for _, field := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
			if got := a.Header.Values(field); got != nil {
				t.Errorf("%s: got %s: %q, want none", path, field, got)
			}
		}
		if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: got Content-Type %q", path, got)
		}
		if strings.Contains(a.body, "<script") || strings.Contains(a.body, "style=") {
			t.Errorf("%s: got inline script or style", path)
		}
	}
}

func TestHead(t *testing.T) {
	site, _ := newSite(t)
	get := send(t, "GET", site+"/books/321", "")
	head := send(t, "HEAD", site+"/books/321", "")
	want(t, head, http.StatusOK)
	if head.body != "" || head.ContentLength != int64(len(get.body)) {
		t.Errorf("got %d bytes and length %d, want none and %d", len(head.body), head.ContentLength, len(get.body))
	}
	want(t, send(t, "HEAD", site+"/books/424", ""), http.StatusNotFound)
}

func TestMethodNotAllowed(t *testing.T) {
	site, _ := newSite(t)
	a := send(t, "DELETE", site+"/books/312", "")
	want(t, a, http.StatusMethodNotAllowed)
	if a.Header.Get("Allow") == "" {
		t.Error("got no Allow field")
	}
}

func TestSearch(t *testing.T) {
	site, _ := newSite(t)
	for _, tt := range []struct {
		query  string
		status int
		texts  []string
	}{
		{"q=bronte", 200, []string{"Jane Eyre", "Wuthering Heights", "1 to 4 of 4"}},
		{"q=BRONT%C3%8B+jane", 200, []string{"Jane Eyre", "1 to 1 of 1"}},
		{"q=d%27urbervilles", 200, []string{"Tess of the"}},
		{"q=vampires", 200, []string{"Dracula"}},
		{"q=+jane++eyre+", 200, []string{"<h1>Search: jane eyre</h1>"}},
		{"q=zzzz", 200, []string{"No book has"}},
		{"q=%22%3B--%27", 200, []string{"No book has"}},
		{"q=%CC%81", 200, []string{"No book has"}},
		{"q=a%00b", 200, nil},
		{"q=NOT+AND+NEAR%28*", 200, nil},
		{"q=%3Cb%3E", 200, []string{"Search: &lt;b&gt;"}},
		{"q=%ff", 400, nil},
		{"q=" + strings.Repeat("a", 101), 400, []string{"at most 100"}},
		{"q=dickens&page=2", 404, []string{"fewer pages"}},
		{"q=zzzz&page=2", 404, nil},
		{"q=%21&page=2", 404, nil},
		{"page=0", 400, nil},
		{"page=x", 400, []string{"A page is a number"}},
		{"page=-1", 400, nil},
		{"page=9223372036854775807", 404, nil},
	} {
		t.Run(tt.query, func(t *testing.T) { want(t, send(t, "GET", site+"/search?"+tt.query, ""), tt.status, tt.texts...) })
	}
}

// TestEveryBookOnce walks through all pages of the list and through every book.
func TestEveryBookOnce(t *testing.T) {
	site, s := newSite(t)
	seen := map[string]bool{}
	for page := 1; ; page++ {
		a := send(t, "GET", site+"/search?page="+strconv.Itoa(page), "")
		want(t, a, http.StatusOK)
		for _, part := range strings.Split(a.body, `<li><a href="/books/`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			if seen[id] {
				t.Errorf("book %s is listed twice", id)
			}
			seen[id] = true
		}
		if !strings.Contains(a.body, `rel="next"`) {
			break
		}
	}
	if len(seen) != s.books || s.books < 330 {
		t.Fatalf("got %d books listed, %d stored, want as many and at least 330", len(seen), s.books)
	}
	for id := range seen {
		want(t, send(t, "GET", site+"/books/"+id, ""), http.StatusOK)
	}
}

func TestReview(t *testing.T) {
	site, _ := newSite(t)
	noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"text": {"  Fine <script>alert(1)</script>\r\nand \x00long  "}}.Encode()
	a := sendWith(t, noFollow, "POST", site+"/books/312/reviews", form)
	want(t, a, http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/books/312#reviews" {
		t.Errorf("got Location %q", got)
	}
	const shown = "Fine &lt;script&gt;alert(1)&lt;/script&gt;\nand long</p>"
	want(t, send(t, "GET", site+"/books/312", ""), http.StatusOK, shown)
	want(t, send(t, "GET", site+"/", ""), http.StatusOK, "Newest reviews", shown)
	want(t, send(t, "GET", site+"/books/321", ""), http.StatusOK, "Nobody has written")
}

// cached checks what Cache-Status says of a page.
func cached(t *testing.T, a answer, want string) {
	t.Helper()
	if got := a.Header.Get("Cache-Status"); got != want {
		t.Errorf("%s %s: got Cache-Status %q, want %q", a.Request.Method, a.Request.URL.RequestURI(), got, want)
	}
}

// hit checks that a page came from the cache, as it was made, within a second or so.
func hit(t *testing.T, a answer, made string) {
	t.Helper()
	if status := a.Header.Get("Cache-Status"); !strings.HasPrefix(status, "pagecache; hit; ttl=") {
		t.Errorf("%s %s: got Cache-Status %q, want a hit", a.Request.Method, a.Request.URL.RequestURI(), status)
	}
	if age, err := strconv.Atoi(a.Header.Get("Age")); err != nil || age < 0 || age > 9 {
		t.Errorf("%s: got Age %q, want a few seconds at most", a.Request.URL.RequestURI(), a.Header.Get("Age"))
	}
	if a.body != made {
		t.Errorf("%s: got another page than before", a.Request.URL.RequestURI())
	}
}

func TestSecondRequestIsAHit(t *testing.T) {
	site, _ := newSite(t)
	for path, stored := range map[string]string{
		"/":                       "pagecache; fwd=uri-miss; stored; ttl=900",
		"/books/312":              "pagecache; fwd=uri-miss; stored; ttl=900",
		"/authors/1?utm_source=x": "pagecache; fwd=uri-miss; stored; ttl=900",
		"/search?q=sea&page=1&x=": "pagecache; fwd=uri-miss; stored; ttl=60",
	} {
		first := send(t, "GET", site+path, "")
		cached(t, first, stored)
		if age := first.Header.Get("Age"); age != "" {
			t.Errorf("%s: got Age %q for a page made just now, want none", path, age)
		}
		hit(t, send(t, "GET", site+path, ""), first.body)
		hit(t, send(t, "HEAD", site+path, ""), "")
	}
}

func TestSearchIsKeyedByQueryAndPage(t *testing.T) {
	site, _ := newSite(t)
	first := send(t, "GET", site+"/search?q=sea", "")
	hit(t, send(t, "GET", site+"/search?utm_source=letter&q=sea", ""), first.body)
	cached(t, send(t, "GET", site+"/search?q=sea&page=1", ""), "pagecache; fwd=uri-miss; stored; ttl=60")
}

func TestNotCached(t *testing.T) {
	site, _ := newSite(t)
	for range 2 {
		cached(t, send(t, "GET", site+"/books/424", ""), "pagecache; fwd=uri-miss; detail=status")
		cached(t, send(t, "GET", site+"/books/1", "", "Cookie", "session=a"), "pagecache; fwd=bypass; detail=cookie")
		cached(t, send(t, "HEAD", site+"/books/2", ""), "pagecache; fwd=uri-miss; detail=head")
	}
}

// TestReviewShowsAtOnce: the pages that a review changes are made anew, for everybody, and no
// others are.
func TestReviewShowsAtOnce(t *testing.T) {
	site, _ := newSite(t)
	const book, other = "/books/312", "/books/294" // by one author
	author := regexp.MustCompile(`/authors/\d+`).FindString(send(t, "GET", site+book, "").body)
	before := map[string]string{}
	for _, path := range []string{"/", book, author, other, "/authors/1", "/search?q=sea"} {
		before[path] = send(t, "GET", site+path, "").body
		hit(t, send(t, "GET", site+path, ""), before[path])
	}

	writer := send(t, "POST", site+book+"/reviews", "text=Written+twice") // follows the redirect
	want(t, writer, http.StatusOK, "Written twice")
	cached(t, writer, "pagecache; fwd=uri-miss; stored; ttl=900")
	hit(t, send(t, "GET", site+book, ""), writer.body)
	for path, text := range map[string]string{"/": "Written twice", author: "(1 review)"} {
		a := send(t, "GET", site+path, "")
		want(t, a, http.StatusOK, text)
		cached(t, a, "pagecache; fwd=uri-miss; stored; ttl=900")
	}
	for _, path := range []string{other, "/authors/1", "/search?q=sea"} {
		hit(t, send(t, "GET", site+path, ""), before[path])
	}
}

// TestRefusedReviewPurgesNothing: what has changed nothing costs no page.
func TestRefusedReviewPurgesNothing(t *testing.T) {
	site, _ := newSite(t)
	home, book := send(t, "GET", site+"/", "").body, send(t, "GET", site+"/books/312", "").body
	want(t, send(t, "POST", site+"/books/312/reviews", "text="), http.StatusUnprocessableEntity)
	want(t, send(t, "POST", site+"/books/312/reviews", "text=a", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
	want(t, send(t, "POST", site+"/books/424/reviews", "text=a"), http.StatusNotFound)
	hit(t, send(t, "GET", site+"/", ""), home)
	hit(t, send(t, "GET", site+"/books/312", ""), book)
}

func TestReviewRefused(t *testing.T) {
	site, s := newSite(t)
	long := strings.Repeat("x", maxReview+1)
	for _, tt := range []struct {
		name, path, form string
		header           []string
		status           int
		texts            []string
	}{
		{"empty", "/books/312/reviews", "text=", nil, 422, []string{"write something", "The Way of All Flesh"}},
		{"no field", "/books/312/reviews", "", nil, 422, nil},
		{"blank", "/books/312/reviews", "text=+%0D%0A%09", nil, 422, nil},
		{"in the query only", "/books/312/reviews?text=a", "", nil, 422, nil},
		{"too long", "/books/312/reviews", "text=" + long, nil, 422, []string{"2001", long}},
		{"far too long", "/books/312/reviews", "text=" + strings.Repeat("x", maxForm), nil, 413, []string{"at most 2000"}},
		{"not a form", "/books/312/reviews", "text=%zz", nil, 400, nil},
		{"unknown book", "/books/424/reviews", "text=a", nil, 404, []string{"no book"}},
		{"unknown book, empty", "/books/424/reviews", "text=", nil, 404, nil},
		{"bad id", "/books/abc/reviews", "text=a", nil, 400, nil},
		{"from another site", "/books/312/reviews", "text=a", []string{"Sec-Fetch-Site", "cross-site"}, 403, []string{"another site"}},
		{"from another origin", "/books/312/reviews", "text=a", []string{"Origin", "https://example.com"}, 403, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want(t, send(t, "POST", site+tt.path, tt.form, tt.header...), tt.status, tt.texts...)
		})
	}
	var n int
	if err := s.db.QueryRow("SELECT count(*) FROM reviews").Scan(&n); err != nil || n != 0 {
		t.Errorf("got %d reviews (%v), want none", n, err)
	}
}

func TestLongestReview(t *testing.T) {
	site, _ := newSite(t)
	form := url.Values{"text": {strings.Repeat("📖", maxReview)}}.Encode()
	want(t, send(t, "POST", site+"/books/1/reviews", form), http.StatusOK, strings.Repeat("📖", maxReview))
}

// TestBroken has the database fail under a running application.
func TestBroken(t *testing.T) {
	site, s := newSite(t)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/books/1", "/authors/1", "/search"} {
		a := send(t, "GET", site+path, "")
		want(t, a, http.StatusInternalServerError, "went wrong")
		if strings.Contains(a.body, "sql") {
			t.Errorf("%s: got the cause in the page: %s", path, a.body)
		}
	}
}

// TestBrokenLater: pages that were there before the database failed are still served.
func TestBrokenLater(t *testing.T) {
	site, s, cache := newCachedSite(t)
	before := send(t, "GET", site+"/books/1", "")
	if err := cache.ExpireAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a := send(t, "GET", site+"/books/1", "")
		want(t, a, http.StatusOK)
		if status := a.Header.Get("Cache-Status"); a.body != before.body || !strings.Contains(status, "; detail=") {
			t.Errorf("got Cache-Status %q, %q; want the old page", status, a.body)
		}
	}
	want(t, send(t, "GET", site+"/books/2", ""), http.StatusInternalServerError)
}

func TestCatalogue(t *testing.T) {
	rows, err := readCatalogue(booksCSV)
	if err != nil {
		t.Fatal(err)
	}
	titles, ebooks := map[string]bool{}, map[int]bool{}
	for i, row := range rows {
		if row.title == "" || row.author == "" || row.ebook <= 0 || len(row.subjects) == 0 {
			t.Errorf("book %d: got %+v, want every field but the year", i+1, row)
		}
		if row.year != 0 && (row.year < 1700 || row.year > 1930) {
			t.Errorf("book %d: got year %d, want one of the catalogue's time", i+1, row.year)
		}
		if titles[row.title] || ebooks[row.ebook] {
			t.Errorf("book %d: %q is there twice", i+1, row.title)
		}
		titles[row.title], ebooks[row.ebook] = true, true
	}
	if _, err := readCatalogue("a,b,c,d,e\nx,t,a,,s\n"); err == nil {
		t.Error("got no error for an ebook that is no number")
	}
}

// TestReviewAddressHasAPage: reloading the address of a refused review shows a page
// that says so, not a blank one.
func TestReviewAddressHasAPage(t *testing.T) {
	url, _ := newSite(t)
	res, err := http.Get(url + "/books/312/reviews")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusMethodNotAllowed || err != nil || !strings.Contains(string(body), "</html>") {
		t.Errorf("got %d, %v, %q; want 405 with a page", res.StatusCode, err, body)
	}
}
