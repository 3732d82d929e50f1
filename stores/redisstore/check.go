package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// probeLife is how long a probe stays that could not be removed.
const probeLife = time.Minute

// Check tells in one error what keeps the store from working: that Redis cannot
// be reached or wants another password, that the server is a replica, that it
// does not take writes, that a script cannot run, or that the namespace is in
// use by a version of this package, or with options, whose values this store
// cannot read and whose purges do not reach it. It does so in about six round
// trips.
//
// It is meant for start-up. A cache works without it, and serves pages of their
// handlers as long as Redis does not work.
func (s *Store) Check(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.checkRole, s.checkFormat, s.checkProbe} {
		if err := step(ctx); err != nil {
			return failed("Check", err)
		}
	}
	return nil
}

// checkRole finds replicas that accept reads. The commands of a cluster go to
// masters by themselves. Who may not ask is not told.
func (s *Store) checkRole(ctx context.Context) error {
	if !s.single {
		return nil
	}
	role, err := s.client.Do(ctx, "role").Slice()
	switch {
	case err != nil && (classOf(err) == classAuth || classOf(err) == classOther):
		return nil // what matters comes up in the next steps
	case err != nil:
		return err
	case len(role) > 0 && role[0] == "slave":
		return errReplica
	}
	return nil
}

// checkFormat leaves a note of the format, and reads what others have left.
// The note has no end, since a process may run for any time after it.
func (s *Store) checkFormat(ctx context.Context) error {
	own := "pagecache " + format
	if s.sealer.signs() {
		own += " signed"
	}
	pipe := s.client.Pipeline()
	set := pipe.SetNX(ctx, s.manifest(), own, 0)
	get := pipe.Get(ctx, s.manifest())
	if err := exec(ctx, pipe); err != nil {
		return err
	}
	if err := set.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	switch found, err := get.Result(); {
	case err != nil:
		return err
	case found != own:
		return fmt.Errorf("%w: %q holds %.60q, and this store writes %q; purges of one do not reach the other: give this "+
			"store another namespace, or stop the others and delete that key", errNamespace, s.manifest(), found, own)
	}
	return nil
}

// checkProbe does once what the cache will do.
func (s *Store) checkProbe(ctx context.Context) error {
	value := []byte(rand.Text())
	hash := rand.Text()
	key, lease := "check:"+hash, "check:"+hash+":l"
	if err := s.Set(ctx, value, probeLife, key, lease); err != nil {
		return err
	}
	read, err := s.Get(ctx, key, lease)
	if err != nil {
		return err
	}
	if string(read[0]) != string(value) || string(read[1]) != string(value) {
		return errors.New("a value that was just written cannot be read: does the client read from replicas, " +
			"or does Redis evict all at once because maxmemory is too small?")
	}
	set, err := s.SetIf(ctx, value, probeLife, key, lease, value)
	if err != nil {
		return err
	}
	deleted, err := s.DeleteIf(ctx, key, value)
	if err != nil {
		return err
	}
	if !set || !deleted {
		return errors.New("a script did not find a value that was just written: does something else delete keys of the namespace?")
	}
	return nil
}
