package pop3

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// readAhead is the buffer between the line and everybody who reads. On loopback with messages of 12 KB 4 KiB take a
	// third longer (5.4 µs a message, not 4.1); from 64 KiB on all sizes are alike (BenchmarkRetrieve).
	readAhead = 128 << 10

	// How long an answer may take in all: octets alone are none, and a server that sends one now and then would hold the
	// run, and its lock, for ever.
	patience  = 3  // times idle may be waited in all for one answer
	leastRate = 64 // octets a second keep the wait from ending: GSM carries some 1,000
)

// fence is the net.Conn that the library works on. Its Read never gives more than the rest of the current line, so
// that the library's own buffer is empty after each status line. Bodies, lists and challenges are read past the
// library by peek, discard and readLine. One goroutine reads, one writes, and anybody may interrupt.
type fence struct {
	net.Conn // what Dial gave
	idle     time.Duration
	r        *bufio.Reader
	line     []byte        // the line that the library was given last, with its end
	err      error         // the first error of reading; it stays
	received int64         // octets read, under TLS what it carried
	left     time.Duration // how long the answer that is due may still be waited for
	eol      []byte        // what ends a line of a body
	mark     []byte        // a line's end, and the dot that is looked for after it

	mu    sync.Mutex
	top   net.Conn // Conn, or TLS over it
	cause error    // why the connection was ended from our side
}

func newFence(conn net.Conn, idle time.Duration) *fence {
	f := &fence{Conn: conn, idle: idle, left: patience * idle, top: conn, eol: []byte("\r\n"), mark: []byte("\r\n.")}
	f.r = bufio.NewReaderSize((*source)(f), readAhead)
	return f
}

// Dial makes the fence the library's Dialer: it is the connection already.
func (f *fence) Dial(_, _ string) (net.Conn, error) { return f, nil }

// Read is the library's: it gives what is there of the current line.
func (f *fence) Read(p []byte) (int, error) {
	b, err := f.peek(1)
	if err != nil {
		return 0, err
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	}
	if bytes.HasSuffix(f.line, []byte("\n")) {
		f.line = f.line[:0]
	}
	n := copy(p, b)
	f.discard(n)
	f.line = append(f.line, p[:n]...)
	if len(f.line) > maxLine {
		f.err = nonsense("endless line", f.line)
		return 0, f.err
	}
	return n, nil
}

// Write is the library's too. It has no deadline: who waits for the answer has one, and closes.
func (f *fence) Write(p []byte) (int, error) {
	f.mu.Lock()
	top := f.top
	f.mu.Unlock()
	return top.Write(p)
}

// peek waits for n octets and gives all that are buffered, valid until the next peek or readLine.
func (f *fence) peek(n int) ([]byte, error) {
	if f.err == nil && f.r.Buffered() < n {
		_, f.err = f.r.Peek(n)
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.r.Peek(f.r.Buffered())
}

// discard drops n octets that were peeked.
func (f *fence) discard(n int) { f.r.Discard(n) }

// readLine gives the next line without its end, valid until the next peek or readLine. A bare LF is taken for the
// end of a line here, as the library does with status lines; bodies do not pass this way.
func (f *fence) readLine() ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	line, err := f.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine {
		err = nonsense("endless line", line)
	}
	if err != nil {
		f.err = err
		return nil, err
	}
	return trimEnd(line), nil
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// answered is called when an answer is whole: the next one has its own time.
func (f *fence) answered() { f.left = patience * f.idle }

// bareLines takes LF alone for the end of a line of a body from now on.
func (f *fence) bareLines() { f.eol, f.mark = []byte("\n"), []byte("\n.") }

// bare says whether the server ends its lines in LF alone.
func (f *fence) bare() bool { return len(f.eol) == 1 }

// secure puts TLS between the line and all who read and write. Nothing may be buffered.
func (f *fence) secure(conn *tls.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.top = conn
}

// interrupt makes every read and write fail at once, now and later. The first cause is kept.
func (f *fence) interrupt(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause == nil {
		f.cause = cause
	}
	f.Conn.SetDeadline(time.Unix(1, 0))
}

// hangUp closes without farewell: tls.Conn.Close alone may wait five seconds to say goodbye to a server that
// does not read.
func (f *fence) hangUp() error {
	if c, ok := f.Conn.(interface{ NetConn() net.Conn }); ok {
		c.NetConn().Close()
	}
	return f.Conn.Close()
}

// source is the fence as its buffer sees it: the line, with the idle deadline.
type source fence

func (s *source) Read(p []byte) (int, error) {
	top, err := s.arm()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	n, err := top.Read(p)
	s.received += int64(n)
	// Only what is waited for the server counts, not what the caller does between two reads.
	s.left = min(s.left-time.Since(began)+time.Duration(n)*time.Second/leastRate, patience*s.idle)
	return n, s.explain(err)
}

// arm sets the deadline of the next read. It holds the lock, lest it undo an interrupt.
func (s *source) arm() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return nil, s.cause
	}
	s.Conn.SetReadDeadline(time.Now().Add(min(s.idle, s.left))) // fails on a broken line; what broke it Read says better
	return s.top, nil
}

// explain turns what the line reports into what happened: an interruption, a silence, or an end that came too soon.
func (s *source) explain(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ne net.Error
	switch {
	case err == nil:
		return nil
	case s.cause != nil:
		return s.cause
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return io.ErrUnexpectedEOF
	case errors.As(err, &ne) && ne.Timeout() && s.left <= 0:
		return idleError{patience * s.idle, true}
	case errors.As(err, &ne) && ne.Timeout():
		return idleError{idle: s.idle}
	}
	return err
}
