package dovecot

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/emersion/go-sasl"
)

// User logs in with the password that all users have: a Login of packages imap and pop3.
type User string

// Login gives name and password.
func (u User) Login(context.Context, []string, string, *tls.ConnectionState) (sasl.Client, string, string, error) {
	return nil, string(u), Password, nil
}

// DialIMAP connects to the server, without TLS.
func (s *Server) DialIMAP(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", Address(s.IMAP))
}
