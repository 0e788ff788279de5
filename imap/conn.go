package imap

import (
	"bufio"
	"compress/flate"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultIdle is how long a connection may go without a byte in either direction while a command is under way.
const DefaultIdle = time.Minute

// How long an answer may take in all. Octets alone are no answer: a server that says "* OK" or sends one octet now and
// then would hold the run, and its lock, for ever.
const (
	patience  = 3  // times idle may be waited in all for one answer
	leastRate = 64 // octets a second of what was asked for keep the wait from ending: GSM carries some 1,000
)

// idleConn gives up when nothing moved for idle while an answer is due, or when the answer does not come although something
// moves. Only the time that is spent waiting for the server counts. It lies below TLS and compression, whose readers do
// not survive a deadline that is lifted again.
type idleConn struct {
	net.Conn
	idle time.Duration

	mu    sync.Mutex
	due   bool          // an answer is due: silence is a fault
	left  time.Duration // how long it may still be waited for
	since time.Time     // when the Read began that waits now; zero: none does
	ended error         // of the first Read that failed: who reads once more must not wait once more
}

func newIdleConn(conn net.Conn, idle time.Duration) *idleConn {
	if idle <= 0 {
		idle = DefaultIdle
	}
	return &idleConn{Conn: conn, idle: idle, due: true, left: patience * idle}
}

// expect says whether an answer is due from now on, also for a Read that is already waiting.
func (c *idleConn) expect(due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = due
	c.spend()
	if c.left = patience * c.idle; due {
		c.arm()
	}
}

// came takes note of n octets of what was asked for, in either direction: they prolong the wait.
func (c *idleConn) came(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spend()
	c.left = min(c.left+time.Duration(n)*time.Second/leastRate, patience*c.idle)
	if c.due && !c.since.IsZero() {
		c.arm()
	}
}

// answered takes note of a part of the answer that is one by itself, such as a message that was asked for.
func (c *idleConn) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spend()
	c.left = patience * c.idle
}

// hurry leaves no more than d for what is still to come.
func (c *idleConn) hurry(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = min(c.left, d)
}

// spend takes off what was waited until now.
func (c *idleConn) spend() {
	if !c.since.IsZero() {
		now := time.Now()
		c.left -= now.Sub(c.since)
		c.since = now
	}
}

// arm sets the deadline of reading.
func (c *idleConn) arm() {
	if c.due {
		c.Conn.SetReadDeadline(time.Now().Add(min(c.idle, c.left)))
	} else {
		c.Conn.SetReadDeadline(time.Time{})
	}
}

func (c *idleConn) Read(p []byte) (int, error) {
	if c.ended != nil {
		return 0, c.ended
	}
	c.mu.Lock()
	c.since = time.Now()
	c.arm()
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.spend()
	c.since = time.Time{}
	c.mu.Unlock()
	c.ended = c.timed(err)
	return n, c.ended
}

// Write counts as progress for a Read that waits: an upload may take longer than idle before the server says a word.
// It writes in pieces so that a slow line is not mistaken for a dead one.
func (c *idleConn) Write(p []byte) (n int, err error) {
	const piece = 16 << 10
	for err == nil && n < len(p) {
		c.came(0)
		c.Conn.SetWriteDeadline(time.Now().Add(c.idle))
		var m int
		m, err = c.Conn.Write(p[n:min(n+piece, len(p))])
		c.came(m)
		n += m
	}
	return n, c.timed(err)
}

func (c *idleConn) timed(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left <= 0 {
		return idleError{patience * c.idle, true}
	}
	return idleError{idle: c.idle}
}

// bottom is the lowest connection: closing it ends everything at once, while tls.Conn.Close may wait seconds for the other side.
func bottom(c net.Conn) net.Conn {
	for {
		t, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = t.NetConn()
	}
}

// stream is both directions of the connection, as they are after TLS and compression.
type stream struct {
	conn net.Conn // what TLS would be started on
	r    *bufio.Reader
	w    *bufio.Writer
	z    *flate.Writer // nil: not compressed
	read *atomic.Int64 // octets that came in, after decompression
}

const bufferSize = 32 << 10

type counter struct {
	io.Reader
	n *atomic.Int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func newStream(conn net.Conn) stream {
	read := new(atomic.Int64)
	return stream{conn: conn, r: bufio.NewReaderSize(counter{conn, read}, bufferSize), w: bufio.NewWriterSize(conn, bufferSize), read: read}
}

// startTLS puts TLS around the connection. The caller has made sure that nothing is buffered.
func (s *stream) startTLS(config *tls.Config) *tls.Conn {
	t := tls.Client(s.conn, config)
	*s = newStream(t)
	return t
}

// deflate compresses both directions from the next octet on (RFC 4978). What is buffered already is compressed data.
func (s *stream) deflate() error {
	z, err := flate.NewWriter(s.w, flate.DefaultCompression)
	if err != nil {
		return err
	}
	s.z = z
	read := new(atomic.Int64)
	s.r, s.read = bufio.NewReaderSize(counter{flate.NewReader(s.r), read}, bufferSize), read
	return nil
}

func (s *stream) Write(p []byte) (int, error) {
	if s.z != nil {
		return s.z.Write(p)
	}
	return s.w.Write(p)
}

func (s *stream) flush() error {
	if s.z != nil {
		if err := s.z.Flush(); err != nil {
			return err
		}
	}
	return s.w.Flush()
}
