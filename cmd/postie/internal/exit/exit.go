// Package exit says what an error means to who called postie: the exit code for scripts, and the hint for people, what to do next.
package exit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"syscall"

	"postie/cmd/postie/internal/answer"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/quota"
	"postie/imap"
	"postie/imap/mirror"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/retrieve"
)

// The exit codes, on which scripts rely.
const (
	OK          = 0
	Failed      = 1
	BadUsage    = 2
	Partial     = 3 // some messages or accounts failed, the rest is safe
	Login       = 4
	Connection  = 5 // worth trying again
	Guard       = 6
	InUse       = 7
	Interrupted = 130
)

// UsageError is a command line that cannot be carried out.
type UsageError struct {
	err  error
	hint string
}

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// Usage is an error of the command line, and what to do about it ("": nothing to say).
func Usage(err error, hint string) error { return &UsageError{err, hint} }

// Usagef is one without a hint.
func Usagef(format string, args ...any) error {
	return Usage(fmt.Errorf(format, args...), "")
}

// Reported is an exit code whose reasons the user was told already, account by account.
type Reported int

func (e Reported) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// ErrInterrupted is the cause by which a signal cancels the context.
var ErrInterrupted = errors.New("interrupted; what was done is kept")

// Cause prefers the reason that a context was cancelled for over the bare fact.
func Cause(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return cmp.Or(context.Cause(ctx), err)
	}
	return err
}

// Code says in what a run that ended with err exits.
func Code(err error) int {
	var done Reported
	switch {
	case err == nil:
		return OK
	case errors.As(err, &done):
		return int(done)
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return Interrupted
	case Is[*UsageError](err), Is[*config.Error](err), Is[*credential.NoSecretError](err), Is[*credential.UnreadableError](err), Is[*index.NameError](err), Is[*mirror.SharedError](err), Is[*mirror.NoMailboxError](err), Is[*index.Nested](err), Is[*index.NoLocks](err), badFolder(err):
		return BadUsage
	case Is[*retrieve.Guard](err), Is[plan.Guard](err):
		return Guard
	case Is[*index.Locked](err), Is[*index.Lost](err):
		return InUse
	case Is[*connect.CertificateError](err), Is[*connect.HandshakeError](err), Is[*connect.PortError](err), RefusedTLS(err), Is[*credential.CleartextError](err):
		return Failed
	case refusedLogin(err):
		return Login
	case Is[*credential.SourceError](err): // a keyring that is not reached is no server that is not
		return Failed
	case lostLine(err), noToken(err), Is[*quota.Spent](err):
		return Connection
	}
	return Failed
}

// Is says whether an error of type E is in the chain of err.
func Is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// badFolder says whether a folder that the configuration or the command line names cannot be one.
func badFolder(err error) bool {
	e, ok := errors.AsType[*index.Obstructed](err)
	return ok && e.What != ""
}

// refusedLogin says whether it was user, password, token or mechanism that the server would not take.
func refusedLogin(err error) bool {
	return badCredential(err) || Is[*credential.NotOfferedError](err) || Is[*credential.NeedLoginError](err)
}

// badCredential says whether the server answered to user, password or token, and said no.
func badCredential(err error) bool {
	overPOP3, isPOP3 := errors.AsType[*pop3.LoginError](err)
	overIMAP, isIMAP := errors.AsType[*imap.LoginError](err)
	if bye, ok := errors.AsType[*imap.Error](err); ok && !isIMAP && bye.Status == "BYE" {
		return Answer(err).Meaning == answer.WrongPassword // it says goodbye in place of NO
	}
	return (isPOP3 && overPOP3.Refused() || isIMAP && overIMAP.Refused()) && !Answer(err).Passing()
}

// tried are the mechanisms that the server refused, in the order of trying.
func tried(err error) (all []string) {
	if e, ok := errors.AsType[*pop3.LoginError](err); ok {
		for ; e != nil; e = e.Before {
			all = append([]string{e.Mechanism}, all...)
		}
	}
	if e, ok := errors.AsType[*imap.LoginError](err); ok {
		for ; e != nil; e = e.Before {
			all = append([]string{e.Mechanism}, all...)
		}
	}
	return all
}

// byToken says whether it was a token that was refused.
func byToken(err error) bool {
	return Is[*credential.ChallengeError](err) || slices.ContainsFunc(tried(err), func(m string) bool { return m == "XOAUTH2" || m == "OAUTHBEARER" })
}

// Answer is what the server meant by the refusal in err; of any other error it is nothing.
func Answer(err error) answer.Answer {
	if refusal, ok := errors.AsType[*pop3.Error](err); ok {
		return answer.Of(refusal.Code, refusal.Text)
	}
	if refusal, ok := errors.AsType[*imap.Error](err); ok {
		return answer.Of(refusal.Code, refusal.Text)
	}
	return answer.Answer{}
}

// RefusedTLS says whether STARTTLS or STLS was refused or tampered with.
func RefusedTLS(err error) bool {
	return Is[*pop3.TLSRefusedError](err) || Is[*imap.TLSRefusedError](err)
}

// lostLine says whether the server was not reached, was lost, or has a passing trouble.
func lostLine(err error) bool {
	refusal, ok := errors.AsType[*pop3.Error](err)
	refused, isIMAP := errors.AsType[*imap.Error](err)
	return Answer(err).Passing() || ok && refusal.Temporary() || isIMAP && (refused.Temporary() || refused.Status == "BYE") || netError(err) || Is[*connect.TunnelError](err) || Is[*exec.Error](err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// noToken says whether the authorization server gave no token for a reason that another login would not mend.
func noToken(err error) bool {
	refused, ok := errors.AsType[*credential.TokenError](err)
	return Is[*credential.EndpointError](err) || ok && refused.Status != 0 && refused.Code != "access_denied"
}

// Passing says whether err may pass without anybody changing anything, so that the same is worth trying again: the server
// was not reached, was lost, or has a passing trouble. A refused login is none of these, nor is a guard.
func Passing(err error) bool {
	token, ok := errors.AsType[*credential.TokenError](err)
	return Code(err) == Connection && !Is[*exec.Error](err) && !Is[*quota.Spent](err) && !(ok && token.Code != "" && token.Code != "temporarily_unavailable" && token.Code != "server_error")
}

// alert says whether TLS was not agreed on, which crypto/tls dresses as an error of the line.
func alert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// netError says whether err is one of the network. A bare errno has the methods of net.Error, whatever it came from.
func netError(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	_, bare := e.(syscall.Errno)
	return ok && !bare && !alert(err)
}

// Combined is the exit code of a run over several accounts: if all fail alike that code, otherwise 'part done'.
func Combined(codes []int) int {
	for _, code := range codes {
		if code == Interrupted {
			return code
		}
	}
	for _, code := range codes {
		if code != codes[0] {
			return Partial
		}
	}
	if len(codes) == 0 {
		return OK
	}
	return codes[0]
}
