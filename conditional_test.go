package pagecache_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

const (
	digits       = "0123456789"
	stockedHost  = "example.com" // what net/http/httptest gives requests
	lastModified = "Mon, 01 Jun 2026 10:00:00 GMT"
	dated        = "Mon, 01 Jun 2026 12:00:00 GMT"
)

// stocked is a cache with one page, that of [page]("/"), whose handler must not
// run again.
func stocked(t *testing.T, fields ...string) http.Handler {
	t.Helper()
	runs := 0
	h := newCache(t).Page(time.Hour, pagecache.OverrideTTL())(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if runs++; runs > 1 {
			t.Error("the handler ran again")
		}
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		_, _ = w.Write([]byte(digits))
	}))
	if got := call(h, page("/")); !got.stored() {
		t.Fatalf("got %q, want the page stored", got.cacheStatus())
	}
	return h
}

type conditionCase struct {
	name   string
	fields []string
	status int
}

func checkConditions(t *testing.T, h http.Handler, cases []conditionCase) {
	t.Helper()
	for _, c := range cases {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := page("/", c.fields...)
			r.Method = method
			got := call(h, r)
			body := digits
			if c.status == http.StatusNotModified || method == http.MethodHead {
				body = ""
			}
			if got.status != c.status || got.body != body || !got.hit() {
				t.Errorf("%s, %s %q: got status %d, body %q, %s; want %d, %q and a hit", c.name, method, c.fields, got.status, got.body, got.cacheStatus(), c.status, body)
			}
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	const inm = "If-None-Match"
	checkConditions(t, stocked(t, "Etag", `"v1"`, "Last-Modified", lastModified), []conditionCase{
		{"equal", []string{inm, `"v1"`}, 304},
		{"other", []string{inm, `"v2"`}, 200},
		{"weak against strong", []string{inm, `W/"v1"`}, 304},
		{"list", []string{inm, `"v0", "v1"`}, 304},
		{"list without blanks", []string{inm, `"v0","v1","v2"`}, 304},
		{"list without it", []string{inm, `"v0", W/"v2"`}, 200},
		{"empty members", []string{inm, `, ,"v1",`}, 304},
		{"several lines", []string{inm, `"v0"`, inm, `"v1"`}, 304},
		{"several lines without it", []string{inm, `"v0"`, inm, `"v2"`}, 200},
		{"star", []string{inm, "*"}, 304},
		{"star with blanks", []string{inm, " * "}, 304},
		{"star in a list", []string{inm, `"v0", *`}, 200},
		{"no quotes", []string{inm, "v1"}, 200},
		{"one quote", []string{inm, `"v1`}, 200},
		{"case of the tag", []string{inm, `"V1"`}, 200},
		{"case of weak", []string{inm, `w/"v1"`}, 200},
		{"comma in a tag", []string{inm, `"v0,v1"`}, 200},
		{"tag in a tag", []string{inm, `"x\"v1"`}, 200},
		{"empty", []string{inm, ""}, 200},
		{"before If-Modified-Since that holds", []string{inm, `"v2"`, "If-Modified-Since", dated}, 200},
		{"before If-Modified-Since that does not", []string{inm, `"v1"`, "If-Modified-Since", "Sun, 01 Jun 2025 10:00:00 GMT"}, 304},
	})
	checkConditions(t, stocked(t, "Etag", `W/"v1"`), []conditionCase{
		{"weak against weak", []string{inm, `W/"v1"`}, 304},
		{"strong against weak", []string{inm, `"v1"`}, 304},
		{"other weak", []string{inm, `W/"v2"`}, 200},
	})
	checkConditions(t, stocked(t, "Etag", "v1"), []conditionCase{
		{"page's own tag is none", []string{inm, "v1"}, 200},
		{"star matches whatever is stored", []string{inm, "*"}, 304},
	})
}

func TestIfModifiedSince(t *testing.T) {
	const ims = "If-Modified-Since"
	checkConditions(t, stocked(t, "Last-Modified", lastModified, "Date", dated), []conditionCase{
		{"equal", []string{ims, lastModified}, 304},
		{"later", []string{ims, "Mon, 01 Jun 2026 10:00:01 GMT"}, 304},
		{"earlier", []string{ims, "Mon, 01 Jun 2026 09:59:59 GMT"}, 200},
		{"rfc850", []string{ims, "Monday, 01-Jun-26 10:00:00 GMT"}, 304},
		{"asctime", []string{ims, "Mon Jun  1 10:00:00 2026"}, 304},
		{"no date", []string{ims, "yesterday"}, 200},
		{"another zone", []string{ims, "Mon, 01 Jun 2026 10:00:00 EST"}, 200},
		{"empty", []string{ims, ""}, 200},
		{"two lines", []string{ims, lastModified, ims, lastModified}, 200},
	})
	checkConditions(t, stocked(t, "Date", dated), []conditionCase{
		{"Date in place of Last-Modified, equal", []string{ims, dated}, 304},
		{"Date in place of Last-Modified, earlier", []string{ims, lastModified}, 200},
	})
	for range 20 { // fields come in random order
		h := stocked(t, "Last-Modified", "yesterday", "Date", dated)
		if got := call(h, page("/", ims, dated)); got.status != http.StatusNotModified {
			t.Fatalf("unreadable Last-Modified, equal Date: got status %d, want 304 always", got.status)
		}
	}
}

// TestNotModifiedFields: RFC 9110 section 15.4.5 says what a 304 carries, and
// that it says nothing of the content.
func TestNotModifiedFields(t *testing.T) {
	h := stocked(t, "Etag", `"v1"`, "Date", dated, "Cache-Control", "max-age=60", "Expires", "Mon, 01 Jun 2026 12:01:00 GMT", "Vary", "Accept",
		"Content-Location", "/en", "Content-Type", "text/plain", "Content-Language", "en", "Last-Modified", lastModified, "X-Own", "1")
	got := call(h, page("/", "If-None-Match", `"v1"`))
	if got.status != http.StatusNotModified {
		t.Fatalf("got status %d, want 304", got.status)
	}
	for name, want := range map[string]string{"Etag": `"v1"`, "Date": dated, "Cache-Control": "max-age=60", "Expires": "Mon, 01 Jun 2026 12:01:00 GMT",
		"Vary": "Accept", "Content-Location": "/en", "X-Own": "1", "Age": got.header.Get("Age")} {
		if lines := got.header.Values(name); !slices.Equal(lines, []string{want}) || want == "" {
			t.Errorf("%s: got %q, want %q", name, lines, want)
		}
	}
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Language", "Content-Encoding", "Content-Range", "Last-Modified"} {
		if lines, ok := got.header[name]; ok {
			t.Errorf("%s: got %q, want none", name, lines)
		}
	}
	if whole := call(h, page("/")); whole.body != digits || whole.header.Get("Content-Type") != "text/plain" || whole.header.Get("Last-Modified") != lastModified {
		t.Errorf("after a 304: got %q, %v; want the page as before", whole.body, whole.header)
	}
}

func TestNotModifiedKeepsLastModifiedWithoutTag(t *testing.T) {
	c := newCache(t, func(p *pagecache.Policy) { p.WeakETag = false })
	h := c.Page(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", lastModified)
		_, _ = w.Write([]byte(digits))
	}))
	call(h, page("/"))
	got := call(h, page("/", "If-Modified-Since", lastModified))
	if got.status != 304 || got.header.Get("Last-Modified") != lastModified {
		t.Errorf("got status %d, Last-Modified %q; want 304 and %q", got.status, got.header.Get("Last-Modified"), lastModified)
	}
}

// TestConditionsOnOtherStatuses: a condition is about the page, not about a
// redirect or an error (RFC 9110 section 13.2.1).
func TestConditionsOnOtherStatuses(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusNotFound} {
		h := newCache(t).Page(time.Hour, pagecache.NegativeTTL(time.Hour))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Etag", `"v1"`)
			w.Header().Set("Location", "/x")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(digits))
		}))
		call(h, page("/"))
		for _, fields := range [][]string{{"If-None-Match", `"v1"`}, {"If-None-Match", "*"}, {"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}, {"Range", "bytes=0-1"}} {
			if got := call(h, page("/", fields...)); got.status != status || got.body != digits || !got.hit() {
				t.Errorf("%d with %q: got status %d, body %q, %s; want the stored response", status, fields, got.status, got.body, got.cacheStatus())
			}
		}
	}
}

// TestGeneratedTag: pages without a validator get a weak one that any process
// generates alike, so a visitor may revalidate at another.
func TestGeneratedTag(t *testing.T) {
	var tags []string
	for range 2 {
		h := stocked(t)
		got := call(h, page("/"))
		tags = append(tags, got.header.Get("Etag"))
		if again := call(h, page("/", "If-None-Match", got.header.Get("Etag"))); again.status != 304 {
			t.Errorf("got status %d for the page's own tag, want 304", again.status)
		}
	}
	if tags[0] == "" || tags[0] != tags[1] {
		t.Errorf("got tags %q of two caches, want equal ones", tags)
	}
}

// TestHeadOfStoredPage: HEAD says what GET would, without the content.
func TestHeadOfStoredPage(t *testing.T) {
	h := stocked(t, "Etag", `"v1"`, "Content-Type", "text/plain")
	srv := httptest.NewServer(h)
	defer srv.Close()
	whole := get(t, srv.URL+"/", "Host", stockedHost)
	for _, fields := range [][]string{nil, {"Range", "bytes=0-1"}, {"Range", "bytes=99-"}, {"Range", "bytes=0-1", "If-Range", `"v1"`}} {
		got := do(t, request(t, http.MethodHead, srv.URL+"/", append(fields, "Host", stockedHost)...))
		if got.status != 200 || got.body != "" || !got.hit() {
			t.Errorf("%q: got status %d, body %q, %s; want 200, no body and a hit", fields, got.status, got.body, got.cacheStatus())
		}
		for _, name := range []string{"Content-Length", "Content-Type", "Etag", "Date", "Content-Range"} {
			if got.header.Get(name) != whole.header.Get(name) {
				t.Errorf("%q: got %s %q, want %q", fields, name, got.header.Get(name), whole.header.Get(name))
			}
		}
	}
}
