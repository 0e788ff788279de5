package pop3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// on makes a session that reads what is given, in pieces of n octets (0: all at once), and whose commands go nowhere.
func on(octets []byte, pieces int) *Session {
	var r io.Reader = bytes.NewReader(octets)
	if pieces > 0 {
		r = &chopped{r, pieces}
	}
	s := &Session{fence: newFence(&still{Reader: r}, time.Minute), window: 1, queue: make(chan string, 9), over: make(chan struct{})}
	if err := s.greet(); err != nil {
		panic(err) // the greeting is the test's own
	}
	return s
}

// chopped reads n octets at a time.
type chopped struct {
	io.Reader
	n int
}

func (c *chopped) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.n)]) }

// still is a connection that says what it has to say.
type still struct {
	net.Conn
	io.Reader
	deadlines []time.Time
}

func (s *still) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *still) Write(p []byte) (int, error) { return len(p), nil }
func (s *still) SetDeadline(time.Time) error { return nil }
func (s *still) Close() error                { return nil }

func (s *still) SetReadDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

// Idle is about silence, not about the time it all takes: each read of the line has a deadline of its own.
func TestIdle(t *testing.T) {
	const wire = "+OK\r\nbody\r\n.\r\n"
	begin := time.Now()
	s := on([]byte(wire), 1)
	defer s.Close()
	if err := newBody(s.fence).skip(); err != nil {
		t.Fatal(err)
	}
	got := s.fence.Conn.(*still).deadlines
	if len(got) != len(wire) || got[0].Before(begin.Add(time.Minute)) || !slices.IsSortedFunc(got, time.Time.Compare) || got[0].Equal(got[len(got)-1]) {
		t.Errorf("deadlines %v", got)
	}
}

// unstuff is the naive reference: the body, and how many octets of wire it took, or false when there is no end.
func unstuff(wire []byte) (body []byte, n int, ok bool) {
	start := true
	for n < len(wire) {
		if start && wire[n] == '.' {
			if bytes.HasPrefix(wire[n:], []byte(".\r\n")) {
				return body, n + 3, true
			}
			n++
		}
		if n < len(wire) {
			body = append(body, wire[n])
			n++
		}
		start = bytes.HasSuffix(wire[:n], []byte("\r\n"))
	}
	return body, n, false
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", ".\r\n", "a\r\n.\r\n", "..\r\n.\r\n+OK", ".\r.\r\n.\r\n", "\r\r\n.\r\n", "a\n.\nb\r\n.x\r\n.\r\n", "\r", "\r\n", "\r\n.", "\r\n.\r", ".", ".."} {
		f.Add([]byte(seed), uint8(1), uint8(1))
		f.Add([]byte(seed), uint8(0), uint8(0))
		f.Add([]byte(seed), uint8(3), uint8(2))
	}
	f.Fuzz(func(t *testing.T, wire []byte, pieces, reads uint8) {
		want, n, ok := unstuff(wire)
		s := on(append([]byte("+OK\r\n"), wire...), int(pieces))
		defer s.Close()
		b := newBody(s.fence)
		var got []byte
		var err error
		if reads == 0 {
			var buf bytes.Buffer
			_, err = b.WriteTo(&buf)
			got = buf.Bytes()
		} else {
			got, err = io.ReadAll(&chopped{b, int(reads)})
		}
		if ok != (err == nil) || !ok && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("complete %v, yet %v", ok, err)
		}
		if ok && !bytes.Equal(got, want) || !bytes.HasPrefix(want, got) {
			t.Fatalf("got %q, want %q", got, want)
		}
		if after, _ := s.fence.peek(1); ok && !bytes.HasPrefix(wire[n:], after) {
			t.Fatalf("%q follows, not %q", after, wire[n:])
		}
	})
}

func TestBodyIsAReader(t *testing.T) {
	for pieces := range 4 {
		s := on([]byte("+OK\r\na\r\n..b\r\n\r\n.\r\n"), pieces)
		if err := iotest.TestReader(newBody(s.fence), []byte("a\r\n.b\r\n\r\n")); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

func FuzzCapa(f *testing.F) {
	f.Add([]byte("+OK\r\nUIDL\r\nSASL PLAIN\r\nLOGIN-DELAY 5\r\nEXPIRE 60 USER\r\n.\r\n"))
	f.Add([]byte("-ERR\r\n"))
	f.Add([]byte("+OK\n.\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := on(append([]byte("+OK\r\n"), wire...), 0)
		defer s.Close()
		err := s.capa()
		if err != nil && s.caps.Known && !strings.HasPrefix(err.Error(), "CAPA: ") || err == nil && !s.caps.Known && !bytes.HasPrefix(wire, []byte("-ERR")) {
			t.Fatalf("%v, %+v", err, s.caps)
		}
		for _, m := range s.caps.SASL {
			if m == "" || m != strings.ToUpper(m) || strings.ContainsAny(m, " \r\n") {
				t.Fatalf("mechanism %q", m)
			}
		}
	})
}

// Whatever a server lists, what is accepted is in order, without doubles, and no id ends a command or spans lines.
func FuzzSurvey(f *testing.F) {
	f.Add([]byte("+OK 2 9\r\n+OK\r\n1 4\r\n2 5\r\n.\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n"))
	f.Add([]byte("+OK 0 0\r\n-ERR\r\n-ERR\r\n"))
	f.Add([]byte("+OK 1 1 x\n+OK\n 1  4 \n.\n-ERR [SYS/TEMP] no\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := on(append([]byte("+OK\r\n"), wire...), 0)
		defer s.Close()
		s.window = 2
		items, err := s.Survey(context.Background())
		if err != nil {
			if items != nil {
				t.Fatal("items and an error")
			}
			return
		}
		for i, item := range items {
			bad := strings.Contains(item.UIDL, "\n") || strings.Trim(item.UIDL, " \t") != item.UIDL
			if item.Number < 1 || item.Size < 0 || bad || i > 0 && item.Number <= items[i-1].Number {
				t.Fatalf("accepted %+v", items)
			}
		}
	})
}

// Session in which everything is foreign: it ends, and in an error of the right kind.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR [IN-USE] x\r\n", "\r\n", "+OKAY\r\n", "-ERR [a[b] c\r\n", "+ YQ==\r\n+OK\r\n", "+\n-ERR\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := on(append([]byte("+OK\r\n"), wire...), 0)
		text, err := s.status("NOOP")
		line, _, ended := bytes.Cut(wire, []byte("\n"))
		var refusal *Error
		var nonsense *ProtocolError
		switch {
		case !ended && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &nonsense):
			t.Fatalf("line without end: %v", err)
		case err == nil && !bytes.HasPrefix(line, []byte("+OK")):
			t.Fatalf("%q means %q", line, text)
		case errors.As(err, &refusal) && !bytes.HasPrefix(line, []byte("-ERR")):
			t.Fatalf("%q refuses", line)
		case errors.As(err, &refusal) && !strings.Contains(strings.ToUpper(string(line)), strings.ToUpper(refusal.Code)):
			t.Fatalf("%q has code %q", line, refusal.Code)
		}
		s.Close()
		a := on(append([]byte("+OK\r\n"), wire...), 0)
		defer a.Close()
		_ = a.exchange(parrot{}, "X", nil)
	})
}

// parrot answers a challenge by the challenge.
type parrot struct{}

func (parrot) Start() (string, []byte, error)        { return "X", nil, nil }
func (parrot) Next(challenge []byte) ([]byte, error) { return slices.Clone(challenge), nil }

func TestStamp(t *testing.T) {
	for _, test := range []struct{ greeting, want string }{
		{"POP3 server ready <1896.697170952@dbc.mtview.ca.us>", "<1896.697170952@dbc.mtview.ca.us>"},
		{"<a@b> hello", "<a@b>"},
		{"hello", ""}, {"<>", ""}, {"<a>", ""}, {"<@b>", ""}, {"<a@>", ""}, {"<a@b", ""}, {"a@b>", ""}, {"<a b@c>", ""}, {"<a\xff@c>", ""}, {"<a\x00@c>", ""},
	} {
		if got := stamp(test.greeting); got != test.want {
			t.Errorf("%q: got %q", test.greeting, got)
		}
	}
}
