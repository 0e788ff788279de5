package pop3

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Error is a refusal: the server answered -ERR. The session goes on.
type Error struct {
	Command string // what was refused, without secrets: "RETR 5", "PASS", "greeting"
	Code    string // response code in upper case without brackets ("IN-USE", "SYS/TEMP", "AUTH"), or ""
	Text    string // what the server said after the code; foreign text
}

func (e *Error) Error() string {
	text := e.Text
	if e.Code != "" {
		text = strings.TrimSpace("[" + e.Code + "] " + text)
	}
	if text == "" {
		text = "no reason given"
	}
	return e.Command + ": server refused: " + text
}

// Temporary says whether the same may succeed later without anybody changing anything: the maildrop is in use by
// another session, the last login was too recent, or the server has a passing trouble.
func (e *Error) Temporary() bool {
	switch e.Code {
	case "IN-USE", "LOGIN-DELAY", "SYS/TEMP": // RFC 2449 section 8.1, RFC 3206 section 3
		return true
	}
	return false
}

// system says whether the trouble is the server's own and needs a hand there (RFC 3206 section 3: SYS/PERM, and
// the bare SYS that some servers send).
func (e *Error) system() bool { return e.Code == "SYS" || strings.HasPrefix(e.Code, "SYS/") }

// newError reads what follows -ERR. RFC 2449 section 8: a response code in brackets may come first. It is looked
// for without regard to RESP-CODES, because a greeting comes before CAPA; what is no code stays text.
func newError(command, rest string) *Error {
	e := &Error{Command: command, Text: strings.TrimSpace(rest)}
	inner, ok := strings.CutPrefix(e.Text, "[")
	code, text, closed := strings.Cut(inner, "]")
	if ok && closed && code != "" && !strings.ContainsFunc(code, notCode) {
		e.Code, e.Text = strings.ToUpper(code), strings.TrimSpace(text)
	}
	return e
}

func notCode(r rune) bool { return r <= ' ' || r > '~' || r == '[' }

// ProtocolError is an answer that is no POP3. The connection is dead, since nobody knows what comes next on it.
type ProtocolError struct {
	Problem string // "neither +OK nor -ERR"
	Line    string // the offending line without its end, shortened; foreign text
}

func (e *ProtocolError) Error() string {
	if e.Line == "" {
		return "server broke the protocol: " + e.Problem
	}
	return fmt.Sprintf("server broke the protocol: %s: %q", e.Problem, e.Line)
}

// nonsense makes a ProtocolError of a line.
func nonsense(problem string, line []byte) error {
	return &ProtocolError{Problem: problem, Line: string(line[:min(len(line), 80)])}
}

// LoginError ends Connect: the login did not succeed. Err is the server's *Error or the refusal of the sasl.Client
// (or of this package, when user or password cannot be sent at all).
type LoginError struct {
	Mechanism string // "USER", "APOP", or the SASL mechanism
	Err       error
	Before    *LoginError // the one that was tried before it, and refused too; nil: none
}

func (e *LoginError) Error() string {
	text := "login by " + e.Mechanism + ": " + e.Err.Error()
	if e.Before != nil {
		text += " (before that " + e.Before.Error() + ")"
	}
	return text
}

func (e *LoginError) Unwrap() error { return e.Err }

// Refused says whether user, password or token were refused. It is false when the server gave another reason
// (IN-USE, LOGIN-DELAY, SYS/TEMP, SYS/PERM): asking for another password is then pointless. Which of these may pass
// by itself says (*Error).Temporary.
func (e *LoginError) Refused() bool {
	var refusal *Error
	return !errors.As(e.Err, &refusal) || !refusal.Temporary() && !refusal.system()
}

// TLSRefusedError ends Connect: TLS was demanded by Options.TLS and the server did not offer it, refused it, or
// cleartext came where TLS was agreed (RFC 2595 section 2.4: somebody in between may do each of these).
type TLSRefusedError struct {
	Reason string
	Err    error // the server's *Error, when it gave one
}

func (e *TLSRefusedError) Error() string {
	if e.Err != nil {
		return "STLS: " + e.Reason + ": " + e.Err.Error()
	}
	return "STLS: " + e.Reason
}

func (e *TLSRefusedError) Unwrap() error { return e.Err }

// idleError is the net.Error of a server that went silent, or does not come to the end of an answer.
type idleError struct {
	idle time.Duration
	slow bool
}

func (e idleError) Error() string {
	if e.slow {
		return fmt.Sprintf("no whole answer from the server within %v, though it sent something now and then", e.idle)
	}
	return fmt.Sprintf("no answer from the server for %v", e.idle)
}

func (e idleError) Timeout() bool   { return true }
func (e idleError) Temporary() bool { return false }
func (e idleError) Unwrap() error   { return os.ErrDeadlineExceeded }
