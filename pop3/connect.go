package pop3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"strings"

	library "github.com/knadh/go-pop3"
)

// Connect dials, reads the greeting, asks for the capabilities, starts TLS if Options.TLS says so, and logs in.
// No command is pipelined across the login, since some servers drop what follows it.
//
// Errors: what Dial returned; *Error for a greeting of -ERR ("[SYS/TEMP] …"); *TLSRefusedError; what the TLS
// handshake returned (certificates); *LoginError; what Options.Login returned; *ProtocolError; the line's; the cause
// of ctx. On error nothing stays open.
func Connect(ctx context.Context, o Options) (*Session, error) {
	if o.Dial == nil || o.Login == nil {
		return nil, errors.New("connect: no Dial or no Login")
	}
	conn, err := o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	o.Idle = cmp.Or(o.Idle, defaultIdle)
	o.Window = max(1, cmp.Or(o.Window, defaultWindow))
	s := &Session{o: o, fence: newFence(conn, o.Idle), window: 1, queue: make(chan string, o.Window+1), over: make(chan struct{})}
	end, err := s.begin(ctx)
	if err == nil {
		err = s.open(ctx)
		end()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open brings the session from the greeting to the TRANSACTION state.
func (s *Session) open(ctx context.Context) error {
	if err := s.greet(); err != nil {
		return err
	}
	if err := s.capa(); err != nil {
		return err
	}
	state := s.tlsState()
	if s.o.TLS != nil && state == nil {
		var err error
		if state, err = s.stls(ctx); err != nil {
			return err
		}
	}
	if err := s.login(ctx, state); err != nil {
		return err
	}
	return s.capaAfterLogin()
}

// greet lets the library read the greeting. On a bad one it forgets the connection; Connect closes it.
func (s *Session) greet() error {
	var err error
	s.lib, err = library.New(library.Opt{Dialer: s.fence}).NewConn()
	text, err := s.verdict("greeting", err)
	if err != nil {
		return err
	}
	s.stamp = stamp(text)
	if !bytes.HasSuffix(s.fence.line, []byte("\r\n")) {
		s.fence.bareLines()
	}
	go s.write()
	return nil
}

// stamp finds the APOP timestamp in a greeting: a msg-id (RFC 1939 section 7). It has to look like one, with no
// odd octets, which is what keeps colliding MD5 blocks out of it (CVE-2007-1558).
func stamp(greeting string) string {
	_, rest, ok := strings.Cut(greeting, "<")
	id, _, closed := strings.Cut(rest, ">")
	at := strings.IndexByte(id, '@')
	if !ok || !closed || at < 1 || at == len(id)-1 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' }) {
		return ""
	}
	return "<" + id + ">"
}

// tlsState is that of a connection that came with TLS, or nil.
func (s *Session) tlsState() *tls.ConnectionState {
	c, ok := s.fence.Conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	state := c.ConnectionState()
	return &state
}
