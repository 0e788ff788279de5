package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// endless reads a beginning, and then the same text again and again, numbered where it has a %d.
type endless struct {
	begin string
	again string
	n     int
	rest  string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest, e.begin = e.begin, ""
	}
	if e.rest == "" {
		var b strings.Builder // much at once: some limits are far away
		for b.Len() < 256<<10 {
			if e.n++; strings.Contains(e.again, "%d") {
				fmt.Fprintf(&b, e.again, e.n)
			} else {
				b.WriteString(e.again)
			}
		}
		e.rest = b.String()
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Whatever a server says without end, it is a ProtocolError before long, and memory stays small: limits.go.
func TestFloods(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it reads hundreds of MB")
	}
	survey := func(s *Session) error {
		s.window = 2
		_, err := s.Survey(context.Background())
		return err
	}
	retrieve := func(s *Session) error {
		s.fence.received = 0
		for m, err := range s.Retrieve(context.Background(), slices.Values([]Item{{Number: 1, Size: 1000}})) {
			if err != nil {
				return err
			}
			if m.Body != nil {
				io.Copy(io.Discard, m.Body)
			}
		}
		return nil
	}
	var lists strings.Builder
	for n := range maxMessages {
		fmt.Fprintf(&lists, "%d 1000\r\n", n+1)
	}
	head := "+OK 262144 1000\r\n+OK\r\n"
	all := head + lists.String() + ".\r\n+OK\r\n"
	for name, tt := range map[string]struct {
		begin, again string
		do           func(*Session) error
	}{
		"status":          {"+OK ", "word ", func(s *Session) error { _, err := s.command("NOOP"); return err }},
		"status lines":    {"", "+OK\r\n", survey},
		"CAPA":            {"+OK\r\n", "X-CAPABILITY-%d WITH SOME ARGUMENTS\r\n", (*Session).capa},
		"CAPA SASL":       {"+OK\r\n", "SASL MECHANISM-%d\r\n", (*Session).capa},
		"CAPA line":       {"+OK\r\n", "SASL ", (*Session).capa},
		"LIST":            {head, "%d 1000\r\n", survey},
		"LIST long lines": {head, "%d 1000 " + strings.Repeat("x", 8000) + "\r\n", survey},
		"LIST blanks":     {head, "\r\n", survey},
		"UIDL":            {all, "%d abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz012345678\r\n", survey},
		"UIDL long ids":   {all, "%d " + strings.Repeat("x", 8000) + "\r\n", survey},
		"UIDL of nobody":  {all, "900000000 x\r\n", survey},
		"RETR":            {"+OK\r\n", "a line that comes again and again, for ever, and fills whatever it is written to, be it never so large\r\n", retrieve},
		"RETR one line":   {"+OK\r\n", strings.Repeat("x", 4000), retrieve},
		"challenges":      {"", "+ YWJj\r\n", func(s *Session) error { return s.exchange(parrot{}, "X", nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Session{fence: newFence(&still{Reader: &endless{begin: "+OK\r\n" + tt.begin, again: tt.again}}, time.Minute), window: 1,
				queue: make(chan string, 9), over: make(chan struct{})}
			if err := s.greet(); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			peak := make(chan uint64)
			stop := make(chan bool)
			go func() { peak <- watch(stop) }()
			err := tt.do(s)
			runtime.ReadMemStats(&after)
			close(stop)
			if _, ok := errors.AsType[*ProtocolError](err); !ok && name != "challenges" {
				t.Errorf("%T %v", err, err)
			}
			if name == "challenges" && err == nil {
				t.Error("no error")
			}
			if high := int64(max(<-peak, after.HeapAlloc)) - int64(before.HeapAlloc); high > 100<<20 {
				t.Errorf("%d MB of memory", high>>20)
			} else if testing.Verbose() {
				t.Logf("%d MB, %d MB read", high>>20, s.fence.received>>20)
			}
		})
	}
	t.Run("greeting", func(t *testing.T) {
		s := &Session{fence: newFence(&still{Reader: &endless{begin: "+OK ", again: "hello "}}, time.Minute), queue: make(chan string, 9), over: make(chan struct{})}
		defer s.Close()
		if err := s.greet(); err == nil || s.fence.received > 1<<20 {
			t.Errorf("%v after %d octets", err, s.fence.received)
		}
	})
}

// watch gives the largest heap that it saw.
func watch(stop chan bool) (high uint64) {
	var m runtime.MemStats
	for {
		select {
		case <-stop:
			return high
		case <-time.After(5 * time.Millisecond):
			runtime.ReadMemStats(&m)
			high = max(high, m.HeapAlloc)
		}
	}
}

// FuzzLines takes one line of each list by itself: none ends the session but a LIST line without a number, and none makes more
// of a message than the line says.
func FuzzLines(f *testing.F) {
	for _, line := range []string{"1 120", "1 abc", "1", "1 ", " 1\t9 x", "1 -5", "1 9223372036854775808", "4294967297 1", "SASL PLAIN LOGIN", "EXPIRE 60 USER", "LOGIN-DELAY 99999999999", "..", "1 a b\tc", "1 \xe4\x00"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = slices.DeleteFunc(slices.Clone(line[:min(len(line), 4000)]), func(b byte) bool { return b == '\n' })
		stuffed := string(line)
		if strings.HasPrefix(stuffed, ".") {
			stuffed = "." + stuffed
		}
		caps := on([]byte("+OK\r\n+OK\r\n"+stuffed+"\r\n.\r\n"), 0)
		defer caps.Close()
		if err := caps.capa(); err != nil || caps.caps.LoginDelay < 0 {
			t.Fatalf("CAPA: %v, %+v", err, caps.caps)
		}
		s := on([]byte("+OK\r\n+OK 1 1\r\n+OK\r\n1 5\r\n.\r\n+OK\r\n"+stuffed+"\r\n.\r\n"), 0)
		defer s.Close()
		s.window = 2
		items, err := s.Survey(context.Background())
		if err != nil || len(items) != 1 || items[0].Size != 5 || !strings.Contains(string(line), items[0].UIDL) {
			t.Fatalf("UIDL: %+v, %v", items, err)
		}
		s = on([]byte("+OK\r\n+OK 1 1\r\n+OK\r\n"+stuffed+"\r\n.\r\n-ERR\r\n"), 0)
		defer s.Close()
		s.window = 2
		items, err = s.Survey(context.Background())
		if err == nil && (len(items) != 1 || items[0].Number < 1 || items[0].Size < 0 || items[0].Size > maxSize) {
			t.Fatalf("LIST: %+v", items)
		}
	})
}
