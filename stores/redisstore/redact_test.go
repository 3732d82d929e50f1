package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

// diary is a hook that writes down all it can get at, as tracers and loggers do.
type diary struct {
	mu   sync.Mutex
	text strings.Builder
}

func (d *diary) note(cmds ...redis.Cmder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, cmd := range cmds {
		fmt.Fprintln(&d.text, cmd.String(), cmd.Name(), cmd.FullName(), cmd.Args())
		fmt.Fprintf(&d.text, "%v %+v %q\n", cmd, cmd, cmd.Err())
		for _, arg := range cmd.Args() {
			fmt.Fprintf(&d.text, "%v %+v %#v %s %q %x %d\n", arg, arg, arg, arg, arg, arg, arg)
		}
	}
}

func (d *diary) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (d *diary) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		d.note(cmd)
		err := next(ctx, cmd)
		d.note(cmd)
		return err
	}
}

func (d *diary) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		d.note(cmds...)
		err := next(ctx, cmds)
		d.note(cmds...)
		return err
	}
}

// TestRedaction: no hook sees a page by printing commands or their arguments.
func TestRedaction(t *testing.T) {
	server := startServer(t)
	for name, wrap := range map[string]func(redis.UniversalClient) redis.UniversalClient{
		"single": func(c redis.UniversalClient) redis.UniversalClient { return c },
		"many":   func(c redis.UniversalClient) redis.UniversalClient { return opaque{c} },
	} {
		t.Run(name, func(t *testing.T) {
			client := server.client(patient)
			var d diary
			client.AddHook(&d)
			s, ctx, page := redisstore.New(wrap(client), name), t.Context(), []byte("PRIVATE")
			for range 2 {
				_ = s.Set(ctx, page, time.Hour, "page:a", "page:b")
				_, _ = s.Add(ctx, page, time.Hour, "page:a")
				_ = s.Set(ctx, page, time.Hour, "page:a")
				_, _ = s.Get(ctx, "page:a")
				_, _ = s.Get(ctx, "page:a", "page:b")
				_, _, _ = s.GetTTL(ctx, 1, "page:a", "page:b")
				_, _ = s.TouchIf(ctx, time.Hour, "page:a", page)
				_, _ = s.SetIf(ctx, page, time.Hour, "page:b", "page:a", page)
				_, _ = s.DeleteIf(ctx, "page:b", page)
				_ = s.Publish(ctx, page)
			}
			text := d.text.String()
			for _, secret := range []string{"PRIVATE", fmt.Sprintf("%x", page), fmt.Sprint(page), strings.Trim(fmt.Sprint(page), "[]")} {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("a hook saw the page: %q", text[max(0, i-200):i+len(secret)])
				}
			}
			for _, want := range []string{"<cached response>", "mget", "evalsha", "publish"} {
				if want != "mget" || name == "single" {
					if !strings.Contains(text, want) {
						t.Errorf("got no %q in what the hook saw", want)
					}
				}
			}
		})
	}
	if text := fmt.Sprintf("%v %+v %#v", key1, key1, key1); strings.Contains(text, "0123") {
		t.Errorf("got %q, which tells the secret", text)
	}
}
