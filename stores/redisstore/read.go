package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Get returns the values under keys in the same order, nil for absent. It is
// one GET or MGET, or a pipeline of GETs where several servers hold the keys. A
// key that holds no string counts as absent.
//
// What lies in Redis and was not written by a store with the same options, for
// instance a value without a good signature, is returned as bytes which are no
// page, and which [Store.DeleteIf] knows again.
func (s *Store) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	if len(keys) == 0 {
		return [][]byte{}, nil
	}
	names := s.names(keys)
	values, err := s.get(ctx, names)
	if err != nil {
		return nil, s.failed("Get", err)
	}
	return s.openAll(names, values), nil
}

func (s *Store) get(ctx context.Context, names []string) ([][]byte, error) {
	switch {
	case len(names) == 1:
		cmd := newGet(ctx, names[0])
		if err := s.process(ctx, cmd); err != nil {
			return nil, err
		}
		value, err := cmd.value()
		return [][]byte{value}, err
	case s.single:
		cmd := newMGet(ctx, names)
		if err := s.process(ctx, cmd); err != nil {
			return nil, err
		}
		return cmd.values(len(names))
	}
	pipe := s.client.Pipeline()
	read := s.queueReads(ctx, pipe, names)
	if err := exec(ctx, pipe); err != nil {
		return nil, err
	}
	return read()
}

// queueReads adds to a pipeline what reads names, and returns what gathers the
// values afterwards.
func (s *Store) queueReads(ctx context.Context, pipe redis.Pipeliner, names []string) func() ([][]byte, error) {
	if s.single {
		cmd := newMGet(ctx, names)
		_ = pipe.Process(ctx, cmd)
		return func() ([][]byte, error) { return cmd.values(len(names)) }
	}
	cmds := make([]getCmd, len(names))
	for i, name := range names {
		cmds[i] = newGet(ctx, name)
		_ = pipe.Process(ctx, cmds[i])
	}
	return func() ([][]byte, error) {
		values := make([][]byte, len(cmds))
		for i, cmd := range cmds {
			var err error
			if values[i], err = cmd.value(); err != nil {
				return nil, err
			}
		}
		return values, nil
	}
}

// GetTTL is Get that also tells how long the first timed values have left, to
// the millisecond, by the clock of Redis; a negative number stands for a value
// that is absent or has no end. It is one round trip.
func (s *Store) GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error) {
	timed = min(max(timed, 0), len(keys))
	if timed == 0 {
		values, err := s.Get(ctx, keys...)
		return values, []time.Duration{}, err
	}
	names := s.names(keys)
	pipe := s.client.Pipeline()
	// The lifetimes come first: should a page be replaced in between, the new
	// one is taken for older than it is, and not the old one for younger.
	ttls := make([]*redis.DurationCmd, timed)
	for i := range ttls {
		ttls[i] = pipe.PTTL(ctx, names[i])
	}
	read := s.queueReads(ctx, pipe, names)
	if err := exec(ctx, pipe); err != nil {
		return nil, nil, s.failed("GetTTL", err)
	}
	values, err := read()
	if err != nil {
		return nil, nil, s.failed("GetTTL", err)
	}
	left := make([]time.Duration, timed)
	for i, cmd := range ttls {
		if left[i], err = cmd.Result(); err != nil {
			return nil, nil, s.failed("GetTTL", err)
		}
	}
	return s.openAll(names, values), left, nil
}

// openAll replaces what lies in Redis by what was stored.
func (s *Store) openAll(names []string, values [][]byte) [][]byte {
	for i, v := range values {
		if v != nil {
			values[i] = s.sealer.open(names[i], v)
		}
	}
	return values
}
