package redisstore_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// BenchmarkRead compares what a hit asks of Redis, a page of 4 KiB and three
// nonces, with a bare GET of the page.
func BenchmarkRead(b *testing.B) {
	server := startServer(b)
	client := server.client(patient)
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	page := append([]byte("pgc"), bytes.Repeat([]byte("0123456789abcdef"), 256)...)
	keys := []string{"page:AAAAAAAAAAAAAAAA", "fence:BBBBBBBBBBBBBBBB", "fence:CCCCCCCCCCCCCCCC", "fence:DDDDDDDDDDDDDDDD"}
	fill := func(b *testing.B, s *redisstore.Store) {
		if err := s.Set(ctx, page, time.Hour, keys[0]); err != nil {
			b.Fatal(err)
		}
		if err := s.Set(ctx, []byte("MZXW6YTBOI"), time.Hour, keys[1:]...); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
	}
	plain := redisstore.New(client, "bench")
	b.Run("GET by go-redis", func(b *testing.B) {
		fill(b, plain)
		for b.Loop() {
			if v, err := client.Get(ctx, "5:bench:2:page:{AAAAAAAAAAAAAAAA}").Bytes(); err != nil || len(v) != len(page) {
				b.Fatal(err)
			}
		}
	})
	for name, s := range map[string]*redisstore.Store{
		"plain":      plain,
		"signed":     redisstore.New(client, "bench", redisstore.SignWith(key1)),
		"compressed": redisstore.New(client, "bench", redisstore.Compress(256)),
		"pipelined":  redisstore.New(opaque{client}, "bench"),
	} {
		for n, call := range map[string]func() ([][]byte, error){
			"Get one":  func() ([][]byte, error) { return s.Get(ctx, keys[0]) },
			"Get four": func() ([][]byte, error) { return s.Get(ctx, keys...) },
			"GetTTL":   func() ([][]byte, error) { v, _, err := s.GetTTL(ctx, 1, keys...); return v, err },
		} {
			b.Run(name+"/"+n, func(b *testing.B) {
				fill(b, s)
				for b.Loop() {
					if v, err := call(); err != nil || len(v[0]) != len(page) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestAllocations: what a look-up adds to the allocations of go-redis.
func TestAllocations(t *testing.T) {
	server := startServer(t)
	client := server.client(patient)
	s := redisstore.New(client, "shop")
	ctx := t.Context()
	keys := []string{"page:A", "fence:B", "fence:C", "fence:D"}
	names := []string{"4:shop:2:page:{A}", "4:shop:2:fence:{B}", "4:shop:2:fence:{C}", "4:shop:2:fence:{D}"}
	_ = s.Set(ctx, []byte("v"), time.Hour, keys...)
	count := func(call func()) float64 { return testing.AllocsPerRun(200, call) }
	for what, tc := range map[string]struct {
		extra     float64
		ours, raw func()
	}{
		"Get one":  {4, func() { _, _ = s.Get(ctx, keys[0]) }, func() { client.Get(ctx, names[0]) }},
		"Get four": {4, func() { _, _ = s.Get(ctx, keys...) }, func() { client.MGet(ctx, names...) }},
		"GetTTL": {6, func() { _, _, _ = s.GetTTL(ctx, 1, keys...) }, func() {
			_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error {
				p.PTTL(ctx, names[0])
				p.MGet(ctx, names...)
				return nil
			})
		}},
	} {
		if got, raw := count(tc.ours), count(tc.raw); got > raw+tc.extra {
			t.Errorf("%s: got %v allocations, want at most %v more than the %v of go-redis", what, got, tc.extra, raw)
		} else {
			t.Logf("%s: %v allocations, go-redis %v", what, got, raw)
		}
	}
}
