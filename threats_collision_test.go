package pagecache_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

// everyCollision are requests whose places in a store are all the same in the
// tests below. No page may be taken for another.
func everyCollision() []*http.Request {
	return []*http.Request{
		at("a.example", "/a"), at("b.example", "/a"), at("a.example", "/b"), secure(at("a.example", "/a")), at("a.example", "/a?"),
		at("a.example", "/a%2f"), at("a.example", "/b%2f"), at("b.example", "/a%2f"), secure(at("a.example", "/a%2f")), at("a.example", "/a", "X-Host", "a"),
	}
}

func checkCollisions(t *testing.T, open func() pagecache.Option) {
	t.Helper()
	for _, first := range everyCollision() {
		var o oracle
		h := newCache(t, open()).Page(time.Minute)(&o)
		miss := call(h, first)
		wantHit(t, "the page itself", call(h, first), miss)
		for _, r := range everyCollision() {
			if r.Host == first.Host && r.RequestURI == first.RequestURI {
				if got := call(h, r); got.hit() && (r.TLS == nil) != (first.TLS == nil) {
					t.Errorf("%s %s: the page for the other scheme", r.Host, r.RequestURI)
				}
				continue
			}
			if got := call(h, r).saw(t); got.Target != r.RequestURI || got.Host != r.Host {
				t.Errorf("%s %s: got the page of %s %s", r.Host, r.RequestURI, got.Host, got.Target)
			}
		}
	}
}

// TestThreatS05_HashIsNotIdentity: here, everything is found under every hash.
func TestThreatS05_HashIsNotIdentity(t *testing.T) {
	checkCollisions(t, func() pagecache.Option {
		var faults storetest.Faults
		var first uint64
		m := memstore.New(1 << 20)
		faults.Loaded(func(key uint64, v any, ok bool) (any, bool) {
			if first == 0 {
				first = key
			}
			return m.Load(first)
		})
		return pagecache.WithMemory(storetest.FaultyMemory(m, &faults))
	})
}

// oneRoom is a Store that keeps all values of a kind under one key. The kind
// stands in front of a key; tags have to stay apart for pages to be found.
type oneRoom struct{ pagecache.Store }

func (s oneRoom) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	return s.Store.Get(ctx, s.one(keys)...)
}

func (s oneRoom) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	return s.Store.Set(ctx, value, ttl, s.one(keys)...)
}

func (oneRoom) one(keys []string) (all []string) {
	for _, key := range keys {
		if kind, _, _ := strings.Cut(key, ":"); kind == "p" || kind == "v" {
			key = kind
		}
		all = append(all, key)
	}
	return all
}

func TestThreatS05_StoreKeyIsNotIdentity(t *testing.T) {
	checkCollisions(t, func() pagecache.Option { return pagecache.WithStore(oneRoom{storetest.NewMap()}) })
}

// TestThreatS05_VariantHashIsNotIdentity: all variants of a page share a place.
func TestThreatS05_VariantHashIsNotIdentity(t *testing.T) {
	var faults storetest.Faults
	var page0, variant0 uint64
	m := memstore.New(1 << 20)
	faults.Loaded(func(key uint64, v any, ok bool) (any, bool) {
		switch {
		case page0 == 0:
			page0 = key
		case key != page0 && variant0 == 0:
			variant0 = key
		}
		if key == page0 {
			return v, ok
		}
		return m.Load(variant0)
	})
	for name, option := range map[string]pagecache.Option{
		"Memory": pagecache.WithMemory(storetest.FaultyMemory(m, &faults)),
		"Store":  pagecache.WithStore(oneRoom{storetest.NewMap()}),
	} {
		t.Run(name, func(t *testing.T) {
			h := newCache(t, option).Page(time.Minute)(&oracle{first: vary("X-Lang")})
			hits := 0
			for _, lang := range []string{"de/a", "de/a", "de/a", "en/a", "en/a", "en/b", "de/a"} {
				one, two, _ := strings.Cut(lang, "/")
				got := call(h, page("/", "X-Lang", one, "X-Lang", two))
				if saw := strings.Join(got.saw(t).Header["X-Lang"], "/"); saw != lang {
					t.Errorf("%s: got the page for %s", lang, saw)
				}
				if got.hit() {
					hits++
				}
			}
			if hits == 0 {
				t.Error("got no hit, so nothing was tested")
			}
		})
	}
}
