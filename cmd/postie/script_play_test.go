package main

import (
	"crypto/tls"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"postie/imap/imaptest"
	"postie/pop3/pop3test"
)

type stages struct{}

// stage is a server that plays what is written.
type stage struct{ connections atomic.Int32 }

// play NAME FILE [tls]: a server that plays the dialogue in FILE (see imaptest; it speaks POP3 as well) to who connects.
// Lines of === part what is played to the first one, the second and so on; the last part is played to all that follow.
// It sets $NAME to HOST:PORT and $NAME_PORT. With tls it speaks TLS at once.
func play(ts *testscript.TestScript, neg bool, args []string) {
	config, _, err := pop3test.SelfSigned("127.0.0.1")
	ts.Check(err)
	parts := strings.Split(ts.ReadFile(args[1]), "===\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	if len(args) > 2 {
		listener = tls.NewListener(listener, config)
	}
	ts.Defer(func() { listener.Close() })
	s := &stage{}
	ts.Value(stages{}).(map[string]*stage)[args[0]] = s
	ts.Setenv(args[0], listener.Addr().String())
	ts.Setenv(args[0]+"_PORT", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n := int(s.connections.Add(1))
			text := os.Expand(parts[min(n, len(parts))-1], func(name string) string {
				if name == "PW" {
					return ts.Getenv(name)
				}
				return "$" + name
			})
			go func() {
				if err := (imaptest.Script{Text: text, TLS: config}).Run(conn); err != nil && !strings.Contains(err.Error(), "EOF") {
					ts.Logf("%s, connection %d: %v", args[0], n, err)
				}
			}()
		}
	}()
}

// played NAME N: so many connections were made.
func played(ts *testscript.TestScript, neg bool, args []string) {
	if n := ts.Value(stages{}).(map[string]*stage)[args[0]].connections.Load(); strconv.Itoa(int(n)) != args[1] {
		ts.Fatalf("%d connections to %s, want %s", n, args[0], args[1])
	}
}
