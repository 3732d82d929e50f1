package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// token is what a lease might hold, with bytes that a protocol might mind.
const token = "token\x00\r\n\xff"

// notToken are bytes that are not the token, by what is wrong with them.
var notToken = map[string]string{
	"other bytes": "tokeN\x00\r\n\xff", "a prefix": "token", "a suffix": token[1:], "more": token + "\x00", "nothing": "",
	"a pattern": "*", "far more": strings.Repeat(token, 1000),
}

// huge is as large as storeLargeValue has it.
var huge = strings.Repeat("fedcba9876543210", (1<<20+128<<10)/16)

// pair is a page and its lease, two keys that share their second part, as SetIf
// may demand.
type pair struct {
	*trial // without a prefix
	ifSetter
	page, lease string
}

func (tr *trial) pair(s ifSetter, name string) pair {
	part := strings.Trim(strings.TrimPrefix(tr.prefix, "st"), ":") + name
	plain := *tr
	plain.prefix = ""
	return pair{&plain, s, "page:" + part, "lease:" + part + ":l"}
}

func (p pair) put(page, lease string) {
	p.Helper()
	p.set(page, longLife, p.page)
	p.set(lease, longLife, p.lease)
}

func (p pair) setIf(what, value string, ttl time.Duration, holds string, want bool) {
	p.Helper()
	got, err := p.SetIf(p.Context(), []byte(value), ttl, p.page, p.lease, []byte(holds))
	if got != want || err != nil {
		p.Errorf("SetIf, %s: got %v and error %v, want %v and none", what, got, err, want)
	}
}

func (p pair) wantBoth(what, page, lease string) {
	p.Helper()
	values := p.get(p.page, p.lease)
	p.want("page after SetIf, "+what, values[0], page)
	p.want("lease after SetIf, "+what, values[1], lease)
}

func storeSetIf(tr *trial, s ifSetter) {
	p := tr.pair(s, "a")
	for _, holds := range []string{token, ""} {
		p.setIf("no lease", "new", longLife, holds, false)
		p.wantBoth("no lease", "", "")
	}
	for what, holds := range notToken {
		p.put("old", token)
		p.setIf(what, "new", longLife, holds, false)
		p.wantBoth(what, "old", token)
	}
	p.setIf("the token", "new", longLife, token, true)
	p.wantBoth("the token", "new", "")
	p.setIf("again", "newer", longLife, token, false)
	p.wantBoth("again", "new", "")

	p.set(token, longLife, p.lease)
	p.setIf("large", huge, longLife, token, true)
	p.wantBoth("large", huge, "")
	p.set(huge, longLife, p.lease)
	p.setIf("large lease", "small", longLife, huge[:len(huge)-1]+"x", false)
	p.setIf("large lease", "small", longLife, huge, true)
	p.wantBoth("large lease", "small", "")
	storeSetIfLives(tr, s)
	storeSetIfBytes(tr, s)
}

// storeSetIfLives: the new lifetime counts, and a refusal leaves the old ones.
func storeSetIfLives(tr *trial, s ifSetter) {
	short, long, kept := tr.pair(s, "short"), tr.pair(s, "long"), tr.pair(s, "kept")
	begin := time.Now()
	short.put("old", token)
	short.setIf("short", "new", 100*time.Millisecond, token, true)
	long.set("old", 100*time.Millisecond, long.page)
	long.set(token, longLife, long.lease)
	long.setIf("long", "new", 2*longLife, token, true)
	long.wantLeft(long.page, 2*longLife, begin)
	kept.put("old", token)
	kept.setIf("kept", "new", 100*time.Millisecond, "other", false)
	kept.wantLeft(kept.page, longLife, begin)
	kept.wantLeft(kept.lease, longLife, begin)
	short.wantGone(short.page)
	long.wantBoth("long", "new", "")
	kept.wantBoth("kept", "old", token)
}

// storeSetIfBytes: as with Set, a store does not write to what it was given.
func storeSetIfBytes(tr *trial, s ifSetter) {
	p := tr.pair(s, "bytes")
	value, holds := []byte("valueSPARE"), []byte("leaseSPARE")
	p.set("lease", longLife, p.lease)
	if ok, err := s.SetIf(tr.Context(), value[:5], longLife, p.page, p.lease, holds[:5]); !ok || err != nil {
		tr.Errorf("SetIf: got %v and error %v, want true and none", ok, err)
	}
	tr.want("value given to SetIf", value, "valueSPARE")
	tr.want("token given to SetIf", holds, "leaseSPARE")
	p.wantBoth("slices", "value", "")
}

const rivals, races = 16, 5

// race lets rivals call at once, and returns who won.
func (tr *trial) race(call func(rival int) (bool, error)) (winner int) {
	tr.Helper()
	var wg sync.WaitGroup
	var won [rivals]bool
	start := make(chan struct{})
	for r := range rivals {
		wg.Go(func() {
			<-start
			var err error
			if won[r], err = call(r); err != nil {
				tr.Errorf("rival %d: got error %v, want none", r, err)
			}
		})
	}
	close(start)
	wg.Wait()
	winners := 0
	for r, w := range won {
		if w {
			winner = r
			winners++
		}
	}
	if winners != 1 {
		tr.Errorf("%d rivals with the same token: got %d winners, want 1", rivals, winners)
	}
	return winner
}

// storeSetIfContention: of many with the same token one wins, and its value it is.
func storeSetIfContention(tr *trial, s ifSetter) {
	for round := range races {
		p := tr.pair(s, fmt.Sprintf("r%d", round))
		p.put("old", token)
		value := func(rival int) string { return fmt.Sprintf("of rival %d", rival) }
		winner := tr.race(func(rival int) (bool, error) {
			return s.SetIf(tr.Context(), []byte(value(rival)), longLife, p.page, p.lease, []byte(token))
		})
		p.wantBoth("contention", value(winner), "")
	}
}
