package exit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

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

func TestExitCode(t *testing.T) {
	refused := func(code string) error {
		return &pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Code: code, Text: "no"}}
	}
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, 1},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 1},
		{&connect.CertificateError{}, 1},
		{&net.OpError{Op: "dial", Err: &connect.CertificateError{}}, 1},
		{&pop3.TLSRefusedError{Reason: "not offered"}, 1},
		{&pop3.ProtocolError{Problem: "nonsense"}, 1},
		{refused("SYS/PERM"), 1},
		{&imap.TLSRefusedError{Reason: "not offered"}, 1},
		{&credential.SourceError{Way: "keyring", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, 1},
		{&credential.CleartextError{}, 1},
		{Usagef("wrong"), 2},
		{&config.Error{Msg: "wrong"}, 2},
		{&credential.NoSecretError{}, 2},
		{Reported(3), 3},
		{refused(""), 4},
		{refused("AUTH"), 4},
		{&imap.LoginError{Mechanism: "PLAIN", Err: &imap.Error{Command: "AUTHENTICATE", Status: "NO"}}, 4},
		{&imap.LoginError{Mechanism: "PLAIN", Err: &imap.Error{Command: "AUTHENTICATE", Status: "NO", Code: "UNAVAILABLE"}}, 5},
		{&credential.NotOfferedError{}, 4},
		{&imap.Error{Status: "BYE", Text: "Invalid credentials"}, 4},
		{&pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Text: "maildrop already locked"}}, 5},
		{&pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Text: "authentication failed"}}, 4},
		{&imap.LoginError{Mechanism: "LOGIN", Err: &imap.Error{Command: "LOGIN", Status: "NO", Code: "ALERT", Text: "Too many simultaneous connections. (Failure)"}}, 5},
		{&imap.LoginError{Mechanism: "LOGIN", Err: &imap.Error{Command: "LOGIN", Status: "BAD", Text: "Server Unavailable. 15"}}, 5},
		{&credential.EndpointError{Host: "a", Err: errors.New("cannot parse json")}, 5},
		{&credential.TokenError{Code: "invalid_client", Status: 401}, 5},
		{&credential.TokenError{Status: 400}, 5},
		{&credential.NeedLoginError{Err: &credential.TokenError{Code: "invalid_grant", Status: 400}}, 4},
		{&credential.TokenError{Code: "access_denied"}, 1},
		{refused("IN-USE"), 5},
		{refused("SYS/TEMP"), 5},
		{&net.DNSError{IsNotFound: true}, 5},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, 1},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 5},
		{io.ErrUnexpectedEOF, 5},
		{os.ErrDeadlineExceeded, 5},
		{syscall.ECONNRESET, 5},
		{&retrieve.Guard{}, 6},
		{plan.Guard{}, 6},
		{&mirror.SharedError{}, 2},
		{&mirror.NoMailboxError{}, 2},
		{&index.Nested{}, 2},
		{&index.NoLocks{}, 2},
		{&index.Lost{}, 7},
		{&imap.Error{Status: "BYE"}, 5},
		{&imap.Error{Status: "NO"}, 1},
		{&imap.LoginError{Err: &imap.Error{Status: "NO"}}, 4},
		{errors.Join(&retrieve.Guard{}, io.ErrUnexpectedEOF), 6},
		{&index.Locked{}, 7},
		{ErrInterrupted, 130},
		{context.Canceled, 130},
	}
	for _, tt := range tests {
		wrapped := tt.err
		if tt.err != nil {
			wrapped = fmt.Errorf("wrapped: %w", tt.err)
		}
		if got := Code(wrapped); got != tt.want {
			t.Errorf("%T %v: exit code %d, want %d", tt.err, tt.err, got, tt.want)
		}
	}
}

func TestCombined(t *testing.T) {
	for _, tt := range []struct {
		codes []int
		want  int
	}{
		{nil, 0}, {[]int{0}, 0}, {[]int{0, 0}, 0}, {[]int{4, 4}, 4}, {[]int{4, 5}, 3}, {[]int{0, 4}, 3}, {[]int{5}, 5}, {[]int{0, 130}, 130},
	} {
		if got := Combined(tt.codes); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.codes, got, tt.want)
		}
	}
}

// What a hint says to do can be done: an account that a URL stands for is not known by its name.
func TestHintToGoOn(t *testing.T) {
	for account, want := range map[string]string{
		"work":             "postie sync work --allow-mass-delete",
		"bob@mail.example": "the same command with --allow-mass-delete",
	} {
		for _, guard := range []error{plan.Guard{}, errors.Join(plan.Guard{Cause: plan.Orphans}), errors.Join(plan.Guard{Cause: plan.Orphans}, plan.Guard{Cause: plan.Vanished})} {
			if got := Hint(guard, account); !strings.HasSuffix(got, ": "+want) {
				t.Errorf("%s: %q, want …%q", account, got, want)
			}
		}
	}
}

// Whatever stands between a user and the mail, it is said what to do next.
func TestEveryTroubleHasAHint(t *testing.T) {
	refused := func(code, text string) error {
		return &imap.LoginError{Mechanism: "LOGIN", Err: &imap.Error{Command: "LOGIN", Status: "NO", Code: code, Text: text}}
	}
	for _, err := range []error{
		refused("", "no"), refused("UNAVAILABLE", ""), refused("INUSE", ""), refused("LIMIT", ""), refused("THROTTLED", ""), refused("OVERQUOTA", ""),
		refused("", "Too many simultaneous connections"), refused("", "Request is throttled. Suggested Backoff Time: 299499 milliseconds"),
		&pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Code: "SYS/TEMP", Text: "no"}},
		&pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Code: "LOGIN-DELAY", Text: "no"}},
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, &net.DNSError{IsNotFound: true},
		io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, syscall.ECONNRESET, &imap.Error{Status: "BYE"},
		&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, &fs.PathError{Op: "write", Path: "x", Err: syscall.EROFS},
		&quota.Spent{Limit: 1}, plan.Guard{}, &retrieve.Guard{}, &index.Locked{}, &index.Lost{}, &index.NoLocks{}, &index.Nested{}, &mirror.SharedError{},
		&pop3.TLSRefusedError{Reason: "not offered"}, &pop3.ProtocolError{Problem: "nonsense"},
	} {
		if Hint(fmt.Errorf("sync: %w", err), "work") == "" {
			t.Errorf("%T %v: nothing is said about what to do", err, err)
		}
	}
}

// What passes by itself is no refused password, whoever says it and at whatever moment: the exit code is 5, and nobody is
// sent to look for a wrong password.
func TestPassingRefusals(t *testing.T) {
	for _, text := range []string{
		"Too many simultaneous connections", "Too many simultaneous connections. (Failure)", "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
		"Server Unavailable. 15", "server unavailable", "mailbox locked", "Mailbox is locked by POP server", "maildrop already locked", "server too busy", "Server Too Busy; come again",
		"Temporary authentication failure.", "authentication service temporarily unavailable", "Internal error occurred",
	} {
		for _, err := range []error{
			&imap.LoginError{Mechanism: "PLAIN", Err: &imap.Error{Command: "AUTHENTICATE", Status: "NO", Text: text}},
			&imap.LoginError{Mechanism: "LOGIN", Err: &imap.Error{Command: "LOGIN", Status: "NO", Code: "ALERT", Text: text}},
			&imap.LoginError{Mechanism: "LOGIN", Err: &imap.Error{Command: "LOGIN", Status: "BAD", Text: text}},
			&imap.Error{Status: "BYE", Text: text},
			&pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Text: text}},
			&pop3.LoginError{Mechanism: "PLAIN", Err: &pop3.Error{Command: "AUTH", Text: text}},
			&pop3.Error{Command: "greeting", Text: text},
		} {
			notThePassword(t, err)
		}
	}
	for _, status := range []int{400, 401} {
		for _, code := range []string{"", "invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "temporarily_unavailable", "server_error"} {
			notThePassword(t, &credential.TokenError{Code: code, Status: status})
		}
	}
}

func notThePassword(t *testing.T, err error) {
	t.Helper()
	err = fmt.Errorf("login: %w", err)
	if code, hint := Code(err), Hint(err, "work"); code != Connection || hint == "" || strings.Contains(hint, "check user") {
		t.Errorf("%v: exit code %d, hint %q", err, code, hint)
	}
}
