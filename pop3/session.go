package pop3

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	library "github.com/knadh/go-pop3"
)

const (
	defaultIdle = 60 * time.Second

	// defaultWindow is the number of commands in flight. At 50 ms round trip 2,000 messages of 12 KB take 3.3 s with
	// 32, 0.97 s with 128 and 0.56 s with 256; on loopback the last two are alike (BenchmarkRetrieve).
	defaultWindow = 256
)

// Login says who logs in, and how.
type Login interface {
	// Login is asked once per connection, with the SASL mechanisms that the server offers, the APOP stamp of its
	// greeting ("": none), and the TLS state (nil: cleartext). It answers with a fresh client, or, when the client
	// is nil, with user and password for APOP or USER and PASS.
	Login(ctx context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) (client sasl.Client, user, password string, err error)
}

// Another is what a Login may be besides: asked when the server has refused a way to log in that it offers, with what the
// client made of it and what the server said, whether another way is to be tried. Login is then asked once more, with what
// is left. Without it none is.
type Another interface {
	Another(refused error, code, text string) bool
}

// Options says how to connect. Dial and Login are required.
type Options struct {
	// Dial makes the connection. Implicit TLS is done inside; the connection then has a method
	// ConnectionState() tls.ConnectionState. Its deadlines must work: Idle and the contexts rest on them.
	Dial func(context.Context) (net.Conn, error)

	// TLS is for STLS. Nil: none. Non-nil: STLS or an error, unless the connection is TLS already.
	TLS *tls.Config

	Login  Login
	Idle   time.Duration               // the server may be silent for that long when it is to speak; 0: 60 s
	Trace  func(dir byte, line string) // gets the dialogue, 'C' and 'S', without credentials and bodies; nil: none
	Window int                         // commands in flight when the server offers PIPELINING; 0: 256; 1: one at a time
}

// Number is a message number, from 1, valid in one session.
type Number int

// Session is one logged-in connection. Its methods are for one goroutine, one at a time; only Close may be called
// from anywhere. Until the sequence of Top, Retrieve or Delete is done, no other method may be called (they answer
// with an error). After any error but *Error the session is closed and each method repeats what ended it.
type Session struct {
	o        Options
	fence    *fence
	lib      *library.Conn
	caps     Capabilities
	stamp    string // APOP stamp of the greeting
	window   int    // commands in flight: 1 until CAPA says more
	keepDots bool   // see KeepDots

	queue chan string   // lines for the writer
	over  chan struct{} // closed by Close
	once  sync.Once

	busy    bool
	pending *flight // answers still to come after an iteration that was left early
	dead    error
}

// Received is how many octets came from the server so far, TLS and TCP not counted. Not for use while a method runs.
func (s *Session) Received() int64 { return s.fence.received }

// begin starts a method: ctx can interrupt it until end is called.
func (s *Session) begin(ctx context.Context) (end func(), err error) {
	switch {
	case s.dead != nil:
		return nil, fmt.Errorf("session is over: %w", s.dead)
	case s.busy:
		return nil, errors.New("session is busy with another command")
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, func() { s.fence.interrupt(context.Cause(ctx)) })
	s.busy = true
	end = func() { stop(); s.busy = false }
	if err := s.drain(); err != nil {
		end()
		return nil, s.fail(err)
	}
	return end, nil
}

// fail passes err on, and ends the session unless err is a mere refusal.
func (s *Session) fail(err error) error {
	var refusal *Error
	if err != nil && !errors.As(err, &refusal) {
		s.dead = err
		s.Close()
	}
	return err
}

// write is the one goroutine that writes, so that commands go out while answers come in and neither side has to
// wait for the other. Its errors are left to the reader: the server's last words may be on their way.
func (s *Session) write() {
	for {
		select {
		case lines := <-s.queue:
			s.lib.Send(lines)
		case <-s.over:
			return
		}
	}
}

// send hands one or more lines, joined by CRLF, to the writer. It does not wait: there are never more than the
// window's commands unanswered, so that a full queue means answers to commands that were not even sent.
func (s *Session) send(lines string) error {
	select {
	case s.queue <- lines:
		return nil
	default:
		return &ProtocolError{Problem: "answers came before their commands were read"}
	}
}

// trace shows a line of ours.
func (s *Session) trace(line string) {
	if s.o.Trace != nil {
		s.o.Trace('C', line)
	}
}

// heard shows a line of the server's.
func (s *Session) heard(line []byte) {
	if s.o.Trace != nil {
		s.o.Trace('S', string(line))
	}
}

// command sends one line and reads the status line. Secrets have their own way: see secret.
func (s *Session) command(line string) (text string, err error) {
	s.trace(line)
	if err := s.send(line); err != nil {
		return "", err
	}
	return s.status(line)
}

// secret is command for a line of which only shown may be seen, in traces and in errors.
func (s *Session) secret(line, shown string) (text string, err error) {
	s.trace(shown)
	if err := s.send(line); err != nil {
		return "", err
	}
	return s.status(strings.TrimSuffix(shown, " ****"))
}

// status reads the answer to a command: what follows +OK, an *Error for -ERR, or what ends the session.
func (s *Session) status(command string) (text string, err error) {
	_, err = s.lib.ReadOne()
	return s.verdict(command, err)
}

// verdict judges the status line that the library has just read. The library's error alone does not tell a refusal
// from nonsense, and it takes an empty line for success, so the fence's copy of the line is asked.
func (s *Session) verdict(command string, libErr error) (text string, err error) {
	if s.fence.err != nil {
		return "", fmt.Errorf("%s: %w", command, s.fence.err)
	}
	s.fence.answered()
	line := trimEnd(s.fence.line)
	s.heard(line)
	ok, isOK := bytes.CutPrefix(line, []byte("+OK"))
	no, isErr := bytes.CutPrefix(line, []byte("-ERR"))
	switch {
	case isOK && libErr == nil:
		return strings.TrimSpace(string(ok)), nil
	case isErr:
		return "", newError(command, string(no))
	}
	return "", fmt.Errorf("%s: %w", command, nonsense("neither +OK nor -ERR", line))
}

// list reads the lines of a multi-line response other than a message (RFC 1939 section 3), of so many octets at most.
func (s *Session) list(limit int, each func(line []byte) error) error {
	for {
		line, err := s.fence.readLine()
		if err != nil {
			return err
		}
		s.heard(line)
		if limit -= len(line) + len("\r\n"); limit < 0 {
			return nonsense("endless list", line)
		}
		if rest, dot := bytes.CutPrefix(line, []byte(".")); dot {
			if line = rest; len(line) == 0 {
				return nil
			}
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// Close hangs up at once, without QUIT: the server deletes nothing (RFC 1939 section 6). It may be called at any
// time, from any goroutine, more than once; a method in progress then fails with net.ErrClosed.
func (s *Session) Close() error {
	var err error
	s.once.Do(func() {
		s.fence.interrupt(net.ErrClosed)
		close(s.over)
		err = s.fence.hangUp()
	})
	return err
}
