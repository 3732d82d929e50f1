package pagecache

import (
	"context"
	"sync/atomic"
	"time"
)

// fillContext is the handler's context during a fill: the request's values and
// deadline, its own cancellation, and the Control.
type fillContext struct {
	context.Context
	control *Control
}

func (c *fillContext) Value(k any) any {
	if k == (controlKey{}) {
		return c.control
	}
	return c.Context.Value(k)
}

// hangUp drops the client's hang-up from a fill's context: whoever waits for
// the page, or comes later, still wants it. Deadlines stay.
type hangUp struct {
	parent   context.Context
	cancel   context.CancelFunc // of the fill's context; nil: nothing can be cancelled
	unwatch  func() bool
	attached atomic.Bool // the client's cancellation counts again
	timer    atomic.Pointer[time.Timer]
}

func (h *hangUp) detach(parent context.Context, grace time.Duration) context.Context {
	if parent.Done() == nil {
		return parent
	}
	ctx := context.WithoutCancel(parent)
	if deadline, ok := parent.Deadline(); ok {
		ctx, h.cancel = context.WithDeadline(ctx, deadline)
	} else {
		ctx, h.cancel = context.WithCancel(ctx)
	}
	h.parent = parent
	h.unwatch = context.AfterFunc(parent, func() {
		if h.attached.Load() {
			h.cancel()
			return
		}
		h.timer.Store(time.AfterFunc(grace, h.cancel))
	})
	return ctx
}

// attach lets the client's cancellation through from here on.
func (h *hangUp) attach() {
	h.attached.Store(true)
	if h.cancel != nil && h.parent.Err() != nil {
		h.cancel()
	}
}

func (h *hangUp) end() {
	if h.cancel == nil {
		return
	}
	h.unwatch()
	h.cancel()
	if t := h.timer.Load(); t != nil {
		t.Stop()
	}
}
