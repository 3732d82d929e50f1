package header_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-pagecache/pagecache/header"
)

func TestVaryOn(t *testing.T) {
	for name, tt := range map[string]struct {
		given   []string
		handler []string // names and lines
		want    []string
	}{
		"nothing there":       {list("Accept"), nil, list("Accept")},
		"several":             {list("Accept", "Accept-Language"), nil, list("Accept, Accept-Language")},
		"canonical":           {list("accept-LANGUAGE"), nil, list("Accept-Language")},
		"given twice":         {list("Accept", "accept"), nil, list("Accept")},
		"something there":     {list("Accept"), list("Vary", "Origin"), list("Origin, Accept")},
		"two lines there":     {list("Accept"), list("Vary", "Origin", "Vary", "Cookie,, X"), list("Origin, Cookie, X, Accept")},
		"there already":       {list("Accept"), list("Vary", "accept , Origin"), list("accept , Origin")},
		"there in two lines":  {list("Accept", "Origin"), list("Vary", "accept", "Vary", "ORIGIN"), list("accept", "ORIGIN")},
		"part of a name":      {list("Accept"), list("Vary", "Accept-Encoding"), list("Accept-Encoding, Accept")},
		"star":                {list("Accept"), list("Vary", "*"), list("*")},
		"star in a list":      {list("Accept"), list("Vary", "Origin", "Vary", "Cookie, *"), list("Origin", "Cookie, *")},
		"empty line":          {list("Accept"), list("Vary", ""), list("Accept")},
		"another spelling":    {list("Accept"), list("vary", "Origin"), list("Origin, Accept")},
		"both spellings":      {list("Accept"), list("vary", "accept", "Vary", "Origin"), list("Origin", "accept")},
		"one missing of many": {list("Accept", "Origin"), list("Vary", "Origin"), list("Origin, Accept")},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{200, 304, 404, 500} {
				h := header.VaryOn(tt.given...)(responder(status, tt.handler...))
				for range 2 {
					wantLines(t, get(h).Header, "Vary", tt.want...)
				}
			}
		})
	}
}

// TestVaryOnShared: a slice that several responses share does not grow.
func TestVaryOnShared(t *testing.T) {
	shared := append(make([]string, 0, 4), "Origin")
	h := header.VaryOn("Accept")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Vary"] = shared
		w.Header()["vary"] = list("Cookie")
	}))
	wantLines(t, get(h).Header, "Vary", "Origin, Cookie, Accept")
	if got := shared[:2][1]; got != "" {
		t.Errorf("got %q behind the shared lines, want nothing", got)
	}
}

func TestVaryOnEndings(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			wantLines(t, fetch(t, serve(t, header.VaryOn("Accept")(end)).URL).Header, "Vary", "Accept")
		})
	}
	panicking := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic("no book") })
	wantLines(t, get(recovering(header.VaryOn("Accept")(panicking))).Header, "Vary", "Accept")
}

func TestVaryOnPanics(t *testing.T) {
	for name, tt := range map[string]struct {
		given []string
		want  string
	}{
		"none":       {nil, `no fields given; leave the middleware out, or name the fields that the page depends on, such as "Accept-Language"`},
		"star":       {list("Accept", "*"), `"*" keeps every cache from using the page; name the fields that it depends on, or use NeverCache`},
		"empty":      {list(""), `"" is no field name; give each as a string of its own, such as "Accept-Language"`},
		"two in one": {list("Accept, Origin"), `"Accept, Origin" is no field name`},
		"blank":      {list("Accept "), `"Accept " is no field name`},
		"line end":   {list("A\r\nB"), `"A\r\nB" is no field name`},
		"pseudo":     {list(":path"), `":path" is no field name`},
	} {
		t.Run(name, func(t *testing.T) {
			got := panics(t, func() { header.VaryOn(tt.given...) })
			if want := "pagecache/header: VaryOn: " + tt.want; !strings.HasPrefix(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
