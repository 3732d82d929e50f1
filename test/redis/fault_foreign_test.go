package redis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/internal/redistest"
)

// foreignData is what another application may have put under one of our keys.
var foreignData = map[string]func(*faultSite, string){
	"list":  func(s *faultSite, key string) { s.client.RPush(s.Context(), key, "order 1", "order 2") },
	"hash":  func(s *faultSite, key string) { s.client.HSet(s.Context(), key, "name", "value") },
	"text":  func(s *faultSite, key string) { s.client.Set(s.Context(), key, "somebody's text", 0) },
	"empty": func(s *faultSite, key string) { s.client.Set(s.Context(), key, "", 0) },
	"bytes": func(s *faultSite, key string) { s.client.Set(s.Context(), key, "pgc\x00\xff\xff\xff\xff", 0) },
}

// TestForeignData: data of others under our keys costs at most the page whose key
// it is, and that only as long as it cannot be told from a nonce that is in use.
func TestForeignData(t *testing.T) {
	server := redistest.Start(t)
	for what, put := range foreignData {
		for _, where := range []string{":p:{", ":f:{", ":l:{"} {
			t.Run(what+" under "+strings.Trim(where, ":{"), func(t *testing.T) {
				site := newPatientSite(t, strings.ReplaceAll(t.Name(), "TestForeignData/", ""), &redis.UniversalOptions{Addrs: []string{server.Addr()}})
				site.foreign(where, func(key string) { put(site, key) })
			})
		}
	}
}

func (s *faultSite) foreign(where string, put func(key string)) {
	s.warmUp()
	before := s.keys()
	s.eventually("a hit", func() bool { return s.ask("/shop").hit })
	at := slices.DeleteFunc(s.keys(), func(key string) bool {
		return slices.Contains(before, key) || !strings.Contains(key, ":p:{") && !strings.Contains(key, where)
	})
	slices.Sort(at) // f is before p
	page, key := at[len(at)-1], at[0]
	switch where {
	case ":p:{":
		key = page
	case ":l:{":
		key = strings.Replace(page, ":p:{", where, 1)
		s.client.Del(s.Context(), page)
	}
	s.client.Del(s.Context(), key)
	put(key)
	stays := s.client.Type(s.Context(), key).Val() != "string"

	for i := range 8 { // more than a breaker suffers
		if got := s.ask("/shop"); got.wrong != "" {
			s.Error(got.wrong)
		}
		if got := s.ask(hotPage(1)); !got.hit || got.wrong != "" {
			s.Errorf("another page: got %q, %s, want a hit", got.status, got.wrong)
		}
		if got := s.ask(fmt.Sprintf("/cold/%d", i)); got.wrong != "" || !strings.Contains(got.status, "stored") {
			s.Errorf("a new page: got %q, %s, want it to be stored", got.status, got.wrong)
		}
	}
	if where == ":f:{" && stays {
		s.wantNamed(key)
		s.client.Del(s.Context(), key)
	}
	s.eventually("a hit of the page itself", func() bool { return s.ask("/shop").hit })
	s.log.wantRareLines(s.T, s.name)
}

// keys are all keys in Redis.
func (s *faultSite) keys() []string {
	s.Helper()
	keys, err := s.client.Keys(s.Context(), "*").Result()
	if err != nil {
		s.Fatal(err)
	}
	return keys
}

// wantNamed: the log names the key, what is wrong with it, and the way out.
func (s *faultSite) wantNamed(key string) {
	s.Helper()
	if s.cache.Stats().StoreErrors == 0 {
		s.Error("got no store errors in Stats")
	}
	for _, line := range s.log.all() {
		if strings.Contains(line.text, key) && strings.Contains(line.text, "class=wrongtype") && strings.Contains(line.text, "give the store another one") {
			return
		}
	}
	s.Errorf("got no line in the log about %q: %v", key, s.log.all())
}
