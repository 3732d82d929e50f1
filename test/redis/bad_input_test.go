package redis_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/internal/redistest"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// TestBadInputPanics: what can be seen to be wrong when the store is made stops
// the program there, with what was given and what to write instead.
func TestBadInputPanics(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	for name, tc := range map[string]struct {
		do   func()
		says []string
	}{
		"nil client":       {func() { redisstore.New(nil, "shop") }, []string{"the client is nil", "redisstore.Open"}},
		"typed nil client": {func() { redisstore.New((*redis.Client)(nil), "shop") }, []string{"nil (*redis.Client)", "redisstore.Open"}},
		"nil cluster":      {func() { redisstore.New((*redis.ClusterClient)(nil), "shop") }, []string{"nil (*redis.ClusterClient)"}},
		"no namespace":     {func() { redisstore.New(client, "") }, []string{`"" is empty`, "shop-production"}},
		"long namespace":   {func() { redisstore.New(client, strings.Repeat("n", 65)) }, []string{"65 bytes", "64", "shop-production"}},
		"braces":           {func() { redisstore.New(client, "{shop}") }, []string{`"{shop}"`, "braces", "shop-production"}},
		"nil store":        {func() { pagecache.WithStore(nil) }, []string{"WithStore: the store is nil", "leave the option out"}},
		"typed nil store":  {func() { pagecache.WithStore((*redisstore.Store)(nil)) }, []string{"WithStore: the store is nil"}},
		"nil options":      {func() { redisstore.NewClient(nil) }, []string{"the options are nil", "localhost:6379"}},
		"Compress(0)":      {func() { redisstore.Compress(0) }, []string{"Compress(0)", "Compress(1024)"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				text := fmt.Sprint(recover())
				t.Log(text)
				for _, part := range tc.says {
					if !strings.Contains(text, part) {
						t.Errorf("got panic %q, want %q in it", text, part)
					}
				}
			}()
			tc.do()
		})
	}
}

// badRedis is a Redis that does not do, as a user would set it up, and what has
// to be said about it.
type badRedis struct {
	args    []string // of the server
	set     []string // a command to it, before anybody connects
	options redis.UniversalOptions
	class   string
	says    []string // in the error of Check, and in the log
	hides   string
}

// TestBadRedis: Check tells at start-up what is wrong; whoever does not call it
// reads the same in the log, and the site answers all the time.
func TestBadRedis(t *testing.T) {
	master := redistest.Start(t)
	for name, tc := range map[string]badRedis{
		"no password":    {set: []string{"CONFIG", "SET", "requirepass", "s3cret"}, class: "auth", says: []string{"NOAUTH", "password"}, hides: "s3cret"},
		"wrong password": {set: []string{"CONFIG", "SET", "requirepass", "s3cret"}, options: redis.UniversalOptions{Password: "gu3ssed"}, class: "auth", says: []string{"WRONGPASS", "password"}, hides: "gu3ssed"},
		"replica":        {args: []string{"--replicaof", strings.ReplaceAll(master.Addr(), ":", " ")}, class: "readonly", says: []string{"replica", "address of the master"}},
		"full":           {args: []string{"--maxmemory", "1", "--maxmemory-policy", "noeviction"}, class: "oom", says: []string{"maxmemory-policy allkeys-lru"}},
		"of a cluster":   {args: []string{"--cluster-enabled", "yes"}, class: "clusterdown", says: []string{"CLUSTER INFO"}},
		"no database":    {options: redis.UniversalOptions{DB: 99}, class: "database", says: []string{"DB index is out of range"}},
	} {
		t.Run(name, func(t *testing.T) { tc.run(t) })
	}
}

func (tc *badRedis) run(t *testing.T) {
	server := redistest.Start(t, tc.args...)
	if tc.set != nil {
		if _, err := server.Do(tc.set...); err != nil {
			t.Fatal(err)
		}
	}
	tc.options.Addrs = []string{server.Addr()}
	site := newPatientSite(t, "bad", &tc.options)
	err := redisstore.New(site.client, "bad").Check(t.Context())
	t.Logf("Check: %v", err)
	var known *redisstore.Error
	if !errors.As(err, &known) || known.Class() != tc.class {
		t.Errorf("got error %v, want one of the class %s", err, tc.class)
	}
	for range 10 {
		if got := site.ask("/page"); got.wrong != "" {
			t.Error(got.wrong)
		}
	}
	text := fmt.Sprint(err)
	for _, line := range site.log.all() {
		t.Logf("log: %s", line.text)
		text += "\n" + line.text
	}
	for _, part := range append(tc.says, "class="+tc.class) {
		if strings.Count(text, part) == 0 {
			t.Errorf("got no %q, neither from Check nor in the log", part)
		}
	}
	if tc.hides != "" && strings.Contains(text, tc.hides) {
		t.Errorf("got the password %q told", tc.hides)
	}
	site.log.wantRareLines(t, site.name)
}

// TestNotRedis: addresses where something else listens, or nothing.
func TestNotRedis(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for name, addr := range map[string]string{"a web server": web.Listener.Addr().String(), "nothing": "127.0.0.1:1"} {
		site := newPatientSite(t, "bad", &redis.UniversalOptions{Addrs: []string{addr}})
		err := redisstore.New(site.client, "bad").Check(t.Context())
		t.Logf("%s: %v", name, err)
		if err == nil {
			t.Errorf("%s: got no error from Check", name)
		}
		if got := site.ask("/page"); got.wrong != "" {
			t.Errorf("%s: %s", name, got.wrong)
		}
		if site.cache.Stats().StoreErrors == 0 {
			t.Errorf("%s: got no store errors in Stats", name)
		}
	}
}

// TestBadURLs: Open says what it was given, without passwords, and what it should
// look like. The first of them is what people write who have never used a URL.
func TestBadURLs(t *testing.T) {
	for url, says := range map[string]string{
		"localhost:6379":                "redis://",
		"http://localhost:6379":         "redis://",
		"":                              "redis://user:password@host:6379/0",
		"redis://u:p4ss@localhost:port": "redis://user:password@host:6379/0",
		"redis://u:p4ss@localhost/none": "none",
	} {
		_, err := redisstore.Open(url)
		t.Logf("Open(%q): %v", url, err)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "p4ss") {
			t.Errorf("Open(%q): got error %v, want %q in it, and no password", url, err, says)
		}
	}
}

// TestNamespaceInUse: two formats in one namespace. Check names both and the way
// out; whoever goes on regardless disturbs nobody's pages.
func TestNamespaceInUse(t *testing.T) {
	server := redistest.Start(t)
	o := &redis.UniversalOptions{Addrs: []string{server.Addr()}}
	site := newPatientSite(t, "shop", o)
	if err := redisstore.New(site.client, "shop").Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	site.warmUp()
	key := redisstore.SigningKey{ID: 1, Secret: bytes.Repeat([]byte("k"), 16)}
	signed := redisstore.New(site.client, "shop", redisstore.SignWith(key))
	err := signed.Check(t.Context())
	t.Logf("Check: %v", err)
	for _, part := range []string{`"4:shop:manifest"`, `"pagecache 2"`, `"pagecache 2 signed"`, "another namespace", "delete that key"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got error %v, want %q in it", err, part)
		}
	}
	other := pagecache.New(pagecache.WithStore(signed), func(p *pagecache.Policy) { p.StoreBudget = 10 * time.Second }, pagecache.WithLogger(site.log.logger()))
	t.Cleanup(func() { _ = other.Close(t.Context()) })
	h := other.Page(time.Hour)(http.HandlerFunc(faultHandler))
	for i, want := range []bool{false, true} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, hotPage(0), nil))
		if hit := strings.Contains(w.Header().Get("Cache-Status"), "; hit"); hit != want || w.Body.String() != faultBody(hotPage(0)) {
			t.Errorf("request %d in the other format: got %q", i, w.Header().Get("Cache-Status"))
		}
	}
	for i := range hotPages {
		if got := site.ask(hotPage(i)); !got.hit || got.wrong != "" {
			t.Errorf("got %q, %s, want a hit as before", got.status, got.wrong)
		}
	}
}

// TestValueOverLimits: a page that Redis takes for too large is served and not
// stored, and pages of a usual size are stored all the time.
func TestValueOverLimits(t *testing.T) {
	server := redistest.Start(t, "--proto-max-bulk-len", "1mb")
	site := newPatientSite(t, "large", &redis.UniversalOptions{Addrs: []string{server.Addr()}})
	site.warmUp()
	large := bytes.Repeat([]byte("large page "), 150_000)
	h := site.cache.Page(time.Hour, func(p *pagecache.Policy) { p.MaxBody = 8 << 20 })(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(large) }))
	var refused []string
	for i := range 8 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, fmt.Sprintf("/large/%d", i), nil))
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), large) {
			t.Errorf("got %d and %d bytes, want the page", w.Code, w.Body.Len())
		}
		if got := site.ask(hotPage(i)); !got.hit || got.wrong != "" {
			t.Errorf("hot page after %d large ones: got %q, %s, want a hit", i+1, got.status, got.wrong)
		}
		if got := site.ask(fmt.Sprintf("/usual/%d", i)); !strings.Contains(got.status, "stored") {
			refused = append(refused, fmt.Sprintf("/usual/%d: %s", i, got.status))
		}
	}
	for _, line := range site.log.all() {
		t.Logf("log: %s", line.text)
	}
	if len(refused) > 0 {
		t.Errorf("got usual pages that were not stored because of large ones: %q", slices.Compact(refused))
	}
}
