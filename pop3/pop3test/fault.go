package pop3test

import (
	"errors"
	"io"
	"net"
	"time"
)

// Fault breaks a connection, at the same octet each time.
type Fault struct {
	On    Event // zero: no fault
	After int64 // that many events on this connection, from 0; nothing happens on the server after the last of them
	Stall bool  // do not hang up, fall silent
}

// Event is what a Fault counts.
type Event int

const (
	Octets  Event = iota + 1 // written to the line; under TLS those of TLS
	Replies                  // the greeting, status lines with what follows them, and challenges
)

var errFault = errors.New("fault") // ends a session; nobody sees it

// line is the server's end of a connection with its fault. It ends the session, maildrop lock included, before the
// client can see that it broke.
type line struct {
	net.Conn
	fault   Fault
	written int64
	broken  func() // called once, before the client notices
}

func (l *line) Write(p []byte) (int, error) {
	if l.fault.On != Octets {
		return l.Conn.Write(p)
	}
	if left := l.fault.After - l.written; int64(len(p)) >= left {
		l.Conn.Write(p[:left])
		return 0, l.cut()
	}
	l.written += int64(len(p))
	return l.Conn.Write(p)
}

// cut hangs up or falls silent, and waits for the client to hang up. A TCP connection is ended by FIN: a reset could
// take octets with it that were written before.
func (l *line) cut() error {
	if !l.fault.Stall {
		l.broken()
		if c, ok := l.Conn.(*net.TCPConn); ok {
			c.CloseWrite()
		} else {
			l.Conn.Close()
		}
	}
	io.Copy(io.Discard, l.Conn)
	return errFault
}

// slow is a connection on which what the client sends arrives late. Unlike a sleep before each answer, this costs a
// pipelining client one delay and not many.
type slow struct {
	net.Conn
	delay   time.Duration
	queue   chan chunk
	closed  chan struct{} // nobody wants more
	fetched chan struct{} // fetch is done
	rest    []byte
	err     error
}

type chunk struct {
	octets []byte
	due    time.Time
	err    error
}

func newSlow(conn net.Conn, delay time.Duration) *slow {
	s := &slow{Conn: conn, delay: delay, queue: make(chan chunk, 1024), closed: make(chan struct{}), fetched: make(chan struct{})}
	go s.fetch()
	return s
}

// fetch reads until the connection ends or is closed.
func (s *slow) fetch() {
	defer close(s.fetched)
	for {
		buf := make([]byte, 4096)
		n, err := s.Conn.Read(buf)
		select {
		case s.queue <- chunk{buf[:n], time.Now().Add(s.delay), err}:
		case <-s.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *slow) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		next := <-s.queue
		time.Sleep(time.Until(next.due))
		s.rest, s.err = next.octets, next.err
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close waits for fetch.
func (s *slow) Close() error {
	close(s.closed)
	err := s.Conn.Close()
	<-s.fetched
	return err
}
