package main

import (
	"fmt"
	"os"
	"slices"
)

// bed is what redistest needs of a test, for a program: it ends the server.
type bed struct{ cleanups []func() }

func newBed() *bed { return &bed{} }

// close undoes everything, the last thing first.
func (b *bed) close() {
	for _, f := range slices.Backward(b.cleanups) {
		f()
	}
	b.cleanups = nil
}

func (b *bed) Helper() {}

func (b *bed) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func (b *bed) Fatalf(format string, args ...any) {
	b.close()
	panic(fmt.Sprintf(format, args...))
}

func (b *bed) Skipf(format string, args ...any) { b.Fatalf(format, args...) }

func (b *bed) Cleanup(f func()) { b.cleanups = append(b.cleanups, f) }

func (b *bed) TempDir() string {
	dir, err := os.MkdirTemp("", "pagecache-bench-*")
	must(err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
