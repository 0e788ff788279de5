package connect

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate from a template; by nil signs itself.
func issue(t *testing.T, template x509.Certificate, by *identity) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = template.NotAfter.Add(-2 * time.Hour)
	signer := &identity{&template, key}
	if by != nil {
		signer = by
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, signer.cert, &key.PublicKey, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key}
}

func authority(t *testing.T, name string) *identity {
	return issue(t, x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
}

// leaf is the template of a server or client named localhost.
func leaf() x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
}

func (i *identity) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
}

// file writes certificate and key into one PEM file.
func (i *identity) file(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for kind, bytes := range map[string][]byte{"CERTIFICATE": i.cert.Raw, "PRIVATE KEY": der} {
		if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: bytes}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve handles every connection to a loopback port, which it returns, until the test ends.
func serve(t *testing.T, handle func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func echo(conn net.Conn) {
	io.Copy(conn, conn) // ends with the client
}

// serveTLS echoes over TLS.
func serveTLS(t *testing.T, config *tls.Config) int {
	return serve(t, func(conn net.Conn) { echo(tls.Server(conn, config)) })
}

func dial(t *testing.T, o Options) (net.Conn, error) {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second // never reached
	}
	conn, err := o.Dial(context.Background())
	if conn != nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// converse checks that conn carries bytes both ways.
func converse(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello\n" {
		t.Fatalf("%q, %v", got, err)
	}
}
