package redis_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestFigureReplies: the server answers, and says no. What can still be read is
// read, and nobody waits.
func TestFigureReplies(t *testing.T) {
	for _, c := range []faultCase{
		{name: "full", reads: true, args: []string{"--maxmemory-policy", "noeviction"},
			strike: func(b *faultBed) { b.do("CONFIG", "RESETSTAT"); b.do("CONFIG", "SET", "maxmemory", "1") },
			heal:   func(b *faultBed) { b.wantFewErrors("OOM"); b.do("CONFIG", "SET", "maxmemory", "0") }},
		{name: "read-only", reads: true,
			strike: func(b *faultBed) { b.do("CONFIG", "RESETSTAT"); b.do("REPLICAOF", "127.0.0.1", "1") },
			heal:   func(b *faultBed) { b.wantFewErrors("READONLY"); b.do("REPLICAOF", "NO", "ONE") }},
		{name: "cannot save", reads: true,
			strike: cannotSave,
			heal:   func(b *faultBed) { b.wantFewErrors("MISCONF"); b.do("CONFIG", "SET", "save", "") }},
		{name: "password", prompt: true,
			strike: func(b *faultBed) {
				b.do("ACL", "SETUSER", "app", "resetpass", ">two")
				b.do("CLIENT", "KILL", "USER", "app")
			},
			heal: func(b *faultBed) { b.do("ACL", "SETUSER", "app", "resetpass", ">one") }},
		{name: "no permission", reads: true,
			strike: func(b *faultBed) {
				b.do("CONFIG", "RESETSTAT")
				b.do("ACL", "SETUSER", "app", "-@write", "-@scripting")
			},
			heal: func(b *faultBed) { b.wantFewErrors("NOPERM"); b.do("ACL", "SETUSER", "app", "+@all") }},
		{name: "loading", strike: loadSlowly, heal: loadFast},
	} {
		t.Run(c.name, c.run)
	}
}

// wantFewErrors: those that try to write while the server refuses are few. The
// server itself counts what it refused.
func (b *faultBed) wantFewErrors(class string) {
	b.Helper()
	reply, err := b.server.Do("INFO", "errorstats")
	if err != nil {
		b.Fatalf("INFO: %v", err)
	}
	found := regexp.MustCompile(`errorstat_` + class + `:count=(\d+)`).FindStringSubmatch(fmt.Sprint(reply))
	if found == nil {
		b.Errorf("got no errors %s, want some: %v", class, reply)
		return
	}
	count, _ := strconv.Atoi(found[1])
	seconds := int(b.lasts/time.Second) + 1
	// A try is up to three commands, and some are under way when the first fails.
	most := len(b.sites) * (40 + 3*2*seconds)
	b.Logf("%s: the server refused %d commands of %d processes", class, count, len(b.sites))
	if count > most {
		b.Errorf("got %d commands that were refused, want %d at most", count, most)
	}
}

// cannotSave has the server try to save where it cannot.
func cannotSave(b *faultBed) {
	b.do("CONFIG", "RESETSTAT")
	b.do("CONFIG", "SET", "save", "3600 1")
	b.loseDirectory()
	b.do("BGSAVE")
}

// loseDirectory removes the directory that the server saves to.
func (b *faultBed) loseDirectory() {
	b.Helper()
	reply, err := b.server.Do("CONFIG", "GET", "dir")
	list, _ := reply.([]any)
	if err != nil || len(list) != 2 {
		b.Fatalf("CONFIG GET dir: %v, %v", reply, err)
	}
	if err := os.RemoveAll(fmt.Sprint(list[1])); err != nil {
		b.Fatal(err)
	}
}

// loadSlowly has the server read its data again, a millisecond for each key, and
// refuse other commands meanwhile.
func loadSlowly(b *faultBed) {
	b.do("CONFIG", "SET", "loading-process-events-interval-bytes", "1024")
	b.do("DEBUG", "POPULATE", strconv.Itoa(int(b.lasts/time.Millisecond)), "other", "100")
	b.do("CONFIG", "SET", "key-load-delay", "1000")
	b.over = make(chan struct{})
	go func() {
		defer close(b.over)
		_, _ = b.server.Do("DEBUG", "RELOAD") // the reply comes too late for Do
	}()
}

func loadFast(b *faultBed) {
	<-b.over
	b.do("CONFIG", "SET", "key-load-delay", "0")
	b.sites[0].eventually("the end of loading", func() bool {
		_, err := b.server.Do("GET", "x")
		return err == nil
	})
}
