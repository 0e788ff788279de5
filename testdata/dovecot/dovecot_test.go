package dovecot

import (
	"crypto/tls"
	"crypto/x509"
	"net/textproto"
	"os"
	"strings"
	"testing"
)

// The harness itself: it greets, logs in over TLS under its own authority, and serves what was delivered.
func TestServer(t *testing.T) {
	s := Start(t, Options{})
	s.Deliver(t, "alice", []byte("Subject: one\r\n\r\nfirst\r\n"))
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conn, err := tls.Dial("tcp", Address(s.POP3S), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	text := textproto.NewConn(conn)
	defer text.Close()
	for _, line := range []string{"", "USER alice", "PASS " + Password} {
		if line != "" {
			text.PrintfLine("%s", line)
		}
		if reply, err := text.ReadLine(); err != nil || !strings.HasPrefix(reply, "+OK") {
			t.Fatalf("%s: %q, %v", line, reply, err)
		}
	}
	text.PrintfLine("STAT")
	if reply, _ := text.ReadLine(); !strings.HasPrefix(reply, "+OK 1 ") {
		t.Errorf("STAT: %q", reply)
	}
}
