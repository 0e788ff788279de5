package connect

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCertificates(t *testing.T) {
	ca := authority(t, "good")
	good := issue(t, leaf(), ca)
	template := leaf()
	template.NotAfter = time.Now().Add(-24 * time.Hour)
	expired := issue(t, template, ca)
	template = leaf()
	template.NotAfter = time.Now().Add(24 * time.Hour)
	early := issue(t, template, ca) // issue makes certificates valid for two hours
	template = leaf()
	template.DNSNames, template.IPAddresses = []string{"other.example"}, nil
	misnamed := issue(t, template, ca)
	self := issue(t, leaf(), nil)
	stranger := issue(t, leaf(), authority(t, "stranger"))

	sum := sha256.Sum256(self.cert.Raw)
	pin := "sha256:" + hex.EncodeToString(sum[:])
	caFile := ca.file(t)
	for _, row := range []struct {
		name, host string
		server     *identity
		ca, pin    string
		want       string // "" is success
	}{
		{"good", "localhost", good, caFile, "", ""},
		{"good by address", "127.0.0.1", good, caFile, "", ""},
		{"self-signed and trusted", "localhost", self, self.file(t), "", ""},
		{"unknown authority", "localhost", stranger, caFile, "", "signed by an authority that this machine does not know"},
		{"no CA file", "localhost", good, "", "", "signed by an authority that this machine does not know"},
		{"self-signed", "localhost", self, caFile, "", "it is self-signed"},
		{"wrong name", "localhost", misnamed, caFile, "", "certificate is valid for other.example, not localhost"},
		{"expired", "localhost", expired, caFile, "", "is valid from"},
		{"not yet valid", "localhost", early, caFile, "", "and the clock here says"},
		{"pin", "localhost", self, "", pin, ""},
		{"pin, upper case", "localhost", self, "", strings.ToUpper(pin), ""},
		{"pin, colons", "localhost", self, "", fingerprint(sum), ""},
		{"pin replaces the name", "127.0.0.1", misnamed, "", fingerprint(sha256.Sum256(misnamed.cert.Raw)), ""},
		{"pin replaces the dates", "localhost", expired, "", fingerprint(sha256.Sum256(expired.cert.Raw)), ""},
		{"wrong pin beats a good chain", "localhost", good, caFile, pin, "but " + fingerprint(sum) + " is pinned"},
	} {
		t.Run(row.name, func(t *testing.T) {
			port := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{row.server.tls()}})
			o := Options{Host: row.host, Port: port, CAFile: row.ca, Fingerprint: row.pin}
			conn, err := dial(t, o)
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				converse(t, conn)
				if s := conn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState(); s.Version < tls.VersionTLS12 {
					t.Errorf("TLS version %x", s.Version)
				}
				return
			}
			refused(t, err, row.server, row.want)

			// The same error comes out when the protocol shakes hands later, after STLS.
			o.TLS = StartTLS
			if conn, err = dial(t, o); err != nil {
				t.Fatal(err)
			}
			config, err := o.TLSConfig()
			if err != nil {
				t.Fatal(err)
			}
			refused(t, tls.Client(conn, config).Handshake(), row.server, row.want)
		})
	}
}

func refused(t *testing.T, err error, server *identity, want string) {
	t.Helper()
	var e *CertificateError
	var line net.Error
	if !errors.As(err, &e) || errors.As(err, &line) {
		t.Fatalf("%T %v", err, err)
	}
	print := fingerprint(sha256.Sum256(server.cert.Raw))
	if e.Fingerprint != print || !e.NotAfter.Equal(server.cert.NotAfter) || e.Subject != server.cert.Subject.String() {
		t.Errorf("%+v", e)
	}
	for _, s := range []string{want, print, "compare", "tls_fingerprint", "--tls-fingerprint"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q is not in %v", s, err)
		}
	}
}

func TestHandshakeFailures(t *testing.T) {
	self := issue(t, leaf(), nil)
	old := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{self.tls()}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	plain := serve(t, func(conn net.Conn) {
		conn.Write([]byte("who is there?\r\n"))
		echo(conn)
	})
	ending := serve(t, func(conn net.Conn) { conn.Read(make([]byte, 1)); conn.(*net.TCPConn).CloseWrite(); echo(conn) })
	silent := serve(t, func(conn net.Conn) {
		b := make([]byte, 512)
		for {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	})
	for _, row := range []struct {
		name    string
		port    int
		timeout time.Duration
		want    string
		line    bool // a net.Error: worth trying again
	}{
		{"TLS 1.1 only", old, 0, "the server must speak TLS 1.2 or newer", false},
		{"no TLS", plain, 0, `try tls = "starttls"`, false},
		{"ended", ending, 0, "unexpected EOF", true},
		{"silent", silent, 50 * time.Millisecond, "timeout", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := dial(t, Options{Host: "localhost", Port: row.port, Timeout: row.timeout})
			var line net.Error
			var shake *HandshakeError
			if errors.As(err, &line) != row.line || errors.As(err, &shake) == row.line {
				t.Errorf("%T %v", err, err)
			}
			if !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "connect to localhost:") {
				t.Error(err)
			}
			if row.timeout > 0 && !line.Timeout() {
				t.Error("no timeout", err)
			}
		})
	}
}

func TestCancelledHandshake(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	port := serve(t, func(conn net.Conn) { conn.Read(make([]byte, 1)); cancel(); echo(conn) })
	_, err := (&Options{Host: "localhost", Port: port}).Dial(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestClientCertificate(t *testing.T) {
	ca, server := authority(t, "clients"), issue(t, leaf(), nil)
	client := issue(t, leaf(), ca)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	// TLS 1.2: there the client's certificate is judged within the handshake.
	port := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{server.tls()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: tls.VersionTLS12})
	o := Options{Host: "localhost", Port: port, Fingerprint: fingerprint(sha256.Sum256(server.cert.Raw))}

	var shake *HandshakeError
	if _, err := dial(t, o); !errors.As(err, &shake) {
		t.Errorf("without certificate: %v", err)
	}
	o.ClientCert = client.file(t)
	conn, err := dial(t, o)
	if err != nil {
		t.Fatal(err)
	}
	converse(t, conn)
	o.ClientKey = server.file(t)
	if _, err := dial(t, o); err == nil || !strings.Contains(err.Error(), "private key does not match") {
		t.Errorf("another's key: %v", err)
	}
}

func TestTLSConfigRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"needs the host's name":                         {},
		"is not a fingerprint":                          {Host: "h", Fingerprint: "sha256:abcd"},
		`"sha1:` + strings.Repeat("0", 64) + `" is not`: {Host: "h", Fingerprint: "sha1:" + strings.Repeat("0", 64)},
		"holds none in PEM form":                        {Host: "h", CAFile: empty},
		"no such file":                                  {Host: "h", CAFile: empty + "x"},
		"client certificate":                            {Host: "h", ClientCert: empty},
		`host "ü x"`:                                    {Host: "ü x"},
	} {
		if _, err := o.TLSConfig(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	config, err := (&Options{Host: "pöst.example"}).TLSConfig()
	if err != nil || config.ServerName != "xn--pst-sna.example" || config.MinVersion != tls.VersionTLS12 {
		t.Error(config.ServerName, err)
	}
}
