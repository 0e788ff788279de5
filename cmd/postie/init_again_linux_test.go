package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/pop3/pop3test"
	"postie/testdata/dns"
)

// What is wrong at first is asked for again: an address that is none, one for which nothing is found, a port where nobody
// listens, a certificate that nobody knows. And what becomes of the mail on the server is asked before it is written.
func TestInitAsksAgain(t *testing.T) {
	config, _, err := pop3test.SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := pop3test.NewServer(pop3test.Options{TLS: config, Implicit: true})
	server.SetMaildrop("alice", "secret", pop3test.Message{Body: []byte("Subject: one\r\n\r\ntext\r\n"), UIDL: "1"})
	address, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	_, port, _ := strings.Cut(address, ":")
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere",
		"POSTIE_TEST_DNS=" + dns.Start(t, dns.Zone{}), "POSTIE_TEST_HTTPS=127.0.0.1:1"}
	written := func(wants ...string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(home, ".config/postie/config.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}

	q := onTerminal(t, env, "init", "alice", "--user", "alice")
	q.await("NAME@DOMAIN\r\nMail address: ", "alice@nodots")
	q.await("1  name the server yourself\r\n  2  try another address\r\n  3  give up: nothing is written\r\nNumber [1]: ", "2")
	q.await("Mail address: ", "alice@example.test")
	q.await("Number [1]: ", "1") // nothing is found: by hand
	q.await("Number [1]: ", "2") // POP3
	q.await("Server: ", "")
	q.await("mail.example.org\r\nServer: ", "127.0.0.1")
	q.await("Number [1]: ", "") // TLS
	q.await("Port [995]: ", "1")
	q.await("keep = false)\r\nNumber [1]: ", "")
	q.await("Maildir [~/Mail/example]: ", "")
	q.await("Number [1]: ", "4") // the password is kept nowhere
	q.await("Password of alice at 127.0.0.1: ", "secret")
	q.await("1  try another server, port or kind of TLS\r\n", "1")
	q.await("Server [127.0.0.1]: ", "")
	q.await("Number [1]: ", "")
	q.await("Port [1]: ", "many")
	q.await("65535, please\r\n", port)
	q.await("1  look at the certificate, and trust it if it is the right one\r\n", "1")
	q.await("no other is accepted [no]: ", "yes")
	if code := q.end(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, q.seen.String())
	}
	written("port = "+port, `tls_fingerprint = "sha256:`, "keep = true", `maildir = "~/Mail/example"`)

	// --host without --protocol is asked about; so is what stays, also when --protocol says pop3.
	q = onTerminal(t, env, "init", "bob@example.test", "--host", "127.0.0.1", "--port", port, "--user", "alice")
	q.await("Number [1]: ", "2") // POP3
	q.await("keep = false)\r\nNumber [1]: ", "2")
	q.await("Maildir [~/Mail/example-2]: ", "")
	q.await("Number [1]: ", "4")
	q.await("Password of alice at 127.0.0.1: ", "secret")
	q.await("give up: nothing is written\r\nNumber [1]: ", "3") // write it all the same
	if code := q.end(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, q.seen.String())
	}
	written("[account.example-2]", `keep = "2w"`)
}
