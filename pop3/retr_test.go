package pop3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// awkward are message bodies that end in CRLF, and must come through as they are.
func awkward() []string {
	return []string{
		"",
		"\r\n",
		".\r\n",
		"..\r\n.\r\n...\r\n",
		"Subject: x\r\n\r\n.dot\r\n",
		"bare LF\n.\nnot the end\n.\r\n",
		"bare CR\r.\rnot the end\r.\r\r\n",
		"\r\r\n.\r\r\n",
		"\n.\r\n",
		"nul \x00 and 8 bits \xff\xfe\r\n",
		".\r.\r\n",
		strings.Repeat("long line ", 200_000) + "\r\n",
		strings.Repeat(".", 150_000) + "\r\n",
		strings.Repeat("\r\n", 100_000),
		strings.Repeat(".\r\n", 100_000),
		strings.Repeat("\r", 200_000) + "\n",
		strings.Repeat("x", 128<<10-1) + "\r\n.y\r\n",
	}
}

func TestRetrieve(t *testing.T) {
	var messages []pop3test.Message
	var want []got
	for range 2 {
		for _, body := range awkward() {
			messages = append(messages, pop3test.Message{Body: []byte(body)})
			want = append(want, got{Number: pop3.Number(len(messages)), Body: body})
		}
	}
	for _, without := range []string{"", "PIPELINING"} {
		for _, window := range []int{0, 3} {
			t.Run(fmt.Sprint("without ", without, " window ", window), func(t *testing.T) {
				server := serve(t, pop3test.Options{Without: []string{without}}, messages...)
				for _, dial := range []func() (*pop3.Session, error){
					func() (*pop3.Session, error) {
						return pop3.Connect(context.Background(), pop3.Options{Dial: server.Pipe, Login: alice(), Window: window})
					},
					func() (*pop3.Session, error) {
						return pop3.Connect(context.Background(), pop3.Options{Dial: server.Dial, Login: alice(), Window: window})
					},
				} {
					s, err := dial()
					if err != nil {
						t.Fatal(err)
					}
					all, err := read(s.Retrieve(context.Background(), listed(len(messages))))
					if err != nil || !reflect.DeepEqual(all, want) {
						t.Errorf("%d messages, %v", len(all), err)
					}
					s.Close()
					server.Wait()
				}
			})
		}
	}
}

// Octets that this package's test server would not send: only CRLF "." CRLF ends a body, and one dot goes at the begin of a line.
func TestRetrieveExactly(t *testing.T) {
	for _, test := range []struct{ name, wire, want string }{
		{"LF dot LF", `a\n.\nb\r\n.\r\n`, "a\n.\nb\r\n"},
		{"LF dot CRLF", `a\n.\r\nb\r\n.\r\n`, "a\n.\r\nb\r\n"},
		{"CRLF dot LF", `a\r\n.\nb\r\n.\r\n`, "a\r\n\nb\r\n"},
		{"CRLF dot CR", `a\r\n.\rb\r\n.\r\n`, "a\r\n\rb\r\n"},
		{"dot at once, not stuffed", `.x\r\n.\r\n`, "x\r\n"},
		{"LF dot keeps its dot", `a\n.x\r\n.\r\n`, "a\n.x\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Once in one piece, once octet by octet.
			pieces := strings.ReplaceAll(fmt.Sprintf("%q", test.wire), `\\`, `\`)
			script := in() + "C: RETR 1\nS: +OK\nS: " + pieces + "\nC: RETR 2\n" + `S: "+OK\n"` + "\n"
			for _, c := range []byte(unquote(test.wire)) {
				script += fmt.Sprintf("S: %q\n", string(c))
			}
			s := connect(t, play(t, script))
			all, err := read(s.Retrieve(context.Background(), listed(2)))
			if want := []got{{Number: 1, Body: test.want}, {Number: 2, Body: test.want}}; err != nil || !reflect.DeepEqual(all, want) {
				t.Errorf("got %+v, %v", all, err)
			}
		})
	}
}

func unquote(s string) string {
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(s)
}

func TestRefusals(t *testing.T) {
	messages := slices.Repeat([]pop3test.Message{{Body: []byte("H: x\r\n\r\nbody\r\n")}}, 5)
	refuse := func(_, command string) string {
		if strings.HasSuffix(command, " 3") || command == "TOP 3 0" {
			return "[SYS/TEMP] not now"
		}
		return ""
	}
	for _, without := range []string{"", "PIPELINING"} {
		server := serve(t, pop3test.Options{Without: []string{without}, Refuse: refuse}, messages...)
		s := connect(t, server.Pipe)
		for verb, seq := range map[string]iter.Seq2[pop3.Message, error]{"RETR 3": s.Retrieve(context.Background(), sized(6, int64(len(messages[0].Body)))), "TOP 3 0": s.Top(context.Background(), first(6))} {
			all, err := read(seq)
			body := map[bool]string{true: "H: x\r\n\r\n", false: "H: x\r\n\r\nbody\r\n"}[verb[0] == 'T']
			want := []got{{1, body, ""}, {2, body, ""}, {3, "", verb + ": server refused: [SYS/TEMP] not now"}, {4, body, ""}, {5, body, ""}, {6, "", strings.Replace(verb, "3", "6", 1) + ": server refused: no such message"}}
			if err != nil || !reflect.DeepEqual(all, want) {
				t.Errorf("%s: got %+v, %v", verb, all, err)
			}
		}
		var marked []pop3.Number
		for d, err := range s.Delete(context.Background(), slices.Values([]pop3.Number{5, 3, 1})) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Refused == nil {
				marked = append(marked, d.Number)
			} else if d.Refused.Code != "SYS/TEMP" || d.Number != 3 {
				t.Error(d)
			}
		}
		if !slices.Equal(marked, []pop3.Number{5, 1}) || len(server.Maildrop("alice")) != 5 {
			t.Error(marked, len(server.Maildrop("alice")))
		}
		if err := s.Quit(context.Background()); err != nil || len(server.Maildrop("alice")) != 3 {
			t.Error(err, len(server.Maildrop("alice")))
		}
	}
}

func TestCloseDeletesNothing(t *testing.T) {
	noLeaks(t)
	server := serve(t, pop3test.Options{}, pop3test.Message{})
	s := connect(t, server.Dial)
	for _, err := range s.Delete(context.Background(), first(1)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	server.Wait()
	if n := len(server.Maildrop("alice")); n != 1 {
		t.Errorf("%d messages left", n)
	}
	if _, err := s.Survey(context.Background()); err == nil {
		t.Error("a closed session goes on")
	}
}

func TestQuitRefused(t *testing.T) {
	s := connect(t, play(t, in()+"C: QUIT\nS: -ERR [SYS/PERM] some deleted messages not removed\n"))
	var refusal *pop3.Error
	if err := s.Quit(context.Background()); !errors.As(err, &refusal) || refusal.Code != "SYS/PERM" {
		t.Errorf("got %v", err)
	}
}

// Bodies that the loop does not read, reads in part, or keeps, and loops that are left, leave the session in step.
func TestUnread(t *testing.T) {
	for _, without := range []string{"", "PIPELINING"} {
		noLeaks(t)
		var messages []pop3test.Message
		for i := range 100 {
			messages = append(messages, pop3test.Message{Body: fmt.Appendf(nil, "message %d\r\n%s", i+1, strings.Repeat("..\r\n", 5000))})
		}
		s := connect(t, serve(t, pop3test.Options{Without: []string{without}}, messages...).Pipe)
		var kept io.Reader
		for m, err := range s.Retrieve(context.Background(), listed(100)) {
			if err != nil {
				t.Fatal(err)
			}
			if kept != nil {
				if n, err := kept.Read(make([]byte, 9)); n != 0 || err == nil || err == io.EOF {
					t.Fatalf("body outlives its iteration: %d, %v", n, err)
				}
			}
			kept = m.Body
			line := fmt.Sprintf("message %d\r\n", m.Number)
			if got, err := io.ReadAll(io.LimitReader(m.Body, int64(len(line)))); string(got) != line || err != nil {
				t.Fatalf("%d: %q, %v", m.Number, got, err)
			}
			if m.Number == 50 {
				for _, err := range s.Delete(context.Background(), first(1)) {
					if err == nil {
						t.Error("two commands at once")
					}
				}
				break
			}
		}
		if n, err := kept.(io.WriterTo).WriteTo(io.Discard); n != 0 || err == nil {
			t.Errorf("body outlives its loop: %d, %v", n, err)
		}
		if items, err := s.Survey(context.Background()); err != nil || len(items) != 100 {
			t.Errorf("%d items, %v", len(items), err)
		}
		if err := s.Quit(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// With a window the server is never asked for more than that, and hardly waits; without PIPELINING one at a time.
func TestWindow(t *testing.T) {
	messages := slices.Repeat([]pop3test.Message{{Body: []byte("x\r\n")}}, 320)
	for _, test := range []struct {
		without string
		window  int
		ahead   int
	}{{"", 32, 32}, {"", 1, 1}, {"PIPELINING", 32, 1}, {"CAPA", 32, 1}} {
		server := serve(t, pop3test.Options{Without: []string{test.without}}, messages...)
		s, err := pop3.Connect(context.Background(), pop3.Options{Dial: server.Dial, Login: alice(), Window: test.window})
		if err != nil {
			t.Fatal(err)
		}
		taken, ahead := 0, 0
		items := func(yield func(pop3.Item) bool) {
			for taken < len(messages) {
				taken++
				if !yield(pop3.Item{Number: pop3.Number(taken), Size: 1}) {
					return
				}
			}
		}
		for m, err := range s.Retrieve(context.Background(), items) {
			if err != nil {
				t.Fatal(err)
			}
			ahead = max(ahead, taken-int(m.Number)+1)
		}
		if taken != len(messages) || ahead != test.ahead {
			t.Errorf("%+v: %d taken, %d ahead", test, taken, ahead)
		}
		s.Close()
	}
}

func TestNoSuchNumber(t *testing.T) {
	s := connect(t, serve(t, pop3test.Options{}).Pipe)
	for _, err := range s.Retrieve(context.Background(), slices.Values([]pop3.Item{{Number: 0}})) {
		if err == nil {
			t.Error("message 0 is no error")
		}
	}
}

// A server that answers without reading cannot make the client wait or remember without end.
func TestAnswersBeforeCommands(t *testing.T) {
	noLeaks(t)
	client, server := net.Pipe()
	defer server.Close()
	go pop3test.Script{Text: in("PIPELINING", "UIDL", "TOP") + `S: "` + strings.Repeat(`+OK\r\n`, 5000) + `"` + "\nCLOSE\n"}.Run(unclosed{server})
	s, err := pop3.Connect(context.Background(), pop3.Options{Window: 2, Login: alice(), Dial: func(context.Context) (net.Conn, error) { return client, nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range s.Delete(context.Background(), first(5000)) {
	}
	var nonsense *pop3.ProtocolError
	if !errors.As(err, &nonsense) {
		t.Errorf("got %v", err)
	}
}

// blocks reads a block again and again.
type blocks struct {
	block []byte
	rest  []byte
	left  int64
}

func (b *blocks) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		b.rest = b.block[:min(int64(len(b.block)), b.left)]
	}
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.left -= int64(n)
	return n, nil
}

// allocated counts all octets that were ever allocated, garbage or not.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A message of 200 MB costs no more memory than one of 2 MB.
func TestLargeMessage(t *testing.T) {
	const line = int64(len("0123456789 abcdef\r\n"))
	block := bytes.Repeat([]byte("0123456789 abcdef\r\n"), 1000)
	cost := func(size int64) uint64 {
		open := func() io.Reader { return &blocks{block: block, left: size} }
		s := connect(t, serve(t, pop3test.Options{}, pop3test.Message{Open: open, Size: size}).Dial)
		before := allocated()
		for m, err := range s.Retrieve(context.Background(), listed(1)) {
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, m.Body); n != size || err != nil {
				t.Fatal(n, err)
			}
		}
		return allocated() - before
	}
	small, large := cost(100_000*line), cost(10_000_000*line)
	if large > small+1<<20 {
		t.Errorf("190 MB allocate %d octets, 1.9 MB %d", large, small)
	}
}
