package connect

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// PortError says that another protocol is spoken at a port than was expected there: trying again will not help.
type PortError struct {
	Where    string // HOST:PORT
	Speaks   string // "TLS", "IMAP", "POP3", "SMTP", "HTTP", "FTP", "SSH"
	TLS      bool   // under TLS
	Expected string // "IMAP", "POP3"; "TLS": that and no more
}

func (e *PortError) Error() string {
	switch {
	case e.Speaks == "TLS":
		return e.Where + " waits for TLS: it seems to be a port where TLS begins at once"
	case e.Expected == "TLS":
		return fmt.Sprintf("%s speaks no TLS: it seems to be a port for %s without TLS, or with STARTTLS", e.Where, e.Speaks)
	case e.TLS:
		return fmt.Sprintf("%s speaks %s over TLS, not %s: it seems to be a port for %s", e.Where, e.Speaks, e.Expected, e.Speaks)
	}
	return fmt.Sprintf("%s speaks %s, not %s: it seems to be a port for %s", e.Where, e.Speaks, e.Expected, e.Speaks)
}

// quiet is how long a server may take for its greeting before it is looked into why. Silence is what a server answers that
// waits for TLS, or for the request of a browser; a slow one is waited for all the same.
const quiet = time.Second

// speaks tells a protocol by the first octets of a server; "": it is not known.
func speaks(first []byte) string {
	for _, g := range []struct{ begins, protocol string }{
		{"* OK", "IMAP"}, {"* PREAUTH", "IMAP"}, {"* BYE", "IMAP"}, {"+OK", "POP3"}, {"-ERR", "POP3"}, {"HTTP/", "HTTP"}, {"<!DOC", "HTTP"}, {"<html", "HTTP"},
		{"SSH-", "SSH"}, {"\x15\x03", "TLS"}, {"\x16\x03", "TLS"}, {"220 ", "SMTP"}, {"220-", "SMTP"}, {"554 ", "SMTP"}, {"421 ", "SMTP"},
	} {
		if bytes.HasPrefix(first, []byte(g.begins)) {
			if g.protocol == "SMTP" && strings.Contains(strings.ToUpper(string(first)), "FTP") {
				return "FTP"
			}
			return g.protocol
		}
	}
	return ""
}

// greeting watches the first Read of a connection: what is no greeting of the protocol ends it, and where there is none for
// a while a second connection finds out what the server waits for.
type greeting struct {
	net.Conn
	o     *Options
	where string
	tls   bool
	first sync.Once

	mu    sync.Mutex
	found error
}

func (g *greeting) Read(p []byte) (n int, err error) {
	done := false
	g.first.Do(func() {
		done = true
		n, err = g.greet(p)
	})
	if !done {
		n, err = g.Conn.Read(p)
	}
	return n, err
}

func (g *greeting) greet(p []byte) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if len(g.o.Tunnel) == 0 {
		go g.wonder(ctx)
	}
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch heard := speaks(p[:n]); {
	case g.found != nil:
		return 0, g.found
	case heard != "" && heard != g.o.Protocol:
		return 0, g.error(heard)
	}
	return n, err
}

func (g *greeting) error(heard string) error {
	return &PortError{Where: g.where, Speaks: heard, TLS: g.tls, Expected: g.o.Protocol}
}

// wonder ends the wait for a greeting that will not come.
func (g *greeting) wonder(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(quiet):
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	heard := g.o.probe(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if ctx.Err() == nil && heard != "" && heard != g.o.Protocol && !(g.tls && heard == "TLS") {
		g.found = g.error(heard)
		g.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// probe says what is spoken at a silent port: "TLS", "HTTP", another protocol, or "" if it does not tell. Its handshake is not
// meant to lead anywhere, so nobody's certificate matters.
func (o *Options) probe(ctx context.Context) string {
	conn, err := o.open(ctx)
	if err != nil {
		return ""
	}
	defer conn.Close()
	t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: o.Host, NextProtos: []string{"http/1.1", "imap", "pop3"}})
	err = t.HandshakeContext(ctx)
	var other tls.RecordHeaderError
	var alert tls.AlertError
	switch op, isOp := errors.AsType[*net.OpError](err); {
	case err == nil && t.ConnectionState().NegotiatedProtocol == "http/1.1":
		return "HTTP"
	case err == nil, errors.As(err, &alert), isOp && op.Op == "remote error":
		return "TLS"
	case errors.As(err, &other):
		return speaks(other.RecordHeader[:])
	}
	return ""
}

// secure is a greeting over TLS: the protocols ask it for its state.
type secure struct {
	*tls.Conn
	greeting *greeting
}

func (s *secure) Read(p []byte) (int, error) { return s.greeting.Read(p) }

// watched is conn with an eye on its greeting.
func (o *Options) watched(conn net.Conn) net.Conn {
	if o.Protocol == "" {
		return conn
	}
	g := &greeting{Conn: conn, o: o, where: o.where()}
	if t, ok := conn.(*tls.Conn); ok {
		g.tls = true
		return &secure{t, g}
	}
	return g
}
