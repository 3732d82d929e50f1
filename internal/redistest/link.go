package redistest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// link is a client's connection through a proxy.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex   // held to set server, and to cut
	server *net.TCPConn // set once, before anything is passed on
}

// chunk is what one read from the server returned.
type chunk struct {
	data []byte
	due  time.Time
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	l := &link{proxy: p, client: client}
	l.ctx, l.cancel = context.WithCancel(p.ctx)
	return l
}

// run passes bytes on until both sides are done with, or the link is cut.
func (l *link) run() {
	defer l.cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(l.ctx, "tcp", l.proxy.target)
	if err != nil {
		reset(l.client)
		return
	}
	if !l.attach(conn.(*net.TCPConn)) {
		return
	}
	// The queue is there to let chunks wait for their delay at the same time.
	queue := make(chan chunk, 256)
	var pumps sync.WaitGroup
	pumps.Go(l.upstream)
	pumps.Go(func() { l.receive(queue) })
	pumps.Go(func() { l.deliver(queue) })
	pumps.Wait()
	l.server.Close()
}

// attach sets the connection to the server, unless the link was cut meanwhile.
func (l *link) attach(conn *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		reset(l.client)
		reset(conn)
		return false
	}
	l.server = conn
	return true
}

// cut resets both connections, and has done so when it returns.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
	reset(l.client)
	if l.server != nil {
		reset(l.server)
	}
}

// reset closes a connection so that the other side gets an error, not an end.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// upstream passes on what the client sends.
func (l *link) upstream() {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.client.Read(buf)
		if n > 0 && !l.passes() {
			return
		}
		if n > 0 {
			// If this fails the server is gone, and receive will find out.
			l.server.Write(buf[:n])
		}
		if errors.Is(err, io.EOF) {
			l.server.CloseWrite()
			return
		}
		if err != nil {
			l.cut()
			return
		}
	}
}

// receive reads from the server and applies the faults that are per chunk.
func (l *link) receive(queue chan<- chunk) {
	defer close(queue)
	buf := make([]byte, 32<<10)
	for {
		n, err := l.server.Read(buf)
		if n > 0 {
			select {
			case queue <- l.proxy.chunk(bytes.Clone(buf[:n])):
			case <-l.ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) chunk(data []byte) chunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.garbage > 0 {
		p.garbage--
		spoil(data)
	}
	c := chunk{data: data}
	if p.delay > 0 {
		c.due = time.Now().Add(p.delay)
	}
	return c
}

func spoil(data []byte) {
	for i := range data {
		data[i] = 0xff
	}
	if len(data) > 2 {
		copy(data[len(data)-2:], "\r\n")
	}
}

// deliver writes to the client. Writes fail after HalfClose, and do not matter
// then. When the server is done with, so is the client's connection.
func (l *link) deliver(queue <-chan chunk) {
	defer l.client.Close()
	for c := range queue {
		if !l.sleep(time.Until(c.due)) || !l.passes() {
			return
		}
		l.client.Write(c.data)
	}
}

// sleep reports whether the link is still there afterwards.
func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// passes waits while the proxy is stalled, and reports whether the link is
// still there afterwards.
func (l *link) passes() bool {
	l.proxy.mu.Lock()
	gate := l.proxy.gate
	l.proxy.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-l.ctx.Done():
		return false
	}
}
