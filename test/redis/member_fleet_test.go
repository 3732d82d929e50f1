//go:build linux

package redis_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// processes are the members of a fleet, seen from the test.
type processes struct {
	*testing.T
	board *board
	file  string
	all   []*process
}

// process is one member.
type process struct {
	memberOptions
	output string // file of what it says
	os     *os.Process
	ended  chan struct{} // closed when it has, with err
	err    error
}

func newFleet(t *testing.T) *processes {
	t.Helper()
	f := &processes{T: t, file: filepath.Join(t.TempDir(), "board")}
	var err error
	if f.board, err = openBoard(f.file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.board.stop.Store(true) // for what the test itself runs
		for _, p := range f.all {
			p.kill()
		}
	})
	return f
}

// join starts a member and waits until it serves.
func (f *processes) join(o memberOptions) *process {
	f.Helper()
	o.Board, o.Desk = f.file, len(f.all)
	p := &process{memberOptions: o, output: filepath.Join(f.TempDir(), "output")}
	f.all = append(f.all, p)
	f.start(p)
	return p
}

// start runs a member that is not running.
func (f *processes) start(p *process) {
	f.Helper()
	text, err := json.Marshal(p.memberOptions)
	if err != nil {
		f.Fatal(err)
	}
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.Fatal(err)
	}
	defer output.Close()
	program, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), memberEnv+"="+string(text))
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	port := &f.board.desks[p.Desk].port
	port.Store(0)
	if err := p.launch(cmd); err != nil {
		f.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); port.Load() == 0; time.Sleep(2 * time.Millisecond) {
		if f.mustLive(p); time.Now().After(deadline) {
			f.Fatalf("member %d does not serve", p.Desk)
		}
	}
}

// launch keeps the thread that starts the process: its end, and not that of the
// whole program, would be what the system takes for the death of the parent.
func (p *process) launch(cmd *exec.Cmd) error {
	p.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		p.os = cmd.Process
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.ended)
		}
	}()
	return <-started
}

// mustLive fails the test when a member has ended of its own accord.
func (f *processes) mustLive(p *process) {
	f.Helper()
	select {
	case <-p.ended:
		f.Fatalf("member %d has ended: %v\n%s", p.Desk, p.err, p.said())
	default:
	}
}

// said is the end of what a member has written.
func (p *process) said() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// kill ends a member at once, and returns when it is gone.
func (p *process) kill() {
	if p.os == nil {
		return
	}
	_ = p.os.Kill() // it may have ended
	<-p.ended
}

// freeze stops a member for some time.
func (p *process) freeze(d time.Duration) error {
	if err := p.os.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	time.Sleep(d)
	return p.os.Signal(syscall.SIGCONT)
}

// end tells all members to stop, and fails the test for those that do not, or that
// find something to complain about, such as a race.
func (f *processes) end() {
	f.Helper()
	f.board.stop.Store(true)
	deadline := time.After(30 * time.Second)
	for _, p := range f.all {
		select {
		case <-p.ended:
			if p.err != nil {
				f.Errorf("member %d: %v\n%s", p.Desk, p.err, p.said())
			}
		case <-deadline:
			f.Fatalf("member %d does not stop\n%s", p.Desk, p.said())
		}
	}
}
