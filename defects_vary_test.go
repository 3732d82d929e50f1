package pagecache_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestDefect10_VariantsCoexist(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := oracle{first: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "Accept-Language") }}
				h := newCache(t, b.with()...).Page(time.Minute)(&o)
				ask := func(lang string) reply { return call(h, page("/", "Accept-Language", lang)) }
				de := ask("de")
				time.Sleep(40 * time.Second)
				en := ask("en")
				wantHit(t, "de", ask("de"), de)
				wantHit(t, "en", ask("en"), en)
				time.Sleep(40 * time.Second) // de is over
				again := ask("de")
				wantRun(t, "de after its end", again)
				got := ask("en")
				wantHit(t, "en after de was made anew", got, en)
				wantHit(t, "de made anew", ask("de"), again)
				if got.header.Get("Vary") != "Accept-Language" || got.saw(t).Header.Get("Accept-Language") != "en" {
					t.Errorf("got Vary %q, page %q; want Vary replayed and the page for en", got.header.Get("Vary"), got.body)
				}
			})
		})
	}
}

// TestDefect10_WaitersGetTheirOwnVariant: until the first response is there,
// nobody knows that the page varies.
func TestDefect10_WaitersGetTheirOwnVariant(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := oracle{first: func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(time.Second)
					w.Header().Set("Vary", "Accept-Language")
				}}
				h := newCache(t, b.with()...).Page(time.Minute)(&o)
				langs := []string{"de", "en", "fr", "de", "en", "fr"}
				for i, got := range waiters(len(langs), h, func(i int) *http.Request { return page("/", "Accept-Language", langs[i]) }) {
					if lang := got.saw(t).Header.Get("Accept-Language"); lang != langs[i] {
						t.Errorf("asked for %s, got the page for %s: %q", langs[i], lang, got.cacheStatus())
					}
				}
				if o.runs.Load() != 3 {
					t.Errorf("got %d runs for 3 variants, want 3", o.runs.Load())
				}
			})
		})
	}
}
