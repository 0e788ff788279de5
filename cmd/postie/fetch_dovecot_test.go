package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// Every way to a real server: TLS from the first byte, STLS, APOP in the clear; each brings one message.
func TestFetchFromDovecot(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{Mechanisms: "plain login apop"})
	dir := filepath.Join(t.TempDir(), "inbox")
	t.Setenv("PW", dovecot.Password)
	t.Setenv("WRONG", "wrong")
	secure, plain := fmt.Sprintf("pop3s://alice@%s:%d", dovecot.Host, server.POP3S), fmt.Sprintf("pop3://alice@%s:%d", dovecot.Host, server.POP3)
	tests := []struct {
		name string
		args []string
		code int
		out  string // what must be in the output
		mail int    // in the Maildir afterwards
	}{
		{"implicit TLS", []string{secure, "--tls-ca", server.CA, "--password-env", "PW"}, exit.OK, "1 new", 1},
		{"STLS", []string{plain, "--tls-ca", server.CA, "--password-env", "PW"}, exit.OK, "1 new", 2},
		{"in the clear, to this machine", []string{plain, "--tls", "none", "--password-env", "PW", "-vv"}, exit.OK, "1 new", 3},
		{"unknown authority", []string{secure, "--password-env", "PW"}, exit.Failed, "sha256:", 3},
		{"unknown authority, STLS", []string{plain, "--password-env", "PW"}, exit.Failed, "sha256:", 3},
		{"wrong password", []string{secure, "--tls-ca", server.CA, "--password-env", "WRONG"}, exit.Login, "server refused", 3},
		{"kept", []string{secure, "--tls-ca", server.CA, "--password-env", "PW", "--keep"}, exit.OK, "1 new", 4},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.code == exit.OK {
				server.Deliver(t, "alice", fmt.Appendf(nil, "Message-ID: <%d@example.test>\r\nSubject: %s\r\n\r\ntext\r\n", i, tt.name))
			}
			var out bytes.Buffer
			code := run(append([]string{"fetch", "-d", dir}, tt.args...), &out, &out)
			if code != tt.code || !strings.Contains(out.String(), tt.out) || strings.Contains(out.String(), dovecot.Password) {
				t.Errorf("exit code %d, want %d\n%s", code, tt.code, &out)
			}
			n := 0
			for _, err := range maildir.Dir(dir).Scan() {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != tt.mail {
				t.Errorf("%d messages, want %d", n, tt.mail)
			}
		})
	}
}
