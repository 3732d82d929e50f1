//go:build !linux

package redistest

import "syscall"

// dieWithParent has no counterpart here: such servers end in Cleanup only.
func dieWithParent() *syscall.SysProcAttr { return nil }
