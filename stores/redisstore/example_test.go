package redisstore_test

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

func ExampleNew() {
	client, err := redisstore.Open(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	store := redisstore.New(client, "shop", redisstore.Compress(1<<10))

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := store.Check(ctx); err != nil {
		log.Print(err) // pages are still served, by their handlers
	}
}

// The secrets come from where the application keeps its others. The second key
// was the first one until lately.
func ExampleSignWith() {
	client := redisstore.NewClient(&redis.UniversalOptions{Addrs: []string{"localhost:6379"}})
	defer client.Close()
	_ = redisstore.New(client, "shop", redisstore.SignWith(
		redisstore.SigningKey{ID: 2, Secret: []byte(os.Getenv("PAGES_SECRET"))},
		redisstore.SigningKey{ID: 1, Secret: []byte(os.Getenv("PAGES_SECRET_BEFORE"))},
	))
}
