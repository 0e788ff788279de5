package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/credential"
	"postie/imap"
	"postie/imap/mirror"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/retrieve"
)

// Exit codes, on which scripts rely.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartial     = 3 // some messages or accounts failed, the rest is safe
	exitLogin       = 4
	exitConnection  = 5 // worth trying again
	exitGuard       = 6
	exitInUse       = 7
	exitInterrupted = 130
)

// usageError is a command line that cannot be carried out.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), ""}
}

// reported is an exit code whose reasons the user was told already, account by account.
type reported struct{ code int }

func (e reported) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode says in what a run that ended with err exits.
func exitCode(err error) int {
	var done reported
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &done):
		return done.code
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case is[*usageError](err), is[*config.Error](err), is[*credential.NoSecretError](err), is[*index.NameError](err), is[*mirror.SharedError](err):
		return exitUsage
	case is[*retrieve.Guard](err), is[plan.Guard](err):
		return exitGuard
	case is[*index.Locked](err):
		return exitInUse
	case is[*connect.CertificateError](err), is[*connect.HandshakeError](err), refusedTLS(err), is[*credential.CleartextError](err):
		return exitFailed
	case refusedLogin(err):
		return exitLogin
	case is[*credential.SourceError](err): // a keyring that is not reached is no server that is not
		return exitFailed
	case lostLine(err):
		return exitConnection
	}
	return exitFailed
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// refusedLogin says whether it was user, password, token or mechanism that the server would not take.
func refusedLogin(err error) bool {
	return badCredential(err) || is[*credential.NotOfferedError](err) || is[*credential.NeedLoginError](err)
}

// badCredential says whether the server answered to user, password or token, and said no.
func badCredential(err error) bool {
	overPOP3, isPOP3 := errors.AsType[*pop3.LoginError](err)
	overIMAP, isIMAP := errors.AsType[*imap.LoginError](err)
	return isPOP3 && overPOP3.Refused() || isIMAP && overIMAP.Refused()
}

// refusedTLS says whether STARTTLS or STLS was refused or tampered with.
func refusedTLS(err error) bool {
	return is[*pop3.TLSRefusedError](err) || is[*imap.TLSRefusedError](err)
}

// lostLine says whether the server was not reached, was lost, or has a passing trouble.
func lostLine(err error) bool {
	refusal, ok := errors.AsType[*pop3.Error](err)
	refused, isIMAP := errors.AsType[*imap.Error](err)
	return ok && refusal.Temporary() || isIMAP && (refused.Temporary() || refused.Status == "BYE") || netError(err) || is[*connect.TunnelError](err) || is[*exec.Error](err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// netError says whether err is one of the network. A bare errno has the methods of net.Error, whatever it came from.
func netError(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	_, bare := e.(syscall.Errno)
	return ok && !bare
}

// combined is the exit code of a run over several accounts: if all fail alike that code, otherwise 'part done'.
func combined(codes []int) int {
	for _, code := range codes {
		if code == exitInterrupted {
			return code
		}
	}
	for _, code := range codes {
		if code != codes[0] {
			return exitPartial
		}
	}
	if len(codes) == 0 {
		return exitOK
	}
	return codes[0]
}

// again is how an account is worked on again. One that a URL stands for, as the '@' tells, has no name that a command takes.
func again(command, account string) string {
	if strings.Contains(account, "@") {
		return "the same command with"
	}
	return "postie " + command + " " + account
}

// hint says what to do next about an error of an account ("": of none).
func hint(err error, account string) string {
	if u, ok := errors.AsType[*usageError](err); ok {
		return u.hint
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room and run it again; nothing was deleted on the server"
	case is[*retrieve.Guard](err):
		return "look into the Maildir. If the messages were deleted on purpose: " + again("fetch", account) + " --allow-mass-delete\n" +
			`who empties an inbox by habit writes max_delete = "100%"`
	case is[plan.Guard](err):
		return "look at both sides. If it was done on purpose: " + again("sync", account) + " --allow-mass-delete"
	case is[*mirror.SharedError](err):
		return "give each account a maildir of its own"
	case is[*index.Locked](err):
		return "wait for it with --wait"
	case errors.Is(err, mirror.ErrGone), errors.Is(err, mirror.ErrUIDValidity):
		return "postie sync " + account + " finds out what became of it"
	case is[*index.Newer](err):
		return "install that postie, or a newer one"
	case refusedTLS(err):
		return `somebody may be in between; if the server has a port for TLS alone: tls = "implicit"`
	case badCredential(err):
		return "check user and password; some providers want an app password, or POP3 or IMAP switched on in their settings"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the name of the host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check host and port, and whether the server runs"
	case timedOut(err):
		return "try again later; a slow line may want a longer --timeout"
	}
	return ""
}
