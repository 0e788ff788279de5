package imap_test

import (
	"context"
	"crypto/tls"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"postie/imap"
	"postie/imap/imaptest"
)

// who is a Login that answers with what it holds.
type who struct {
	client         sasl.Client
	user, password string
	err            error

	mechanisms []string
	state      *tls.ConnectionState
}

func (w *who) Login(_ context.Context, mechanisms []string, _ string, state *tls.ConnectionState) (sasl.Client, string, string, error) {
	w.mechanisms, w.state = mechanisms, state
	return w.client, w.user, w.password, w.err
}

// events collects events and lets a test wait for them.
type events struct {
	mu  sync.Mutex
	all []imap.Event
}

func (e *events) add(ev imap.Event) { e.mu.Lock(); defer e.mu.Unlock(); e.all = append(e.all, ev) }

func (e *events) get() []imap.Event { e.mu.Lock(); defer e.mu.Unlock(); return e.all }

// loggedIn is how most scripts begin: the server greets a client that is logged in already.
func loggedIn(caps string) string { return "S: * PREAUTH [CAPABILITY IMAP4rev1 " + caps + "] hi\n" }

// play starts a script and connects to it. The script must come out as written, unless the test expects otherwise.
func play(t *testing.T, script imaptest.Script, o imap.Options) *imap.Session {
	t.Helper()
	srv := script.Start()
	o.Dial = srv.Dial
	s, err := imap.Connect(t.Context(), o)
	if err != nil {
		t.Fatalf("connect: %v; script: %v", err, srv.Wait())
	}
	t.Cleanup(func() {
		s.Close()
		if err := srv.Wait(); err != nil {
			t.Errorf("script: %v", err)
		}
	})
	return s
}

// script plays text behind a greeting with caps.
func script(t *testing.T, caps, text string) *imap.Session {
	t.Helper()
	return play(t, imaptest.Script{Text: loggedIn(caps) + text}, imap.Options{Idle: 10 * time.Second})
}

// got is a message as a test compares it.
type got struct {
	uid   uint32
	flags string
	body  string
}

func collect(t *testing.T, seq func(func(imap.Message, error) bool)) (all []got, err error) {
	t.Helper()
	for m, e := range seq {
		if e != nil {
			err = e
			continue
		}
		g := got{uid: uint32(m.UID), flags: "?"}
		if m.Flags != nil {
			var f []string
			for _, x := range m.Flags {
				f = append(f, string(x))
			}
			g.flags = strings.Join(f, " ")
		}
		if m.Body != nil {
			b, e := io.ReadAll(m.Body)
			if e != nil {
				g.body = "cut: "
			}
			g.body += string(b)
		}
		all = append(all, g)
	}
	return all, err
}
