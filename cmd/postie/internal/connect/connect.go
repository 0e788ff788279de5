// Package connect opens connections to mail servers: TCP, through a SOCKS5 proxy or a tunnel command, and TLS with
// its policy. Failures of the line are net.Error; *CertificateError and *HandshakeError are not.
package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/net/proxy"
)

// Mode says when TLS begins.
type Mode uint8

const (
	Implicit Mode = iota // in Dial
	StartTLS             // later, by the protocol, with TLSConfig
	None                 // never
)

// Options say where to connect, and how.
type Options struct {
	Host        string // name (IDN allowed) or IP address; may be empty with Tunnel
	Port        int
	Protocol    string // "IMAP" or "POP3": what is expected there, to tell a wrong port; "": anything
	TLS         Mode
	CAFile      string        // PEM: roots beside the system's
	Fingerprint string        // pin, "sha256:" and hex digits, colons allowed: replaces chain and name checks
	ClientCert  string        // PEM
	ClientKey   string        // PEM; empty: in ClientCert
	Tunnel      []string      // command whose standard input and output are the connection
	Environ     []string      // of Tunnel; nil: ours
	Proxy       string        // socks5://[USER:PASSWORD@]HOST:PORT; it resolves Host
	Timeout     time.Duration // of Dial, TLS handshake included; 0: 60 s
}

// Dial connects, and with Implicit also does the TLS handshake: the result is then a *tls.Conn. All addresses of the
// host are tried. Reads and writes have no deadline yet. When ctx is cancelled the error wraps context.Canceled.
func (o *Options) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := o.dial(ctx)
	if errors.Is(ctx.Err(), context.Canceled) && err != nil {
		err = ctx.Err() // the SOCKS client makes a timeout of it
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.where(), err)
	}
	return o.watched(conn), nil
}

func (o *Options) dial(ctx context.Context) (net.Conn, error) {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if o.TLS != Implicit {
		return o.open(ctx)
	}
	config, err := o.TLSConfig() // first: what is wrong with it needs no network
	if err != nil {
		return nil, err
	}
	conn, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	return handshake(ctx, conn, config, o.where())
}

// open makes the connection below TLS.
func (o *Options) open(ctx context.Context) (net.Conn, error) {
	if len(o.Tunnel) > 0 {
		return openTunnel(o.Tunnel, o.Environ)
	}
	host, err := o.serverName()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(host, strconv.Itoa(o.Port))
	// A connection in IDLE says nothing for half an hour: keepalive probes hold it open in NAT tables.
	direct := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
	if o.Proxy == "" {
		return direct.DialContext(ctx, "tcp", address)
	}
	u, err := o.proxy()
	if err != nil {
		return nil, err
	}
	return throughProxy(ctx, u, direct, address)
}

// throughProxy connects by SOCKS5 (RFC 1928). The name goes to the proxy unresolved, so that DNS says nothing here.
func throughProxy(ctx context.Context, u *url.URL, direct *net.Dialer, address string) (net.Conn, error) {
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", u.Host, auth, direct)
	if err != nil {
		return nil, err
	}
	c, ok := d.(proxy.ContextDialer)
	if !ok {
		return nil, errors.New("SOCKS5 without a context")
	}
	return c.DialContext(ctx, "tcp", address)
}

// proxy parses Proxy. Its error repeats nothing of it: there may be a password in it.
func (o *Options) proxy() (*url.URL, error) {
	u, err := url.Parse(o.Proxy)
	if err != nil || u.Scheme != "socks5" && u.Scheme != "socks5h" || u.Port() == "" {
		return nil, errors.New("proxy is not socks5://HOST:PORT")
	}
	return u, nil
}

// serverName is Host as DNS and certificates spell it (RFC 5891).
func (o *Options) serverName() (string, error) {
	for _, r := range o.Host {
		if r >= 0x80 {
			name, err := idna.Lookup.ToASCII(o.Host)
			if err != nil {
				return "", fmt.Errorf("host %q: %w", o.Host, err)
			}
			return name, nil
		}
	}
	return o.Host, nil
}

// where names the other end for people.
func (o *Options) where() string {
	if len(o.Tunnel) > 0 {
		return "tunnel " + strconv.Quote(o.Tunnel[0])
	}
	at := net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
	if u, err := o.proxy(); err == nil {
		at += " through the proxy " + u.Host
	}
	return at
}

// lost makes a net.Error of a connection that ended or fell silent during the handshake.
func lost(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = os.ErrDeadlineExceeded
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	default:
		return err
	}
	return &net.OpError{Op: "TLS handshake", Err: err}
}
