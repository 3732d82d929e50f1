package pagecache

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
)

// recorder is the response writer that a handler sees behind the cache. It
// records the response up to Policy.MaxBody, or steps aside and passes
// everything through: at once when the header shows that the response will not
// be stored, and later when the handler flushes, hijacks or passes the bound.
//
// A recorder without a fill only passes through and adds Cache-Status.
type recorder struct {
	w    http.ResponseWriter
	fill *fill  // nil: nothing is recorded
	line string // what Cache-Status says of a response passed through
	rt   *route // without a fill: whose it is
	lent bool   // without a fill: the same cache further in answers the request

	writing *writing // without a fill: a request that may change pages
	silent  bool     // without a fill: the same cache further out speaks for us

	state    state
	status   int
	declared int64     // the Content-Length that the handler declared, or -1
	written  int64     // the bytes it wrote while recording
	frozen   *snapshot // the header map at the handler's WriteHeader
	body     body
	broken   bool // the source of the body failed on the way
	late     bool // an error status came when it was too late
	tee      bool // pass through and go on recording, for StoreFlushed
	mute     bool // the client's condition was answered; the body is dropped
	hushed   bool // the handler failed; what it sends is dropped for an old page
}

type state uint8

const (
	fresh     state = iota // the handler has written nothing
	recording              // its header is frozen, its body goes to the buffer
	aside                  // everything goes to the client
)

// Header returns the live map, so that the handler can change what outer
// middleware set.
func (rec *recorder) Header() http.Header { return rec.w.Header() }

// Unwrap is for http.ResponseController: deadlines and full duplex pass.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.w }

// WriteHeader takes the final status and freezes the header (the map may be
// changed afterwards without effect, as with net/http). Interim responses go
// to the client as they are (RFC 9110 section 15.2).
func (rec *recorder) WriteHeader(status int) {
	switch {
	case rec.state == recording, rec.mute:
		rec.late = rec.late || status >= http.StatusBadRequest
		return // superfluous, as net/http calls it
	case rec.state == aside:
		rec.late = rec.late || status >= http.StatusBadRequest
		rec.w.WriteHeader(status)
		return
	case status != http.StatusSwitchingProtocols && status < 200 || status > 999:
		rec.w.WriteHeader(status) // interim, or a mistake that net/http panics at
		return
	}
	rec.freeze(status)
	if rec.fill == nil {
		rec.pass()
		return
	}
	if status >= 500 && rec.fill.covered() {
		rec.hushed = true
		return
	}
	why := rec.unfit()
	if why == "" && status >= 500 && rec.fill.spares() {
		why = reasonStatus
	}
	if why != "" {
		rec.stepAside(why)
	}
}

func (rec *recorder) freeze(status int) {
	rec.state, rec.status, rec.declared = recording, status, -1
	if rec.fill == nil {
		return
	}
	rec.frozen = take(rec.w.Header())
	if lines, _ := rec.frozen.exact("Content-Length"); len(lines) == 1 {
		if n, err := strconv.ParseInt(lines[0], 10, 64); err == nil && n >= 0 {
			rec.declared = n
		}
	}
}

// unfit looks at the frozen header and says why the response need not be
// recorded.
func (rec *recorder) unfit() Reason {
	h := canonical(rec.w.Header())
	if isEventStream(h.Get("Content-Type")) {
		return reasonStreaming
	}
	if rec.declared > int64(rec.fill.rt.policy.MaxBody) {
		return reasonTooLarge
	}
	return rec.fill.judge(rec.status, h)
}

// Write records p, or passes it on.
func (rec *recorder) Write(p []byte) (int, error) {
	if n, err, done := rec.admit(len(p)); done {
		return n, err
	}
	if rec.state == recording || rec.tee {
		rec.body.write(p)
	}
	if rec.state == recording {
		return len(p), nil
	}
	return rec.w.Write(p)
}

// WriteString is Write without copying the string first.
func (rec *recorder) WriteString(s string) (int, error) {
	if n, err, done := rec.admit(len(s)); done {
		return n, err
	}
	if rec.state == recording || rec.tee {
		rec.body.writeString(s)
	}
	if rec.state == recording {
		return len(s), nil
	}
	return io.WriteString(rec.w, s)
}

// admit prepares a write of n bytes: it makes the implicit WriteHeader, and
// steps aside when the bytes do not fit. Once the client's condition is answered
// it takes the bytes to nowhere, and it refuses a body that the status forbids.
func (rec *recorder) admit(n int) (int, error, bool) {
	if rec.state == fresh {
		rec.WriteHeader(http.StatusOK)
	}
	if rec.mute || rec.hushed {
		return n, nil, true
	}
	if rec.state != recording && !rec.tee {
		return 0, nil, false
	}
	if !hasBody(rec.status) {
		return 0, http.ErrBodyNotAllowed, true
	}
	if rec.declared >= 0 && rec.written+int64(n) > rec.declared {
		rec.stepAside(reasonLengthMismatch) // the server knows what to do with it
		return 0, nil, false
	}
	rec.written += int64(n)
	if why := rec.fill.room(&rec.body, n); why != "" {
		rec.stepAside(why)
	}
	return 0, nil, false
}

// ReadFrom lets net/http use its fast path once nothing is recorded any more.
// The header is sent with the first bytes: a source that cannot be read leaves
// the handler free to answer with an error.
func (rec *recorder) ReadFrom(src io.Reader) (n int64, err error) {
	var piece []byte
	for !rec.passing() {
		if piece == nil {
			piece = make([]byte, 16<<10)
		}
		m, readErr := src.Read(piece)
		if m > 0 {
			wrote, err := rec.Write(piece[:m])
			n += int64(wrote)
			if err != nil {
				return n, err
			}
		}
		if readErr == io.EOF {
			return n, nil
		}
		if readErr != nil {
			rec.broken = rec.state != fresh
			return n, readErr
		}
	}
	rest, err := io.Copy(rec.w, src)
	return n + rest, err
}

// passing reports whether all that is written goes to the client and nowhere
// else.
func (rec *recorder) passing() bool { return rec.state == aside && !rec.mute && !rec.tee }

// Flush sends what there is; the response is passed through from here on.
func (rec *recorder) Flush() { _ = rec.FlushError() }

// FlushError is Flush for http.ResponseController.
func (rec *recorder) FlushError() error {
	if rec.state == fresh {
		rec.WriteHeader(http.StatusOK)
	}
	if rec.hushed {
		return nil
	}
	if rec.state == recording {
		rec.tee = rec.fill.rt.policy.StoreFlushed
		rec.stepAside(reasonStreaming)
	}
	return http.NewResponseController(rec.w).Flush()
}

// Hijack hands over the connection, which ends all recording.
func (rec *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if rec.hushed {
		return nil, nil, http.ErrNotSupported
	}
	if rec.state == recording {
		rec.stepAside(reasonHijacked)
	}
	conn, rw, err := http.NewResponseController(rec.w).Hijack()
	if err == nil && rec.writing != nil { // what it will answer nobody can tell
		rec.writing.ended(rec, http.StatusOK)
	}
	if err == nil && rec.state == fresh {
		rec.state, rec.status = aside, http.StatusSwitchingProtocols
		rec.leave(reasonHijacked)
	}
	return conn, rw, err
}

// stepAside sends what was recorded and passes everything else through. While
// it tees, a reason to stop recording ends just that.
func (rec *recorder) stepAside(why Reason) {
	teeing := rec.state == aside
	rec.leave(why)
	if teeing {
		rec.fill.free(&rec.body)
		return
	}
	rec.send()
}

// leave tells the fill that the response is passed through from here on, and
// unless the recorder tees, that it will not be stored.
func (rec *recorder) leave(why Reason) {
	if rec.fill == nil {
		return
	}
	if why != reasonStreaming {
		rec.tee = false
	}
	if rec.tee {
		rec.fill.land(uncacheable, nil) // nobody should wait for this client to read
	} else {
		rec.fill.giveUp(why)
	}
	rec.fill.reattach()
	rec.line = rec.fill.statusLine(why)
}

// send puts the frozen header and the recorded bytes on the wire.
func (rec *recorder) send() {
	h := rec.w.Header()
	late := rec.frozen.restore(h)
	defer maps.Copy(h, late)
	if rec.fill.answersCondition(rec.status, h) {
		rec.state, rec.mute = aside, true
	} else {
		rec.pass()
		if len(rec.body.bytes()) > 0 {
			_, _ = rec.w.Write(rec.body.bytes()) // the handler learns of a lost client at its next write
		}
	}
	if !rec.tee {
		rec.fill.free(&rec.body)
	}
}

// pass sends the header as it stands, with Cache-Status.
func (rec *recorder) pass() {
	rec.state = aside
	h := rec.w.Header()
	if rec.writing != nil {
		rec.writing.ended(rec, rec.status)
	}
	if !rec.lent && !rec.silent {
		appendStatusLine(h, rec.line)
		rec.policy().hideTags(h)
	}
	rec.w.WriteHeader(rec.status)
}

func (rec *recorder) policy() *Policy {
	if rec.fill != nil {
		return &rec.fill.rt.policy
	}
	return &rec.rt.policy
}
