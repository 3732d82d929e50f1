package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// process is a running redis-server.
type process struct {
	os   *os.Process
	done chan struct{} // closed when it has ended and was waited for
}

// launch starts a process with its output appended to a file.
func launch(args []string, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = dieWithParent()

	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// For Linux the parent is the thread that started the process, and not
		// the whole of this program: keep that thread until the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		p.os = cmd.Process
		started <- err
		if err == nil {
			cmd.Wait() // it is killed in most cases, so an error says nothing
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process, also a frozen one, and waits for that.
func (p *process) kill() {
	if thawSignal != nil {
		p.os.Signal(thawSignal)
	}
	p.os.Kill()
	<-p.done
}

// freeze stops the process. Signals take effect with a delay, so it waits until
// the system reports the process as stopped.
func (p *process) freeze() error {
	if freezeSignal == nil {
		return errors.New("processes cannot be stopped on this system")
	}
	if err := p.os.Signal(freezeSignal); err != nil {
		return err
	}
	return poll(5*time.Second, func() error {
		if !stopped(p.os.Pid) {
			return errors.New("the process has not stopped")
		}
		return nil
	})
}

// stopped reads a process's state, the letter after its name in parentheses.
// Where there is no such file it trusts the signal.
func stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	state := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(state) > 0 && state[0] == 'T'
}
