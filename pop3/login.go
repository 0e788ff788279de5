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

// login asks Options.Login and does what it says. A way that is offered and refused is not the end, if the Login says so: see
// Another. A stamp that was refused is not used again; whether the password may then go as it is the Login decides, who knows
// the line: a weaker way would be what an attacker wants.
func (s *Session) login(ctx context.Context, state *tls.ConnectionState) error {
	mechanisms, stamp := slices.Clone(s.caps.SASL), s.stamp
	err := s.loginBy(ctx, mechanisms, stamp, state)
	for s.another(err) {
		refused := err.(*LoginError)
		if refused.Mechanism == "APOP" {
			stamp = ""
		}
		mechanisms = slices.DeleteFunc(mechanisms, func(m string) bool { return strings.EqualFold(m, refused.Mechanism) })
		var next *LoginError
		err = s.loginBy(ctx, slices.Clone(mechanisms), stamp, state)
		if errors.As(err, &next) && next.Mechanism != refused.Mechanism {
			next.Before = refused
		} else if err != nil {
			return refused // there is no other one, or the server hung up
		}
	}
	return err
}

// another says whether a refusal is one of the way to log in alone.
func (s *Session) another(err error) bool {
	var refusal *Error
	refused, ok := err.(*LoginError)
	a, asks := s.o.Login.(Another)
	return ok && refused.Mechanism != "USER" && asks && errors.As(refused.Err, &refusal) && a.Another(refused.Err, refusal.Code, refusal.Text)
}

// loginBy logs in by SASL if the Login gives a client; else by APOP if there is a stamp and no TLS to protect the password;
// else by USER and PASS.
func (s *Session) loginBy(ctx context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) error {
	client, user, password, err := s.o.Login.Login(ctx, mechanisms, stamp, state)
	switch {
	case err != nil:
		return fmt.Errorf("login: %w", err)
	case client != nil:
		return s.auth(client)
	case stamp != "" && state == nil:
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
