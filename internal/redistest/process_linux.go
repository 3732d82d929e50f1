package redistest

import "syscall"

// dieWithParent has the system kill a server whose test process is gone without
// cleaning up, as after a timeout.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
