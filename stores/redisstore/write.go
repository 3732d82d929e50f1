package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxValue is the default of Redis' proto-max-bulk-len, above which it closes
// the connection without an answer.
const maxValue = 512 << 20

// Set keeps value under each key for ttl, which is positive and rounded up to
// milliseconds. It is one SET, or a pipeline of them. A value of more than
// 512 MiB is refused before anything is sent.
func (s *Store) Set(ctx context.Context, value []byte, ttl time.Duration, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	cmds := make([]redis.Cmder, len(keys))
	payloads, err := s.payloads(value, s.names(keys))
	if err != nil {
		return s.failed("Set", err)
	}
	for i, p := range payloads {
		cmds[i] = redis.NewStatusCmd(ctx, "set", p.name, p.value, "px", millis(ttl))
	}
	return s.failed("Set", s.do(ctx, cmds))
}

// Add keeps value under those keys that are absent and returns what is under
// each key now, in the same order. It is one pipeline. A key that holds no
// string is an error of the class "wrongtype".
func (s *Store) Add(ctx context.Context, value []byte, ttl time.Duration, keys ...string) ([][]byte, error) {
	if len(keys) == 0 {
		return [][]byte{}, nil
	}
	names := s.names(keys)
	payloads, err := s.payloads(value, names)
	if err != nil {
		return nil, s.failed("Add", err)
	}
	now, gone, err := s.add(ctx, payloads, millis(ttl))
	if err == nil && gone {
		// What was in the way has expired between the two commands.
		now, _, err = s.add(ctx, payloads, millis(ttl))
	}
	if err != nil {
		return nil, s.failed("Add", err)
	}
	return s.openAll(names, now), nil
}

func (s *Store) add(ctx context.Context, payloads []addressed, px int64) (now [][]byte, gone bool, err error) {
	pipe := s.client.Pipeline()
	sets := make([]*redis.StatusCmd, len(payloads))
	gets := make([]getCmd, len(payloads))
	for i, p := range payloads {
		sets[i] = redis.NewStatusCmd(ctx, "set", p.name, p.value, "px", px, "nx")
		gets[i] = newGet(ctx, p.name)
		_ = pipe.Process(ctx, sets[i])
		_ = pipe.Process(ctx, gets[i])
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, false, err
	}
	now = make([][]byte, len(payloads))
	for i, p := range payloads {
		if err := sets[i].Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, false, err
		}
		if err := gets[i].Err(); err != nil && classOf(err) == classWrongType {
			return nil, false, fmt.Errorf("%q holds no string: %w", p.name, err)
		}
		if now[i], err = gets[i].value(); err != nil {
			return nil, false, err
		}
		gone = gone || now[i] == nil
	}
	return now, gone, nil
}

// Delete drops the values under keys, of whatever type; absent keys are no
// error. It is one DEL, or a pipeline of them where several servers hold keys.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	names := s.names(keys)
	if s.single {
		args := make([]any, 1, 1+len(names))
		args[0] = "del"
		for _, name := range names {
			args = append(args, name)
		}
		return s.failed("Delete", s.do(ctx, []redis.Cmder{redis.NewIntCmd(ctx, args...)}))
	}
	cmds := make([]redis.Cmder, len(names))
	for i, name := range names {
		cmds[i] = redis.NewIntCmd(ctx, "del", name)
	}
	return s.failed("Delete", s.do(ctx, cmds))
}

// addressed is a value with the name it goes to.
type addressed struct {
	name  string
	value *payload
}

// payloads seals value for each name. A signature covers the name; without one
// all share the same bytes.
func (s *Store) payloads(value []byte, names []string) ([]addressed, error) {
	list := make([]addressed, len(names))
	packed := s.sealer.pack(value)
	for i, name := range names {
		if i > 0 && !s.sealer.signs() {
			list[i] = addressed{name, list[0].value}
			continue
		}
		sealed := s.sealer.sign(name, packed)
		if len(sealed) > maxValue {
			return nil, fmt.Errorf("%w: %d bytes, and Redis takes at most %d", errTooLarge, len(sealed), maxValue)
		}
		list[i] = addressed{name, &payload{sealed}}
	}
	return list, nil
}

// millis rounds up, because Redis refuses a lifetime of 0.
func millis(ttl time.Duration) int64 {
	ms := int64(ttl / time.Millisecond)
	if ttl%time.Millisecond > 0 {
		ms++
	}
	return max(ms, 1)
}
