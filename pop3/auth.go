package pop3

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

const (
	maxCommand = 255 // octets of a command with its CRLF: RFC 2449 section 4, RFC 5034 section 4
)

// auth logs in by SASL (RFC 5034).
//
// The initial response goes out with the command, sparing a round trip, only when all of these hold; else the server
// asks for it by an empty challenge, the form that every server since RFC 1734 knows:
//   - the server lists the mechanism in CAPA: RFC 2449 section 6.3 makes that the promise to take the argument;
//   - the line is not longer than 255 octets (RFC 5034 section 4);
//   - it is not XOAUTH2. Microsoft lists XOAUTH2 and answers the short form with "-ERR Protocol error. Connection
//     is closed", so that there is no second try; Google and Dovecot take both forms.
func (s *Session) auth(client sasl.Client) error {
	mechanism, ir, err := client.Start()
	if err != nil {
		return &LoginError{Mechanism: mechanism, Err: err}
	}
	line, shown := "AUTH "+mechanism, "AUTH "+mechanism
	if full := line + " " + initial(ir); ir != nil && s.takesInitial(mechanism, full) {
		line, shown, ir = full, shown+" ****", nil
	}
	s.trace(shown)
	if err := s.send(line); err != nil {
		return err
	}
	return s.exchange(client, mechanism, ir)
}

// initial is the argument for an initial response; an empty one is "=" (RFC 5034 section 4).
func initial(ir []byte) string {
	if len(ir) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(ir)
}

func (s *Session) takesInitial(mechanism, line string) bool {
	name := strings.ToUpper(mechanism)
	return name != "XOAUTH2" && len(line)+len("\r\n") <= maxCommand && slices.Contains(s.caps.SASL, name)
}

// exchange answers challenges until the server decides. ir, if any, answers the first one, which is empty or, with
// LOGIN, a prompt.
func (s *Session) exchange(client sasl.Client, mechanism string, ir []byte) error {
	for range maxRounds {
		challenge, more, err := s.challenge("AUTH " + mechanism)
		if err != nil || !more {
			return finish(client, mechanism, err)
		}
		response := ir
		if ir == nil {
			if response, err = client.Next(challenge); err != nil {
				return s.abort(mechanism, err)
			}
		}
		ir = nil
		s.trace("****")
		if err := s.send(base64.StdEncoding.EncodeToString(response)); err != nil {
			return err
		}
	}
	return s.abort(mechanism, errors.New("server never stops asking"))
}

// finish turns the server's verdict into ours. sasl.Client cannot say that it is content: a client that has a method
// Finish(error) error is told the verdict, nil for success, and what it returns is believed. By that a server that says +OK
// before it has proved itself (SCRAM) is found out, and a refusal gains the reason that a challenge gave (XOAUTH2).
func finish(client sasl.Client, mechanism string, verdict error) error {
	var refusal *Error
	if verdict != nil && !errors.As(verdict, &refusal) {
		return verdict
	}
	if f, ok := client.(interface{ Finish(error) error }); ok {
		verdict = f.Finish(verdict)
	}
	if verdict != nil {
		return &LoginError{Mechanism: mechanism, Err: verdict}
	}
	return nil
}

// challenge reads what the library cannot: "+ BASE64", where "+ " and "+" are the empty challenge, besides +OK (no
// more) and -ERR.
func (s *Session) challenge(command string) (challenge []byte, more bool, err error) {
	line, err := s.fence.readLine()
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", command, err)
	}
	s.fence.answered()
	if text, ok := bytes.CutPrefix(line, []byte("-ERR")); ok {
		s.heard(line)
		return nil, false, newError(command, string(text))
	}
	if bytes.Equal(line, []byte("+OK")) || bytes.HasPrefix(line, []byte("+OK ")) {
		s.heard(line)
		return nil, false, nil
	}
	ok := bytes.Equal(line, []byte("+")) || bytes.HasPrefix(line, []byte("+ "))
	if ok {
		s.heard([]byte("+ ****"))
		challenge, err = base64.StdEncoding.DecodeString(string(bytes.TrimSpace(line[1:])))
	}
	if !ok || err != nil {
		return nil, false, fmt.Errorf("%s: %w", command, nonsense("no challenge, nor +OK, nor -ERR", line))
	}
	return challenge, true, nil
}

// abort ends an exchange from our side (RFC 5034 section 4: "*") and hears the server's -ERR, so that the reason
// given is the client's.
func (s *Session) abort(mechanism string, reason error) error {
	if _, err := s.command("*"); err == nil {
		return nonsense("success of an aborted login", nil)
	}
	return &LoginError{Mechanism: mechanism, Err: reason}
}
