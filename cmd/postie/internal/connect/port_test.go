package connect

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A port where something else is spoken is told at once, or after a second of silence, and not by the time limit.
func TestWrongPorts(t *testing.T) {
	self := issue(t, leaf(), nil)
	says := func(greeting string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, greeting)
			io.Copy(io.Discard, c)
		}
	}
	secure := func(greeting string, alpn ...string) int {
		return serve(t, func(c net.Conn) {
			says(greeting)(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{self.tls()}, NextProtos: alpn}))
		})
	}
	web := func(c net.Conn) {
		if n, _ := c.Read(make([]byte, 512)); n > 0 {
			says("HTTP/1.1 400 Bad Request\r\n\r\n")(c)
		}
	}
	for name, tt := range map[string]struct {
		port     int
		tls      Mode
		protocol string
		want     string // "": nothing is wrong
	}{
		"IMAP":                    {serve(t, says("* OK hi\r\n")), None, "IMAP", ""},
		"IMAP over TLS":           {secure("* OK hi\r\n"), Implicit, "IMAP", ""},
		"POP3":                    {serve(t, says("+OK hi\r\n")), StartTLS, "POP3", ""},
		"IMAP that says goodbye":  {serve(t, says("* BYE not now\r\n")), None, "IMAP", ""},
		"anything":                {serve(t, says("220 hi\r\n")), None, "", ""},
		"TLS without":             {secure("* OK hi\r\n"), None, "IMAP", "waits for TLS"},
		"TLS with STARTTLS":       {secure("+OK hi\r\n"), StartTLS, "POP3", "waits for TLS"},
		"no TLS with it":          {serve(t, says("* OK hi\r\n")), Implicit, "IMAP", "speaks no TLS: it seems to be a port for IMAP"},
		"IMAP for POP3":           {serve(t, says("* OK hi\r\n")), None, "POP3", "speaks IMAP, not POP3"},
		"POP3 for IMAP":           {serve(t, says("+OK hi\r\n")), StartTLS, "IMAP", "speaks POP3, not IMAP"},
		"POP3 for IMAP, over TLS": {secure("+OK hi\r\n"), Implicit, "IMAP", "speaks POP3 over TLS, not IMAP"},
		"SMTP":                    {serve(t, says("220 mx ESMTP\r\n")), None, "IMAP", "speaks SMTP"},
		"SMTP for TLS":            {serve(t, says("220 mx ESMTP\r\n")), Implicit, "POP3", "speaks no TLS: it seems to be a port for SMTP"},
		"FTP":                     {serve(t, says("220 (vsFTPd 3.0)\r\n")), None, "IMAP", "speaks FTP"},
		"SSH":                     {serve(t, says("SSH-2.0-OpenSSH\r\n")), None, "IMAP", "speaks SSH"},
		"HTTP":                    {serve(t, web), None, "IMAP", "speaks HTTP"},
		"HTTP for TLS":            {serve(t, web), Implicit, "IMAP", "port for HTTP"},
		"HTTPS":                   {secure("", "h2", "http/1.1"), Implicit, "POP3", "speaks HTTP over TLS"},
		"HTTPS without TLS":       {secure("", "http/1.1"), None, "POP3", "speaks HTTP"},
		"a slow one, TLS or not":  {serve(t, func(c net.Conn) { time.Sleep(2 * quiet); says("+OK hi\r\n")(c) }), None, "POP3", ""},
		"a slow one, over TLS too": {serve(t, func(c net.Conn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{self.tls()}})
			s.Handshake()
			time.Sleep(2 * quiet)
			says("+OK hi\r\n")(s)
		}), Implicit, "POP3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&Options{Host: "localhost", Port: tt.port, TLS: tt.tls, Protocol: tt.protocol, CAFile: self.file(t)}).Dial(t.Context())
			if err == nil {
				defer conn.Close()
				conn.SetReadDeadline(time.Now().Add(time.Minute))
				_, err = conn.Read(make([]byte, 100))
			}
			if conn != nil && tt.tls == Implicit {
				if state, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); !ok || !state.ConnectionState().HandshakeComplete {
					t.Error("the protocol does not see TLS")
				}
			}
			var port *PortError
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.As(err, &port) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v", err)
			}
		})
	}
}
