package pagecache_test

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestSingleRange(t *testing.T) {
	h := stocked(t, "Etag", `"v1"`, "Content-Type", "text/plain", "Last-Modified", lastModified, "Date", dated)
	tests := []struct{ rng, body, content string }{
		{"bytes=0-0", "0", "bytes 0-0/10"},
		{"bytes=2-5", "2345", "bytes 2-5/10"},
		{"bytes=7-", "789", "bytes 7-9/10"},
		{"bytes=-3", "789", "bytes 7-9/10"},
		{"bytes=5-99", "56789", "bytes 5-9/10"},
		{"bytes=-99", digits, "bytes 0-9/10"},
		{"bytes=0-", digits, "bytes 0-9/10"},
		{"bytes=5-99999999999999999999", "56789", "bytes 5-9/10"},
		{"BYTES=1-1", "1", "bytes 1-1/10"},
		{"bytes= 1-1 ,", "1", "bytes 1-1/10"},
		{"bytes=1-1,99-", "1", "bytes 1-1/10"},
	}
	for _, tt := range tests {
		got := call(h, page("/", "Range", tt.rng))
		if got.status != 206 || got.body != tt.body || got.header.Get("Content-Range") != tt.content || !got.hit() {
			t.Errorf("%s: got status %d, body %q, Content-Range %q; want 206, %q, %q", tt.rng, got.status, got.body, got.header.Get("Content-Range"), tt.body, tt.content)
		}
		if n := got.header.Get("Content-Length"); n != strconv.Itoa(len(tt.body)) {
			t.Errorf("%s: got Content-Length %q, want %d", tt.rng, n, len(tt.body))
		}
		for name, want := range map[string]string{"Etag": `"v1"`, "Content-Type": "text/plain", "Date": dated} {
			if got.header.Get(name) != want {
				t.Errorf("%s: got %s %q, want %q", tt.rng, name, got.header.Get(name), want)
			}
		}
	}
}

// TestRangesNotServed: a field that cannot be followed, or would make the
// answer larger than the page, is as good as none.
func TestRangesNotServed(t *testing.T) {
	h := stocked(t, "Etag", `"v1"`)
	for _, fields := range [][]string{
		{"Range", "bytes=5-2"}, {"Range", "bytes=-"}, {"Range", "bytes=a-b"}, {"Range", "bytes=+1-2"}, {"Range", "bytes="}, {"Range", "bytes"},
		{"Range", "lines=1-2"}, {"Range", ""}, {"Range", "bytes=0-1;2-3"}, {"Range", "bytes =0-1"},
		{"Range", "bytes=0-0", "Range", "bytes=1-1"},                        // two lines
		{"Range", "bytes=0-,0-"},                                            // more than there is
		{"Range", "bytes=" + strings.Repeat("0-0,", 8) + "0-0"},             // nine
		{"Range", "bytes=" + strings.Repeat("0-9,", 1000) + "0-9"},          // a thousand
		{"Range", "bytes=0-1", "If-None-Match", `"v2"`, "If-Range", `"v2"`}, // a page that has changed
	} {
		if got := call(h, page("/", fields...)); got.status != 200 || got.body != digits || !got.hit() || got.header.Get("Content-Range") != "" {
			t.Errorf("%.60q: got status %d, body %q, Content-Range %q; want 200 and the page", fields, got.status, got.body, got.header.Get("Content-Range"))
		}
	}
}

func TestUnsatisfiableRange(t *testing.T) {
	srv := httptest.NewServer(stocked(t, "Etag", `"v1"`, "Content-Type", "text/plain"))
	defer srv.Close()
	for _, rng := range []string{"bytes=10-", "bytes=99-100", "bytes=-0", "bytes=10-,99-"} {
		got := get(t, srv.URL+"/", "Range", rng, "Host", stockedHost)
		if got.status != 416 || got.body != "" || got.header.Get("Content-Range") != "bytes */10" || !got.hit() {
			t.Errorf("%s: got status %d, body %q, Content-Range %q; want 416, none, bytes */10", rng, got.status, got.body, got.header.Get("Content-Range"))
		}
		if got.header.Get("Content-Type") != "" {
			t.Errorf("%s: got Content-Type %q of no content, want none", rng, got.header.Get("Content-Type"))
		}
	}
	if got := get(t, srv.URL+"/", "Host", stockedHost); got.status != 200 || got.body != digits || got.header.Get("Content-Type") != "text/plain" {
		t.Errorf("afterwards: got status %d, body %q; want the page", got.status, got.body)
	}
}

// TestSeveralRanges reads the parts with mime/multipart.
func TestSeveralRanges(t *testing.T) {
	srv := httptest.NewServer(stocked(t, "Content-Type", "text/plain; charset=utf-8"))
	defer srv.Close()
	for rng, want := range map[string]string{
		"bytes=0-1,4-5":       "bytes 0-1/10:01 bytes 4-5/10:45",
		"bytes=8-,0-1":        "bytes 8-9/10:89 bytes 0-1/10:01",
		"bytes=0-0,-1,99-100": "bytes 0-0/10:0 bytes 9-9/10:9",
		"bytes=0-1,1-2":       "bytes 0-1/10:01 bytes 1-2/10:12",
	} {
		res := get(t, srv.URL+"/", "Range", rng, "Host", stockedHost)
		if res.status != 206 || res.header.Get("Content-Range") != "" || res.header.Get("Content-Length") != strconv.Itoa(len(res.body)) {
			t.Errorf("%s: got status %d, Content-Range %q, Content-Length %q for %d bytes", rng, res.status, res.header.Get("Content-Range"), res.header.Get("Content-Length"), len(res.body))
		}
		if got := readParts(t, res); got != want {
			t.Errorf("%s: got parts %q, want %q", rng, got, want)
		}
	}
}

func readParts(t *testing.T, res reply) string {
	t.Helper()
	media, params, err := mime.ParseMediaType(res.header.Get("Content-Type"))
	if err != nil || media != "multipart/byteranges" {
		t.Fatalf("got Content-Type %q, want multipart/byteranges", res.header.Get("Content-Type"))
	}
	var parts []string
	for reader := multipart.NewReader(strings.NewReader(res.body), params["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return strings.Join(parts, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("got a part of type %q, want that of the page", got)
		}
		parts = append(parts, fmt.Sprintf("%s:%s", part.Header.Get("Content-Range"), body))
	}
}

// TestIfRange: a part is of use only to whom has the very same page, compared
// strongly (RFC 9110 section 13.1.5).
func TestIfRange(t *testing.T) {
	strong := []string{"Etag", `"v1"`, "Last-Modified", lastModified, "Date", dated}
	tests := []struct {
		name    string
		page    []string
		ifRange []string
		status  int
	}{
		{"strong tag", strong, []string{`"v1"`}, 206},
		{"other tag", strong, []string{`"v2"`}, 200},
		{"weak tag of a strong page", strong, []string{`W/"v1"`}, 200},
		{"list", strong, []string{`"v1", "v2"`}, 200},
		{"star", strong, []string{"*"}, 200},
		{"two lines", strong, []string{`"v1"`, `"v1"`}, 200},
		{"empty", strong, []string{""}, 200},
		{"date", strong, []string{lastModified}, 206},
		{"later date", strong, []string{"Mon, 01 Jun 2026 10:00:01 GMT"}, 200},
		{"earlier date", strong, []string{"Mon, 01 Jun 2026 09:59:59 GMT"}, 200},
		{"no date", strong, []string{"yesterday"}, 200},
		{"weak page, weak tag", []string{"Etag", `W/"v1"`}, []string{`W/"v1"`}, 200},
		{"weak page, strong tag", []string{"Etag", `W/"v1"`}, []string{`"v1"`}, 200},
		{"page without Last-Modified", []string{"Date", dated}, []string{dated}, 200},
		// Within the second of its making a page can change unseen.
		{"weak date", []string{"Last-Modified", dated, "Date", dated}, []string{dated}, 200},
	}
	for _, tt := range tests {
		h := stocked(t, tt.page...)
		fields := []string{"Range", "bytes=0-3"}
		for _, line := range tt.ifRange {
			fields = append(fields, "If-Range", line)
		}
		want := map[int]string{206: "0123", 200: digits}[tt.status]
		if got := call(h, page("/", fields...)); got.status != tt.status || got.body != want || !got.hit() {
			t.Errorf("%s: got status %d, body %q; want %d, %q", tt.name, got.status, got.body, tt.status, want)
		}
	}
}

// TestConditionBeforeRange: a page that the client has needs no part of it sent
// (RFC 9110 section 13.2.2).
func TestConditionBeforeRange(t *testing.T) {
	h := stocked(t, "Etag", `"v1"`, "Last-Modified", lastModified)
	for _, tt := range []struct {
		fields []string
		status int
	}{
		{[]string{"Range", "bytes=0-3", "If-None-Match", `"v1"`}, 304},
		{[]string{"Range", "bytes=99-", "If-None-Match", `"v1"`}, 304},
		{[]string{"Range", "bytes=0-3", "If-None-Match", `"v2"`}, 206},
		{[]string{"Range", "bytes=0-3", "If-Modified-Since", lastModified}, 304},
		{[]string{"Range", "bytes=0-3", "If-Modified-Since", "Sun, 01 Jun 2025 10:00:00 GMT"}, 206},
		{[]string{"Range", "bytes=0-3", "If-None-Match", `"v1"`, "If-Range", `"v2"`}, 304},
	} {
		if got := call(h, page("/", tt.fields...)); got.status != tt.status {
			t.Errorf("%q: got status %d, want %d", tt.fields, got.status, tt.status)
		}
	}
}

// TestRangeOfEmptyPage: no byte, no range (RFC 9110 section 14.4 cannot name
// one).
func TestRangeOfEmptyPage(t *testing.T) {
	c := newCache(t)
	h := c.PageFunc(1<<30, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	call(h, page("/"))
	for _, rng := range []string{"bytes=0-", "bytes=-1", "bytes=0-0"} {
		if got := call(h, page("/", "Range", rng)); got.status != 200 || got.body != "" {
			t.Errorf("%s: got status %d, body %q; want 200 and nothing", rng, got.status, got.body)
		}
	}
}
