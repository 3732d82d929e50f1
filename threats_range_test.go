package pagecache_test

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const rangeBody = "0123456789abcdefghijklmnopqrstuvwxyz"

// TestThreatS27_S28_Poisons: a request of one of these kinds comes first, and
// the plain one after it must get the whole page; then the other way round.
func TestThreatS27_S28_Poisons(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		w.Header().Set("Cache-Control", "public, max-age=60")
		http.ServeContent(w, r, "page.txt", time.Unix(1e9, 0), strings.NewReader(rangeBody))
	})
	poisons := map[string][]string{
		"HEAD":                  {"HEAD"},
		"HEAD with a range":     {"HEAD", "Range", "bytes=0-1"},
		"range":                 {"GET", "Range", "bytes=0-1"},
		"range, case":           {"GET", "rANGE", "BYTES=0-1"},
		"range, second line":    {"GET", "Range", "", "Range", "bytes=0-1"},
		"ranges":                {"GET", "Range", "bytes=0-1,3-4"},
		"range not satisfiable": {"GET", "Range", "bytes=1000-"},
		"range if":              {"GET", "Range", "bytes=0-1", "If-Range", `"v1"`},
		"condition":             {"GET", "If-None-Match", `"v1"`},
		"condition, case":       {"GET", "iF-nONE-mATCH", `W/"v1"`},
		"condition, list":       {"GET", "If-None-Match", `"v0",  "v1"`},
		"condition, lines":      {"GET", "If-None-Match", `"v0"`, "If-None-Match", `"v1"`},
		"condition, star":       {"GET", "If-None-Match", "*"},
		"date":                  {"GET", "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"},
		"condition and range":   {"GET", "If-None-Match", `"v1"`, "Range", "bytes=0-1"},
		"precondition fails":    {"GET", "If-Match", `"v2"`},
		"precondition, date":    {"GET", "If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"},
	}
	everywhere(t, h, func(t *testing.T, srv *httptest.Server) {
		for name, p := range poisons {
			target := "/" + strings.ReplaceAll(name, " ", "-")
			for round := range 2 {
				raw(t, srv, wire(p[0], target, p[1:]...))
				if got := raw(t, srv, wire("GET", target)); got.status != 200 || got.body != rangeBody || round > 0 && !got.hit() {
					t.Errorf("after %s: got status %d, body %q, %q; want 200 and the whole page", name, got.status, got.body, got.cacheStatus())
				}
			}
		}
	})
}

// TestThreatS29_RangesStayInside: whatever is asked for, a hit sends no byte
// that is not the page's, no more bytes than the page has, and 8 parts at most.
func TestThreatS29_RangesStayInside(t *testing.T) {
	h := text(rangeBody, "Content-Type", "text/plain", "Etag", `"v1"`)
	everywhere(t, h, func(t *testing.T, srv *httptest.Server) {
		get(t, srv.URL)
		for value, want := range map[string]string{ // the parts, joined by "|"; "" for the whole page; "416"
			"bytes=0-0":                         "0",
			"bytes=35-":                         "z",
			"bytes=-1":                          "z",
			"bytes=-36":                         rangeBody,
			"bytes=-37":                         rangeBody,
			"bytes=10-99999999999":              rangeBody[10:],
			"bytes=10-99999999999999999999999":  rangeBody[10:],
			"bytes=-99999999999999999999999999": rangeBody,
			"bytes=36-":                         "416",
			"bytes=36-99":                       "416",
			"bytes=9223372036854775807-":        "416",
			"bytes=99999999999999999999999999-": "416",
			"bytes=-0":                          "416",
			"bytes=0-1,4-5":                     "01|45",
			"bytes=-1,0-0":                      "z|0",
			"bytes=5-2":                         "",
			"bytes=--1":                         "",
			"bytes=-9223372036854775808-9223372036854775807": "",
			"bytes=0x1-2": "",
			"bytes=":      "",
			"bytes=0-1,":  "01",
			"chars=0-1":   "",
			"bytes=" + strings.Repeat("0-0,", 8) + "1-1":   "",
			"bytes=" + strings.Repeat("0-35,", 3) + "0-35": "",
			"bytes=" + strings.Repeat("0-,", 1000) + "0-":  "",
			"bytes=0-20,10-35":                             "",
		} {
			got := get(t, srv.URL, "Range", value)
			checkRange(t, value, got, want)
		}
		if got := get(t, srv.URL, "Range", "bytes=0-1", "If-Range", `W/"v1"`); got.status != 200 || got.body != rangeBody {
			t.Errorf("If-Range with a weak tag: got status %d, want 200", got.status)
		}
		if got := get(t, srv.URL, "Range", "bytes=0-1", "Range", "bytes=2-3"); got.status != 200 || got.body != rangeBody {
			t.Errorf("two Range lines: got status %d, want 200", got.status)
		}
	})
}

func checkRange(t *testing.T, value string, got reply, want string) {
	t.Helper()
	if len(value) > 40 {
		value = value[:40] + "..."
	}
	if got.err != nil || !got.hit() {
		t.Errorf("%s: got %q, error %v; want a hit", value, got.cacheStatus(), got.err)
	}
	switch want {
	case "":
		if got.status != 200 || got.body != rangeBody {
			t.Errorf("%s: got status %d, %d bytes; want 200 and the whole page", value, got.status, len(got.body))
		}
		return
	case "416":
		if got.status != 416 || strings.Contains(got.body, "0123") || got.header.Get("Content-Range") != "bytes */36" {
			t.Errorf("%s: got status %d, Content-Range %q; want 416, bytes */36", value, got.status, got.header.Get("Content-Range"))
		}
		return
	}
	if parts := parts(got); got.status != 206 || parts != want {
		t.Errorf("%s: got status %d, parts %q; want 206, %q", value, got.status, parts, want)
	}
}

// parts returns the parts of a partial response, joined by "|".
func parts(got reply) string {
	kind, params, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if kind != "multipart/byteranges" {
		return got.body
	}
	var all []string
	r := multipart.NewReader(strings.NewReader(got.body), params["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return strings.Join(all, "|")
		}
		if err != nil {
			return err.Error()
		}
		body, _ := io.ReadAll(p)
		all = append(all, string(body))
	}
}
