package redistest

import (
	"context"
	"net"
	"sync"
	"time"
)

// Proxy stands between clients and a server and passes on what they send,
// except for the faults that it is told to make. Its methods may be called
// concurrently. A client that has only just connected may escape a fault that
// is for current connections; one that has had a reply does not.
type Proxy struct {
	tb           TB
	target, addr string
	ctx          context.Context // ends with the test
	cancel       context.CancelFunc
	running      sync.WaitGroup

	mu      sync.Mutex
	ln      net.Listener // nil while connections are refused
	links   map[*link]bool
	delay   time.Duration
	garbage int           // chunks still to be replaced
	gate    chan struct{} // closed unless stalled
}

// StartProxy runs a proxy to a host and port. Nothing needs to listen there yet.
func StartProxy(tb TB, target string) *Proxy {
	tb.Helper()
	p := &Proxy{tb: tb, target: target, links: make(map[*link]bool), gate: make(chan struct{})}
	close(p.gate)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	tb.Cleanup(p.close)
	err := poll(time.Second, func() error {
		port, err := freePort()
		if err != nil {
			return err
		}
		p.addr = address(port)
		return p.listen()
	})
	if err != nil {
		tb.Fatalf("start of a proxy to %s: %v", target, err)
	}
	return p
}

// Addr is the host and port for clients.
func (p *Proxy) Addr() string { return p.addr }

// listen accepts connections, unless it does already or the proxy has ended.
func (p *Proxy) listen() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln != nil || p.ctx.Err() != nil {
		return nil
	}
	ln, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.ln = ln
	p.running.Go(func() { p.accept(ln) })
	return nil
}

func (p *Proxy) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		l := newLink(p, conn.(*net.TCPConn))
		p.mu.Lock()
		p.links[l] = true
		p.mu.Unlock()
		p.running.Go(func() {
			l.run()
			p.mu.Lock()
			delete(p.links, l)
			p.mu.Unlock()
		})
	}
}

func (p *Proxy) close() {
	p.cancel()
	p.Refuse(true)
	p.Cut()
	// A link that was accepted meanwhile ends by the context.
	p.running.Wait()
}

// Delay has each chunk from the server reach the client that much later. Chunks
// wait at the same time, as on a long line: three take no longer than one.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Garbage replaces the next n chunks from the server with bytes that are no
// reply, as many as there were. They end a line, if there is room for that, so
// that a client has cause to look at them.
func (p *Proxy) Garbage(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.garbage = n
}

// Stall holds back everything in both directions, and lets it go on after
// Stall(false). Connections stay, and new ones are accepted.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
		if on {
			p.gate = make(chan struct{})
		}
	default:
		if !on {
			close(p.gate)
		}
	}
}

// Refuse closes the port to new connections, or opens it again. Current ones
// stay as they are.
func (p *Proxy) Refuse(on bool) {
	p.tb.Helper()
	if !on {
		if err := poll(2*time.Second, p.listen); err != nil {
			p.tb.Fatalf("proxy: open the port again: %v", err)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln != nil {
		p.ln.Close()
		p.ln = nil
	}
}

// Cut resets all current connections, to clients and to the server.
func (p *Proxy) Cut() {
	for _, l := range p.current() {
		l.cut()
	}
}

// HalfClose tells the clients of all current connections that nothing more will
// come from the server. What they send is still passed on.
func (p *Proxy) HalfClose() {
	for _, l := range p.current() {
		l.client.CloseWrite()
	}
}

func (p *Proxy) current() (links []*link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		links = append(links, l)
	}
	return links
}
