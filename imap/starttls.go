package imap

import (
	"context"
	"crypto/tls"

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
	t := s.wire.stream.startTLS(config)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	state := t.ConnectionState()
	s.tls, s.caps = &state, nil
	return nil
}

func (s *Session) requestTLS() error {
	s.wire.open(nil)
	tag, err := s.wire.request("STARTTLS", "STARTTLS")
	if err != nil {
		return err
	}
	r, err := s.wire.await(tag, nil)
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
