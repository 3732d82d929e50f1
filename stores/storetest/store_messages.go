package storetest

import (
	"fmt"
	"runtime"
	"slices"
)

// storeMessages lets two listen to what they and others send.
func storeMessages(tr *trial, s messenger) {
	one, two := tr.listen(s), tr.listen(s)
	losses := tr.wantReady(s, one, two)
	sent := map[string][]string{"self": tr.publish(s, "self")}
	if other, ok := tr.sharing(); ok {
		sent["other"] = tr.publish(other, "other")
	}
	for i, e := range []*ear{one, two} {
		who := fmt.Sprintf("subscription %d", i+1)
		e.wantMessages(who, sent)
		if got := e.losses(); got != losses[i] {
			tr.Errorf("%s: lost was called %d times while all was well, want none", who, got-losses[i])
		}
		e.wantEnd(who)
	}
}

// publish sends short messages and such of 4 KiB that begin with each byte once,
// and returns them.
func (tr *trial) publish(s messenger, sender string) (sent []string) {
	tr.Helper()
	all := make([]byte, 4096)
	for i := range 256 {
		for j := range all {
			all[j] = byte(i + j)
		}
		text := fmt.Sprintf("%s%s:%d", tr.prefix, sender, i)
		sent = append(sent, text, string(all[:4096-len(text)])+text)
	}
	for _, message := range sent {
		backing := append([]byte(message), "SPARE"...)
		if err := s.Publish(tr.Context(), backing[:len(message)]); err != nil {
			tr.Errorf("Publish: got error %v, want none", err)
		}
		if string(backing) != message+"SPARE" {
			tr.Errorf("Publish: has written to the message it was given")
		}
	}
	return sent
}

// sharing opens a second store, if that is one which finds what the first has
// set.
func (tr *trial) sharing() (messenger, bool) {
	other := tr.open(tr.T)
	tr.Cleanup(func() { closeStore(tr.T, other) })
	tr.set("value", longLife, "shared")
	values, err := other.Get(tr.Context(), tr.key("shared"))
	if err != nil || len(values) != 1 || values[0] == nil {
		tr.Logf("%T: two of them share nothing: messages from one to another not checked", other)
		return nil, false
	}
	m, ok := other.(messenger)
	return m, ok
}

// storeSubscribeEnds counts goroutines from the second subscription on, since
// the first may have a store open what it keeps.
func storeSubscribeEnds(tr *trial, s messenger) {
	first := tr.listen(s)
	tr.wantReady(s, first)
	first.wantEnd("the first")
	before := runtime.NumGoroutine()
	for range 3 {
		if tr.Failed() {
			return
		}
		ears := []*ear{tr.listen(s), tr.listen(s), tr.listen(s)}
		tr.wantReady(s, ears...)
		ears[1].wantEnd("one of three")
		// Its end is not that of the others.
		rest := slices.Delete(slices.Clone(ears), 1, 2)
		sent := map[string][]string{"rest": {tr.prefix + "rest"}}
		if err := s.Publish(tr.Context(), []byte(tr.prefix+"rest")); err != nil {
			tr.Errorf("Publish: got error %v, want none", err)
		}
		for _, e := range rest {
			e.wantMessages("two of three", sent)
			e.wantEnd("two of three")
		}
		if n := ears[1].count(); n != 0 {
			tr.Errorf("one of three: got %d messages after its end, want none", n)
		}
	}
	wantGoroutines(tr.T, "Subscribe", before)
}
