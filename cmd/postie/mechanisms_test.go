package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/testdata/dovecot"
)

// TestMechanisms logs in to Dovecot with each mechanism, over both protocols, as `postie check` does; and each wrong
// credential ends in exit 4 with a sentence that names the mechanism and what the server answered.
func TestMechanisms(t *testing.T) {
	const token = "Right-Access-Token"
	introspection := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":%v,"username":"alice"}`, r.FormValue("token") == token)
	}))
	t.Cleanup(introspection.Close)
	dir := dovecot.Dir(t)
	writeFile(t, filepath.Join(dir, "oauth2.conf"), "introspection_mode = post\nintrospection_url = "+introspection.URL+
		"/\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n")
	clientCertificate(t, dir)
	mail := dovecot.Start(t, dovecot.Options{Dir: dir, Mechanisms: "plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer external apop",
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
`, "DIR", dir)})
	for _, protocol := range []string{"pop3", "imap"} {
		for _, mechanism := range []string{"auto", "plain", "login", "user", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "external", "apop"} {
			if mechanism == "apop" && protocol == "imap" {
				continue
			}
			t.Run(protocol+" "+mechanism, func(t *testing.T) {
				t.Parallel() // a refusal takes Dovecot half a second
				port, tls := map[string]int{"pop3": mail.POP3S, "imap": mail.IMAPS}[protocol], "implicit"
				if mechanism == "apop" { // hashes with the greeting, for want of TLS
					port, tls = mail.POP3, "none"
				}
				lines := fmt.Sprintf("[account.x]\nprotocol = %q\nhost = \"127.0.0.1\"\nport = %d\ntls = %q\nuser = \"alice\"\nmaildir = \"m\"\nauth = %q\n", protocol, port, tls, mechanism)
				if tls == "implicit" {
					lines += fmt.Sprintf("tls_ca = %q\n", mail.CA)
				}
				right, wrong := "password = \""+dovecot.Password+"\"\n", "password = \"Wrong-Password\"\n"
				if strings.Contains(mechanism, "oauth") {
					right, wrong = `token_command = ["echo", "`+token+"\"]\n", "token_command = [\"echo\", \"Wrong-Token\"]\n"
				}
				if mechanism == "external" {
					right, wrong = fmt.Sprintf("client_cert = %q\n", filepath.Join(dir, "client.pem")), ""
				}
				want := map[string]string{"auto": "SCRAM-SHA-256", "user": "user and password"}[mechanism]
				if want == "" {
					want = strings.ToUpper(mechanism)
				}
				code, login := checkLogin(t, lines+right)
				if code != 0 || login.Status != "ok" || !strings.HasPrefix(login.Found, want+" as alice") {
					t.Errorf("exit %d, %+v", code, login)
				}
				if wrong == "" {
					return
				}
				code, login = checkLogin(t, lines+wrong)
				named := map[string]string{"user": map[string]string{"pop3": "USER", "imap": "LOGIN"}[protocol], "auto": "SCRAM-SHA-256"}[mechanism]
				if named == "" {
					named = want
				}
				if code != 4 || login.Status != "fail" || !strings.Contains(login.Found, "login by "+named) || !strings.Contains(login.Found, "efuse") {
					t.Errorf("exit %d, %+v", code, login)
				}
				if strings.Contains(fmt.Sprint(login), "Wrong-") {
					t.Errorf("the secret is in %+v", login)
				}
			})
		}
	}
}

// checkLogin runs `postie check --json` and gives its exit code and login step.
func checkLogin(t *testing.T, lines string) (int, checkStep) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	writeFile(t, path, lines)
	var out, errOut strings.Builder
	code := run([]string{"check", "--json", "-c", path}, &out, &errOut)
	var report checkReport
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		t.Fatalf("%v: %s %s", err, out.String(), errOut.String())
	}
	for _, step := range report.Steps {
		if step.Step == "login" {
			return code, step
		}
	}
	return code, checkStep{Found: fmt.Sprint(report)}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// clientCertificate writes an authority (client-ca.pem, with its empty revocation list) and alice's certificate of it with
// its key (client.pem).
func clientCertificate(t *testing.T, dir string) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	check(err)
	parsed, err := x509.ParseCertificate(caDER)
	check(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "alice"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	check(err)
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), NextUpdate: ca.NotAfter, ThisUpdate: ca.NotBefore}, parsed, key)
	check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	writeFile(t, filepath.Join(dir, "client-ca.pem"), block("CERTIFICATE", caDER)+block("X509 CRL", crl))
	writeFile(t, filepath.Join(dir, "client.pem"), block("CERTIFICATE", der)+block("PRIVATE KEY", secret))
}
