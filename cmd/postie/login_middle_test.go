package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"postie/pop3/pop3test"
	"postie/testdata/dns"
	"postie/testdata/dovecot"
)

// attack is what a man in the middle does to the lines of the server; TLS it can only end itself.
type attack struct {
	name  string
	line  func(string) string // changes a line of the server; "" takes it away
	after string              // put behind the server's go-ahead for TLS, in the same packet
	wrong bool                // ends TLS itself, with a certificate of its own
}

func attacks() []attack {
	drop := func(words ...string) func(string) string {
		return func(line string) string {
			for _, w := range words {
				line = strings.ReplaceAll(line, w, "")
			}
			if strings.TrimSpace(line) == "" && len(words) > 0 && line != "\r\n" {
				return ""
			}
			return line
		}
	}
	refuse := func(line string) string {
		if strings.HasPrefix(line, "+OK Begin TLS") {
			return "-ERR not now\r\n"
		}
		if strings.Contains(line, "Begin TLS") {
			tag, _, _ := strings.Cut(line, " ")
			return tag + " NO not now\r\n"
		}
		return line
	}
	open := func(line string) string {
		line = strings.ReplaceAll(strings.ReplaceAll(line, " LOGINDISABLED", ""), "SCRAM-SHA-256", "PLAIN")
		line = strings.ReplaceAll(strings.ReplaceAll(line, " STARTTLS", ""), "STLS\r\n", "USER\r\n")
		return strings.ReplaceAll(line, "AUTH=PLAIN", "AUTH=PLAIN AUTH=LOGIN")
	}
	return []attack{
		{name: "strips STARTTLS", line: drop(" STARTTLS", "STLS\r\n")},
		{name: "refuses STARTTLS", line: refuse},
		{name: "injects a response before TLS", after: "* OK injected\r\n+OK injected\r\n"},
		{name: "ends TLS with a certificate of its own", wrong: true},
		{name: "offers PLAIN and no TLS", line: open},
		{name: "offers PLAIN before TLS", line: func(line string) string {
			return strings.ReplaceAll(strings.ReplaceAll(line, "AUTH=SCRAM-SHA-256", "AUTH=PLAIN AUTH=LOGIN"), "SASL SCRAM-SHA-256", "SASL PLAIN LOGIN")
		}},
	}
}

// middle stands between a client and a server and keeps all that the client sends, also what it decrypts.
type middle struct {
	attack
	server string
	own    *tls.Config

	mu   sync.Mutex
	read bytes.Buffer
	done sync.WaitGroup
}

func (m *middle) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read.Write(p)
}

func (m *middle) listen(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			m.done.Go(func() { m.serve(client) })
		}
	})
	t.Cleanup(func() { l.Close(); m.done.Wait() })
	return l.Addr().(*net.TCPAddr).Port
}

func (m *middle) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", m.server)
	if err != nil {
		return
	}
	defer server.Close()
	// What the client sends goes on, and is kept.
	swap := make(chan net.Conn, 1)
	m.done.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := client.Read(buffer)
			m.Write(buffer[:n])
			server.Write(buffer[:n])
			if m.wrong && (bytes.HasPrefix(buffer[:n], []byte("STLS")) || bytes.Contains(buffer[:n], []byte(" STARTTLS"))) {
				<-swap // from here on TLS, which this loop does not read
				return
			}
			if err != nil {
				server.Close()
				return
			}
		}
	})
	in := bufio.NewReader(server)
	for {
		line, err := in.ReadString('\n')
		goAhead := strings.Contains(line, "Begin TLS")
		if m.line != nil {
			line = m.line(line)
		}
		if goAhead {
			line += m.after
		}
		client.Write([]byte(line))
		switch {
		case err != nil:
			return
		case goAhead && m.wrong:
			swap <- nil
			m.endTLS(client)
			return
		case goAhead && !strings.Contains(line, "not now"):
			in.WriteTo(client) // TLS: it cannot be read
			return
		}
	}
}

// endTLS plays the server behind TLS of its own: whatever is sent is kept.
func (m *middle) endTLS(client net.Conn) {
	secure := tls.Server(client, m.own)
	buffer := make([]byte, 4096)
	for {
		n, err := secure.Read(buffer)
		m.Write(buffer[:n])
		if err != nil {
			return
		}
	}
}

// disguises are the forms in which a password might travel. Base64 has three alignments; of each the part that does not
// depend on its neighbours is looked for.
func disguises(secret string) []string {
	list := []string{secret, hex.EncodeToString([]byte(secret)), fmt.Sprintf("%q", secret)}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		list = append(list, text[4*((shift+2)/3):len(text)-4])
	}
	return list
}

func TestDisguises(t *testing.T) {
	const secret = "correct horse"
	for _, sent := range []string{"\x00alice\x00" + secret, "\x00al\x00" + secret, "\x00a\x00" + secret, secret} {
		text := base64.StdEncoding.EncodeToString([]byte(sent))
		if !slices.ContainsFunc(disguises(secret), func(d string) bool { return strings.Contains(text, d) }) {
			t.Errorf("would not be found: %q", text)
		}
	}
}

// Whoever sits in between never sees a password, in any form.
func TestManInTheMiddle(t *testing.T) {
	mail := dovecot.Start(t, dovecot.Options{Mechanisms: "plain login scram-sha-256", Extra: "disable_plaintext_auth = yes\n"})
	// A name that is not loopback's, though it leads there: else a password may go without TLS.
	before := net.DefaultResolver
	net.DefaultResolver = dns.Resolver(dns.Start(t, dns.Zone{A: map[string][]net.IP{"mail.example.test": {net.IPv4(127, 0, 0, 1)}}}))
	defer func() { net.DefaultResolver = before }()
	own, _, err := pop3test.SelfSigned("mail.example.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"pop3", "imap"} {
		port := map[string]int{"pop3": mail.POP3, "imap": mail.IMAP}[protocol]
		t.Run(protocol+" the search finds what is there", func(t *testing.T) {
			m := &middle{server: dovecot.Address(port)}
			path := filepath.Join(t.TempDir(), "c.toml")
			writeFile(t, path, fmt.Sprintf("[account.x]\nprotocol = %q\nhost = \"mail.example.test\"\nport = %d\ntls = \"none\"\nallow_cleartext = true\nuser = \"alice\"\npassword = %q\nauth = \"plain\"\nmaildir = \"m\"\n", protocol, m.listen(t), dovecot.Password))
			if code := run([]string{"check", "-c", path}, io.Discard, io.Discard); code != 0 {
				t.Errorf("exit code %d", code)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if !slices.ContainsFunc(disguises(dovecot.Password), func(form string) bool { return bytes.Contains(m.read.Bytes(), []byte(form)) }) {
				t.Errorf("not found in %q", m.read.String())
			}
		})
		for _, attack := range append(attacks(), attack{name: "only listens"}) {
			for _, mechanism := range []string{"auto", "plain", "login", "user"} {
				t.Run(protocol+" "+attack.name+" "+mechanism, func(t *testing.T) {
					m := &middle{attack: attack, server: dovecot.Address(port), own: own}
					at := m.listen(t)
					path := filepath.Join(t.TempDir(), "c.toml")
					host := "mail.example.test"
					if attack.name == "only listens" || attack.name == "offers PLAIN before TLS" {
						host = "localhost" // the certificate's name: the login is to succeed
					}
					writeFile(t, path, fmt.Sprintf("[account.x]\nprotocol = %q\nhost = %q\nport = %d\ntls = \"starttls\"\ntls_ca = %q\nuser = \"alice\"\npassword = %q\nauth = %q\nmaildir = \"m\"\n",
						protocol, host, at, mail.CA, dovecot.Password, mechanism))
					var out, errOut strings.Builder
					code := run([]string{"check", "-vv", "--timeout", "5s", "-c", path}, &out, &errOut)
					want := 1
					if host == "localhost" {
						want = 0
					}
					if code != want {
						t.Errorf("exit code %d\n%s\n%s", code, out.String(), errOut.String())
					}
					m.mu.Lock()
					defer m.mu.Unlock()
					for _, form := range disguises(dovecot.Password) {
						if bytes.Contains(m.read.Bytes(), []byte(form)) {
							t.Errorf("the password was seen as %q in %q", form, m.read.String())
						}
						if strings.Contains(out.String()+errOut.String(), form) {
							t.Errorf("the password was printed as %q", form)
						}
					}
					if code == 1 && !strings.Contains(out.String(), "  fail  tls  ") {
						t.Errorf("it failed for another reason:\n%s", out.String())
					}
				})
			}
		}
	}
}
