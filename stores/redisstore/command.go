package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// redacted is what hooks that write down commands, such as those for tracing,
// see of a page.
const redacted = "<cached response>"

// payload is a value on its way to Redis.
type payload struct{ bytes []byte }

// MarshalBinary returns the value for the wire.
func (p *payload) MarshalBinary() ([]byte, error) { return p.bytes, nil }

// String hides the value.
func (p *payload) String() string { return redacted }

// Format hides the value from all verbs, %x and %#v included.
func (p *payload) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// The commands below are those of go-redis, but that the text of a reply does
// not contain the value.
type (
	getCmd  struct{ *redis.StringCmd }
	mgetCmd struct{ *redis.SliceCmd }
)

func newGet(ctx context.Context, name string) getCmd {
	return getCmd{redis.NewStringCmd(ctx, "get", name)}
}

func (c getCmd) String() string     { return fmt.Sprint(c.Args(), ": ", hidden(c.Err())) }
func (c getCmd) Clone() redis.Cmder { return getCmd{c.StringCmd.Clone().(*redis.StringCmd)} }

func newMGet(ctx context.Context, names []string) mgetCmd {
	args := make([]any, 1+len(names))
	args[0] = "mget"
	for i, name := range names {
		args[1+i] = name
	}
	return mgetCmd{redis.NewSliceCmd(ctx, args...)}
}

func (c mgetCmd) String() string     { return fmt.Sprint(c.Args(), ": ", hidden(c.Err())) }
func (c mgetCmd) Clone() redis.Cmder { return mgetCmd{c.SliceCmd.Clone().(*redis.SliceCmd)} }

func hidden(err error) any {
	if err != nil {
		return err
	}
	return redacted
}

// value is the reply to a GET. Nothing was found under an absent key, and
// under one with a value of another type, as MGET has it.
func (c getCmd) value() ([]byte, error) {
	b, err := c.Bytes()
	switch {
	case err == nil && b == nil:
		return []byte{}, nil
	case err == nil:
		return b, nil
	case errors.Is(err, redis.Nil) || classOf(err) == classWrongType:
		return nil, nil
	}
	return nil, err
}

// values are the replies to a MGET, without a copy: go-redis has made each
// string of bytes that it allocated for this reply and keeps no reference to,
// and neither the cache nor this package writes to a value.
func (c mgetCmd) values(want int) ([][]byte, error) {
	replies, err := c.Result()
	if err != nil {
		return nil, err
	}
	if len(replies) != want {
		return nil, fmt.Errorf("got %d values for %d keys", len(replies), want)
	}
	values := make([][]byte, want)
	for i, reply := range replies {
		switch reply := reply.(type) {
		case nil:
		case string:
			values[i] = unsafe.Slice(unsafe.StringData(reply), len(reply))
			if values[i] == nil {
				values[i] = []byte{}
			}
		case error:
			return nil, reply
		default:
			return nil, fmt.Errorf("got %T for a value", reply)
		}
	}
	return values, nil
}

// do runs commands in one trip and returns the first error.
func (s *Store) do(ctx context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 1 {
		if err := s.process(ctx, cmds[0]); err != nil {
			return err
		}
		return cmds[0].Err()
	}
	pipe := s.client.Pipeline()
	for _, cmd := range cmds {
		_ = pipe.Process(ctx, cmd)
	}
	if err := exec(ctx, pipe); err != nil {
		return err
	}
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return nil
}

// process runs one command. An error that is about its key is left to cmd.
func (s *Store) process(ctx context.Context, cmd redis.Cmder) error {
	return beyondKeys(s.client.Process(ctx, cmd))
}

// exec runs a pipeline. Its error has to be looked at, since commands have none
// of their own when the connection could not be set up, for instance because
// the password is wrong: they would seem to have found nothing.
func exec(ctx context.Context, pipe redis.Pipeliner) error {
	_, err := pipe.Exec(ctx)
	return beyondKeys(err)
}

// beyondKeys returns err unless it is about what one key holds.
func beyondKeys(err error) error {
	if err == nil || errors.Is(err, redis.Nil) || classOf(err) == classWrongType {
		return nil
	}
	return err
}
