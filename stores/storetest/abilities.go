package storetest

import (
	"context"
	"time"
)

// The optional abilities of a pagecache.Store, as its documentation has them.
type (
	ttlGetter interface {
		GetTTL(ctx context.Context, timed int, keys ...string) (values [][]byte, left []time.Duration, err error)
	}
	ifSetter interface {
		SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (set bool, err error)
	}
	ifDeleter interface {
		DeleteIf(ctx context.Context, key string, holds []byte) (deleted bool, err error)
	}
	ifToucher interface {
		TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (touched bool, err error)
	}
	messenger interface {
		Publish(ctx context.Context, message []byte) error
		Subscribe(ctx context.Context, lost func(), received func(message []byte)) error
	}
)

// conditional is what a store needs for leases that hold.
type conditional interface {
	ttlGetter
	ifSetter
	ifDeleter
	ifToucher
}
