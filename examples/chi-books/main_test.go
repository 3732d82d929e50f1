package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// started is the whole program, as "go run" starts it.
type started struct {
	url, greeting string
	stop          func() error
}

// start runs the program on a free port and returns once it has said its address.
func start(t *testing.T, folder string, args ...string) started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-data", folder}, args...), in)
		in.CloseWithError(err)
		done <- err
	}()
	var p started
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.greeting += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "curl -I") {
			break
		}
	}
	_, rest, ok := strings.Cut(p.greeting, "serving:  ")
	if !ok {
		t.Fatalf("no address in %q (%v)", p.greeting, lines.Err())
	}
	p.url, _, _ = strings.Cut(rest, "/  (")
	p.stop = func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return p
}

func TestFirstAndSecondStart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a folder?with#odd%41names")
	first := start(t, folder)
	if !strings.Contains(first.greeting, "just made") {
		t.Errorf("got %q, want a word about the new database", first.greeting)
	}
	want(t, send(t, "POST", first.url+"/books/312/reviews", "text=Kept"), http.StatusOK, "Kept") // after the redirect
	if err := first.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}

	second := start(t, folder)
	if strings.Contains(second.greeting, "just made") {
		t.Errorf("got %q, want the old database", second.greeting)
	}
	want(t, send(t, "GET", second.url+"/books/312", ""), http.StatusOK, "Kept")
	if err := second.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if _, err := http.Get(second.url + "/"); err == nil {
		t.Error("got an answer after the stop, want none")
	}
}

func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	noFolder := filepath.Join(t.TempDir(), "file")
	write(t, noFolder, "a file, not a folder")
	damaged := t.TempDir()
	write(t, filepath.Join(damaged, "books.db"), strings.Repeat("not a database ", 1000))

	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"port in use", []string{"-addr", taken.Addr().String(), "-data", t.TempDir()}, "cannot listen on"},
		{"folder is a file", []string{"-addr", "127.0.0.1:0", "-data", noFolder}, "data folder"},
		{"damaged database", []string{"-addr", "127.0.0.1:0", "-data", damaged}, "move the file away"},
		{"unknown flag", []string{"-port", "1"}, "-port"},
		{"argument", []string{"serve"}, `"serve"`},
		{"near without redis", []string{"-near", "1s"}, "-redis"},
		{"negative near", []string{"-redis", "redis://127.0.0.1:1", "-near", "-1s"}, "positive"},
		{"no URL of a Redis", []string{"-addr", "127.0.0.1:0", "-data", t.TempDir(), "-redis", "localhost:6379"}, "-redis: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := run(t.Context(), tt.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestDatabaseOfOthers(t *testing.T) {
	folder := filledFolder(t)
	s, err := openStore(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec("PRAGMA user_version = 77"); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestDamagedInside(t *testing.T) {
	folder := filledFolder(t)
	path := filepath.Join(folder, "books.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 5 * 4096; i < 13*4096; i++ {
		data[i] = 0xA5
	}
	write(t, path, string(data))
	if _, err := openStore(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want an error about damage", err)
	}
}

// TestStartsAtOnce has two programs find the same empty folder.
func TestStartsAtOnce(t *testing.T) {
	folder := t.TempDir()
	made := make(chan bool, 2)
	for range 2 {
		go func() {
			s, err := openStore(context.Background(), folder)
			if err != nil {
				t.Error(err)
				made <- false
				return
			}
			made <- s.fresh
			if s.books < 330 {
				t.Errorf("got %d books, want at least 330", s.books)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
		}()
	}
	if a, b := <-made, <-made; a == b {
		t.Errorf("got %v and %v, want one of them to fill the database", a, b)
	}
}

func TestBrowsable(t *testing.T) {
	for ip, host := range map[string]string{"0.0.0.0": "localhost:80", "::": "localhost:80", "127.0.0.1": "127.0.0.1:80", "::1": "[::1]:80"} {
		if got := browsable(&net.TCPAddr{IP: net.ParseIP(ip), Port: 80}); got != host {
			t.Errorf("browsable(%s): got %s, want %s", ip, got, host)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
