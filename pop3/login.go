package pop3

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// login asks Options.Login and does what it says: SASL if it gives a client; else APOP if the greeting had a stamp
// and there is no TLS to protect the password; else USER and PASS. One way is tried, and no other after it: a
// weaker one would be what an attacker wants.
func (s *Session) login(ctx context.Context, state *tls.ConnectionState) error {
	client, user, password, err := s.o.Login.Login(ctx, slices.Clone(s.caps.SASL), s.stamp, state)
	switch {
	case err != nil:
		return fmt.Errorf("login: %w", err)
	case client != nil:
		return s.auth(client)
	case s.stamp != "" && state == nil:
		return s.apop(user, password)
	}
	return s.userPass(user, password)
}

// refused makes a refusal of the server a LoginError; any other error is passed on.
func refused(mechanism string, err error) error {
	var refusal *Error
	if errors.As(err, &refusal) {
		return &LoginError{Mechanism: mechanism, Err: refusal}
	}
	return err
}

// userPass logs in with USER and PASS (RFC 1939 section 7).
func (s *Session) userPass(user, password string) error {
	if err := sendable(user, password); err != nil {
		return &LoginError{Mechanism: "USER", Err: err}
	}
	if _, err := s.command("USER " + user); err != nil {
		return refused("USER", err)
	}
	_, err := s.secret("PASS "+password, "PASS ****")
	return refused("USER", err)
}

// apop logs in with a digest of stamp and password (RFC 1939 section 7).
func (s *Session) apop(user, password string) error {
	if err := sendable(user, password); err != nil {
		return &LoginError{Mechanism: "APOP", Err: err}
	}
	digest := md5.Sum([]byte(s.stamp + password))
	_, err := s.secret("APOP "+user+" "+hex.EncodeToString(digest[:]), "APOP "+user+" ****")
	return refused("APOP", err)
}

// sendable refuses what would end a command before its time and begin another one.
func sendable(texts ...string) error {
	for _, text := range texts {
		if strings.ContainsAny(text, "\r\n\x00") {
			return errors.New("user name or password contains CR, LF or NUL, which POP3 cannot carry")
		}
	}
	return nil
}
