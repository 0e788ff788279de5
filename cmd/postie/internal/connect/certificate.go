package connect

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CertificateError is a server certificate that was not accepted.
type CertificateError struct {
	Host        string
	Fingerprint string // SHA-256 of the DER form: "sha256:AA:BB:…"
	Pinned      string // the one that was expected, if any
	Subject     string
	Issuer      string
	NotBefore   time.Time
	NotAfter    time.Time
	SelfSigned  bool
	Err         error // of crypto/x509; nil if it is not the pinned one
}

func (e *CertificateError) Error() string {
	const compare = "compare it with what the server's owner tells you by another way than this connection"
	if e.Pinned != "" {
		return fmt.Sprintf("certificate of %s refused: its SHA-256 fingerprint is %s, but %s is pinned; either it was renewed or somebody sits in between: %s before you change tls_fingerprint or --tls-fingerprint", e.Host, e.Fingerprint, e.Pinned, compare)
	}
	return fmt.Sprintf("certificate of %s refused: %s (subject %q, issuer %q); its SHA-256 fingerprint is %s: %s, and only if they are equal pin it: tls_fingerprint = %q (or --tls-fingerprint)", e.Host, e.why(), e.Subject, e.Issuer, e.Fingerprint, compare, e.Fingerprint)
}

func (e *CertificateError) Unwrap() error { return e.Err }

// why puts the reason into plain words where crypto/x509 does not.
func (e *CertificateError) why() string {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](e.Err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](e.Err)
	switch {
	case unknown && e.SelfSigned:
		return "it is self-signed"
	case unknown:
		return "it is signed by an authority that this machine does not know"
	case isInvalid && invalid.Reason == x509.Expired:
		return fmt.Sprintf("it, or one that it rests on, is valid from %s to %s only, and the clock here says %s", day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), day(time.Now()))
	}
	return strings.TrimPrefix(e.Err.Error(), "x509: ")
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// verifier checks what a server presents.
type verifier struct {
	host  string
	pin   *[sha256.Size]byte // nil: chain and name are checked
	roots *x509.CertPool     // nil: the system's
}

func (v *verifier) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server presents no certificate")
	}
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	if v.pin != nil {
		if sum == *v.pin {
			return nil
		}
		e := v.refuse(leaf, nil)
		e.Pinned = fingerprint(*v.pin)
		return e
	}
	// As crypto/tls does itself.
	chain := x509.VerifyOptions{Roots: v.roots, DNSName: v.host, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		chain.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(chain); err != nil {
		return v.refuse(leaf, err)
	}
	return nil
}

func (v *verifier) refuse(leaf *x509.Certificate, err error) *CertificateError {
	return &CertificateError{
		Host: v.host, Fingerprint: fingerprint(sha256.Sum256(leaf.Raw)), Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, SelfSigned: bytes.Equal(leaf.RawSubject, leaf.RawIssuer), Err: err,
	}
}

// fingerprint writes a digest the way openssl does.
func fingerprint(sum [sha256.Size]byte) string {
	return "sha256:" + strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
