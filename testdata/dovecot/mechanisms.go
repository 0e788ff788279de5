package dovecot

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
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
)

// Token is every user's OAuth2 access token.
const Token = "Right-Access-Token"

const everyMechanism = `
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
`

// StartMechanisms starts a server that knows every SASL mechanism. It has the user alice; client is a PEM file with her
// certificate and its key, for EXTERNAL; Token is her token. Refusals cost no more time the more there are.
func StartMechanisms(t testing.TB) (s *Server, client string) {
	t.Helper()
	introspection := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":%v,"username":"alice"}`, r.FormValue("token") == Token)
	}))
	t.Cleanup(introspection.Close)
	dir := Dir(t)
	oauth2 := "introspection_mode = post\nintrospection_url = " + introspection.URL +
		"/\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n"
	err := os.WriteFile(filepath.Join(dir, "oauth2.conf"), []byte(oauth2), 0o600)
	if err == nil {
		err = writeClient(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Start(t, Options{
		Dir: dir, Mechanisms: "plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer external apop",
		Extra: strings.ReplaceAll(everyMechanism, "DIR", dir),
	}), filepath.Join(dir, "client.pem")
}

// writeClient makes an authority (client-ca.pem, with its empty revocation list) and alice's certificate of it with its
// key (client.pem).
func writeClient(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		SubjectKeyId: []byte("client authority"), // which a revocation list must name
	}
	alice := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "alice"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	if err != nil {
		return err
	}
	aliceDER, err := x509.CreateCertificate(rand.Reader, alice, authority, &key.PublicKey, key)
	if err != nil {
		return err
	}
	revoked, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1),
		NextUpdate: authority.NotAfter, ThisUpdate: authority.NotBefore}, authority, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, "client-ca.pem"), "CERTIFICATE", authorityDER, "X509 CRL", revoked); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "client.pem"), "CERTIFICATE", aliceDER, "PRIVATE KEY", secret)
}

// writePEM writes a file of two blocks.
func writePEM(path, kind string, der []byte, kind2 string, der2 []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(path, append(text, pem.EncodeToMemory(&pem.Block{Type: kind2, Bytes: der2})...), 0o600)
}
