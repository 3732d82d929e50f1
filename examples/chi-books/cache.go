package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/redisstore"
)

const (
	namespace = "chi-books" // in Redis: instances that have it share their pages
	checkWait = 2 * time.Second
	nearBytes = 16 << 20
)

// openCache makes the cache: in this process's memory, or, given the URL of a Redis, in that
// one, shared by all instances. What it returns with the cache is called at the end.
func openCache(ctx context.Context, redisURL string, near time.Duration) (*pagecache.Cache, func(context.Context) error, error) {
	if redisURL == "" {
		cache := pagecache.New()
		return cache, cache.Close, nil
	}
	client, err := redisstore.Open(redisURL)
	if err != nil {
		return nil, nil, fmt.Errorf("-redis: %w", err)
	}
	store := redisstore.New(client, namespace)
	check(ctx, store)
	options := []pagecache.Option{pagecache.WithStore(store)}
	if near > 0 {
		options = append(options, pagecache.NearCache(nearBytes, near))
	}
	cache := pagecache.New(options...)
	return cache, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, shutdownWait) // a Redis that hangs does not keep us
		defer cancel()
		return errors.Join(cache.Close(ctx), client.Close()) // in this order: the cache uses the client
	}, nil
}

// check tells what is wrong with Redis, and no more: a cache must not keep a site from
// starting. The pages are made by their handlers until Redis works.
func check(ctx context.Context, store *redisstore.Store) {
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	if err := store.Check(ctx); err != nil {
		slog.WarnContext(ctx, "serving without the shared cache until its Redis works", "error", err)
	}
}
