package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// The scripts compare with each spelling that the bytes may have, see forms.
var (
	setIf = redis.NewScript(`
local held = redis.call('GET', KEYS[2])
for i = 3, #ARGV do
  if held == ARGV[i] then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    redis.call('DEL', KEYS[2])
    return 1
  end
end
return 0`)

	deleteIf = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
for i = 1, #ARGV do
  if held == ARGV[i] then
    return redis.call('DEL', KEYS[1])
  end
end
return 0`)

	touchIf = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
for i = 2, #ARGV do
  if held == ARGV[i] then
    return redis.call('PEXPIRE', KEYS[1], ARGV[1])
  end
end
return 0`)
)

// SetIf keeps value under key for ttl and drops ifKey, in one step, if ifKey
// holds just these bytes. The two keys must have the same second part, which a
// cluster demands.
func (s *Store) SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error) {
	names := s.names([]string{key, ifKey})
	list, err := s.payloads(value, names[:1])
	if err != nil {
		return false, failed("SetIf", err)
	}
	args := []any{list[0].value, millis(ttl)}
	return s.run(ctx, "SetIf", setIf, names, append(args, s.spellings(names[1], holds)...))
}

// DeleteIf drops the value under key, in one step, if it is just these bytes,
// as Get returns them. A value that another version of this package has
// compressed may not be recognised, and stays.
func (s *Store) DeleteIf(ctx context.Context, key string, holds []byte) (bool, error) {
	name := s.name(key)
	return s.run(ctx, "DeleteIf", deleteIf, []string{name}, s.spellings(name, holds))
}

// TouchIf gives the value under key a new ttl, in one step, if it is just these
// bytes, as Get returns them.
func (s *Store) TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error) {
	name := s.name(key)
	args := []any{millis(ttl)}
	return s.run(ctx, "TouchIf", touchIf, []string{name}, append(args, s.spellings(name, holds)...))
}

func (s *Store) spellings(name string, holds []byte) (args []any) {
	for _, form := range s.sealer.forms(name, holds) {
		args = append(args, &payload{form})
	}
	return args
}

// run is one trip by the script's hash, and a second one with its text when
// the server does not know it: after a restart, or a change of master.
func (s *Store) run(ctx context.Context, op string, script *redis.Script, names []string, args []any) (bool, error) {
	n, err := script.Run(ctx, s.client, names, args...).Int64()
	if err != nil {
		return false, s.failed(op, fmt.Errorf("script: %w", err))
	}
	return n == 1, nil
}
