package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postie/maildir"
	"postie/pop3/pop3test"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "postie" { // the program of a scenario has an environment of its own
		os.Setenv("PW", dovecot.Password) // of all accounts of a fleet
	}
	testscript.Main(m, map[string]func(){"postie": localMain})
}

// The scenarios of testdata/script: the whole program, as users and scripts call it.
func TestScripts(t *testing.T) {
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"pop3": servePOP3, "left": left, "mails": mails, "exits": exits, "append": appendMail, "asked": asked, "play": play, "played": played, "damage": damage, "remove": remove, "web": serveWeb,
	}
	maps.Copy(commands, imapCommands())
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", os.Getenv("GORACE")) // .ci/run says there how programs end under the race detector
			e.Values[stages{}] = map[string]*stage{}
			e.Values[servers{}] = map[string]*pop3test.Server{}
			return nil
		},
	})
}

type servers struct{}

func server(ts *testscript.TestScript, name string) *pop3test.Server {
	s := ts.Value(servers{}).(map[string]*pop3test.Server)[name]
	if s == nil {
		ts.Fatalf("there is no server %q", name)
	}
	return s
}

// servePOP3 starts a server for alice, password secret:
//
//	pop3 NAME [messages=N] [samples] [large=BYTES] [without=A,B] [tls=implicit|starttls] [stall=OCTETS] [cut=OCTETS]
//
// sets $NAME to HOST:PORT, $NAME_PORT, and with TLS writes its certificate to NAME.pem.
func servePOP3(ts *testscript.TestScript, neg bool, args []string) {
	name := args[0]
	var o pop3test.Options
	var maildrop []pop3test.Message
	var fault pop3test.Fault
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "messages":
			for m := range messages.Generated(n, 1000) {
				maildrop = append(maildrop, pop3test.Message{Body: m, UIDL: fmt.Sprint("uidl", len(maildrop))})
			}
		case "samples":
			for _, s := range messages.All() {
				maildrop = append(maildrop, pop3test.Message{Body: s.Wire, UIDL: s.Name})
			}
		case "large":
			body := "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", n/72)
			maildrop = append(maildrop, pop3test.Message{Body: []byte(body), UIDL: "large"})
		case "without":
			o.Without = strings.Split(value, ",")
		case "tls":
			config, client, err := pop3test.SelfSigned("127.0.0.1")
			ts.Check(err)
			o.TLS, o.Implicit = config, value == "implicit"
			_ = client
		case "stall":
			fault = pop3test.Fault{On: pop3test.Octets, After: int64(n), Stall: true}
		case "cut":
			fault = pop3test.Fault{On: pop3test.Octets, After: int64(n)}
		default:
			ts.Fatalf("pop3: %s?", arg)
		}
	}
	s := pop3test.NewServer(o)
	s.SetMaildrop("alice", "secret", maildrop...)
	s.SetFault(fault)
	address, err := s.Listen()
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	_, port, err := net.SplitHostPort(address)
	ts.Check(err)
	ts.Setenv(name, address)
	ts.Setenv(name+"_PORT", port)
	ts.Value(servers{}).(map[string]*pop3test.Server)[name] = s
}

// left NAME N: so many messages are on the server.
func left(ts *testscript.TestScript, neg bool, args []string) {
	s := server(ts, args[0])
	s.Wait()
	if n := len(s.Maildrop("alice")); strconv.Itoa(n) != args[1] {
		ts.Fatalf("%d messages are on server %s, want %s", n, args[0], args[1])
	}
}

// asked NAME VERB N: the server was sent that command so many times.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	n := 0
	for _, c := range server(ts, args[0]).Commands() {
		if verb, _, _ := strings.Cut(c.Line, " "); verb == args[1] {
			n++
		}
	}
	if strconv.Itoa(n) != args[2] {
		ts.Fatalf("server %s was sent %d %s, want %s", args[0], n, args[1], args[2])
	}
}

// append NAME TEXT: one more message, of this subject.
func appendMail(ts *testscript.TestScript, neg bool, args []string) {
	body := fmt.Sprintf("Message-ID: <%d@append.test>\r\nSubject: %s\r\n\r\ntext\r\n", time.Now().UnixNano(), args[1])
	server(ts, args[0]).Append("alice", pop3test.Message{Body: []byte(body)})
}

// mails DIR N: so many messages are in a Maildir; with a third argument, so many different ones.
func mails(ts *testscript.TestScript, neg bool, args []string) {
	n, contents := 0, []string{}
	dir := maildir.Dir(ts.MkAbs(args[0]))
	for e, err := range dir.Scan() {
		ts.Check(err)
		content, err := os.ReadFile(dir.Path(e))
		ts.Check(err)
		n++
		contents = append(contents, string(content))
	}
	if strconv.Itoa(n) != args[1] {
		ts.Fatalf("%d messages are in %s, want %s", n, args[0], args[1])
	}
	slices.Sort(contents)
	if d := len(slices.Compact(contents)); len(args) > 2 && strconv.Itoa(d) != args[2] {
		ts.Fatalf("%d different messages are in %s, want %s", d, args[0], args[2])
	}
}

// exits CODE COMMAND…: the command ends with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
