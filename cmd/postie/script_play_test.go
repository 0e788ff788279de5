package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"postie/imap/imaptest"
	"postie/pop3/pop3test"
)

type stages struct{}

// stage is a server that plays what is written.
type stage struct {
	connections atomic.Int32

	mu       sync.Mutex
	problems []string // that the script logs at its end: only its own goroutine may
}

// play answers connection n.
func (s *stage) play(n int, conn net.Conn, script imaptest.Script) {
	err := script.Run(conn)
	if err == nil || strings.Contains(err.Error(), "EOF") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf("connection %d: %v", n, err))
}

// log tells what went wrong.
func (s *stage) log(ts *testscript.TestScript, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, problem := range s.problems {
		ts.Logf("%s, %s", name, problem)
	}
}

// play NAME FILE [tls]: a server that plays the dialogue in FILE (see imaptest; it speaks POP3 as well) to who connects.
// $PW in it is the password as it is then. Lines of === part what is played to the first one, the second and so on; the last part is played to all that follow.
// It sets $NAME to HOST:PORT and $NAME_PORT. With tls it speaks TLS at once.
func play(ts *testscript.TestScript, neg bool, args []string) {
	config, _, err := pop3test.SelfSigned("127.0.0.1")
	ts.Check(err)
	password := ts.Getenv("PW")
	text := os.Expand(ts.ReadFile(args[1]), func(name string) string {
		if name == "PW" {
			return password
		}
		return "$" + name
	})
	parts := strings.Split(text, "===\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	if len(args) > 2 {
		listener = tls.NewListener(listener, config)
	}
	s := &stage{}
	ts.Defer(func() { listener.Close(); s.log(ts, args[0]) })
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
			go s.play(n, conn, imaptest.Script{Text: parts[min(n, len(parts))-1], TLS: config})
		}
	}()
}

// played NAME N: so many connections were made.
func played(ts *testscript.TestScript, neg bool, args []string) {
	if n := ts.Value(stages{}).(map[string]*stage)[args[0]].connections.Load(); strconv.Itoa(int(n)) != args[1] {
		ts.Fatalf("%d connections to %s, want %s", n, args[0], args[1])
	}
}
