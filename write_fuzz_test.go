package pagecache

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache/internal/httpdate"
)

// modelTag is the grammar of an entity tag.
var modelTag = regexp.MustCompile(`^(W/)?("[!#-~\x80-\xff]*")$`)

// modelMatches is weak comparison with each member of a well-formed list; sure
// is false for lists that only rules of error recovery can read.
func modelMatches(line, tag string) (matches, sure bool) {
	if strings.Trim(line, " \t") == "*" {
		return true, true
	}
	own := modelTag.FindStringSubmatch(tag)
	if strings.Count(line, `"`)%2 != 0 {
		return false, false
	}
	inside := false
	members := strings.FieldsFunc(line, func(c rune) bool {
		if c == '"' {
			inside = !inside
		}
		return c == ',' && !inside
	})
	for _, member := range members {
		m := modelTag.FindStringSubmatch(strings.Trim(member, " \t"))
		if m == nil && strings.Trim(member, " \t") != "" {
			return false, false
		}
		if m != nil && own != nil && m[2] == own[2] {
			matches = true
		}
	}
	return matches, true
}

// modelRanges is RFC 9110 section 14.1 by regular expression, with the limits
// that we set. The verdict is 206, 416, or 200 for "as if there were none".
func modelRanges(line string, size int) (parts []string, body string, status int) {
	set, ok := regexp.MustCompile(`(?i)^[ \t]*bytes=(.*)$`), regexp.MustCompile(`^(\d*)-(\d*)$`)
	m := set.FindStringSubmatch(line)
	if m == nil || size == 0 {
		return nil, "", 200
	}
	total, specs := 0, 0
	for _, spec := range strings.Split(m[1], ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue
		}
		specs++
		m := ok.FindStringSubmatch(spec)
		if m == nil || m[1]+m[2] == "" || specs > 8 {
			return nil, "", 200
		}
		from, to := number(m[1], 0), number(m[2], 1<<62)
		switch {
		case m[1] == "":
			from, to = max(0, size-number(m[2], 0)), size-1
		case from > to:
			return nil, "", 200
		}
		if to = min(to, size-1); from <= to {
			total += to - from + 1
			parts = append(parts, strconv.Itoa(from)+"-"+strconv.Itoa(to))
			body += digitsBody[from : to+1]
		}
		if total > size {
			return nil, "", 200
		}
	}
	switch {
	case specs == 0:
		return nil, "", 200
	case len(parts) == 0:
		return nil, "", 416
	}
	return parts, body, 206
}

func number(s string, absent int) int {
	if s == "" {
		return absent
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1 << 62
	}
	return n
}

const digitsBody = "0123456789abcdefghij"

// FuzzWriteEntry has any If-None-Match and any Range on a stored page.
func FuzzWriteEntry(f *testing.F) {
	f.Add(`"v1"`, `"v0", W/"v1"`, "bytes=0-3", uint8(20), true)
	f.Add(`W/"v1"`, `*`, "bytes=-3", uint8(20), true)
	f.Add(`v1`, `"v1`, "bytes=0-1,5-", uint8(9), true)
	f.Add("", "", "bytes=99-", uint8(20), false)
	f.Add("", "", "bytes=0-0,19-,-1", uint8(20), false)
	f.Add("", "", "bytes=0-,0-", uint8(20), false)
	f.Fuzz(func(t *testing.T, tag, condition, rng string, n uint8, conditionally bool) {
		size := int(n) % (len(digitsBody) + 1)
		e := &entry{status: 200, body: []byte(digitsBody[:size]), etag: tag}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Range"] = []string{rng}
		a := admission{flags: ranged}
		if conditionally {
			r.Header["If-None-Match"] = []string{condition}
			a.flags |= conditional
		}
		w := httptest.NewRecorder()
		w.Header()["Content-Type"] = []string{"text/plain"}
		writeEntry(w, r, e, a, false)

		parts, body, status := modelRanges(rng, size)
		if conditionally {
			matches, sure := modelMatches(condition, tag)
			if !sure {
				if w.Code != 304 && w.Code != status {
					t.Errorf("%q, %q: got status %d, want 304 or %d", condition, rng, w.Code, status)
				}
				return
			}
			if matches {
				status = 304
			}
		}
		checkWritten(t, w, parts, body, status, digitsBody[:size])
	})
}

func checkWritten(t *testing.T, w *httptest.ResponseRecorder, parts []string, body string, status int, whole string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("got status %d, want %d", w.Code, status)
		return
	}
	got := w.Body.String()
	switch {
	case status == 200 && got != whole, (status == 304 || status == 416) && got != "", status == 206 && len(parts) == 1 && got != body:
		t.Errorf("status %d: got body %q, want %q of %q", status, got, body, whole)
	case status == 206 && len(parts) > 1:
		var sections []string
		for _, line := range strings.Split(got, "\r\n") {
			if rest, ok := strings.CutPrefix(line, "Content-Range: bytes "); ok {
				sections = append(sections, strings.TrimSuffix(rest, "/"+strconv.Itoa(len(whole))))
			}
		}
		if !slices.Equal(sections, parts) || len(got) > len(whole)+len(parts)*150+50 {
			t.Errorf("got parts %q in %d bytes, want %q", sections, len(got), parts)
		}
	}
	if n := w.Header().Get("Content-Length"); status != 200 && status != 304 && n != strconv.Itoa(len(got)) {
		t.Errorf("status %d: got Content-Length %q for %d bytes", status, n, len(got))
	}
}

// FuzzModifiedSince compares instants; the forms of dates are tested elsewhere.
func FuzzModifiedSince(f *testing.F) {
	f.Add(int64(0), int64(0), "")
	f.Add(int64(1), int64(0), `"v1"`)
	f.Fuzz(func(t *testing.T, since, modified int64, tag string) {
		const century = 100 * 365 * 24 * 3600
		s, m := noon.Add(time.Duration(since%century)*time.Second), noon.Add(time.Duration(modified%century)*time.Second)
		h := http.Header{"If-Modified-Since": {httpdate.Format(s)}}
		if got, want := notModified(h, tag, m), !m.After(s); got != want {
			t.Errorf("since %v, modified %v: got %t, want %t", s, m, got, want)
		}
		h["If-None-Match"] = []string{`"other"`}
		if notModified(h, `"tag"`, m) {
			t.Error("If-Modified-Since counted although there is If-None-Match")
		}
	})
}
