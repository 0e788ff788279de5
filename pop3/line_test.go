package pop3_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// whole is a session from begin to end over three messages. It gives the number of complete messages and whether Quit
// succeeded.
func whole(o pop3.Options) (complete int, quit bool, err error) {
	ctx := context.Background()
	s, err := pop3.Connect(ctx, o)
	if err != nil {
		return 0, false, err
	}
	defer s.Close()
	if _, err := s.Survey(ctx); err != nil {
		return 0, false, err
	}
	for m, err := range s.Top(ctx, first(3)) {
		if err != nil {
			return 0, false, err
		}
		if got, err := io.ReadAll(m.Body); err == nil && string(got) != header {
			return 0, false, fmt.Errorf("header taken as complete: %q", got)
		}
	}
	for m, err := range s.Retrieve(ctx, listed(3)) {
		if err != nil {
			return complete, false, err
		}
		got, err := io.ReadAll(m.Body)
		if err == nil && string(got) != header+rest {
			return complete, false, fmt.Errorf("message taken as complete: %q", got)
		}
		if err == nil {
			complete++
		}
	}
	for _, err := range s.Delete(ctx, first(3)) {
		if err != nil {
			return complete, false, err
		}
	}
	err = s.Quit(ctx)
	return complete, err == nil, err
}

const (
	header = "Subject: x\r\n\r\n"
	rest   = "line\r\n.\r\n..\r\nend\r\n"
)

// isLine says whether an error blames the line and nobody else.
func isLine(err error) bool {
	var nonsense *pop3.ProtocolError
	var refusal *pop3.Error
	var ne net.Error
	return !errors.As(err, &nonsense) && !errors.As(err, &refusal) && (errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &ne))
}

// The connection is cut after each octet of a session. All cuts are the line's fault, and nothing cut is complete;
// where the server deleted, three messages had been read.
func TestCuts(t *testing.T) {
	noLeaks(t)
	serverTLS, clientTLS, err := pop3test.SelfSigned("pop.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		o    pop3test.Options
		tls  *tls.Config
		on   pop3test.Event
		step int64
		pipe bool
	}{
		{"octets", pop3test.Options{}, nil, pop3test.Octets, 1, true},
		{"octets one at a time", pop3test.Options{Without: []string{"PIPELINING"}}, nil, pop3test.Octets, 1, true},
		{"octets over TCP", pop3test.Options{}, nil, pop3test.Octets, 7, false},
		{"octets of TLS", pop3test.Options{TLS: serverTLS}, clientTLS, pop3test.Octets, 31, false},
		{"replies", pop3test.Options{}, nil, pop3test.Replies, 1, true},
		{"replies of TLS", pop3test.Options{TLS: serverTLS}, clientTLS, pop3test.Replies, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			messages := make([]pop3test.Message, 3)
			for i := range messages {
				messages[i] = pop3test.Message{Body: []byte(header + rest)}
			}
			server := serve(t, test.o)
			o := pop3.Options{Dial: server.Dial, TLS: test.tls, Login: alice()}
			if test.pipe {
				o.Dial = server.Pipe
			}
			for after := int64(0); ; after += test.step {
				server.SetMaildrop("alice", "secret", messages...)
				server.SetFault(pop3test.Fault{On: test.on, After: after})
				complete, quit, err := whole(o)
				server.Wait()
				left := len(server.Maildrop("alice"))
				if left != 3 && complete != 3 || quit && left != 0 {
					t.Fatalf("after %d: %d complete, %d left, quit %v", after, complete, left, quit)
				}
				if err == nil {
					if after < 10 {
						t.Errorf("nothing was cut after %d", after)
					}
					return
				}
				if !isLine(err) {
					t.Fatalf("after %d: %T %v", after, err, err)
				}
			}
		})
	}
}

// A server that falls silent is a timeout, wherever it does.
func TestSilence(t *testing.T) {
	noLeaks(t)
	for after := range int64(21) {
		server := serve(t, pop3test.Options{}, slices.Repeat([]pop3test.Message{{Body: []byte(header + rest)}}, 3)...)
		server.SetFault(pop3test.Fault{On: pop3test.Replies, After: after, Stall: true})
		_, _, err := whole(pop3.Options{Dial: server.Pipe, Login: alice(), Idle: 20 * time.Millisecond})
		var ne net.Error
		if err != nil && (!errors.As(err, &ne) || !ne.Timeout()) || err == nil && after < 15 {
			t.Errorf("after %d: %T %v", after, err, err)
		}
	}
}

var errStop = errors.New("stop")

// A cancelled context ends whatever is going on, with its cause.
func TestCancel(t *testing.T) {
	start := func(t *testing.T, after int64, dial func(*pop3test.Server) func(context.Context) (net.Conn, error)) (*pop3test.Server, pop3.Options) {
		noLeaks(t)
		server := serve(t, pop3test.Options{}, pop3test.Message{Body: []byte("x\r\n")}, pop3test.Message{}, pop3test.Message{})
		server.SetFault(pop3test.Fault{On: pop3test.Replies, After: after, Stall: true})
		return server, pop3.Options{Dial: dial(server), Login: alice(), Idle: time.Hour}
	}
	pipe := func(s *pop3test.Server) func(context.Context) (net.Conn, error) { return s.Pipe }
	tcp := func(s *pop3test.Server) func(context.Context) (net.Conn, error) { return s.Dial }
	for name, dial := range map[string]func(*pop3test.Server) func(context.Context) (net.Conn, error){"pipe": pipe, "tcp": tcp} {
		t.Run("connect over "+name, func(t *testing.T) {
			for after := range int64(3) { // greeting, CAPA, APOP
				_, o := start(t, after, dial)
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				time.AfterFunc(5*time.Millisecond, func() { cancel(errStop) })
				if _, err := pop3.Connect(ctx, o); !errors.Is(err, errStop) {
					t.Errorf("got %v", err)
				}
			}
		})
		t.Run("retrieve over "+name, func(t *testing.T) {
			_, o := start(t, 4, dial) // stalls after the first RETR
			s, err := pop3.Connect(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			var last error
			n := 0
			for _, err := range s.Retrieve(ctx, listed(3)) {
				if last = err; err == nil {
					n++
					time.AfterFunc(5*time.Millisecond, func() { cancel(errStop) })
				}
			}
			if n != 1 || !errors.Is(last, errStop) {
				t.Errorf("%d messages, %v", n, last)
			}
			if err := s.Quit(context.Background()); !errors.Is(err, errStop) {
				t.Errorf("quit says %v", err)
			}
		})
	}
	t.Run("before anything", func(t *testing.T) {
		server := serve(t, pop3test.Options{}, pop3test.Message{})
		s := connect(t, server.Pipe)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		cancel(errStop)
		if _, err := s.Survey(ctx); !errors.Is(err, errStop) {
			t.Errorf("got %v", err)
		}
		if items, err := s.Survey(context.Background()); err != nil || len(items) != 1 {
			t.Errorf("nothing was asked, yet the session is over: %v, %v", items, err)
		}
		if _, err := pop3.Connect(ctx, pop3.Options{Dial: server.Pipe, Login: alice()}); !errors.Is(err, errStop) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("in a body", func(t *testing.T) {
		p := pop3test.Script{Text: in() + "C: RETR 1\n" + `S: "+OK\r\nhalf a li"` + "\nSILENCE"}.Play()
		s := connect(t, p.Dial)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		var last error
		for m, err := range s.Retrieve(ctx, listed(1)) {
			if last = err; err != nil {
				break
			}
			time.AfterFunc(5*time.Millisecond, func() { cancel(errStop) })
			if got, err := io.ReadAll(m.Body); !errors.Is(err, errStop) {
				t.Errorf("read %q, %v", got, err)
			}
		}
		if !errors.Is(last, errStop) {
			t.Errorf("got %v", last)
		}
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// Close ends a method from another goroutine.
func TestCloseFromElsewhere(t *testing.T) {
	noLeaks(t)
	server := serve(t, pop3test.Options{}, pop3test.Message{})
	server.SetFault(pop3test.Fault{On: pop3test.Replies, After: 3, Stall: true})
	s := connect(t, server.Pipe)
	time.AfterFunc(5*time.Millisecond, func() { s.Close() })
	if _, err := s.Survey(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// A server that takes commands octet by octet, and answers each before it takes the next, over a line that buffers
// nothing, is served all the same.
func TestNeitherSideBlocks(t *testing.T) {
	const n = 200
	script := in("PIPELINING", "UIDL", "TOP")
	var items []pop3.Item
	for i := range n {
		items = append(items, pop3.Item{Number: pop3.Number(i + 1), Size: int64(100*i + 2)})
		script += fmt.Sprintf("C: RETR %d\n"+`S: "+OK\r\n%s\r\n.\r\n"`+"\n", i+1, strings.Repeat("x", 100*i))
	}
	s := connect(t, play(t, script))
	all, err := read(s.Retrieve(context.Background(), slices.Values(items)))
	if err != nil || len(all) != n || len(all[n-1].Body) != 100*(n-1)+2 {
		t.Error(len(all), err)
	}
}
