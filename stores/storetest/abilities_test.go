package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

type conditional interface {
	GetTTL(ctx context.Context, timed int, keys ...string) ([][]byte, []time.Duration, error)
	SetIf(ctx context.Context, value []byte, ttl time.Duration, key, ifKey string, holds []byte) (bool, error)
	DeleteIf(ctx context.Context, key string, holds []byte) (bool, error)
	TouchIf(ctx context.Context, ttl time.Duration, key string, holds []byte) (bool, error)
}

type messenger interface {
	Publish(ctx context.Context, message []byte) error
	Subscribe(ctx context.Context, lost func(), received func([]byte)) error
}

type closer struct{}

func (closer) Close() error { return errors.New("closed") }

// TestFaultyHas: a decorated store has what the store has, and nothing else.
func TestFaultyHas(t *testing.T) {
	m := storetest.NewMap()
	for what, s := range map[string]pagecache.Store{
		"000": struct{ pagecache.Store }{m},
		"100": struct {
			pagecache.Store
			conditional
		}{m, m},
		"010": struct {
			pagecache.Store
			messenger
		}{m, m},
		"110": m,
		"001": struct {
			pagecache.Store
			io.Closer
		}{m, closer{}},
		"101": struct {
			pagecache.Store
			conditional
			io.Closer
		}{m, m, closer{}},
		"011": struct {
			pagecache.Store
			messenger
			io.Closer
		}{m, m, closer{}},
		"111": struct {
			*storetest.Map
			closer
		}{m, closer{}},
	} {
		decorated := storetest.FaultyStore(s, &storetest.Faults{})
		_, a := decorated.(conditional)
		_, b := decorated.(messenger)
		c, isCloser := decorated.(io.Closer)
		digit := map[bool]string{true: "1", false: "0"}
		if got := digit[a] + digit[b] + digit[isCloser]; got != what {
			t.Errorf("conditional, messages, Close: got %s, want %s", got, what)
		}
		if isCloser && c.Close() == nil {
			t.Errorf("%s: Close does not reach the store", what)
		}
		if _, ok := decorated.(interface{ Len() int }); ok {
			t.Errorf("%s: has Len, want it hidden", what)
		}
	}
}

// conditionalCalls calls each once, in this order, and returns the answers.
func conditionalCalls(t *testing.T, s conditional) (answers []string) {
	ctx := t.Context()
	tell := func(answer any, err error) { answers = append(answers, fmt.Sprint(answer, " ", err)) }
	values, left, err := s.GetTTL(ctx, 2, "a", "b", "c")
	tell(fmt.Sprintf("%q %v", values, left), err)
	tell(s.TouchIf(ctx, time.Minute, "a", []byte("value")))
	tell(s.SetIf(ctx, []byte("new"), time.Hour, "c", "a", []byte("value")))
	tell(s.DeleteIf(ctx, "b", []byte("other")))
	return answers
}

func TestFaultyConditional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := func(what string, want []string, arm func(*storetest.Faults), after ...string) {
			t.Helper()
			s, f := faulty(t)
			arm(f)
			if got := conditionalCalls(t, s.(conditional)); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
			f.Heal()
			wantValues(t, s, after...)
		}
		fault := "storetest: fault"
		failed := []string{"[] [] " + fault, "false " + fault, "false " + fault, "false " + fault}
		check("healthy", []string{`["value" "other" ""] [1h0m0s 1h0m0s] <nil>`, "true <nil>", "true <nil>", "true <nil>"},
			func(*storetest.Faults) {}, "", "", "new")
		check("fails before", failed, func(f *storetest.Faults) { f.Before(storetest.Fail(storetest.ErrFault)) }, "value", "other", "")
		check("fails after", failed, func(f *storetest.Faults) { f.After(storetest.Fail(storetest.ErrFault)) }, "", "", "new")
		check("dropped", []string{`["" "" ""] [-1ns -1ns] <nil>`, "true <nil>", "true <nil>", "true <nil>"},
			func(f *storetest.Faults) { f.Before(storetest.Fail(storetest.ErrDrop)) }, "value", "other", "")
		check("changed", []string{`["" "other" "value"] [1h0m0s 1h0m0s] <nil>`, "true <nil>", "true <nil>", "true <nil>"},
			func(f *storetest.Faults) { f.Values(storetest.Swap) }, "", "", "new")
	})
}

// TestFaultyNames: a fault written for Get, Set or Delete meets what stands for
// them as well.
func TestFaultyNames(t *testing.T) {
	s, f := faulty(t)
	var got []string
	f.Before(func(_ context.Context, op string, keys []string) error {
		got = append(got, fmt.Sprint(op, keys))
		return nil
	})
	conditionalCalls(t, s.(conditional))
	_ = s.(messenger).Publish(t.Context(), []byte("message"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_ = s.(messenger).Subscribe(ended, func() {}, func([]byte) {})
	if want := []string{"Get[a b c]", "Touch[a]", "Set[c a]", "Delete[b]", "Publish[]", "Subscribe[]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaultyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := faulty(t)
		m := s.(messenger)
		var heard []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		listen := func() error {
			return m.Subscribe(ctx, func() { heard = append(heard, "lost") }, func(b []byte) { heard = append(heard, string(b)) })
		}
		go func() { _ = listen() }()
		publish := func(message string, want error) {
			t.Helper()
			synctest.Wait()
			if err := m.Publish(ctx, []byte(message)); !errors.Is(err, want) {
				t.Errorf("Publish %s: got error %v, want %v", message, err, want)
			}
			synctest.Wait()
		}
		publish("one", nil)
		f.Before(storetest.Fail(storetest.ErrDrop))
		publish("dropped", nil)
		f.Before(storetest.Fail(storetest.ErrFault))
		publish("refused", storetest.ErrFault)
		if err := listen(); !errors.Is(err, storetest.ErrFault) {
			t.Errorf("Subscribe: got error %v, want ErrFault", err)
		}
		f.Heal()
		publish("two", nil)
		if want := []string{"lost", "one", "two"}; !slices.Equal(heard, want) {
			t.Errorf("got %q, want %q", heard, want)
		}
		f.Before(storetest.Only(storetest.Fail(storetest.ErrDrop), "Subscribe"))
		begin := time.Now()
		if err := listen(); err != nil || time.Since(begin) != time.Hour || len(heard) != 3 {
			t.Errorf("dropped Subscribe: got error %v after %v and %q, want none after an hour and nothing heard", err, time.Since(begin), heard[3:])
		}
	})
}

// TestMapInBubble: lifetimes are of the bubble, to the nanosecond.
func TestMapInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ctx := storetest.NewMap(), t.Context()
		_ = m.Set(ctx, []byte("v"), time.Hour, "a")
		time.Sleep(time.Hour - 1)
		if values, left, err := m.GetTTL(ctx, 2, "a", "b"); err != nil || string(values[0]) != "v" || left[0] != 1 || left[1] != -1 {
			t.Errorf("got %q, %v, %v, want 1ns left", values, left, err)
		}
		if ok, err := m.TouchIf(ctx, time.Minute, "a", []byte("v")); !ok || err != nil {
			t.Errorf("TouchIf: got %v, %v, want true", ok, err)
		}
		time.Sleep(time.Minute - 1)
		if m.Len() != 1 {
			t.Error("touched: it is gone before its time")
		}
		time.Sleep(time.Nanosecond)
		if ok, err := m.TouchIf(ctx, time.Minute, "a", []byte("v")); ok || err != nil || m.Len() != 0 {
			t.Errorf("TouchIf after the end: got %v, %v, want false", ok, err)
		}
	})
}
