package redistest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below the range that systems use for outgoing
// connections (from 32768 on Linux). In that range the port of a server that is
// down could go to any client, and a client that dials it could even be
// connected to itself. Bus ports lie at busOffset, in a range of their own.
const (
	firstPort = 10500
	busOffset = 10000 // fixed by Redis
	portCount = 10000
)

// given has the ports handed out by this process. None is handed out twice: its
// server may be down for the moment, and will want it back.
var given struct {
	sync.Mutex
	ports map[int]bool
}

// freePort finds a port that nothing listens on, nor on its bus port.
func freePort() (int, error) {
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = make(map[int]bool)
	}
	for range 1000 {
		port := firstPort + rand.IntN(portCount)
		if given.ports[port] || !free(port) || !free(port+busOffset) {
			continue
		}
		given.ports[port] = true
		return port, nil
	}
	return 0, errors.New("found no free port")
}

func free(port int) bool {
	ln, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	ln.Close()
	return true
}

func address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
