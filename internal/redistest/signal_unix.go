//go:build unix

package redistest

import (
	"os"
	"syscall"
)

var freezeSignal, thawSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT
