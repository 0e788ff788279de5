package pop3test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// converse sends line by line to a fresh session, waits for each answer, hangs up, and returns all that came.
func converse(t *testing.T, s *Server, lines ...string) string {
	t.Helper()
	conn, err := s.Pipe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Wait()
	defer conn.Close()
	in := bufio.NewReader(conn)
	all := answer(t, in, "")
	for _, line := range lines {
		fmt.Fprintf(conn, "%s\r\n", line)
		all += answer(t, in, line)
	}
	return all
}

// answer reads a status line, and what follows it.
func answer(t *testing.T, in *bufio.Reader, command string) string {
	t.Helper()
	verb, arg, _ := strings.Cut(command, " ")
	multi := verb == "RETR" || verb == "TOP" || verb == "CAPA" || (verb == "LIST" || verb == "UIDL") && arg == ""
	var all string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%q answered by %q: %v", command, all, err)
		}
		if all += line; !multi || strings.HasPrefix(all, "-") || line == ".\r\n" {
			return all
		}
	}
}

func TestServer(t *testing.T) {
	in := []string{"USER u", "PASS p"}
	const hello = "+OK hi\r\n+OK\r\n+OK 3 messages\r\n"
	for _, test := range []struct {
		name   string
		o      Options
		lines  []string
		want   string
		remain int
	}{
		{"wrong password", Options{}, []string{"USER u", "PASS x"}, "+OK hi\r\n+OK\r\n-ERR [AUTH] wrong user or password\r\n", 3},
		{"nothing before the login", Options{}, []string{"STAT"}, "+OK hi\r\n-ERR unknown command, or not now\r\n", 3},
		{"lists", Options{}, []string{"STAT", "LIST", "LIST 2", "LIST 4", "UIDL", "UIDL 3"},
			hello + "+OK 3 112\r\n+OK\r\n1 8\r\n2 4\r\n3 100\r\n.\r\n+OK 2 4\r\n-ERR no such message\r\n+OK\r\n1 one\r\n2 00000002\r\n3 one\r\n.\r\n+OK 3 one\r\n", 3},
		{"messages", Options{}, []string{"RETR 1", "RETR 2", "RETR 3", "TOP 1 0", "TOP 1 1", "RETR 0", "RETR x"},
			hello + "+OK\r\nH\r\n\r\n..\r\n.\r\n+OK\r\n..b\r\n.\r\n+OK\r\n.\r\n+OK\r\nH\r\n\r\n.\r\n+OK\r\nH\r\n\r\n..\r\n.\r\n-ERR no such message\r\n-ERR no such message\r\n", 3},
		{"deleted, not committed", Options{}, []string{"DELE 2", "DELE 2", "RETR 2", "STAT", "UIDL"},
			hello + "+OK marked\r\n-ERR no such message\r\n-ERR no such message\r\n+OK 2 108\r\n+OK\r\n1 one\r\n3 one\r\n.\r\n", 3},
		{"deleted, reset", Options{}, []string{"DELE 2", "RSET", "QUIT"}, hello + "+OK marked\r\n+OK\r\n+OK bye\r\n", 3},
		{"deleted", Options{}, []string{"DELE 2", "DELE 1", "QUIT"}, hello + "+OK marked\r\n+OK marked\r\n+OK bye\r\n", 1},
		{"refused", Options{Refuse: func(user, command string) string {
			return map[string]string{"uRETR 1": "no"}[user+command]
		}}, []string{"RETR 1", "NOOP"}, hello + "-ERR no\r\n+OK\r\n", 3},
		{"bare", Options{Without: []string{"UIDL", "TOP", "CAPA"}}, []string{"UIDL", "TOP 1 0", "CAPA"},
			hello + strings.Repeat("-ERR unknown command, or not now\r\n", 2) + "-ERR unknown command\r\n", 3},
		{"CAPA", Options{Without: []string{"UIDL"}}, []string{"CAPA"},
			hello + "+OK\r\nUSER\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\nSASL PLAIN LOGIN XOAUTH2\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\nIMPLEMENTATION postie-pop3test\r\n.\r\n", 3},
		{"greeting", Options{Greeting: "-ERR [SYS/TEMP] no"}, nil, "-ERR [SYS/TEMP] no\r\n", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.o.Greeting = cmp.Or(test.o.Greeting, "+OK hi")
			s := NewServer(test.o)
			defer s.Close()
			late := func() io.Reader { return iotest.OneByteReader(strings.NewReader(".b")) }
			s.SetMaildrop("u", "p", Message{Body: []byte("H\r\n\r\n.\r\n"), UIDL: "one"}, Message{Open: late}, Message{Size: 100, UIDL: "one"})
			lines := test.lines
			if strings.HasPrefix(test.want, hello) {
				lines = append(slices.Clone(in), lines...)
			}
			if got := converse(t, s, lines...); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if n := len(s.Maildrop("u")); n != test.remain {
				t.Errorf("%d messages remain", n)
			}
		})
	}
}

// What is pipelined behind a command is lost where the server does not take it.
func TestPipelining(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "[{1 USER u} {1 PASS p} {1 NOOP} {1 NOOP} {1 QUIT}]"},
		{Options{Without: []string{"PIPELINING"}}, "[{1 USER u} {1 PASS p} {1 NOOP}]"},
	} {
		s := NewServer(test.o)
		s.SetMaildrop("u", "p")
		conn, err := s.Pipe(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		answer(t, in, "")
		for _, line := range []string{"USER u", "PASS p"} {
			fmt.Fprintf(conn, "%s\r\n", line)
			answer(t, in, line)
		}
		io.WriteString(conn, "NOOP\r\nNOOP\r\nQUIT\r\n") // a net.Pipe hands it over in one piece
		answer(t, in, "NOOP")
		if len(test.o.Without) == 0 {
			answer(t, in, "NOOP")
			answer(t, in, "QUIT")
		}
		conn.Close()
		s.Close()
		if got := fmt.Sprint(s.Commands()); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		if s.RoundTrips() != 4 && len(test.o.Without) > 0 || s.Sessions() != 1 {
			t.Errorf("%d round trips, %d sessions", s.RoundTrips(), s.Sessions())
		}
	}
}

func TestLock(t *testing.T) {
	s := NewServer(Options{Greeting: "+OK hi"})
	defer s.Close()
	s.SetMaildrop("u", "p", Message{})
	conn, err := s.Pipe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	answer(t, in, "")
	for _, line := range []string{"USER u", "PASS p"} {
		fmt.Fprintf(conn, "%s\r\n", line)
		answer(t, in, line)
	}
	s.Append("u", Message{})
	if !s.Locked("u") {
		t.Error("not locked")
	}
	done := make(chan string)
	go func() {
		other, _ := s.Pipe(context.Background())
		defer other.Close()
		in := bufio.NewReader(other)
		in.ReadString('\n')
		io.WriteString(other, "USER u\r\n")
		in.ReadString('\n')
		io.WriteString(other, "PASS p\r\n")
		line, _ := in.ReadString('\n')
		done <- line
	}()
	if line := <-done; !strings.HasPrefix(line, "-ERR [IN-USE]") {
		t.Error(line)
	}
	conn.Close()
	s.Wait()
	if got := converse(t, s, "USER u", "PASS p"); !strings.HasSuffix(got, "+OK 2 messages\r\n") {
		t.Error(got)
	}
}

// A fault comes after exactly the octets it was set to, over TCP as well, and gives the lock back.
func TestFaults(t *testing.T) {
	const all = "+OK hi\r\n+OK\r\n+OK 0 messages\r\n+OK bye\r\n"
	s := NewServer(Options{Greeting: "+OK hi"})
	defer s.Close()
	s.SetMaildrop("u", "p")
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	get := func(f Fault) string {
		s.SetFault(f)
		conn, err := s.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Wait()
		defer conn.Close()
		in := bufio.NewReader(conn)
		var got string
		for _, line := range []string{"USER u", "PASS p", "QUIT", ""} {
			reply, err := in.ReadString('\n')
			if got += reply; err != nil {
				if rest, _ := io.ReadAll(in); err != io.EOF || len(rest) > 0 || s.Locked("u") {
					t.Errorf("%+v: %v, %q, locked %v", f, err, rest, s.Locked("u"))
				}
				break
			}
			fmt.Fprintf(conn, "%s\r\n", line)
		}
		return got
	}
	for n := range len(all) {
		if got := get(Fault{On: Octets, After: int64(n)}); got != all[:n] {
			t.Errorf("after %d octets: %q", n, got)
		}
	}
	for n, want := range []string{"", "+OK hi\r\n", "+OK hi\r\n+OK\r\n", "+OK hi\r\n+OK\r\n+OK 0 messages\r\n", all, all} {
		if got := get(Fault{On: Replies, After: int64(n)}); got != want {
			t.Errorf("after %d replies: %q", n, got)
		}
	}
}

// Many commands at once suffer one delay.
func TestLatency(t *testing.T) {
	const delay = 20 * time.Millisecond
	s := NewServer(Options{Latency: delay})
	defer s.Close()
	s.SetMaildrop("u", "p")
	conn, err := s.Pipe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	answer(t, in, "")
	for _, line := range []string{"USER u", "PASS p"} {
		begin := time.Now()
		fmt.Fprintf(conn, "%s\r\n", line)
		answer(t, in, line)
		if took := time.Since(begin); took < delay {
			t.Errorf("%s took %v", line, took)
		}
	}
	s.ResetLog()
	fmt.Fprint(conn, strings.Repeat("NOOP\r\n", 100))
	for range 100 {
		answer(t, in, "NOOP")
	}
	if n := s.RoundTrips(); n > 2 {
		t.Errorf("%d round trips", n)
	}
	conn.Close()
}

// naive is the reference for stuffing.
func naive(message []byte) (wire []byte) {
	if len(message) > 0 && !bytes.HasSuffix(message, []byte("\r\n")) {
		message = append(slices.Clone(message), "\r\n"...)
	}
	if bytes.HasPrefix(message, []byte(".")) {
		wire = append(wire, '.')
	}
	wire = append(wire, bytes.ReplaceAll(message, []byte("\r\n."), []byte("\r\n.."))...)
	return append(wire, ".\r\n"...)
}

func FuzzStuff(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "\r\n", "\r\n.", "\r\n.\r\n", "\n.", "\r.", "a\r\n..\r\n.b\n.c\r\r\n."} {
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, message []byte, pieces uint8) {
		var got bytes.Buffer
		s := stuffer{w: &got, start: true}
		for piece := range slices.Chunk(message, int(pieces)+1) {
			s.Write(piece)
		}
		s.end()
		if want := naive(message); !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("got %q, want %q", got.Bytes(), want)
		}
		if n := size(bytes.NewReader(message)); n != s.n || n < int64(len(message)) || n > int64(len(message))+2 {
			t.Fatalf("size %d of %d", n, len(message))
		}
	})
}

func TestCopyTop(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, test := range []struct {
		message string
		n       int
		want    string
	}{
		{"", 0, ""},
		{"H\r\n", 5, "H\r\n"},
		{"H\r\n\r\nb\r\nc\r\n", 0, "H\r\n\r\n"},
		{"H\r\n\r\nb\r\nc\r\n", 1, "H\r\n\r\nb\r\n"},
		{"H\r\n\r\nb\r\nc\r\n", 9, "H\r\n\r\nb\r\nc\r\n"},
		{long + "\r\n\r\n" + long + "\r\nc\r\n", 1, long + "\r\n\r\n" + long + "\r\n"},
		{"H\n\nb\nc\n", 1, "H\n\nb\n"},
	} {
		var got bytes.Buffer
		copyTop(&got, strings.NewReader(test.message), test.n)
		if got.String() != test.want {
			t.Errorf("%.20q, %d lines: got %.40q", test.message, test.n, got.String())
		}
	}
}

func TestScript(t *testing.T) {
	for _, test := range []struct{ name, script, client, gets, err string }{
		{"kept", "# hello\nS: +OK\n\nC: NOOP\nS: \"+OK\\r\\n.\\r\\n\"\nC: \"\\r\\n\"\nS:\nCLOSE", "NOOP\r\n\r\n", "+OK\r\n+OK\r\n.\r\n\r\n", ""},
		{"left", "S: +OK\nC: NOOP\nS: +OK", "QUIT\r\n", "+OK\r\n", `script line 2: C: NOOP: client sent "QUIT\r\n"`},
		{"cut short", "C: NOOP", "NO", "", `script line 1: C: NOOP: client sent "NO": EOF`},
		{"went on", "C: NOOP", "NOOP\r\nX", "", `client went on: "X"`},
		{"silence", "SILENCE", "", "", ""},
		{"no step", "X: y", "", "", "script line 1: X: y: no such step"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Script{Text: test.script}.Play()
			conn, _ := p.Dial(context.Background())
			gets := make(chan string)
			go func() {
				all, _ := io.ReadAll(conn)
				gets <- string(all)
			}()
			io.WriteString(conn, test.client)
			if test.err == "" && strings.HasSuffix(test.script, "CLOSE") {
				if got := <-gets; got != test.gets {
					t.Errorf("client got %q", got)
				}
			}
			conn.Close()
			if err := p.Wait(); (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The package is part of the binary.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if strings.HasPrefix(spec.Path.Value, `"testing`) || strings.HasPrefix(spec.Path.Value, `"postie/`) {
				t.Errorf("%s imports %s", name, spec.Path.Value)
			}
		}
	}
}
