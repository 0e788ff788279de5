package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Connect dials, reads the greeting, starts TLS when o.TLS says so, logs in, says who we are, and enables what the server
// offers of CONDSTORE, QRESYNC and, when o.Compress says so, COMPRESS. Nothing is sent behind the login before its answer.
//
// Errors: *Error (the server refuses to serve), *LoginError, *TLSRefusedError, *ProtocolError, those of TLS, and net.Error.
func Connect(ctx context.Context, o Options) (*Session, error) {
	conn, err := o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w := newWire(conn, &o)
	s := &Session{wire: w, enabled: imap.CapSet{}, spool: o.Spool}
	s.forgo(o.Without)
	s.shortSets = o.ShortSets
	stop := s.watch(ctx)
	defer stop()
	if err = s.establish(ctx, conn, &o); err == nil {
		err = w.cause()
	}
	if err != nil {
		w.fail(err)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	s.wire.open(nil)
	s.hire()
	return s, nil
}

func (s *Session) establish(ctx context.Context, conn net.Conn, o *Options) error {
	if t, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		state := t.ConnectionState()
		s.tls = &state
	}
	s.wire.cleartext = o.TLS != nil && s.tls == nil
	if err := s.greet(); err != nil {
		return err
	}
	if o.TLS != nil && s.tls == nil {
		if err := s.startTLS(ctx, o.TLS); err != nil {
			return err
		}
	}
	if !s.preauth {
		if err := s.login(ctx, o.Login); err != nil {
			return err
		}
	}
	if err := s.capabilities(); err != nil {
		return err
	}
	return s.setUp(o)
}

// greet reads the greeting (RFC 9051 section 7.1.5).
func (s *Session) greet() error {
	line, err := s.wire.in.next()
	if err != nil {
		return fmt.Errorf("greeting: %w", s.wire.lost(err))
	}
	sc := newScanner(s.wire.in, line)
	star := sc.atom()
	r := parseReply(sc.spaces().atom(), sc.rest)
	switch {
	case star == "*" && r.Status == "OK":
	case star == "*" && r.Status == "PREAUTH":
		s.preauth = true
	case star == "*" && r.Status == "BYE":
		return &Error{Status: r.Status, Code: r.Code.Name, Text: r.Text, Address: r.Code.address()}
	default:
		return nonsense(line, "no IMAP greeting")
	}
	s.learn(r.Code)
	s.wire.alert(r)
	return nil
}

// learn takes capabilities out of a response code, where there are any.
func (s *Session) learn(c code) {
	if c.Name == "CAPABILITY" {
		s.caps = parseCaps(c.Args)
	}
}

// capabilities asks for them, unless they are known.
func (s *Session) capabilities() error {
	if s.caps != nil {
		return nil
	}
	box := &inbox{}
	if err := s.wire.ask(box, "CAPABILITY"); err != nil {
		return err
	}
	if box.Caps == nil {
		return &ProtocolError{Problem: "no CAPABILITY response"}
	}
	s.caps = box.Caps
	return nil
}

// setUp sends ID, ENABLE, NAMESPACE and COMPRESS, in one flight. NetEase serves no SELECT before an ID. A refusal means doing without.
func (s *Session) setUp(o *Options) error {
	var commands []string
	if o.ID != nil && s.Has(imap.CapID) {
		commands = append(commands, idCommand(o.ID))
	}
	if enable := s.enableCommand(); enable != "" {
		commands = append(commands, enable)
	}
	box, mine := &inbox{}, namespace{}
	if o.Naming && s.Has(imap.CapNamespace) {
		box.Personal = &mine
		commands = append(commands, "NAMESPACE")
	}
	compress := o.Compress && s.Has(deflate)
	if compress {
		commands = append(commands, "COMPRESS DEFLATE") // the last: RFC 4978 section 3
	}
	if len(commands) == 0 {
		return nil
	}
	err := s.wire.ask(box, commands...)
	var refused *Error
	if err != nil && !errors.As(err, &refused) || refused != nil && refused.Status == "BYE" {
		return err
	}
	for i, command := range commands {
		verb, _, _ := strings.Cut(command, " ")
		outcome := s.wire.outcome(len(commands) - 1 - i)
		if c := map[string]imap.Cap{"ENABLE": imap.CapEnable, "NAMESPACE": imap.CapNamespace, "COMPRESS": deflate}[verb]; c != "" && misunderstood(outcome) {
			s.Lose(c)
		}
		if verb == "NAMESPACE" && outcome == nil && box.Unread != nil {
			s.Lose(imap.CapNamespace)
		} else if verb == "NAMESPACE" && outcome == nil {
			s.mine = &mine
		}
	}
	if box.Enabled != nil {
		s.enabled = box.Enabled
	}
	if compress && s.wire.outcome(0) == nil {
		s.wire.read.Store(s.wire.stream.read.Load())
		return s.wire.stream.deflate()
	}
	return nil
}

const deflate imap.Cap = "COMPRESS=DEFLATE"

// enableCommand is RFC 5161's, with what of RFC 7162 the server offers.
func (s *Session) enableCommand() string {
	switch {
	case !s.Has(imap.CapEnable):
		return ""
	case s.Has(imap.CapQResync):
		return "ENABLE CONDSTORE QRESYNC"
	case s.Has(imap.CapCondStore):
		return "ENABLE CONDSTORE"
	}
	return ""
}

// hire lets the library begin. It is told only what makes it write the commands as they are meant: MOVE and UIDPLUS, which
// the session checks itself (trap 1), and neither LITERAL+, which the wire does, nor IMAP4rev2, which would make it write
// mailbox names in UTF-8 to servers where nobody enabled that.
func (s *Session) hire() {
	w := s.wire
	w.nonSync = func(size int64) bool { // RFC 7888 sections 4 and 5
		return s.Has(imap.CapLiteralPlus) || size <= 4096 && s.Has(imap.CapLiteralMinus)
	}
	w.idle.expect(false)
	w.toLibrary.put("* PREAUTH [CAPABILITY IMAP4rev1 MOVE UIDPLUS] logged in\r\n")
	s.lib = imapclient.New(w, nil)
	go w.run()
}
