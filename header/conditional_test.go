package header_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache/header"
)

var (
	changed = time.Date(2026, 3, 1, 12, 0, 0, 999, time.FixedZone("CET", 3600))
	before  = "Sun, 01 Mar 2026 10:59:59 GMT"
	then    = "Sun, 01 Mar 2026 11:00:00 GMT"
	after   = "Sun, 01 Mar 2026 11:00:01 GMT"
)

// page is a handler with validators. Its 200 has what describes a body.
func page(tag string, modified time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range"} {
			h.Set(name, "1")
		}
		h.Set("Vary", "Accept")
		h.Set("Content-Location", "/page")
		h.Set("Cache-Control", "max-age=60")
		h.Set("Cdn-Cache-Control", "max-age=600")
		if header.NotModified(w, r, tag, modified) {
			return
		}
		fmt.Fprint(w, "x")
	})
}

func TestNotModified(t *testing.T) {
	never := time.Time{}
	const get, put = "GET", "PUT"
	for name, tt := range map[string]struct {
		method   string
		tag      string
		modified time.Time
		fields   []string
		want     int
	}{
		"no condition":                   {get, `"a"`, changed, nil, 200},
		"no condition, PUT":              {put, `"a"`, changed, nil, 200},
		"INM":                            {get, `"a"`, changed, list("If-None-Match", `"a"`), 304},
		"INM, HEAD":                      {"HEAD", `"a"`, changed, list("If-None-Match", `"a"`), 304},
		"INM, another":                   {get, `"a"`, changed, list("If-None-Match", `"b"`), 200},
		"INM, weak there":                {get, `"a"`, never, list("If-None-Match", `W/"a"`), 304},
		"INM, weak here":                 {get, `W/"a"`, never, list("If-None-Match", `"a"`), 304},
		"INM, list":                      {get, `"a"`, never, list("If-None-Match", `"b", W/"c,", "a"`), 304},
		"INM, two lines":                 {get, `"a"`, never, list("If-None-Match", `"b"`, "If-None-Match", `"a"`), 304},
		"INM, star":                      {get, `"a"`, never, list("If-None-Match", "*"), 304},
		"INM, star, no tag":              {get, "", changed, list("If-None-Match", "*"), 304},
		"INM, star, no page":             {get, "", never, list("If-None-Match", "*"), 200},
		"INM, no tag":                    {get, "", changed, list("If-None-Match", `"a"`), 200},
		"INM, empty":                     {get, `"a"`, changed, list("If-None-Match", "", "If-Modified-Since", then), 200},
		"INM, unquoted there":            {get, `"a"`, never, list("If-None-Match", "a"), 200},
		"INM, unquoted here":             {get, "a", never, list("If-None-Match", `"a"`), 304},
		"INM, W/ in a tag without":       {get, "W/a", never, list("If-None-Match", `"W/a"`), 304},
		"INM, tag with a blank":          {get, "a b", never, list("If-None-Match", `"a b"`), 200},
		"INM, tag with a blank, star":    {get, "a b", never, list("If-None-Match", "*"), 304},
		"INM, tag with a quote":          {get, `a"b`, never, list("If-None-Match", `"a"b"`), 200},
		"INM, tag with an open quote":    {get, `"a`, never, list("If-None-Match", `"a"`), 200},
		"INM, empty entity tag":          {get, `""`, never, list("If-None-Match", `""`), 304},
		"INM, other, outweighs IMS":      {get, `"a"`, changed, list("If-None-Match", `"b"`, "If-Modified-Since", then), 200},
		"INM, equal, outweighs IMS":      {get, `"a"`, changed, list("If-None-Match", `"a"`, "If-Modified-Since", before), 304},
		"INM, PUT":                       {put, `"a"`, changed, list("If-None-Match", `"a"`), 412},
		"INM, PUT, weak":                 {put, `"a"`, changed, list("If-None-Match", `W/"a"`), 412},
		"INM, PUT, another":              {put, `"a"`, changed, list("If-None-Match", `"b"`), 200},
		"INM, PUT, star":                 {put, `"a"`, changed, list("If-None-Match", "*"), 412},
		"INM, PUT, star, no page":        {put, "", never, list("If-None-Match", "*"), 200},
		"INM, DELETE":                    {"DELETE", `"a"`, never, list("If-None-Match", `"a"`), 412},
		"INM, QUERY":                     {"QUERY", `"a"`, never, list("If-None-Match", `"a"`), 412},
		"INM, OPTIONS":                   {"OPTIONS", `"a"`, never, list("If-None-Match", `"a"`), 200},
		"IMS, same second":               {get, "", changed, list("If-Modified-Since", then), 304},
		"IMS, HEAD":                      {"HEAD", "", changed, list("If-Modified-Since", then), 304},
		"IMS, with a tag":                {get, `"a"`, changed, list("If-Modified-Since", then), 304},
		"IMS, later":                     {get, "", changed, list("If-Modified-Since", after), 304},
		"IMS, earlier":                   {get, "", changed, list("If-Modified-Since", before), 200},
		"IMS, old form":                  {get, "", changed, list("If-Modified-Since", "Sunday, 01-Mar-26 11:00:00 GMT"), 304},
		"IMS, no date":                   {get, "", changed, list("If-Modified-Since", "yesterday"), 200},
		"IMS, twice":                     {get, "", changed, list("If-Modified-Since", then, "If-Modified-Since", then), 200},
		"IMS, never modified":            {get, `"a"`, never, list("If-Modified-Since", then), 200},
		"IMS, PUT":                       {put, "", changed, list("If-Modified-Since", then), 200},
		"IM":                             {put, `"a"`, changed, list("If-Match", `"a"`), 200},
		"IM, another":                    {put, `"a"`, changed, list("If-Match", `"b"`), 412},
		"IM, list":                       {put, `"a,b"`, changed, list("If-Match", `"b",W/"a,b" , "a,b"`), 200},
		"IM, middle of a list":           {put, `"a"`, changed, list("If-Match", `"b", "a" , "c"`), 200},
		"IM, two lines":                  {put, `"a"`, changed, list("If-Match", `"b"`, "If-Match", `"a"`), 200},
		"IM, blanks":                     {put, `"a"`, changed, list("If-Match", ` , ,"b",  "a"	`), 200},
		"IM, inside another":             {put, `"a"`, changed, list("If-Match", `"b,"a",c"`), 412},
		"IM, weak there":                 {put, `"a"`, changed, list("If-Match", `W/"a"`), 412},
		"IM, weak here":                  {put, `W/"a"`, changed, list("If-Match", `"a"`), 412},
		"IM, both weak":                  {put, `W/"a"`, changed, list("If-Match", `W/"a"`), 412},
		"IM, unquoted there":             {put, `"a"`, changed, list("If-Match", "a"), 412},
		"IM, unquoted here":              {put, "a", changed, list("If-Match", `"a"`), 200},
		"IM, empty":                      {put, `"a"`, changed, list("If-Match", ""), 412},
		"IM, star":                       {put, `"a"`, never, list("If-Match", "*"), 200},
		"IM, star, blanks":               {put, `"a"`, never, list("If-Match", " * "), 200},
		"IM, star, no tag":               {put, "", changed, list("If-Match", "*"), 200},
		"IM, star, no page":              {put, "", never, list("If-Match", "*"), 412},
		"IM, star in a list":             {put, `"a"`, never, list("If-Match", `"b", *`), 412},
		"IM, no tag":                     {put, "", changed, list("If-Match", `"a"`), 412},
		"IM, tag with a blank":           {put, "a b", changed, list("If-Match", `"a b"`), 412},
		"IM, GET":                        {get, `"a"`, changed, list("If-Match", `"b"`), 412},
		"IM, HEAD":                       {"HEAD", `"a"`, changed, list("If-Match", `"b"`), 412},
		"IM, OPTIONS":                    {"OPTIONS", `"a"`, changed, list("If-Match", `"b"`), 200},
		"IM, TRACE":                      {"TRACE", `"a"`, changed, list("If-Match", `"b"`), 200},
		"IM before INM, fails":           {get, `"a"`, changed, list("If-Match", `"b"`, "If-None-Match", `"a"`), 412},
		"IM before INM, holds":           {get, `"a"`, changed, list("If-Match", `"a"`, "If-None-Match", `"a"`), 304},
		"IM before IMS, holds":           {get, `"a"`, changed, list("If-Match", `"a"`, "If-Modified-Since", then), 304},
		"IUS, same second":               {put, "", changed, list("If-Unmodified-Since", then), 200},
		"IUS, later":                     {put, "", changed, list("If-Unmodified-Since", after), 200},
		"IUS, earlier":                   {put, "", changed, list("If-Unmodified-Since", before), 412},
		"IUS, GET":                       {get, "", changed, list("If-Unmodified-Since", before), 412},
		"IUS, OPTIONS":                   {"OPTIONS", "", changed, list("If-Unmodified-Since", before), 200},
		"IUS, no date":                   {put, "", changed, list("If-Unmodified-Since", "yesterday"), 200},
		"IUS, never modified":            {put, `"a"`, never, list("If-Unmodified-Since", before), 200},
		"IUS, outweighed by IM":          {put, `"a"`, changed, list("If-Match", `"a"`, "If-Unmodified-Since", before), 200},
		"IUS before INM, fails":          {get, `"a"`, changed, list("If-Unmodified-Since", before, "If-None-Match", `"a"`), 412},
		"IUS before INM, holds":          {get, `"a"`, changed, list("If-Unmodified-Since", then, "If-None-Match", `"a"`), 304},
		"IUS and IMS":                    {get, "", changed, list("If-Unmodified-Since", then, "If-Modified-Since", then), 304},
		"a range is the handler's":       {get, `"a"`, changed, list("Range", "bytes=0-", "If-Range", `"b"`), 200},
		"a condition comes before range": {get, `"a"`, changed, list("Range", "bytes=0-", "If-None-Match", `"a"`), 304},
	} {
		t.Run(name, func(t *testing.T) {
			res := call(page(tt.tag, tt.modified), request(tt.method, "/", tt.fields...))
			if res.StatusCode != tt.want {
				t.Fatalf("got status %d, want %d", res.StatusCode, tt.want)
			}
			text := body(t, res)
			if (text == "x") != (tt.want == 200) {
				t.Errorf("got body %q", text)
			}
			wantSent(t, res)
		})
	}
}

// wantSent checks what goes with each status.
func wantSent(t *testing.T, res *http.Response) {
	t.Helper()
	h := res.Header
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range"} {
		if got := h.Get(name) != ""; got != (res.StatusCode == 200) {
			t.Errorf("%s: got it sent %t with %d", name, got, res.StatusCode)
		}
	}
	wantLines(t, h, "Vary", "Accept")
	wantLines(t, h, "Content-Location", "/page")
	if res.StatusCode == http.StatusPreconditionFailed {
		wantNever(t, h)
		wantLines(t, h, "Cdn-Cache-Control")
		return
	}
	wantLines(t, h, "Cache-Control", "max-age=60")
	wantLines(t, h, "Cdn-Cache-Control", "max-age=600")
}

// TestValidatorsSent: which ETag and Last-Modified a client sees.
func TestValidatorsSent(t *testing.T) {
	for name, tt := range map[string]struct {
		method   string
		tag      string
		modified time.Time
		fields   []string
		etag     []string
		date     []string
	}{
		"200":                  {"GET", `"a"`, changed, nil, list(`"a"`), list(then)},
		"HEAD":                 {"HEAD", `W/"a"`, changed, nil, list(`W/"a"`), list(then)},
		"304":                  {"GET", `"a"`, changed, list("If-None-Match", "*"), list(`"a"`), list(then)},
		"412":                  {"PUT", `"a"`, changed, list("If-None-Match", "*"), list(`"a"`), list(then)},
		"PUT that goes on":     {"PUT", `"a"`, changed, list("If-Match", "*"), nil, nil},
		"OPTIONS":              {"OPTIONS", `"a"`, changed, nil, nil, nil},
		"no tag":               {"GET", "", changed, nil, nil, list(then)},
		"no date":              {"GET", `"a"`, time.Time{}, nil, list(`"a"`), nil},
		"none":                 {"GET", "", time.Time{}, nil, nil, nil},
		"unquoted":             {"GET", "9f2c-é", changed, nil, list(`"9f2c-é"`), list(then)},
		"unquoted W/":          {"GET", "W/9f2c", changed, nil, list(`"W/9f2c"`), list(then)},
		"blank":                {"GET", "a b", changed, nil, nil, list(then)},
		"line end":             {"GET", "a\r\nSet-Cookie: x", changed, nil, nil, list(then)},
		"delete":               {"GET", "a\x7f", changed, nil, nil, list(then)},
		"quotes inside":        {"GET", `"a"b"`, changed, nil, nil, list(then)},
		"lower-case weakness":  {"GET", `w/"a"`, changed, nil, nil, list(then)},
		"the epoch is a date":  {"GET", "", time.Unix(0, 0), nil, nil, list("Thu, 01 Jan 1970 00:00:00 GMT")},
		"a blank and 304":      {"GET", "a b", changed, list("If-None-Match", "*"), nil, list(then)},
		"long before the date": {"GET", "", time.Date(1969, 12, 31, 23, 59, 58, 5e8, time.UTC), nil, nil, list("Wed, 31 Dec 1969 23:59:58 GMT")},
	} {
		t.Run(name, func(t *testing.T) {
			res := call(page(tt.tag, tt.modified), request(tt.method, "/", tt.fields...))
			wantLines(t, res.Header, "ETag", tt.etag...)
			wantLines(t, res.Header, "Last-Modified", tt.date...)
		})
	}
}

// TestValidatorsReplace: those that were set before, under any spelling, go.
func TestValidatorsReplace(t *testing.T) {
	rec := httptest.NewRecorder()
	rec.Header()["ETag"] = list(`"old"`)
	rec.Header()["Etag"] = list(`"older"`)
	rec.Header()["last-modified"] = list(before)
	if header.NotModified(rec, request("GET", "/"), `"a"`, changed) {
		t.Error("got true, want false")
	}
	wantLines(t, rec.Header(), "ETag", `"a"`)
	wantLines(t, rec.Header(), "Last-Modified", then)
	header.NotModified(rec, request("GET", "/"), "", time.Time{})
	wantLines(t, rec.Header(), "ETag", `"a"`)
}

// TestModifiedInFuture: the date sent is never ahead of Date (RFC 9110 section
// 8.8.2.1), and what a client got before that time is not current after it.
func TestModifiedInFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := page("", start.Add(time.Hour))
		sent := get(h).Header.Get("Last-Modified")
		if want := start.UTC().Format(http.TimeFormat); sent != want {
			t.Errorf("got Last-Modified %q, want %q", sent, want)
		}
		time.Sleep(time.Minute)
		if got := get(h, "If-Modified-Since", sent).StatusCode; got != 200 {
			t.Errorf("got status %d before the time has come, want 200", got)
		}
		time.Sleep(time.Hour)
		if got := get(h, "If-Modified-Since", sent).StatusCode; got != 200 {
			t.Errorf("got status %d after it, want 200", got)
		}
		sent = get(h).Header.Get("Last-Modified")
		if got := get(h, "If-Modified-Since", sent).StatusCode; got != 304 {
			t.Errorf("got status %d for what was sent after it, want 304", got)
		}
	})
}

// TestNotModifiedOnTheWire: net/http adds no body and no type of its own.
func TestNotModifiedOnTheWire(t *testing.T) {
	srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("If-None-Match", "*")
		if r.URL.Path == "/put" {
			r.Method = "PUT"
		}
		if !header.NotModified(w, r, `"a"`, changed) {
			t.Error("got false, want true")
		}
	}))
	res := fetch(t, srv.URL)
	if res.StatusCode != 304 || len(res.Header) != 3 {
		t.Errorf("got %d with %v, want 304 with ETag, Last-Modified and Date", res.StatusCode, res.Header)
	}
	res = fetch(t, srv.URL+"/put")
	if got := body(t, res); res.StatusCode != 412 || res.ContentLength != 0 || got != "" {
		t.Errorf("got %d with %d bytes, %q; want 412 with none", res.StatusCode, res.ContentLength, got)
	}
	wantNever(t, res.Header)
}
