package gocachestore_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/gocachestore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

var _ pagecache.Memory = (*gocachestore.Store)(nil)

// newCache has no janitor: its goroutine ends only when the garbage collector
// finds the cache, too late for a synctest bubble.
func newCache() *cache.Cache { return cache.New(cache.NoExpiration, 0) }

func TestConformance(t *testing.T) {
	storetest.Memory(t, func(testing.TB) pagecache.Memory {
		return gocachestore.New(newCache())
	})
}

func TestNewPanics(t *testing.T) {
	defer func() {
		text, _ := recover().(string)
		if !strings.HasPrefix(text, "gocachestore: New(nil)") {
			t.Errorf("got panic %q, want one that begins with gocachestore: New(nil)", text)
		}
	}()
	gocachestore.New(nil)
}

// TestTTL: the sentinels of go-cache (0: its default, -1: for ever) must be out
// of reach, and so must the overflow that go-cache takes for "for ever".
func TestTTL(t *testing.T) {
	c := cache.New(time.Hour, 0)
	s := gocachestore.New(c)
	for _, ttl := range []time.Duration{0, -1, -time.Hour} {
		s.Store(1, "old", 3, time.Hour)
		s.Store(1, "new", 3, ttl)
		if v, ok := s.Load(1); ok {
			t.Errorf("ttl %v: got %v, want nothing", ttl, v)
		}
	}
	for _, ttl := range []time.Duration{1, time.Hour, 1<<63 - 1} {
		s.Store(1, "value", 3, ttl)
		for key, item := range c.Items() {
			if item.Expiration <= time.Now().Add(-time.Minute).UnixNano() {
				t.Errorf("ttl %v under %q: got expiration %d, want one in the future", ttl, key, item.Expiration)
			}
		}
	}
}

// TestShared: other users of the go-cache and this store do not get in each
// other's way, and a foreign value comes out as it is.
func TestShared(t *testing.T) {
	c := newCache()
	s := gocachestore.New(c)
	c.Set("session:1", "mine", time.Hour)
	c.Set("\x00\x00\x00\x00\x00\x00\x00\x01", "mine", time.Hour)
	if v, ok := s.Load(1); ok {
		t.Errorf("got %v, want nothing", v)
	}
	s.Store(1, "ours", 4, time.Hour)
	if v, _ := c.Get("session:1"); v != "mine" {
		t.Errorf("the other user's value: got %v, want mine", v)
	}
	if got := s.Len(); got != 3 {
		t.Errorf("Len: got %d, want 3", got)
	}
	c.Set("pagecache:\x00\x00\x00\x00\x00\x00\x00\x01", 42, time.Hour)
	if v, ok := s.Load(1); !ok || v != 42 {
		t.Errorf("foreign value: got %v, %v, want 42, true", v, ok)
	}
}

// TestSave pins the warning in the package documentation. The stand-in has
// unexported fields only, as the entries of the cache do.
func TestSave(t *testing.T) {
	c := newCache()
	gocachestore.New(c).Store(1, &struct{ status int }{200}, 8, time.Hour)
	if err := c.Save(io.Discard); err == nil {
		t.Error("Save: got no error; the package documentation says that it fails")
	}
}

func TestLoadAllocatesNothing(t *testing.T) {
	s := gocachestore.New(newCache())
	s.Store(1, new(int), 8, time.Hour)
	if got := testing.AllocsPerRun(1000, func() { s.Load(1); s.Load(2) }); got != 0 {
		t.Errorf("allocations of a hit and a miss: got %v, want 0", got)
	}
}

func BenchmarkLoad(b *testing.B) {
	s := gocachestore.New(newCache())
	for key := range uint64(1 << 10) {
		s.Store(key<<50, new(int), 8, time.Hour)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := uint64(0); pb.Next(); i++ {
			if _, ok := s.Load(i % (1 << 10) << 50); !ok {
				b.Error("a value is missing")
			}
		}
	})
}
