package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"postie/testdata/dovecot"
)

const accessToken = "Dovecot-Access-Token"

// clientCertificate makes an authority in dir and a certificate of it for alice.
func clientCertificate(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "alice"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), NextUpdate: ca.NotAfter, ThisUpdate: ca.NotBefore}, mustParse(t, caDER), key)
	if err != nil {
		t.Fatal(err)
	}
	both := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	both = append(both, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl})...)
	write(t, filepath.Join(dir, "client-ca.pem"), string(both), 0o644)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func mustParse(t *testing.T, der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// everyMechanism starts a Dovecot that knows all of them.
func everyMechanism(t *testing.T) (*dovecot.Server, tls.Certificate) {
	introspection := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":%v,"username":"alice"}`, r.FormValue("token") == accessToken)
	}))
	t.Cleanup(introspection.Close)
	dir := dovecot.Dir(t)
	certificate := clientCertificate(t, dir)
	write(t, filepath.Join(dir, "oauth2.conf"), "introspection_mode = post\nintrospection_url = "+introspection.URL+
		"/\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n", 0o644)
	return dovecot.Start(t, dovecot.Options{
		Dir: dir, Mechanisms: "plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer external",
		Extra: strings.ReplaceAll(`
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = DIR/oauth2.conf
}
passdb {
  driver = static
  mechanisms = external
  args = nopassword=y
}
ssl_ca = <DIR/client-ca.pem
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`, "DIR", dir),
	}), certificate
}

// A session offers mechanisms and takes what Login decides.
type session interface {
	mechanisms(t *testing.T) []string
	sasl(c sasl.Client) error
	pair(user, password string) error
}

// overIMAP is not go-imap's client: that sends an empty response as ‘=’, which is the form of an empty initial response
// only (RFC 4959 section 3), and Dovecot calls it bad base64.
type overIMAP struct{ *textproto.Conn }

func (s overIMAP) mechanisms(t *testing.T) (names []string) {
	greeting, err := s.ReadLine()
	if err != nil || !strings.HasPrefix(greeting, "* OK [CAPABILITY ") {
		t.Fatal(greeting, err)
	}
	for _, word := range strings.Fields(strings.Split(greeting, "]")[0]) {
		if name, is := strings.CutPrefix(word, "AUTH="); is {
			names = append(names, name)
		}
	}
	return names
}

func (s overIMAP) pair(user, password string) error {
	if err := s.PrintfLine("a LOGIN %s \"%s\"", user, password); err != nil {
		return err
	}
	_, _, err := s.reply()
	return err
}

func (s overIMAP) sasl(c sasl.Client) error {
	return converseSASL(c, "a AUTHENTICATE ", s.Conn, s.reply)
}

func (s overIMAP) reply() (challenge string, more bool, err error) {
	for {
		line, err := s.ReadLine()
		switch {
		case err != nil:
			return "", false, err
		case strings.HasPrefix(line, "* "):
		case strings.HasPrefix(line, "+ "):
			return line[2:], true, nil
		case strings.HasPrefix(line, "a OK"):
			return "", false, nil
		default:
			return "", false, errors.New(line)
		}
	}
}

type overPOP3 struct{ *textproto.Conn }

func (s overPOP3) mechanisms(t *testing.T) (names []string) {
	greeting, err := s.ReadLine()
	if err != nil || !strings.HasPrefix(greeting, "+OK") {
		t.Fatal(greeting, err)
	}
	if err := s.command("CAPA"); err != nil {
		t.Fatal(err)
	}
	lines, err := s.ReadDotLines()
	for _, line := range lines {
		if list, is := strings.CutPrefix(line, "SASL "); is {
			names = strings.Fields(list)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (s overPOP3) command(line string) error {
	err := s.PrintfLine("%s", line)
	if err != nil {
		return err
	}
	reply, err := s.ReadLine()
	if err == nil && !strings.HasPrefix(reply, "+OK") {
		err = errors.New(reply)
	}
	return err
}

func (s overPOP3) pair(user, password string) error {
	if err := s.command("USER " + user); err != nil {
		return err
	}
	return s.command("PASS " + password)
}

func (s overPOP3) sasl(c sasl.Client) error { return converseSASL(c, "AUTH ", s.Conn, s.reply) }

func (s overPOP3) reply() (challenge string, more bool, err error) {
	line, err := s.ReadLine()
	switch {
	case err != nil || strings.HasPrefix(line, "+OK"):
		return "", false, err
	case strings.HasPrefix(line, "+ "):
		return line[2:], true, nil
	}
	return "", false, errors.New(line)
}

// converseSASL sends the initial response in the second step, as Microsoft wants it.
func converseSASL(c sasl.Client, command string, conn *textproto.Conn, reply func() (string, bool, error)) error {
	mechanism, response, err := c.Start()
	if err == nil {
		err = conn.PrintfLine("%s%s", command, mechanism)
	}
	for err == nil {
		text, more, refused := reply()
		if refused != nil || !more {
			return refused
		}
		if response == nil {
			var challenge []byte
			if challenge, err = base64.StdEncoding.DecodeString(text); err == nil {
				response, err = c.Next(challenge)
			}
		}
		if err == nil {
			err = conn.PrintfLine("%s", base64.StdEncoding.EncodeToString(response))
		}
		response = nil
	}
	return err
}

// TestDovecot logs in with each mechanism over both protocols, with the right credential and with a wrong one.
func TestDovecot(t *testing.T) {
	server, certificate := everyMechanism(t)
	right := Options{
		Secret: fixed(dovecot.Password), ClientCertificate: true,
		Token: func(context.Context) (string, error) { return accessToken, nil },
	}
	wrong := Options{
		Secret: fixed(word), ClientCertificate: true,
		Token: func(context.Context) (string, error) { return word, nil },
	}
	for protocol, port := range map[string]int{"imap": server.IMAPS, "pop3": server.POP3S} {
		login := func(t *testing.T, o Options, mechanism string, config *tls.Config) (used string, err error) {
			conn, err := tls.Dial("tcp", dovecot.Address(port), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			var s session = overPOP3{textproto.NewConn(conn)}
			if protocol == "imap" {
				s = overIMAP{textproto.NewConn(conn)}
			}
			o.User, o.Host, o.Port, o.Protocol, o.Mechanism = "alice", dovecot.Host, port, protocol, mechanism
			state := conn.ConnectionState()
			client, user, password, err := NewLogin(o).Login(t.Context(), s.mechanisms(t), "", &state)
			switch {
			case err != nil:
				t.Fatal(err)
			case client == nil:
				return "USER", s.pair(user, password)
			}
			used, _, _ = client.Start()
			return used, client.(interface{ Finish(error) error }).Finish(s.sasl(client))
		}
		anonymous := &tls.Config{InsecureSkipVerify: true}
		certified := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate}}
		for _, name := range []string{"plain", "login", "user", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "external"} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				config := anonymous
				if name == "external" { // with a certificate, Dovecot takes LOGIN's first answer for the password
					config = certified
				}
				used, err := login(t, right, name, config)
				if err != nil || !strings.EqualFold(used, name) {
					t.Errorf("%s: %v", used, err)
				}
				if _, err = login(t, wrong, name, anonymous); err == nil {
					t.Fatal("a wrong credential was let in")
				}
				conceal(t, "the refusal", err.Error(), word)
				var told *ChallengeError
				if strings.Contains(name, "oauth") && (!errors.As(err, &told) || told.Status == "") {
					t.Errorf("the challenge is lost: %v", err)
				}
			})
		}
		t.Run(protocol+" auto", func(t *testing.T) {
			t.Parallel()
			o := right
			for _, want := range []string{"OAUTHBEARER", "SCRAM-SHA-256"} {
				if used, err := login(t, o, "auto", anonymous); used != want || err != nil {
					t.Errorf("%s, %v; not %s", used, err, want)
				}
				o.Token = nil
			}
		})
	}
}
