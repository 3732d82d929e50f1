// Command bench prints what pagecache costs, as ratios to a bare handler that
// runs in the same process, in turn with it. From the repository's top:
//
//	GOWORK=off go -C bench run .
//
// With -only it is one part: hit and miss compare requests, purge tells what it
// costs to purge a hundred thousand pages, for the caller, for those who ask for
// one of them next, and for hits on others meanwhile; flood sends more pages than
// the store holds, cold many requests for one that is not stored. redis compares
// hits on pages in a Redis server, which it starts, with a bare GET.
//
// Figures are processor time (user and system, garbage collection included)
// unless they say otherwise; read the ratios, not the nanoseconds.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 12, "interleaved repeats of each figure")
	only := flag.String("only", "", "one of hit, miss, purge, flood, cold, redis; empty for all")
	keys := flag.Int("keys", 1_000_000, "unique keys of the flood")
	flag.Parse()
	if *rounds < 8 {
		fmt.Fprintf(os.Stderr, "bench: -rounds %d: medians of fewer than 8 repeats say little; give 8 or more\n", *rounds)
		os.Exit(2)
	}
	fmt.Printf("%s, %d processors, %d rounds\n", runtime.Version(), runtime.NumCPU(), *rounds)
	parts := []struct {
		name string
		run  func()
	}{
		{"hit", func() { hits(*rounds) }},
		{"miss", func() { misses(*rounds) }},
		{"purge", func() { purges(*rounds) }},
		{"flood", func() { flood(*keys) }},
		{"cold", cold},
		{"redis", func() { overRedis(*rounds) }},
	}
	known := *only == ""
	for _, part := range parts {
		if *only == "" || *only == part.name {
			known = true
			began := time.Now()
			fmt.Printf("\n== %s\n", part.name)
			part.run()
			fmt.Printf("(%.1f s)\n", time.Since(began).Seconds())
		}
	}
	if !known {
		fmt.Fprintf(os.Stderr, "bench: -only %q: give hit, miss, purge, flood, cold or redis\n", *only)
		os.Exit(2)
	}
}
