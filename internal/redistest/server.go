package redistest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is one Redis server. Its methods may be called concurrently.
type Server struct {
	Port int

	tb   TB
	dir  string
	args []string

	mu   sync.Mutex
	proc *process // nil while there is none
}

// Start runs a server, with further arguments as on its command line, and
// returns when it answers. It permits DEBUG to local clients.
func Start(tb TB, args ...string) *Server {
	tb.Helper()
	Need(tb)
	s, err := start(tb, func(string, int) ([]string, error) { return args, nil })
	if err != nil {
		tb.Fatalf("start of a Redis server: %v", err)
	}
	return s
}

// plain has the arguments that all servers but sentinels get.
func plain(dir string, port int) []string {
	return []string{
		"--port", strconv.Itoa(port),
		"--bind", "127.0.0.1",
		"--dir", dir,
		"--save", "",
		"--appendonly", "no",
		"--enable-debug-command", "local",
		// A replica would otherwise wait 5 s for others to share its copy with.
		"--repl-diskless-sync-delay", "0",
		"--repl-ping-replica-period", "1",
	}
}

// start is Start with arguments that may depend on the directory and port.
func start(tb TB, more func(dir string, port int) ([]string, error)) (*Server, error) {
	return startWith(tb, func(dir string, port int) ([]string, error) {
		args, err := more(dir, port)
		return append(plain(dir, port), args...), err
	})
}

// errTaken is for a port that went to another program since it was found free.
var errTaken = errors.New("the port is taken")

// startWith is start with all of the arguments.
func startWith(tb TB, command func(dir string, port int) ([]string, error)) (s *Server, err error) {
	for range 5 {
		s = &Server{tb: tb, dir: tb.TempDir()}
		if s.Port, err = freePort(); err != nil {
			return nil, err
		}
		if s.args, err = command(s.dir, s.Port); err != nil {
			return nil, err
		}
		tb.Cleanup(s.Kill)
		if err = s.run(); !errors.Is(err, errTaken) {
			return s, err
		}
	}
	return nil, err
}

// run starts the process, if there is none, and waits until it answers.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return nil
	}
	p, err := launch(s.args, s.logFile())
	if err != nil {
		return err
	}
	s.proc = p
	err = s.await(p)
	if err != nil {
		s.kill()
	}
	return err
}

// await asks for the process's number as well, as another server's answer on a
// port that is taken would look like ours.
func (s *Server) await(p *process) error {
	var info any
	err := poll(10*time.Second, func() (err error) {
		if p.ended() {
			return nil
		}
		info, err = s.Do("INFO", "server")
		return err
	})
	number := fmt.Sprintf("\r\nprocess_id:%d\r\n", p.os.Pid)
	if text, _ := info.(string); err == nil && strings.Contains(text, number) {
		return nil
	}
	log := s.log()
	if err == nil && (info != nil || strings.Contains(log, "Address already in use")) {
		err = errTaken
	}
	if err == nil {
		err = errors.New("the server ended")
	}
	return fmt.Errorf("%s: %w; its log:\n%s", s.Addr(), err, log)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

func (s *Server) log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Addr is the server's host and port.
func (s *Server) Addr() string { return address(s.Port) }

// URL is the server's address in the form that clients parse.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Do sends a command, for tests without a client. The reply is a string, an int,
// a []any or nil. There is an error if it does not come within a second.
func (s *Server) Do(args ...string) (any, error) { return do(s.Addr(), args...) }

// Freeze stops the server without closing its connections: it accepts bytes and
// new connections, as far as the system's buffers go, and does not answer.
func (s *Server) Freeze() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		s.tb.Fatalf("Freeze: there is no server at %s", s.Addr())
		return
	}
	if err := s.proc.freeze(); err != nil {
		s.tb.Fatalf("Freeze: %v", err)
	}
}

// Thaw lets a frozen server go on. It then answers what came in meanwhile.
func (s *Server) Thaw() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || thawSignal == nil {
		return
	}
	if err := s.proc.os.Signal(thawSignal); err != nil {
		s.tb.Fatalf("Thaw: %v", err)
	}
}

// Kill ends the server at once, also a frozen one, and returns when it is gone.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

func (s *Server) kill() {
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Stop ends the server in good order: it closes its connections itself. One that
// does not is killed.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return
	}
	s.Do("SHUTDOWN", "NOSAVE", "NOW") // it hangs up instead of a reply
	select {
	case <-s.proc.done:
	case <-time.After(3 * time.Second):
	}
	s.kill()
}

// Restart kills the server if it runs and starts it on the same port, without
// its data. A cluster's node and a sentinel keep what they know of each other.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.run(); err != nil {
		s.tb.Fatalf("Restart: %v", err)
	}
}
