//go:build !linux

package redis_test

import "testing"

func TestProcesses(t *testing.T) {
	t.Skip("NOT TESTED: fleets of real processes are tested on Linux only")
}
