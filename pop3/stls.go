package pop3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
)

// stls starts TLS on a cleartext connection (RFC 2595 section 4), or fails: there is no way on without it. What was
// learnt in cleartext is forgotten and asked for again.
func (s *Session) stls(ctx context.Context) (*tls.ConnectionState, error) {
	if s.caps.Known && !s.caps.STLS {
		return nil, &TLSRefusedError{Reason: "server does not offer it"}
	}
	_, err := s.command("STLS")
	var refusal *Error
	if errors.As(err, &refusal) {
		return nil, &TLSRefusedError{Reason: "server refused it", Err: refusal}
	}
	if err != nil {
		return nil, err
	}
	// What came in the same breath as +OK came in cleartext, from anybody: it must not be taken for the answer to
	// a command that is sent under TLS.
	if s.fence.r.Buffered() > 0 {
		return nil, &TLSRefusedError{Reason: "cleartext after its +OK"}
	}
	state, err := s.handshake(ctx)
	if err != nil {
		return nil, err
	}
	s.stamp = ""
	return state, s.capa()
}

// handshake has Options.Idle for all of it.
func (s *Session) handshake(ctx context.Context) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.o.Idle, idleError{idle: s.o.Idle})
	defer cancel()
	conn := tls.Client(s.fence.Conn, s.o.TLS)
	err := conn.HandshakeContext(ctx)
	var garbage tls.RecordHeaderError
	switch {
	case errors.As(err, &garbage):
		return nil, &TLSRefusedError{Reason: "cleartext instead of a handshake"}
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("STLS: %w", context.Cause(ctx))
	case err != nil:
		return nil, fmt.Errorf("STLS: %w", (*source)(s.fence).explain(err))
	}
	s.fence.secure(conn)
	state := conn.ConnectionState()
	return &state, nil
}
