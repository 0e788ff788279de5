package imap

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Error is the server's refusal of one command: NO, BAD, or BYE in place of the greeting or of an answer.
// After NO and BAD the session goes on; after BYE the connection is gone.
type Error struct {
	Command string // "SELECT", "APPEND", …; "" for the greeting and for a BYE nobody asked for
	Status  string // "NO", "BAD" or "BYE"
	Code    string // RFC 9051 section 7.1 response code in capitals: "TRYCREATE", "OVERQUOTA", …; or ""
	Text    string // the server's words, uncleaned
	Address string // that came with WEBALERT or REFERRAL, uncleaned; ""
}

func (e *Error) Error() string {
	text := e.Text
	if e.Code != "" {
		text = strings.TrimSpace("[" + e.Code + "] " + text)
	}
	if text = strings.TrimSpace(text + " " + e.Address); text == "" {
		text = "no reason given"
	}
	if e.Command == "" {
		return "server said " + e.Status + ": " + text
	}
	return e.Command + ": server refused: " + text
}

// Temporary says whether the same may succeed later without anybody changing anything (RFC 5530 section 3).
func (e *Error) Temporary() bool {
	switch e.Code {
	case "UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG":
		return true
	}
	return e.Status == "BYE"
}

// Nonexistent says whether the server refused since there is no such mailbox (RFC 5530 section 3). Old servers give no reason.
func (e *Error) Nonexistent() bool {
	return e.Status == "NO" && (e.Code == "" || e.Code == "NONEXISTENT" || e.Code == "TRYCREATE")
}

// refused says whether the server answered NO or BAD: the session goes on.
func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status != "BYE"
}

// ProtocolError is an answer that is no IMAP. The connection is dead, since nobody knows what comes next on it.
type ProtocolError struct {
	Problem string // "no tagged reply"
	Line    string // the offending line without its end, shortened; foreign text
}

func (e *ProtocolError) Error() string {
	if e.Line == "" {
		return "server broke the protocol: " + e.Problem
	}
	return fmt.Sprintf("server broke the protocol: %s: %q", e.Problem, e.Line)
}

// UnreadableError is the failure of a command whose answer could not be read in a place where it counts: what is left of a SEARCH, or
// of what vanished, must not be taken for all of it. The line was passed over, and the session goes on.
type UnreadableError struct {
	Command string // "SEARCH", …
	Reason  error  // a *ProtocolError; not unwrapped, since the connection is alive
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("%s: an answer that cannot be read: %v", e.Command, e.Reason)
}

func unreadable(err error) bool { return errors.As(err, new(*UnreadableError)) }

// nonsense makes a ProtocolError of a line.
func nonsense(line []byte, format string, args ...any) error {
	return &ProtocolError{Problem: fmt.Sprintf(format, args...), Line: string(line[:min(len(line), 80)])}
}

// LoginError ends Connect: the login did not succeed. Err is the server's *Error, or what the sasl.Client said
// (or this package, when user or password cannot be sent at all), or both.
type LoginError struct {
	Mechanism string // "LOGIN", or the SASL mechanism
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
// (RFC 5530: UNAVAILABLE, INUSE, CONTACTADMIN, …): asking for another password is then pointless.
func (e *LoginError) Refused() bool {
	var refusal *Error
	return !errors.As(e.Err, &refusal) || !refusal.Temporary() && refusal.Code != "CONTACTADMIN"
}

// TLSRefusedError ends Connect: TLS was demanded by Options.TLS and the server did not offer it, refused it, was logged
// in already, or cleartext came where TLS was agreed (somebody in between may do each of these). There is no fallback.
type TLSRefusedError struct {
	Reason string
	Err    error // the server's *Error, when it gave one
}

func (e *TLSRefusedError) Error() string {
	if e.Err != nil {
		return "STARTTLS: " + e.Reason + ": " + e.Err.Error()
	}
	return "STARTTLS: " + e.Reason
}

func (e *TLSRefusedError) Unwrap() error { return e.Err }

// UnsupportedError says that the server does not offer what a command needs; nothing was sent.
type UnsupportedError struct{ Cap imap.Cap }

func (e *UnsupportedError) Error() string { return fmt.Sprintf("server has no %s", e.Cap) }

// MissingError names the messages that were asked for and did not come. They may have been expunged meanwhile,
// or the server could not give them (Err). The session goes on.
type MissingError struct {
	UIDs imap.UIDSet
	Err  error // the server's refusal, or nil when it said OK
}

func (e *MissingError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("messages with UID %s did not come: %v", e.UIDs, e.Err)
	}
	return fmt.Sprintf("messages with UID %s did not come", e.UIDs)
}

func (e *MissingError) Unwrap() error { return e.Err }

var (
	errBusy    = errors.New("session is busy with another command")
	errClosed  = errors.New("session closed")
	errLibrary = errors.New("closed by imapclient")

	errUnexpected = errors.New("imapclient wrote a command in a way not known")
)

// idleError is the net.Error of a server that went silent, or does not answer whatever else it sends.
type idleError struct {
	idle   time.Duration
	babble bool
}

func (e idleError) Error() string {
	if e.babble {
		return fmt.Sprintf("no answer from the server within %v, though it sent something now and then", e.idle)
	}
	return fmt.Sprintf("no answer from the server for %v", e.idle)
}

func (e idleError) Timeout() bool   { return true }
func (e idleError) Temporary() bool { return false }
func (e idleError) Unwrap() error   { return os.ErrDeadlineExceeded }
