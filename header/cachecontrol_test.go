package header_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-pagecache/pagecache/header"
	"github.com/go-pagecache/pagecache/internal/cachecontrol"
)

func list(s ...string) []string { return s }

func TestCacheControlMerges(t *testing.T) {
	for name, tt := range map[string]struct {
		given   []string
		handler []string // lines of Cache-Control
		want    string
	}{
		"nothing there":              {list("public", "max-age=60"), nil, "public, max-age=60"},
		"empty line":                 {list("public"), list(""), "public"},
		"empty members":              {list("public"), list(" , ,no-transform,, "), "no-transform, public"},
		"something else there":       {list("public"), list("max-age=60"), "max-age=60, public"},
		"two lines":                  {list("public"), list("max-age=60", "immutable"), "max-age=60, immutable, public"},
		"there already":              {list("no-cache"), list("no-cache"), "no-cache"},
		"there in another case":      {list("No-Cache"), list("NO-CACHE"), "no-cache"},
		"there several times":        {list("no-cache"), list("no-cache, no-cache", "no-cache"), "no-cache"},
		"private replaces public":    {list("private"), list("public, max-age=60"), "max-age=60, private"},
		"public replaces private":    {list("public"), list("Private, max-age=60"), "max-age=60, public"},
		"public replaces qualified":  {list("public"), list(`private="a, b"`), "public"},
		"neither given":              {list("no-cache"), list("private"), "private, no-cache"},
		"plain replaces qualified":   {list("no-cache"), list(`no-cache="set-cookie, b", public`), "public, no-cache"},
		"smaller max-age given":      {list("max-age=60"), list("max-age=3600"), "max-age=60"},
		"smaller max-age there":      {list("max-age=3600"), list("max-age=60"), "max-age=60"},
		"zero there":                 {list("max-age=3600"), list("max-age=0"), "max-age=0"},
		"equal":                      {list("max-age=60"), list("max-age=60"), "max-age=60"},
		"smallest of several":        {list("max-age=50"), list("max-age=60, max-age=40", "max-age=70"), "max-age=40"},
		"in another case":            {list("Max-Age=60"), list("MAX-AGE=30"), "max-age=30"},
		"quoted max-age":             {list("max-age=60"), list(`max-age="30"`), "max-age=30"},
		"compared as numbers":        {list("max-age=9"), list("max-age=10"), "max-age=9"},
		"huge there":                 {list("max-age=60"), list("max-age=99999999999999999999999"), "max-age=60"},
		"huge given":                 {list("max-age=99999999999999999999999"), list("max-age=60"), "max-age=60"},
		"unreadable is over":         {list("max-age=60"), list("max-age=1h"), "max-age=0"},
		"negative is over":           {list("max-age=60"), list("max-age=-1"), "max-age=0"},
		"smaller s-maxage":           {list("s-maxage=60"), list("s-maxage=30, max-age=10"), "max-age=10, s-maxage=30"},
		"s-maxage is not max-age":    {list("s-maxage=60"), list("max-age=10"), "max-age=10, s-maxage=60"},
		"other value replaced":       {list("stale-while-revalidate=60"), list("stale-while-revalidate=10"), "stale-while-revalidate=60"},
		"extension replaced":         {list("foo=bar"), list(`foo="baz, quux", Foo`), "foo=bar"},
		"extension quoted":           {list(`community="UCI, \"x\""`), nil, `community="UCI, \"x\""`},
		"comma in quotes there":      {list("public"), list(`foo="a, private", b`), `foo="a, private", b, public`},
		"escaped quote there":        {list("public"), list(`foo="a\", private", b`), `foo="a\", private", b, public`},
		"open quote stays last":      {list("private"), list(`max-age=60, foo="bar, public`), `max-age=60, private, foo="bar, public`},
		"malformed stays":            {list("max-age=60", "public"), list("max-age=10 private, no-cache"), "max-age=10 private, no-cache, max-age=60, public"},
		"given twice, the smaller":   {list("max-age=60", "max-age=30", "max-age=40"), nil, "max-age=30"},
		"given twice, the last":      {list("foo=1", "public", "foo=2"), nil, "foo=2, public"},
		"leading zeros":              {list("max-age=060"), nil, "max-age=060"},
		"all the lifetimes together": {list("max-age=1", "s-maxage=2", "stale-while-revalidate=3", "stale-if-error=4"), nil, "max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4"},
	} {
		t.Run(name, func(t *testing.T) {
			h := header.CacheControl(tt.given...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, line := range tt.handler {
					w.Header().Add("Cache-Control", line)
				}
			}))
			for range 2 { // what one response does to the directives does not show in the next
				wantLines(t, get(h).Header, "Cache-Control", tt.want)
			}
		})
	}
}

// TestCacheControlKeepsNoMemory: a smaller lifetime of one response is none of
// the next.
func TestCacheControlKeepsNoMemory(t *testing.T) {
	age := "max-age=10"
	h := header.CacheControl("max-age=60")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", age)
	}))
	wantLines(t, get(h).Header, "Cache-Control", "max-age=10")
	age = "max-age=90"
	wantLines(t, get(h).Header, "Cache-Control", "max-age=60")
}

// TestCacheControlSpelling: lines under another spelling of the name count, and
// are not sent beside it.
func TestCacheControlSpelling(t *testing.T) {
	res := get(header.CacheControl("max-age=60")(responder(200, "cache-control", "max-age=30", "Cache-Control", "no-transform")))
	wantLines(t, res.Header, "Cache-Control", "no-transform, max-age=30")
}

// TestCacheControlStatus: errors get what restricts and nothing else.
func TestCacheControlStatus(t *testing.T) {
	every := header.CacheControl("private", "no-cache", "no-store", "must-revalidate", "proxy-revalidate",
		"max-age=60", "s-maxage=60", "stale-while-revalidate=60", "stale-if-error=60", "immutable", "no-transform", "must-understand", "foo")
	lifetimes := header.CacheControl("public", "max-age=60")
	const restricting = "private, no-cache, no-store, must-revalidate, proxy-revalidate"
	const all = restricting + ", max-age=60, s-maxage=60, stale-while-revalidate=60, stale-if-error=60, immutable, no-transform, must-understand, foo"
	for status, good := range map[int]bool{
		200: true, 204: true, 299: true, 301: true, 304: true, 399: true,
		101: false, 400: false, 404: false, 410: false, 412: false, 500: false, 599: false, 999: false,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			wantEvery, wantLifetimes := restricting, []string{"immutable, max-age=5", "private"}
			if good {
				wantEvery, wantLifetimes = all, []string{"immutable, public, max-age=5"}
			}
			wantLines(t, get(every(responder(status))).Header, "Cache-Control", wantEvery)
			wantLines(t, get(every(responder(status, "Cache-Control", "public"))).Header, "Cache-Control", wantEvery)
			wantLines(t, get(lifetimes(responder(status, "Cache-Control", "immutable, max-age=5", "Cache-Control", "private"))).Header, "Cache-Control", wantLifetimes...)
			if !good {
				wantLines(t, get(lifetimes(responder(status))).Header, "Cache-Control")
			}
		})
	}
}

// TestCacheControlPanic: the error page that is made of a panic gets no lifetime.
func TestCacheControlPanic(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic("no book") })
	wantLines(t, get(recovering(header.CacheControl("max-age=60", "private")(h))).Header, "Cache-Control", "private")
	wantLines(t, get(recovering(header.CacheControl("max-age=60", "public")(h))).Header, "Cache-Control")
}

// TestCacheControlEndings: the directives are there however the header is sent.
func TestCacheControlEndings(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			got := fetch(t, serve(t, header.CacheControl("no-cache")(end)).URL).Header.Get("Cache-Control")
			if !strings.Contains(got, "no-cache") {
				t.Errorf("got %q, want no-cache in it", got)
			}
		})
	}
}

func TestCacheControlPanics(t *testing.T) {
	for name, tt := range map[string]struct {
		given []string
		want  string
	}{
		"none":               {nil, `no directives given; leave the middleware out, or give some, such as "public", "max-age=3600"`},
		"empty":              {list(""), `"" is no directive; give each as a string of its own without blanks, such as "no-cache" or "max-age=3600"`},
		"two in one":         {list("public, max-age=60"), `"public, max-age=60" is no directive; give each as a string of its own`},
		"blank around":       {list(" public"), `" public" is no directive`},
		"blank at the sign":  {list("max-age= 60"), `"max-age= 60" is no directive`},
		"no name":            {list("=60"), `"=60" is no directive`},
		"no value":           {list("foo="), `"foo=" is no directive`},
		"line end":           {list("foo\r\nSet-Cookie:x"), `"foo\r\nSet-Cookie:x" is no directive`},
		"line end in quotes": {list("foo=\"a\r\nb\""), `"foo=\"a\r\nb\"" is no directive`},
		"open quote":         {list(`foo="a`), `"foo=\"a" is no directive`},
		"escaped end":        {list(`foo="a\"`), `"foo=\"a\\\"" is no directive`},
		"text behind quotes": {list(`foo="a"b`), `"foo=\"a\"b" is no directive`},
		"a single quote":     {list(`foo="`), `"foo=\"" is no directive`},
		"no ASCII":           {list("für-immer"), `"für-immer" is no directive`},
		"hours":              {list("public", "max-age=1h"), `"max-age=1h" is no number of seconds; give seconds: max-age=3600`},
		"minutes":            {list("s-maxage=1m30s"), `"s-maxage=1m30s" is no number of seconds; give seconds: s-maxage=90`},
		"milliseconds":       {list("max-age=500ms"), `"max-age=500ms" is no number of seconds; give seconds: max-age=3600`},
		"negative":           {list("max-age=-1"), `"max-age=-1" is no number of seconds; give seconds: max-age=3600`},
		"negative hours":     {list("max-age=-1h"), `"max-age=-1h" is no number of seconds; give seconds: max-age=3600`},
		"signed":             {list("max-age=+1"), `"max-age=+1" is no number`},
		"no number":          {list("stale-while-revalidate=soon"), `"stale-while-revalidate=soon" is no number of seconds; give seconds: stale-while-revalidate=3600`},
		"quoted number":      {list(`max-age="60"`), `"max-age=\"60\"" is no number of seconds`},
		"fraction":           {list("stale-if-error=1.5"), `"stale-if-error=1.5" is no number of seconds`},
		"no seconds":         {list("Max-Age"), `"max-age" is no number of seconds; give seconds: max-age=3600`},
		"flag with a value":  {list("no-store=1"), `"no-store=1": no-store takes no value here; give "no-store"`},
		"qualified":          {list(`private="set-cookie"`), `"private=\"set-cookie\"": private takes no value here; give "private"`},
		"public with value":  {list("public=x"), `"public=x": public takes no value here`},
		"public and private": {list("public", "max-age=60", "Private"), `got ["public" "max-age=60" "Private"], but public and private exclude each other; give "private" if any page is for one user only`},
	} {
		t.Run(name, func(t *testing.T) {
			got := panics(t, func() { header.CacheControl(tt.given...) })
			if want := "pagecache/header: CacheControl: " + tt.want; !strings.HasPrefix(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// FuzzCacheControl: no field that a handler sends loses a restriction, and none
// that keeps to the grammar gets a longer lifetime.
func FuzzCacheControl(f *testing.F) {
	for _, line := range list("", "private", "no-store, max-age=10", `no-cache="a, b", max-age=90`, `foo="bar, private`, "max-age=10 no-store", `a="\", no-cache"`, `", must-revalidate`) {
		f.Add(line, "max-age=30")
		f.Add("public", line)
	}
	mark := header.CacheControl("max-age=60", "stale-if-error=5")
	f.Fuzz(func(t *testing.T, one, two string) {
		before := list(one, two)
		after := get(mark(responder(200, "Cache-Control", one, "Cache-Control", two))).Header["Cache-Control"]
		was, is := cachecontrol.Parse(before), cachecontrol.Parse(after)
		if was.NoStore && !is.NoStore || was.Private && !is.Private || was.NoCache && !is.NoCache || was.MustRevalidate && !is.MustRevalidate {
			t.Errorf("%q became %q", before, after)
		}
		if strings.Trim(one+two, "abcdefghijklmnopqrstuvwxyz0123456789-=,") != "" || strings.Contains(one+","+two+",", "=,") {
			return
		}
		if limit := cachecontrol.Parse(append(slices.Clone(before), "max-age=60")).MaxAge.Value; is.MaxAge.Value > min(60, limit) {
			t.Errorf("%q became %q", before, after)
		}
	})
}
