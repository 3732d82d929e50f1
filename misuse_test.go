package pagecache_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

type nilMemory struct{ pagecache.Memory }

type nilStore struct{ pagecache.Store }

// TestMisuse: mistakes in how a cache is set up panic when it is set up, and
// say what was wrong and what to write instead.
func TestMisuse(t *testing.T) {
	page := func(ttl time.Duration, opts ...pagecache.Option) func() {
		return func() { pagecache.New().Page(ttl, opts...) }
	}
	make := func(opts ...pagecache.Option) func() { return func() { pagecache.New(opts...) } }
	knob := func(edit func(*pagecache.Policy)) func() { return make(edit) }
	const shared = "StoreBudget, MaxRecording, MaxRefreshes and PrefixPurge are shared by the whole cache; set them in New"
	const tagForms = "; give a string, a []string, or a func(*http.Request) string or []string that is not nil"
	for _, tt := range []struct {
		name, want string
		do         func()
	}{
		{"Page(0)", "Page: ttl must be positive, got 0s; use Handler to obey response headers only, or Forever", page(0)},
		{"Page(-1)", "Page: ttl must be positive, got -1ns; use Handler to obey response headers only, or Forever", page(-1)},
		{"Page(60)", "Page: ttl 60ns is below 1ms; did you mean 60*time.Second?", page(60)},
		{"Page(below a millisecond)", "Page: ttl 999µs is below 1ms; did you mean 999000*time.Second?", page(999 * time.Microsecond)},
		{"PageFunc(0)", "PageFunc: ttl must be positive, got 0s; use Handler to obey response headers only, or Forever",
			func() { pagecache.New().PageFunc(0, func(http.ResponseWriter, *http.Request) {}) }},
		{"NegativeTTL(0)", "NegativeTTL: ttl must be positive, got 0s; leave the option out to store no errors", func() { pagecache.NegativeTTL(0) }},
		{"ClientMaxAge(5)", "ClientMaxAge: ttl 5ns is below 1ms; did you mean 5*time.Second?", func() { pagecache.ClientMaxAge(5) }},

		{"nil handler", "Page: the handler is nil; give it the handler whose responses are to be stored", func() { pagecache.New().Page(time.Minute)(nil) }},
		{"nil HandlerFunc", "PageFunc: the handler is nil; give it the handler whose responses are to be stored", func() { pagecache.New().PageFunc(time.Minute, nil) }},
		{"nil pointer as handler", "Handler: the handler is nil; give it the handler whose responses are to be stored", func() { pagecache.New().Handler((*http.ServeMux)(nil)) }},

		{"WithMemory(nil)", "WithMemory: the memory is nil; leave the option out for the built-in store, or pass memstore.New(bytes)", func() { pagecache.WithMemory(nil) }},
		{"WithMemory(typed nil)", "WithMemory: the memory is nil; leave the option out for the built-in store, or pass memstore.New(bytes)",
			func() { pagecache.WithMemory((*nilMemory)(nil)) }},
		{"WithStore(nil)", "WithStore: the store is nil; leave the option out for the built-in in-process store", func() { pagecache.WithStore(nil) }},
		{"WithStore(typed nil)", "WithStore: the store is nil; leave the option out for the built-in in-process store", func() { pagecache.WithStore((*nilStore)(nil)) }},
		{"WithObserver(nil)", "WithObserver: the observer is nil; leave the option out", func() { pagecache.WithObserver(nil) }},
		{"WithObserver(nil func)", "WithObserver: the observer is nil; leave the option out", func() { pagecache.WithObserver(pagecache.ObserverFunc(nil)) }},
		{"WithLogger(nil)", "WithLogger: the logger is nil; use slog.New(slog.DiscardHandler) for silence", func() { pagecache.WithLogger(nil) }},
		{"memory and store", "New: WithMemory and WithStore name two places for the same pages; give one of them",
			make(pagecache.WithMemory(newMapMemory()), pagecache.WithStore(storetest.NewMap()))},
		{"WithStore on With", "With: WithStore belongs to New, which makes the cache; here the cache exists already",
			func() { pagecache.New().With(pagecache.WithStore(storetest.NewMap())) }},
		{"WithMemory on Page", "Page: WithMemory belongs to New, which makes the cache; here the cache exists already", page(time.Minute, pagecache.WithMemory(newMapMemory()))},
		{"WithObserver on Page", "Page: WithObserver belongs to New, which makes the cache; here the cache exists already",
			page(time.Minute, pagecache.WithObserver(new(eventLog)))},
		{"WithLogger on PageFunc", "PageFunc: WithLogger belongs to New, which makes the cache; here the cache exists already",
			func() { pagecache.New().PageFunc(time.Minute, response(200), pagecache.WithLogger(silence)) }},
		{"StoreBudget on Page", "Page: " + shared,
			page(time.Minute, func(p *pagecache.Policy) { p.StoreBudget = time.Second })},
		{"MaxRecording on With", "With: " + shared,
			func() { pagecache.New().With(func(p *pagecache.Policy) { p.MaxRecording = 1 }) }},
		{"MaxRefreshes on Page", "Page: " + shared, page(time.Minute, func(p *pagecache.Policy) { p.MaxRefreshes = 1 })},
		{"PrefixPurge on With", "With: " + shared, func() { pagecache.New().With(func(p *pagecache.Policy) { p.PrefixPurge = true }) }},
		{"nil option", "New: option 2 is nil; leave it out", make(pagecache.Off(false), nil)},
		{"nil option on Page", "Page: option 1 is nil; leave it out", page(time.Minute, nil)},

		{"Key()", "Key: no parts given; leave the option out for the default key (path and query), or use Key(Path())", func() { pagecache.Key() }},
		{"Key(nil)", "Key: part 2 is nil", func() { pagecache.Key(pagecache.Path(), nil) }},
		{"Key(nil KeyFunc)", "Key: part 1 is nil", func() { pagecache.Key(pagecache.KeyFunc(nil)) }},
		{"Query()", "Query: no names given; use Path() for a key without the query", func() { pagecache.Query() }},
		{"Query(empty)", `Query: an empty name in ["page" ""]`, func() { pagecache.Query("page", "") }},
		{"IgnoreQuery()", "IgnoreQuery: no names given; leave the part out to keep the whole query", func() { pagecache.IgnoreQuery() }},
		{"Header(empty)", `Header: "" is no field name; give one such as "Accept-Language"`, func() { pagecache.Header("") }},
		{"Header(with a colon)", `Header: "Accept:" is no field name; give one such as "Accept-Language"`, func() { pagecache.Header("Accept:") }},
		{"Header(Host)", "Header: Host is part of every key already; leave it out", func() { pagecache.Header("host") }},
		{"Cookie(with a space)", `Cookie: "a b" is no cookie name; give one such as "lang"`, func() { pagecache.Cookie("a b") }},
		{"PathValue(empty)", `PathValue: the name is empty; give the wildcard's, such as "id" for /books/{id}`, func() { pagecache.PathValue("") }},
		{"Query and IgnoreQuery", "New: Key: Query lists the parameters that count and IgnoreQuery those that do not; give one of them",
			make(pagecache.Key(pagecache.Query("a"), pagecache.IgnoreQuery("b")))},
		{"Path and Query", "New: Key: Path() leaves the whole query out; give it or the query parts, not both", make(pagecache.Key(pagecache.Path(), pagecache.Query("a")))},
		{"KeyFunc and Path", "Page: Key: a KeyFunc replaces the whole target, so Path, Query, IgnoreQuery and PathValue have no effect beside it",
			page(time.Minute, pagecache.Key(pagecache.Path(), pagecache.KeyFunc(func(*http.Request) string { return "" })))},

		{"Skip(nil)", "Skip: the function is nil; leave the option out", func() { pagecache.Skip(nil) }},
		{"Refuse(nil)", "Refuse: the function is nil; leave the option out", func() { pagecache.Refuse(nil) }},
		{"MaxBody(0)", "MaxBody: must be positive, got 0; use Off(true) to store nothing", func() { pagecache.MaxBody(0) }},
		{"MaxBody(-1)", "MaxBody: must be positive, got -1; use Off(true) to store nothing", func() { pagecache.MaxBody(-1) }},
		{"Tags(empty)", `Tags: tag 2 cannot be one: it is empty; give one such as "books" or "book:312"`, func() { pagecache.Tags("books", "") }},
		{"Tags(with a comma)", `Tags: tag 1 cannot be one: "a,b" has a space, comma or control character; give one such as "books" or "book:312"`, func() { pagecache.Tags("a,b") }},
		{"Tags(too long)", `Tags: tag 1 cannot be one: it has 257 bytes, the limit is 256; give one such as "books" or "book:312"`,
			func() { pagecache.Tags(string(append([]byte{'x'}, longName[:]...))) }},
		{"Tags(number)", "Tags: tag 2 has type int" + tagForms, func() { pagecache.Tags("books", 312) }},
		{"Tags(nil)", "Tags: tag 1 has type <nil>" + tagForms, func() { pagecache.Tags(nil) }},
		{"Tags(nil func)", "Tags: tag 1 has type func(*http.Request) string" + tagForms, func() { pagecache.Tags((func(*http.Request) string)(nil)) }},
		{"Invalidate(another func)", "Invalidate: tag 1 has type func() string" + tagForms, func() { pagecache.New().Invalidate(func() string { return "books" }) }},
		{"Invalidate(with a space)", `Invalidate: tag 1 cannot be one: "a b" has a space, comma or control character; give one such as "books" or "book:312"`,
			func() { pagecache.New().Invalidate("a b") }},
		{"Invalidate of nil", "Invalidate: the handler is nil; give it the handler whose responses are to be stored", func() { pagecache.New().Invalidate()(nil) }},
		{"too many tags", "New: Tags: 3 tags, MaxTags is 2", make(pagecache.Tags("a", "b", "c"), func(p *pagecache.Policy) { p.MaxTags = 2 })},
		{"tag by hand", `New: Tags: "a b" has a space, comma or control character; give one such as "books"`, knob(func(p *pagecache.Policy) { p.Tags = []string{"a b"} })},
		{"TagFields", `New: TagFields: "Cache Tag" is no field name; give one such as "Surrogate-Key"`, knob(func(p *pagecache.Policy) { p.TagFields = []string{"Cache Tag"} })},

		{"StaleWhileRevalidate(0)", "StaleWhileRevalidate: window must be positive, got 0s; leave the option out to serve nothing stale", func() { pagecache.StaleWhileRevalidate(0) }},
		{"StaleWhileRevalidate(30)", "StaleWhileRevalidate: window 30ns is below 1ms; did you mean 30*time.Second?", func() { pagecache.StaleWhileRevalidate(30) }},
		{"StaleIfError(-1)", "StaleIfError: window must be positive, got -1ns; leave the option out to serve nothing stale", func() { pagecache.StaleIfError(-1) }},
		{"RefreshVia(nil)", "RefreshVia: the handler is nil; pass the router that the server serves", func() { pagecache.RefreshVia(nil) }},
		{"RefreshVia(typed nil)", "RefreshVia: the handler is nil; pass the router that the server serves", func() { pagecache.RefreshVia((*http.ServeMux)(nil)) }},
		{"IgnoreCookies(empty)", `IgnoreCookies: "" is no cookie name`, func() { pagecache.IgnoreCookies("") }},
		{"Strict(with a space)", `Strict: "X Y" is no field name`, func() { pagecache.Strict("X Y") }},
		{"NegativeTTL(206)", "NegativeTTL: status 206 is no complete response that could be stored", func() { pagecache.NegativeTTL(time.Minute, 206) }},
		{"NegativeTTL(600)", "NegativeTTL: status 600 is no complete response that could be stored", func() { pagecache.NegativeTTL(time.Minute, 404, 600) }},

		{"MaxVary", "New: MaxVary must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxVary = 0 })},
		{"MaxVariants", "New: MaxVariants must be positive, got -1; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxVariants = -1 })},
		{"MaxHeader", "New: MaxHeader must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxHeader = 0 })},
		{"MaxFields", "New: MaxFields must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxFields = 0 })},
		{"MaxTarget", "New: MaxTarget must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxTarget = 0 })},
		{"MaxRecording", "New: MaxRecording must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxRecording = 0 })},
		{"MaxWait", "New: MaxWait must be positive, got 0s; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxWait = 0 })},
		{"HitForMiss", "New: HitForMiss must be positive, got -1s; leave it out for the default", knob(func(p *pagecache.Policy) { p.HitForMiss = -time.Second })},
		{"AfterHangUp", "New: AfterHangUp must be positive, got 0s; leave it out for the default", knob(func(p *pagecache.Policy) { p.AfterHangUp = 0 })},
		{"StoreBudget", "New: StoreBudget must be positive, got 0s; leave it out for the default", knob(func(p *pagecache.Policy) { p.StoreBudget = 0 })},
		{"MaxStale", "New: MaxStale must be positive, got 0s; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxStale = 0 })},
		{"RefreshTimeout", "New: RefreshTimeout must be positive, got -1s; leave it out for the default", knob(func(p *pagecache.Policy) { p.RefreshTimeout = -time.Second })},
		{"MaxRefreshes", "New: MaxRefreshes must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxRefreshes = 0 })},
		{"MaxTags", "New: MaxTags must be positive, got 0; leave it out for the default", knob(func(p *pagecache.Policy) { p.MaxTags = 0 })},
		{"a window below zero", "New: StaleWhileRevalidate and StaleIfError must not be negative, got -1ns and 0s; 0 serves nothing stale", knob(func(p *pagecache.Policy) { p.StaleWhileRevalidate = -1 })},
		{"the other window below zero", "Page: StaleWhileRevalidate and StaleIfError must not be negative, got 0s and -1ns; 0 serves nothing stale",
			page(time.Minute, func(p *pagecache.Policy) { p.StaleIfError = -1 })},
		{"Lease too short", "New: Lease must be 100ms at least, got 99ms; 0 is for no leases", make(func(p *pagecache.Policy) { p.Lease = 99 * time.Millisecond })},
		{"Lease below zero", "New: Lease must be 100ms at least, got -1s; 0 is for no leases", make(func(p *pagecache.Policy) { p.Lease = -time.Second })},
		{"Jitter below zero", "New: Jitter must be from 0 to 0.5, got -0.1; 0.1 shortens lifetimes by up to a tenth", make(jitter(-0.1))},
		{"Jitter of all", "New: Jitter must be from 0 to 0.5, got 1; 0.1 shortens lifetimes by up to a tenth", make(jitter(1))},
		{"Jitter of no number", "New: Jitter must be from 0 to 0.5, got NaN; 0.1 shortens lifetimes by up to a tenth", make(jitter(math.NaN()))},
		{"EarlyRefresh below zero", "New: EarlyRefresh must be from 0 to 100, got -1; 1 is the usual value, 0 refreshes nothing early", make(early(-1))},
		{"EarlyRefresh of too much", "Page: EarlyRefresh must be from 0 to 100, got 101; 1 is the usual value, 0 refreshes nothing early", page(time.Minute, early(101))},
		{"EarlyRefresh of no number", "New: EarlyRefresh must be from 0 to 100, got NaN; 1 is the usual value, 0 refreshes nothing early", make(early(math.NaN()))},
		{"TTL", "New: Policy.TTL must not be negative, got -1ns; give it to Page", knob(func(p *pagecache.Policy) { p.TTL = -1 })},
		{"Name", `New: Name "my shop" must be a token that begins with a letter (RFC 9651 section 3.3.4), such as "shop"`, knob(func(p *pagecache.Policy) { p.Name = "my shop" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got, want := recover(), "pagecache: "+tt.want; got != want {
					t.Errorf("got  %v\nwant %v", got, want)
				}
			}()
			tt.do()
		})
	}
}

var longName = func() (name [256]byte) {
	for i := range name {
		name[i] = 'x'
	}
	return name
}()

// TestNoMisuse: what looks odd and is meant.
func TestNoMisuse(t *testing.T) {
	c := newCache(t)
	c.Page(time.Millisecond)
	c.Page(pagecache.Forever)
	c.Page(1<<63 - 1)
	c.With().With(pagecache.Off(true)).With(pagecache.Off(false)).Page(time.Minute)
	c.Page(time.Minute, pagecache.IgnoreCookies(), pagecache.Strict(), pagecache.Tags())
	c.Page(time.Minute, pagecache.StaleWhileRevalidate(pagecache.Forever), pagecache.StaleIfError(time.Millisecond), jitter(0.5), early(100), pagecache.RefreshVia(http.NewServeMux()))
	c.Page(time.Minute, pagecache.Tags("a", func(*http.Request) string { return "" }, func(*http.Request) []string { return nil }, []string{"b"}))
	c.Invalidate()(http.NotFoundHandler())
	c.Page(time.Minute, pagecache.Key(pagecache.Header("Authorization"), pagecache.Cookie("lang"), pagecache.Query("page")))
}
