package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// Login says who logs in, and how.
type Login interface {
	// Login is asked once per connection, with the SASL mechanisms that the server offers, the APOP stamp (always "": it is
	// POP3's), and the TLS state (nil: cleartext). It answers with a fresh client, or, when the client is nil, with user
	// and password for the LOGIN command.
	Login(ctx context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) (client sasl.Client, user, password string, err error)
}

// Another is what a Login may be besides: asked when the server has refused a mechanism that it offers, with what the
// client made of it and what the server said, whether another one is to be tried. Login is then asked once more, with those that are left. Without it none is.
type Another interface {
	Another(refused error, code, text string) bool
}

// Options says how to connect. Dial is required, and Login unless the server greets with PREAUTH.
type Options struct {
	// Dial makes the connection. Implicit TLS is done inside; the connection then has a method
	// ConnectionState() tls.ConnectionState.
	Dial func(context.Context) (net.Conn, error)

	TLS       *tls.Config                 // for STARTTLS; nil: no STARTTLS. Non-nil: STARTTLS or an error, unless the connection is TLS already
	Login     Login                       //
	Idle      time.Duration               // nothing may move for that long, once something is asked of the server; 0: DefaultIdle
	Trace     func(dir byte, line string) // gets the dialogue, 'C' and 'S', without credentials and literals; nil: none
	ID        map[string]string           // what to say of ourselves (RFC 2971) where the server asks for it; nil: nothing
	Without   []imap.Cap                  // capabilities that are not used though the server offers them; what Session.Lost told before
	ShortSets bool                        // command lines of about ShortSet octets, though RFC 7162 section 4 asks servers with CONDSTORE to take longer ones
	Compress  bool                        // COMPRESS=DEFLATE when it is offered
	Naming    bool                        // asks along the way what Session.Namespace tells, and spares it a round trip
	Spool     func() string               // names the folder for bodies that come before their UIDs; nil: the system's
	Event     func(Event)                 // gets what the server says unasked, at any time, from another goroutine; it must not call the session; nil: none
}

// Session is one logged-in connection. Its methods are for one goroutine, one at a time; only Close may be called from
// anywhere. Until a sequence that a method gave is done, no other method may be called (they answer with an error); one
// that was left early is read to its end by the next method. A context that ends closes the connection at once, and the
// error is its cause. After an *Error (its Status not BYE), *UnsupportedError, *MissingError, *UnreadableError, or a refusal of its arguments
// the session goes on; after any other it is closed, and each method repeats what ended it.
type Session struct {
	wire    *wire
	lib     *imapclient.Client
	caps    imap.CapSet
	enabled imap.CapSet
	without map[imap.Cap]bool // capabilities that are not used
	lost    []imap.Cap        // of them: those that the server refused

	shortSets bool // the server takes no longer lines than RFC 2683 speaks of
	tls       *tls.ConnectionState
	preauth   bool
	spool     func() string
	mine      *namespace // what NAMESPACE told when the session began; nil: it was not asked

	selected bool // a mailbox is selected
	noModSeq bool // the selected mailbox has no mod-sequences, and FETCH MODSEQ would be refused (RFC 7162 section 3.1.2.2)

	busy atomic.Bool
	over error  // what ended the session, when a method found out
	left func() // reads an abandoned sequence to its end; nil: there is none
}

// Capabilities is what the server offers after the login. The caller must not write to it.
func (s *Session) Capabilities() imap.CapSet { return s.caps }

// CondStore says whether mod-sequences are to be had (RFC 7162).
func (s *Session) CondStore() bool { return s.Has(imap.CapCondStore) }

// modSeqs says whether the messages of the selected mailbox have mod-sequences.
func (s *Session) modSeqs() bool { return s.CondStore() && !s.noModSeq }

// QResync says whether QRESYNC was enabled (RFC 7162 section 3.2.3).
func (s *Session) QResync() bool { return s.enabled.Has(imap.CapQResync) && !s.does(imap.CapQResync) }

// Preauthenticated says whether the server greeted with PREAUTH: nobody logged in.
func (s *Session) Preauthenticated() bool { return s.preauth }

// TLS is the state of the connection; nil: cleartext.
func (s *Session) TLS() *tls.ConnectionState { return s.tls }

// Received is the number of octets that came from the server, after decompression.
func (s *Session) Received() int64 { return s.wire.read.Load() + s.wire.stream.read.Load() }

// Alive says whether the connection is still up, as far as is known.
func (s *Session) Alive() bool { return s.over == nil && s.wire.cause() == nil }

// Close ends the connection at once, without LOGOUT. A command under way ends with an error.
func (s *Session) Close() error {
	s.wire.fail(errClosed)
	s.lib.Close() // says again what is known
	return nil
}

// command is one method under way.
type command struct {
	s    *Session
	ctx  context.Context
	name string
	stop func() bool
	box  *inbox
}

// begin starts a method. Its answers go into box until end is called.
func (s *Session) begin(ctx context.Context, name string, box *inbox) (*command, error) {
	if !s.busy.CompareAndSwap(false, true) {
		return nil, errBusy
	}
	if s.left != nil {
		s.finish(ctx)
	}
	if err := s.usable(ctx); err != nil {
		s.busy.Store(false)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.wire.open(box)
	return &command{s, ctx, name, s.watch(ctx), box}, nil
}

// watch ends the connection when ctx ends.
func (s *Session) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.wire.fail(context.Cause(ctx)) })
}

func (s *Session) usable(ctx context.Context) error {
	if s.over == nil {
		s.over = s.wire.cause()
	}
	if s.over != nil {
		return fmt.Errorf("session is over: %w", s.over)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// finish reads a sequence that was left early to its end.
func (s *Session) finish(ctx context.Context) {
	stop := s.watch(ctx)
	defer stop()
	s.left()
	s.left = nil
}

// end ends a method, and says what err, which the library gave, means.
func (c *command) end(err error) error {
	err = c.close(err)
	c.s.busy.Store(false)
	return err
}

func (c *command) close(err error) error {
	c.stop()
	c.s.wire.shut()
	return c.verdict(err)
}

func (c *command) verdict(err error) error {
	var refused *imap.Error
	switch {
	case err == nil && c.box.Unread != nil:
		return &UnreadableError{c.name, c.box.Unread}
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &Error{Command: c.name, Status: string(refused.Type), Code: string(refused.Code), Text: refused.Text}
	}
	cause := c.s.wire.cause()
	switch cause {
	case nil:
		cause = err
		c.s.wire.fail(cause)
	case errLibrary: // it could not read what the server said
		cause = &ProtocolError{Problem: err.Error()}
	}
	c.s.over = cause
	return fmt.Errorf("%s: %w", c.name, cause)
}

// do runs a command that only succeeds or does not.
func (s *Session) do(ctx context.Context, name string, send func() *imapclient.Command) error {
	c, err := s.begin(ctx, name, &inbox{})
	if err != nil {
		return err
	}
	return c.end(send().Wait())
}

// need makes an error of a capability that is not there.
func (s *Session) need(c imap.Cap) error {
	if !s.Has(c) {
		return &UnsupportedError{c}
	}
	return nil
}
