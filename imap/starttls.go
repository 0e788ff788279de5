package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// startTLS is RFC 9051 section 6.2.1. Whatever was learnt in cleartext is forgotten (trap 5).
func (s *Session) startTLS(ctx context.Context, config *tls.Config) error {
	if s.preauth { // logged in before TLS: as whom, and by whom?
		return &TLSRefusedError{Reason: "server greeted with PREAUTH in cleartext"}
	}
	if err := s.capabilities(); err != nil {
		return err
	}
	if !s.Has(imap.CapStartTLS) {
		return &TLSRefusedError{Reason: "not offered"}
	}
	if err := s.requestTLS(); err != nil {
		return err
	}
	return s.handshake(ctx, config)
}

// handshake has the time limit for all of it: an octet now and then is no handshake.
func (s *Session) handshake(ctx context.Context, config *tls.Config) error {
	limit := s.wire.idle.idle
	ctx, cancel := context.WithTimeoutCause(ctx, limit, idleError{idle: limit})
	defer cancel()
	t := s.wire.stream.startTLS(config)
	err := t.HandshakeContext(ctx)
	var garbage tls.RecordHeaderError
	switch {
	case errors.As(err, &garbage):
		return &TLSRefusedError{Reason: "cleartext instead of a handshake"}
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("TLS handshake: %w", context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("TLS handshake: %w", cut(err))
	}
	state := t.ConnectionState()
	s.tls, s.caps, s.wire.cleartext = &state, nil, false
	return nil
}

func (s *Session) requestTLS() error {
	s.wire.open(nil)
	tag, err := s.wire.request("STARTTLS", "STARTTLS")
	if err != nil {
		return err
	}
	r, err := s.wire.await(tag, func(string) error {
		return &TLSRefusedError{Reason: "the server asks for more instead of answering"}
	})
	if err != nil {
		return err
	}
	if err := r.refusal("STARTTLS"); err != nil {
		return &TLSRefusedError{Reason: "refused", Err: err}
	}
	if s.wire.stream.r.Buffered() > 0 { // CVE-2021-33515 and its like
		return &TLSRefusedError{Reason: "cleartext came behind the answer"}
	}
	return nil
}
