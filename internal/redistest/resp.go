package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// replyTimeout bounds a command of our own: a server that is healthy answers
// those used here in less than a millisecond, a frozen one never does.
const replyTimeout = time.Second

// do sends one command on a connection of its own. It is written here so that
// this package depends on no client that it may be used to test.
func do(addr string, args ...string) (any, error) {
	conn, err := net.DialTimeout("tcp", addr, replyTimeout)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
		return nil, err
	}
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(conn, command.String()); err != nil {
		return nil, err
	}
	return readReply(bufio.NewReader(conn))
}

// readReply reads a reply of RESP2: a string, an int, a []any or nil. An error
// reply is returned as an error.
func readReply(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errors.New("an empty line for a reply")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, errors.New(rest)
	case ':':
		return strconv.Atoi(rest)
	case '$', '*':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return nil, err
		}
		if kind == '$' {
			return readString(r, n)
		}
		return readArray(r, n)
	}
	return nil, fmt.Errorf("no reply of Redis: %q", line)
}

func readString(r *bufio.Reader, n int) (any, error) {
	text := make([]byte, n+len("\r\n"))
	_, err := io.ReadFull(r, text)
	return string(text[:n]), err
}

func readArray(r *bufio.Reader, n int) (any, error) {
	list := make([]any, n)
	for i := range list {
		var err error
		if list[i], err = readReply(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}
