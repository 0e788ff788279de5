package imap

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"
)

// login asks who logs in, and does it. What the server offered before is forgotten afterwards. A mechanism that is offered
// and refused is not the end, if the Login says so: see Another.
func (s *Session) login(ctx context.Context, l Login) error {
	if err := s.capabilities(); err != nil {
		return err
	}
	if l == nil {
		return errors.New("the server wants a login, and none is given")
	}
	mechanisms := s.mechanisms()
	bySASL, err := s.loginBy(ctx, l, mechanisms)
	for bySASL && another(l, err) {
		refused := err.(*LoginError)
		mechanisms = slices.DeleteFunc(mechanisms, func(m string) bool { return strings.EqualFold(m, refused.Mechanism) })
		var next *LoginError
		bySASL, err = s.loginBy(ctx, l, mechanisms)
		if errors.As(err, &next) && next.Mechanism != refused.Mechanism {
			next.Before = refused
		} else if err != nil {
			return refused // there is no other one, or the server hung up
		}
	}
	return err
}

// another says whether a refusal is one of the mechanism alone.
func another(l Login, err error) bool {
	var refusal *Error
	refused, ok := err.(*LoginError)
	if !ok || !errors.As(refused.Err, &refusal) || refusal.Status == "BYE" {
		return false
	}
	if _, ours := refused.Err.(interface{ Unwrap() []error }); ours {
		return false // the client ended the exchange, and the server only says yes to that
	}
	a, asks := l.(Another)
	return asks && a.Another(refused.Err, refusal.Code, refusal.Text)
}

// loginBy logs in by what l chooses out of mechanisms; bySASL: it was one of them.
func (s *Session) loginBy(ctx context.Context, l Login, mechanisms []string) (bySASL bool, err error) {
	client, user, password, err := l.Login(ctx, slices.Clone(mechanisms), "", s.tls)
	if err != nil {
		return false, err
	}
	box := &inbox{}
	s.wire.open(box)
	var r reply
	mechanism := "LOGIN"
	if client != nil {
		mechanism, r, err = s.wire.authenticate(client, s.Has(imap.CapSASLIR))
		if err == nil && r.Status == "BAD" && s.Has(imap.CapSASLIR) { // RFC 4959 is offered, and not known; a refused login is NO
			s.Lose(imap.CapSASLIR)
			return s.loginBy(ctx, l, mechanisms)
		}
	} else if s.Has(imap.CapLoginDisabled) { // RFC 9051 section 6.2.3
		err = errors.New("the server forbids LOGIN here, and offers no mechanism that was wanted")
	} else {
		r, err = s.wire.login(user, password)
	}
	if err == nil {
		err = r.refusal(commandOf(client))
		// As in pop3: the client has the last word. It finds out a server that says OK before it has proved itself
		// (SCRAM), and adds the reason that a challenge gave (XOAUTH2).
		if f, ok := client.(interface{ Finish(error) error }); ok {
			err = f.Finish(err)
		}
	}
	if err != nil {
		return client != nil, loginError(mechanism, err)
	}
	s.caps = box.Caps // an untagged CAPABILITY, as Gmail sends it
	s.learn(r.Code)
	return client != nil, nil
}

func commandOf(client sasl.Client) string {
	if client != nil {
		return "AUTHENTICATE"
	}
	return "LOGIN"
}

// loginError makes a LoginError, but not of a connection that broke.
func loginError(mechanism string, err error) error {
	var broke *wireError
	if errors.As(err, &broke) {
		return broke.err
	}
	return &LoginError{Mechanism: mechanism, Err: err}
}

// wireError is what befell the connection during a login.
type wireError struct{ err error }

func (e *wireError) Error() string { return e.err.Error() }

// login is the LOGIN command (RFC 9051 section 6.2.3). What cannot be quoted goes as a synchronising literal.
func (w *wire) login(user, password string) (reply, error) {
	if strings.ContainsRune(user+password, 0) {
		return reply{}, errors.New("user or password holds a NUL")
	}
	lines := []string{"LOGIN"}
	for _, arg := range []string{user, password} {
		last := &lines[len(lines)-1]
		if quotable(arg) {
			*last += " " + quote(arg)
		} else {
			*last += fmt.Sprintf(" {%d}", len(arg))
			lines = append(lines, arg)
		}
	}
	tag, err := w.request(lines[0], "LOGIN ***")
	if err != nil {
		return reply{}, &wireError{err}
	}
	r, err := w.await(tag, func(string) error {
		if lines = lines[1:]; len(lines) == 0 {
			return &ProtocolError{Problem: "continuation request to a whole LOGIN"}
		}
		return errors.Join(w.line(lines[0], "***"), w.stream.flush())
	})
	if err != nil {
		return r, &wireError{err}
	}
	return r, nil
}

// authenticate is RFC 9051 section 6.2.2. ir: RFC 4959, the initial response may go with the command.
func (w *wire) authenticate(client sasl.Client, ir bool) (mechanism string, r reply, err error) {
	mechanism, first, err := client.Start()
	if err != nil {
		return mechanism, r, err
	}
	line := "AUTHENTICATE " + mechanism
	shown := line
	if first != nil && ir {
		line, shown, first = line+" "+encodeInitial(first), line+" ***", nil
	}
	tag, err := w.request(line, shown)
	if err != nil {
		return mechanism, r, &wireError{err}
	}
	var said error // by the client, to the server's challenge
	r, err = w.await(tag, func(challenge string) error {
		answer := "*" // RFC 9051 section 6.2.2: ends the exchange, which the server would else wait for (trap 9)
		if said == nil {
			var response []byte
			if response, said = respond(client, challenge, &first); said == nil {
				answer = base64.StdEncoding.EncodeToString(response)
			}
		}
		return errors.Join(w.line(answer, "***"), w.stream.flush())
	})
	if err != nil {
		return mechanism, r, &wireError{err}
	}
	if said != nil {
		return mechanism, r, errors.Join(said, r.refusal("AUTHENTICATE"))
	}
	return mechanism, r, nil
}

// respond answers one challenge: the first with the initial response, if that is still to be sent.
func respond(client sasl.Client, challenge string, first *[]byte) ([]byte, error) {
	if *first != nil {
		response := *first
		*first = nil
		return response, nil
	}
	raw, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	return client.Next(raw)
}

// encodeInitial writes an empty response as "=" (RFC 4959 section 3).
func encodeInitial(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}
