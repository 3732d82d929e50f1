package pagecache_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
)

// hijackable is a response writer for tests in process whose connection can be
// taken over.
type hijackable struct{ *httptest.ResponseRecorder }

func (w hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	server, client := net.Pipe()
	_ = client.Close()
	return server, bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)), nil
}

// slowClient is a response writer whose client does not read: the first write waits
// until released.
type slowClient struct {
	*httptest.ResponseRecorder
	writing chan struct{} // closed when the first write begins
	release chan struct{}
}

func newSlowClient() *slowClient {
	return &slowClient{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
}

func (w *slowClient) Write(p []byte) (int, error) {
	select {
	case <-w.writing:
	default:
		close(w.writing)
	}
	<-w.release
	return w.ResponseRecorder.Write(p)
}

var _ http.ResponseWriter = (*slowClient)(nil)
