package connect

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// TLSConfig is the policy for implicit TLS as well as for STARTTLS and STLS: TLS 1.2 and up (RFC 8997, RFC 9325
// section 3.1.1), chain and host name checked, or the pin instead. What is wrong with a certificate comes out of any
// handshake with it as *CertificateError.
func (o *Options) TLSConfig() (*tls.Config, error) {
	host, err := o.serverName()
	if err != nil {
		return nil, err
	}
	// x509 takes an empty name as 'check no name'.
	if host == "" && o.Fingerprint == "" {
		return nil, errors.New("TLS needs the host's name, or a pin, to know the server by")
	}
	v := verifier{host: host}
	if v.pin, err = parsePin(o.Fingerprint); err != nil {
		return nil, err
	}
	if v.roots, err = o.roots(); err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: host,
		// crypto/tls would check before it calls us, and its error names no fingerprint; so its own check is off and
		// VerifyConnection, which runs in every handshake, resumed ones too, does the same or compares the pin.
		InsecureSkipVerify: true,
		VerifyConnection:   v.verify,
	}
	if o.ClientCert != "" {
		cert, err := o.clientCertificate()
		if err != nil {
			return nil, err
		}
		// Always presented: left to itself crypto/tls withholds it in silence if the server names other authorities.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return config, nil
}

func (o *Options) clientCertificate() (*tls.Certificate, error) {
	key := o.ClientKey
	if key == "" {
		key = o.ClientCert
	}
	cert, err := tls.LoadX509KeyPair(o.ClientCert, key)
	if err != nil {
		return nil, fmt.Errorf("client certificate %s, key %s: %w", o.ClientCert, key, err)
	}
	return &cert, nil
}

// roots are the system's and those of CAFile; nil leaves it to the system's verifier.
func (o *Options) roots() (*x509.CertPool, error) {
	if o.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("root certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without roots of its own
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("root certificates: %s holds none in PEM form", o.CAFile)
	}
	return pool, nil
}

// parsePin reads a fingerprint; nil for none.
func parsePin(s string) (*[sha256.Size]byte, error) {
	if s == "" {
		return nil, nil
	}
	kind, digits, _ := strings.Cut(strings.ToLower(s), ":")
	sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if kind != "sha256" || err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("%q is not a fingerprint: it is written sha256: and 64 hex digits", s)
	}
	return (*[sha256.Size]byte)(sum), nil
}

// HandshakeError says that the two sides found no common TLS: trying again will not help. It is no net.Error.
type HandshakeError struct {
	Hint string
	Err  error
}

func (e *HandshakeError) Error() string {
	text := "TLS handshake: " + e.Err.Error()
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// handshake closes conn if it fails.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, where string) (net.Conn, error) {
	t := tls.Client(conn, config)
	err := t.HandshakeContext(ctx)
	if err == nil {
		return t, nil
	}
	// The handshake's error tells more than that of closing what is broken.
	conn.Close()
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if heard := speaks(plain.RecordHeader[:]); heard != "" {
			return nil, &PortError{Where: where, Speaks: heard, Expected: "TLS"}
		}
	}
	return nil, blame(lost(err))
}

// blame tells a server that cannot from a line that broke.
func blame(err error) error {
	op, isOp := errors.AsType[*net.OpError](err)
	_, isLine := errors.AsType[net.Error](err)
	_, isCertificate := errors.AsType[*CertificateError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isOp && (op.Op == "remote error" || op.Op == "local error"):
		return &HandshakeError{Err: op.Err, Hint: hint(op.Err)} // an alert: crypto/tls dresses it as an error of the line
	case isLine, isCertificate, errors.Is(err, context.Canceled):
		return err
	case isPlain:
		return &HandshakeError{Err: err, Hint: `the server speaks no TLS here: try tls = "starttls", or another port`}
	}
	return &HandshakeError{Err: err, Hint: hint(err)}
}

func hint(err error) string {
	if strings.Contains(err.Error(), "protocol version") {
		return "the server must speak TLS 1.2 or newer"
	}
	return ""
}
