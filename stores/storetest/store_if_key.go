package storetest

import (
	"fmt"
	"time"
)

func (tr *trial) deleteIf(s ifDeleter, what, name, holds string, want bool) {
	tr.Helper()
	got, err := s.DeleteIf(tr.Context(), tr.key(name), []byte(holds))
	if got != want || err != nil {
		tr.Errorf("DeleteIf, %s: got %v and error %v, want %v and none", what, got, err, want)
	}
}

func storeDeleteIf(tr *trial, s ifDeleter) {
	tr.deleteIf(s, "absent", "a", token, false)
	tr.deleteIf(s, "absent, nothing", "a", "", false)
	tr.set(token, longLife, "a", "neighbour")
	for what, holds := range notToken {
		tr.deleteIf(s, what, "a", holds, false)
		tr.wantGet("a", token)
	}
	tr.deleteIf(s, "the token", "a", token, true)
	tr.wantGet("a", "")
	tr.wantGet("neighbour", token)
	tr.deleteIf(s, "again", "a", token, false)
	tr.want("Add after DeleteIf", tr.add("added", longLife, "a")[0], "added")
	tr.deleteIf(s, "replaced", "a", token, false)
	tr.wantGet("a", "added")

	tr.set(huge, longLife, "large")
	tr.deleteIf(s, "large, other bytes", "large", huge[:len(huge)-1]+"x", false)
	tr.wantGet("large", huge)
	tr.deleteIf(s, "large", "large", huge, true)
	tr.wantGet("large", "")
}

func storeDeleteIfContention(tr *trial, s ifDeleter) {
	for round := range races {
		name := fmt.Sprintf("r%d", round)
		tr.set(token, longLife, name)
		tr.race(func(int) (bool, error) { return s.DeleteIf(tr.Context(), tr.key(name), []byte(token)) })
		tr.wantGet(name, "")
	}
}

func (tr *trial) touchIf(s ifToucher, what string, ttl time.Duration, name, holds string, want bool) {
	tr.Helper()
	got, err := s.TouchIf(tr.Context(), ttl, tr.key(name), []byte(holds))
	if got != want || err != nil {
		tr.Errorf("TouchIf, %s: got %v and error %v, want %v and none", what, got, err, want)
	}
}

func storeTouchIf(tr *trial, s ifToucher) {
	for _, holds := range []string{token, ""} {
		tr.touchIf(s, "absent", longLife, "absent", holds, false)
		tr.wantGet("absent", "")
	}
	tr.set(token, longLife, "a")
	for what, holds := range notToken {
		tr.touchIf(s, what, 10*time.Millisecond, "a", holds, false)
	}
	tr.set("replaced", longLife, "replaced")
	tr.touchIf(s, "replaced", longLife, "replaced", token, false)
	tr.wantGet("replaced", "replaced")
	storeTouchIfLives(tr, s)
	tr.wantGet("a", token)
}

// storeTouchIfLives: only a value that is there and is meant gets another
// lifetime, a shorter one as well.
func storeTouchIfLives(tr *trial, s ifToucher) {
	const short = 2 * time.Second // time to touch it, also in a store of whole seconds
	tr.set(token, 50*time.Millisecond, "expired")
	tr.set(token, longLife, "shortened")
	tr.touchIf(s, "shorter", 50*time.Millisecond, "shortened", token, true)
	tr.set(token, short, "extended", "left alone", "marker")
	begin := time.Now()
	tr.touchIf(s, "longer", longLife, "extended", token, true)
	tr.wantLeft("extended", longLife, begin)
	tr.touchIf(s, "other bytes", longLife, "left alone", "other", false)
	tr.wantGone("expired", "shortened", "left alone", "marker")
	for _, name := range []string{"expired", "shortened"} {
		tr.touchIf(s, name, longLife, name, token, false)
		tr.wantGet(name, "")
	}
	tr.wantGet("extended", token)
}
