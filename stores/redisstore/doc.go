// Package redisstore keeps cached pages in Redis, or in a server that speaks
// its protocol, for all processes of an application. It works through a
// go-redis v9 client: one that the application already has, or one of
// [NewClient] and [Open], whose time limits suit a page view.
//
//	client, err := redisstore.Open(os.Getenv("REDIS_URL"))
//	if err != nil {
//		return err
//	}
//	store := redisstore.New(client, "shop", redisstore.Compress(1<<10))
//	if err := store.Check(ctx); err != nil {
//		log.Print(err) // pages are still served, by their handlers
//	}
//
// What the server needs: Redis 6 or newer, the commands GET, MGET, SET, DEL,
// PTTL, EVAL, EVALSHA, PUBLISH and SUBSCRIBE, and a maxmemory with one of the
// policies that evict (allkeys-lru suits a Redis that holds pages only). Every
// key has a lifetime but one of a few bytes that [Store.Check] leaves behind.
//
// Reads go to masters only. A purge that was acknowledged by a master may
// still be lost when a replica takes over that had not heard of it: Redis
// replicates asynchronously.
//
// # Keys
//
// The store key "page:H1:x" of the namespace "shop" is the Redis key
//
//	4:shop:2:page:{H1}:x
//
// The length in front keeps namespaces apart of which one begins with the
// other, 2 is the version of what values look like ("2s" when signed), and
// braces make a cluster keep together what must change in one step.
package redisstore
