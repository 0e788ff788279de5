package connect

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestRefusedPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	_, err = dial(t, Options{Host: "127.0.0.1", Port: port})
	var line *net.OpError
	if !errors.As(err, &line) || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "connect to 127.0.0.1:"+strconv.Itoa(port)) {
		t.Error(err)
	}
}

func TestUnknownHost(t *testing.T) {
	// Not a name that DNS could carry: the resolver says so without asking anybody.
	_, err := dial(t, Options{Host: "a..invalid", Port: 1, TLS: None})
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, o := range []Options{{Host: "127.0.0.1", Port: 1, TLS: None}, {Host: "127.0.0.1", Port: 1, TLS: None, Proxy: "socks5://127.0.0.1:1"}} {
		if _, err := o.Dial(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// socks is a SOCKS5 server that connects every name it is asked for to one port, and tells the names. With password
// it demands user "u" and that password.
func socks(t *testing.T, to int, password string, names chan<- string) int {
	return serve(t, func(conn net.Conn) {
		read := func(n int) []byte {
			b := make([]byte, n)
			if _, err := io.ReadFull(conn, b); err != nil {
				return make([]byte, n)
			}
			return b
		}
		methods := string(read(int(read(2)[1])))
		switch {
		case password == "":
			conn.Write([]byte{5, 0})
		case !strings.Contains(methods, "\x02"):
			conn.Write([]byte{5, 0xff}) // RFC 1928 section 3: no acceptable methods
			return
		default:
			conn.Write([]byte{5, 2})
			user := string(read(int(read(2)[1])))
			if given := string(read(int(read(1)[0]))); user != "u" || given != password {
				conn.Write([]byte{1, 1})
				return
			}
			conn.Write([]byte{1, 0})
		}
		if head := read(4); head[3] != 3 {
			conn.Write([]byte{5, 8, 0, 1, 0, 0, 0, 0, 0, 0}) // address type not supported: the name was resolved too early
			return
		}
		name := string(read(int(read(1)[0])))
		names <- net.JoinHostPort(name, strconv.Itoa(int(binary.BigEndian.Uint16(read(2)))))
		target, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(to)))
		if err != nil {
			conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0}) // connection refused
			return
		}
		defer target.Close()
		conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		go io.Copy(target, conn)
		io.Copy(conn, target)
	})
}

func TestProxy(t *testing.T) {
	self := issue(t, leaf(), nil)
	target := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{self.tls()}})
	names := make(chan string, 1)
	open, locked := socks(t, target, "", names), socks(t, target, "hush", names)
	at := func(user string, port int) string { return "socks5://" + user + "127.0.0.1:" + strconv.Itoa(port) }
	o := Options{Host: "mail.invalid", Port: 995, Fingerprint: fingerprint(sha256.Sum256(self.cert.Raw))}
	for _, row := range []struct{ proxy, want string }{
		{at("", open), ""},
		{at("u:hush@", locked), ""},
		{at("u:wrong@", locked), "username/password authentication failed"},
		{at("", locked), "no acceptable authentication methods"},
		{at("u:hush@", 1), "connect to mail.invalid:995 through the proxy 127.0.0.1:1: "},
	} {
		o.Proxy = row.proxy
		conn, err := dial(t, o)
		if row.want != "" {
			var line net.Error
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hush") || !errors.As(err, &line) {
				t.Errorf("%s: %v", row.proxy, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", row.proxy, err)
		}
		converse(t, conn)
		if got := <-names; got != "mail.invalid:995" {
			t.Errorf("the proxy was asked for %s", got)
		}
	}
	o.Proxy = "http://u:hush@127.0.0.1:1"
	if _, err := dial(t, o); err == nil || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

func TestProxyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	port := serve(t, func(conn net.Conn) { conn.Read(make([]byte, 1)); cancel(); echo(conn) })
	// What the server echoes to the first byte is no answer of SOCKS5, but it comes after the end of ctx or not at all.
	_, err := (&Options{Host: "h", Port: 1, TLS: None, Proxy: "socks5://127.0.0.1:" + strconv.Itoa(port)}).Dial(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
