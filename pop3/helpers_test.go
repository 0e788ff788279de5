package pop3_test

import (
	"context"
	"crypto/tls"
	"io"
	"iter"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// login is a pop3.Login of fixed answers; it keeps what it was asked with.
type login struct {
	client         sasl.Client
	user, password string
	err            error

	mechanisms []string
	stamp      string
	state      *tls.ConnectionState
}

func (l *login) Login(_ context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) (sasl.Client, string, string, error) {
	l.mechanisms, l.stamp, l.state = mechanisms, stamp, state
	return l.client, l.user, l.password, l.err
}

// alice logs in by USER and PASS, or APOP.
func alice() *login { return &login{user: "alice", password: "secret"} }

// serve starts a server that ends with the test, with a maildrop of alice.
func serve(t testing.TB, o pop3test.Options, messages ...pop3test.Message) *pop3test.Server {
	t.Helper()
	s := pop3test.NewServer(o)
	s.SetMaildrop("alice", "secret", messages...)
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect logs alice in.
func connect(t testing.TB, dial func(context.Context) (net.Conn, error)) *pop3.Session {
	t.Helper()
	s, err := pop3.Connect(context.Background(), pop3.Options{Dial: dial, Login: alice(), Idle: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// play starts a script and demands that the client keeps to it.
func play(t testing.TB, script string) func(context.Context) (net.Conn, error) {
	t.Helper()
	return playTLS(t, script, nil)
}

func playTLS(t testing.TB, script string, config *tls.Config) func(context.Context) (net.Conn, error) {
	t.Helper()
	p := pop3test.Script{Text: script, TLS: config}.Play()
	conn, _ := p.Dial(context.Background())
	t.Cleanup(func() {
		conn.Close()
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	})
	return p.Dial
}

// in is a script up to the TRANSACTION state, with the capabilities given.
func in(capabilities ...string) string {
	capa := "C: CAPA\nS: +OK\n"
	for _, c := range capabilities {
		capa += "S: " + c + "\n"
	}
	capa += "S: .\n"
	s := "S: +OK ready\n" + capa + "C: USER alice\nS: +OK\nC: PASS secret\nS: +OK\n"
	if !(slices.Contains(capabilities, "UIDL") && slices.Contains(capabilities, "TOP") && slices.Contains(capabilities, "PIPELINING")) {
		s += capa
	}
	return s
}

// first yields 1 to n.
func first(n int) iter.Seq[pop3.Number] {
	return func(yield func(pop3.Number) bool) {
		for i := range n {
			if !yield(pop3.Number(i + 1)) {
				return
			}
		}
	}
}

// listed yields 1 to n as items whose size no message falls short of, unless it is empty.
func listed(n int) iter.Seq[pop3.Item] { return sized(n, 1) }

// sized yields 1 to n as items of a size.
func sized(n int, size int64) iter.Seq[pop3.Item] {
	return func(yield func(pop3.Item) bool) {
		for number := range first(n) {
			if !yield(pop3.Item{Number: number, Size: size}) {
				return
			}
		}
	}
}

// got is a message that was read to its end.
type got struct {
	Number  pop3.Number
	Body    string
	Refused string
}

// read collects complete messages, and the error.
func read(seq iter.Seq2[pop3.Message, error]) (all []got, err error) {
	for m, err := range seq {
		if err != nil {
			return all, err
		}
		g := got{Number: m.Number}
		if m.Refused != nil {
			g.Refused = m.Refused.Error()
		} else {
			body, err := io.ReadAll(m.Body)
			if err != nil {
				continue // the iteration has to say so itself
			}
			g.Body = string(body)
		}
		all = append(all, g)
	}
	return all, nil
}

// noLeaks fails the test if goroutines of this package outlive it.
func noLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		buf := make([]byte, 1<<20)
		for range 500 {
			if !strings.Contains(string(buf[:runtime.Stack(buf, true)]), "pop3.(*Session)") {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("goroutines left:\n%s", buf)
	})
}
