package pop3_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// capaPlain is CAPA of a server that offers everything before the login.
const capaPlain = "C: CAPA\nS: +OK\nS: UIDL\nS: TOP\nS: PIPELINING\nS: SASL PLAIN login XOAUTH2\nS: .\n"

// step is a sasl.Client of fixed answers.
type step struct {
	mechanism string
	initial   []byte
	next      map[string]string // challenge → response; none: refuses
	startErr  error
}

func (s step) Start() (string, []byte, error) { return s.mechanism, s.initial, s.startErr }

var errChallenge = errors.New("client does not like the challenge")

func (s step) Next(challenge []byte) ([]byte, error) {
	if response, ok := s.next[string(challenge)]; ok {
		return []byte(response), nil
	}
	return nil, errChallenge
}

func TestConnect(t *testing.T) {
	plain := sasl.NewPlainClient("", "alice", "secret") // AGFsaWNlAHNlY3JldA==
	fits := strings.Repeat("x", 180)                    // 240 octets of base64, and 13 of AUTH PLAIN, blanks and CRLF: 253
	long := strings.Repeat("x", 183)                    // 257
	for _, test := range []struct {
		name   string
		login  *login
		script string
	}{
		{"user and password", alice(), in("UIDL", "TOP", "PIPELINING")},
		{"no CAPA", alice(), "S: +OK\nC: CAPA\nS: -ERR what?\nC: USER alice\nS: +OK\nC: PASS secret\nS: +OK"},
		{"CAPA changes after the login", alice(), "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .\n" +
			"C: USER alice\nS: +OK\nC: PASS secret\nS: +OK\nC: CAPA\nS: +OK\nS: UIDL\nS: .\n"},
		{"lines that end in LF", alice(), `S: "+OK\n"` + "\nC: CAPA\n" + `S: "+OK\nUIDL\nTOP\nPIPELINING\n.\n"` + "\nC: USER alice\n" +
			`S: "+OK\n"` + "\nC: PASS secret\n" + `S: "+OK\n"`},
		{"password with blanks", &login{user: "alice", password: " a b "}, "S: +OK\n" + capaPlain + "C: USER alice\nS: +OK\n" +
			`C: "PASS  a b \r\n"` + "\nS: +OK\n"},
		// RFC 1939 section 7 has this example.
		{"APOP", &login{user: "mrose", password: "tanstaaf"}, "S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\n" + capaPlain +
			"C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: +OK maildrop has 1 message\n"},
		{"no stamp without @", alice(), "S: +OK <ready>\n" + capaPlain + "C: USER alice\nS: +OK\nC: PASS secret\nS: +OK\n"},
		{"AUTH in one step", &login{client: plain}, "S: +OK\n" + capaPlain + "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\nS: +OK\n"},
		{"AUTH in two steps, not announced", &login{client: plain}, "S: +OK\nC: CAPA\nS: -ERR\nC: AUTH PLAIN\n" +
			`S: "+ \r\n"` + "\nC: AGFsaWNlAHNlY3JldA==\nS: +OK\n"},
		{"AUTH in two steps, challenge of a bare plus", &login{client: plain}, "S: +OK\nC: CAPA\nS: -ERR\nC: AUTH PLAIN\n" +
			`S: "+\r\n"` + "\nC: AGFsaWNlAHNlY3JldA==\nS: +OK\n"},
		{"XOAUTH2 always in two steps", &login{client: step{mechanism: "XOAUTH2", initial: []byte("t")}}, "S: +OK\n" + capaPlain +
			"C: AUTH XOAUTH2\n" + `S: "+ \r\n"` + "\nC: dA==\nS: +OK\n"},
		{"longest for one step", &login{client: step{mechanism: "PLAIN", initial: []byte(fits)}}, "S: +OK\n" + capaPlain +
			"C: AUTH PLAIN " + strings.Repeat("eHh4", 60) + "\nS: +OK\n"},
		{"too long for one step", &login{client: step{mechanism: "PLAIN", initial: []byte(long)}}, "S: +OK\n" + capaPlain +
			"C: AUTH PLAIN\n" + `S: "+ \r\n"` + "\nC: " + strings.Repeat("eHh4", 61) + "\nS: +OK\n"},
		{"empty initial response", &login{client: step{mechanism: "PLAIN", initial: []byte{}}}, "S: +OK\n" + capaPlain + "C: AUTH PLAIN =\nS: +OK\n"},
		{"empty initial response in two steps", &login{client: step{mechanism: "EXTERNAL", initial: []byte{}}}, "S: +OK\n" + capaPlain +
			"C: AUTH EXTERNAL\n" + `S: "+ \r\n"` + "\n" + `C: "\r\n"` + "\nS: +OK\n"},
		{"no initial response, empty response", &login{client: step{mechanism: "X", next: map[string]string{"one": "", "": "two"}}}, "S: +OK\n" + capaPlain +
			"C: AUTH X\nS: + b25l\n" + `C: "\r\n"` + "\n" + `S: "+ \r\n"` + "\nC: dHdv\nS: +OK\n"},
		{"LOGIN, mechanisms in any case", &login{client: sasl.NewLoginClient("alice", "secret")}, "S: +OK\n" + capaPlain +
			"C: AUTH LOGIN YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0\nS: +OK\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			noLeaks(t)
			s, err := pop3.Connect(context.Background(), pop3.Options{Dial: play(t, test.script), Login: test.login})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConnectFails(t *testing.T) {
	var refusal *pop3.Error
	var nonsense *pop3.ProtocolError
	var loginErr *pop3.LoginError
	refusedTLS := &tls.Config{ServerName: "pop.test"}
	user := "S: +OK\n" + capaPlain + "C: USER alice\nS: +OK\nC: PASS secret\n"
	for _, test := range []struct {
		name   string
		o      pop3.Options
		script string
		as     any    // type of error that must be found
		text   string // in the error
	}{
		{"greeting of -ERR", pop3.Options{}, "S: -ERR [SYS/TEMP] too many connections\n", &refusal, "greeting: server refused: [SYS/TEMP] too many"},
		{"greeting of another protocol", pop3.Options{}, "S: 220 smtp.example.org ESMTP\n", &nonsense, "220 smtp"},
		{"empty greeting", pop3.Options{}, `S: "\r\n"`, &nonsense, ""},
		{"endless greeting", pop3.Options{}, `S: "+OK ` + strings.Repeat("x", 1<<14) + `"` + "\nSILENCE", &nonsense, "endless line"},
		{"endless CAPA line", pop3.Options{}, "S: +OK\nC: CAPA\nS: +OK\n" + `S: "` + strings.Repeat("x", 1<<17) + `"` + "\nSILENCE", &nonsense, "endless line"},
		{"success without blank", pop3.Options{}, "S: +OKAY\n", &nonsense, "+OKAY"},
		{"wrong password", pop3.Options{}, user + "S: -ERR no\n", &loginErr, "login by USER: PASS: server refused: no"},
		{"nonsense after PASS", pop3.Options{}, user + "S: * BYE\n", &nonsense, "PASS: server broke"},
		{"CR LF in the password", pop3.Options{Login: &login{user: "alice", password: "a\r\nDELE 1"}}, "S: +OK\n" + capaPlain, &loginErr, "CR, LF or NUL"},
		{"NUL in the user", pop3.Options{Login: &login{user: "a\x00", password: "x"}}, "S: +OK <a@b>\n" + capaPlain, &loginErr, "CR, LF or NUL"},
		{"no secret to be had", pop3.Options{Login: &login{err: io.ErrNoProgress}}, "S: +OK\n" + capaPlain, &io.ErrNoProgress, "login: "},
		{"client does not start", pop3.Options{Login: &login{client: step{startErr: errChallenge}}}, "S: +OK\n" + capaPlain, &loginErr, ""},
		{"client aborts", pop3.Options{Login: &login{client: step{mechanism: "X"}}}, "S: +OK\n" + capaPlain + "C: AUTH X\nS: + b25l\nC: *\nS: -ERR aborted\n", &loginErr, errChallenge.Error()},
		{"abort succeeds", pop3.Options{Login: &login{client: step{mechanism: "X"}}}, "S: +OK\n" + capaPlain + "C: AUTH X\nS: + b25l\nC: *\nS: +OK\n", &nonsense, ""},
		{"challenge is not base64", pop3.Options{Login: &login{client: step{mechanism: "X"}}}, "S: +OK\n" + capaPlain + "C: AUTH X\nS: + b\n", &nonsense, ""},
		{"no challenge", pop3.Options{Login: &login{client: step{mechanism: "X"}}}, "S: +OK\n" + capaPlain + "C: AUTH X\nS: +OKAY\n", &nonsense, ""},
		{"AUTH refused", pop3.Options{Login: &login{client: step{mechanism: "X"}}}, "S: +OK\n" + capaPlain + "C: AUTH X\nS: -ERR [AUTH] no\n", &loginErr, "login by X: AUTH X: server refused: [AUTH] no"},
		{"STLS not offered", pop3.Options{TLS: refusedTLS}, "S: +OK\n" + capaPlain, new(*pop3.TLSRefusedError), "not offer"},
		{"STLS refused", pop3.Options{TLS: refusedTLS}, "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: -ERR no\n", new(*pop3.TLSRefusedError), "refused it: STLS: server refused: no"},
		{"STLS refused, no CAPA", pop3.Options{TLS: refusedTLS}, "S: +OK\nC: CAPA\nS: -ERR\nC: STLS\nS: -ERR no\n", new(*pop3.TLSRefusedError), "refused it"},
		{"cleartext behind STLS", pop3.Options{TLS: refusedTLS}, "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\n" + `S: "+OK\r\n+OK injected\r\n"`, new(*pop3.TLSRefusedError), "cleartext after"},
	} {
		t.Run(test.name, func(t *testing.T) {
			noLeaks(t)
			o := test.o
			conn := &watched{}
			conn.Conn, _ = play(t, test.script)(context.Background())
			o.Dial = func(context.Context) (net.Conn, error) { return conn, nil }
			if o.Login == nil {
				o.Login = alice()
			}
			_, err := pop3.Connect(context.Background(), o)
			if sentinel, ok := test.as.(*error); ok && !errors.Is(err, *sentinel) || !ok && !errors.As(err, test.as) {
				t.Errorf("got %T %v", err, err)
			} else if !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %q, want %q in it", err, test.text)
			}
			if !conn.closed {
				t.Error("the connection stays open")
			}
		})
	}
}

// watched is a connection that remembers whether it was closed.
type watched struct {
	net.Conn
	closed bool
}

func (w *watched) Close() error {
	w.closed = true
	return w.Conn.Close()
}

func TestLoginRefusals(t *testing.T) {
	for _, test := range []struct {
		answer, code       string
		refused, temporary bool
	}{
		{"-ERR [AUTH] wrong password", "AUTH", true, false},
		{"-ERR wrong password", "", true, false},
		{"-ERR", "", true, false},
		{"-ERR [not a code] wrong", "", true, false},
		{"-ERR [] wrong", "", true, false},
		{"-ERR [in-use] locked", "IN-USE", false, true},
		{"-ERR [LOGIN-DELAY] wait", "LOGIN-DELAY", false, true},
		{"-ERR [SYS/TEMP] disk", "SYS/TEMP", false, true},
		{"-ERR [SYS/PERM] broken", "SYS/PERM", false, false},
	} {
		t.Run(test.answer, func(t *testing.T) {
			script := "S: +OK\n" + capaPlain + "C: USER alice\nS: +OK\nC: PASS secret\nS: " + test.answer
			_, err := pop3.Connect(context.Background(), pop3.Options{Dial: play(t, script), Login: alice()})
			var loginErr *pop3.LoginError
			var refusal *pop3.Error
			if !errors.As(err, &loginErr) || !errors.As(err, &refusal) {
				t.Fatalf("got %T %v", err, err)
			}
			if loginErr.Refused() != test.refused || refusal.Temporary() != test.temporary || refusal.Code != test.code {
				t.Errorf("refused %v, temporary %v, code %q", loginErr.Refused(), refusal.Temporary(), refusal.Code)
			}
		})
	}
}

// What is learnt in cleartext is worth nothing under TLS: neither capabilities nor the stamp.
func TestSTLS(t *testing.T) {
	noLeaks(t)
	server, client, err := pop3test.SelfSigned("pop.test")
	if err != nil {
		t.Fatal(err)
	}
	l := alice()
	s, err := pop3.Connect(context.Background(), pop3.Options{TLS: client, Login: l, Dial: playTLS(t, `
		S: +OK <1@test>
		C: CAPA
		S: +OK
		S: STLS
		S: SASL EVIL
		S: PIPELINING
		S: .
		C: STLS
		S: +OK
		TLS
		C: CAPA
		S: +OK
		S: SASL PLAIN
		S: .
		C: USER alice
		S: +OK
		C: PASS secret
		S: +OK
		C: CAPA
		S: +OK
		S: UIDL
		S: .
		C: QUIT
		S: +OK
	`, server)})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Capabilities(); !reflect.DeepEqual(c, pop3.Capabilities{Known: true, UIDL: true}) {
		t.Errorf("capabilities are %+v", c)
	}
	if !slices.Equal(l.mechanisms, []string{"PLAIN"}) || l.stamp != "" || l.state == nil || !l.state.HandshakeComplete {
		t.Errorf("login was asked with %q, %q, %v", l.mechanisms, l.stamp, l.state)
	}
	if err := s.Quit(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTLSAgainstServer(t *testing.T) {
	serverTLS, clientTLS, err := pop3test.SelfSigned("pop.test")
	if err != nil {
		t.Fatal(err)
	}
	message := pop3test.Message{Body: []byte("Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", 9999))}
	implicit := func(s *pop3test.Server, config *tls.Config) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) {
			conn, err := s.Dial(ctx)
			if err != nil {
				return nil, err
			}
			secure := tls.Client(conn, config)
			return secure, secure.HandshakeContext(ctx)
		}
	}
	check := func(t *testing.T, o pop3.Options) {
		noLeaks(t)
		l := alice()
		o.Login = l
		s, err := pop3.Connect(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if l.state == nil {
			t.Error("login did not hear of TLS")
		}
		all, err := read(s.Retrieve(context.Background(), listed(20)))
		if err != nil || len(all) != 20 || all[19].Body != string(message.Body) {
			t.Error(len(all), err)
		}
		if err := s.Quit(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Run("STLS", func(t *testing.T) {
		s := serve(t, pop3test.Options{TLS: serverTLS}, slices.Repeat([]pop3test.Message{message}, 20)...)
		check(t, pop3.Options{Dial: s.Dial, TLS: clientTLS})
	})
	t.Run("implicit", func(t *testing.T) {
		s := serve(t, pop3test.Options{TLS: serverTLS, Implicit: true}, slices.Repeat([]pop3test.Message{message}, 20)...)
		check(t, pop3.Options{Dial: implicit(s, clientTLS), TLS: clientTLS})
	})
	t.Run("unknown authority", func(t *testing.T) {
		s := serve(t, pop3test.Options{TLS: serverTLS})
		_, err := pop3.Connect(context.Background(), pop3.Options{Dial: s.Dial, TLS: &tls.Config{ServerName: "pop.test"}, Login: alice()})
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Errorf("got %T %v", err, err)
		}
	})
	// Both servers say +OK to STLS, and read the handshake; one talks on in cleartext.
	after := func(text string) func(context.Context) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			pop3test.Script{Text: "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\nCLOSE"}.Run(unclosed{server})
			go io.WriteString(server, text)
			io.Copy(io.Discard, server)
		}()
		return func(context.Context) (net.Conn, error) { return client, nil }
	}
	t.Run("cleartext instead of TLS", func(t *testing.T) {
		_, err := pop3.Connect(context.Background(), pop3.Options{Dial: after("+OK injected, and long enough\r\n"), TLS: clientTLS, Login: alice()})
		var refused *pop3.TLSRefusedError
		if !errors.As(err, &refused) {
			t.Errorf("got %T %v", err, err)
		}
	})
	t.Run("silence instead of TLS", func(t *testing.T) {
		_, err := pop3.Connect(context.Background(), pop3.Options{Dial: after(""), TLS: clientTLS, Login: alice(), Idle: 50 * time.Millisecond})
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("got %T %v", err, err)
		}
	})
}

// unclosed is a connection that a script cannot close.
type unclosed struct{ net.Conn }

func (unclosed) Close() error { return nil }

func TestCapabilities(t *testing.T) {
	s, err := pop3.Connect(context.Background(), pop3.Options{Login: alice(), Dial: play(t, in("user", "TOP", "UIDL", "PIPELINING", "STLS ", "resp-codes",
		"AUTH-RESP-CODE", "UTF8 USER", "SASL PLAIN  CRAM-MD5", "EXPIRE 60 USER", "LOGIN-DELAY 900 USER", "IMPLEMENTATION Some  Server v1", "X-UNKNOWN a b", "..", ""))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := pop3.Capabilities{Known: true, User: true, TOP: true, UIDL: true, Pipelining: true, STLS: true, RespCodes: true, AuthRespCode: true, UTF8: true,
		SASL: []string{"PLAIN", "CRAM-MD5"}, Expire: "60", LoginDelay: 15 * time.Minute, Implementation: "Some  Server v1"}
	if got := s.Capabilities(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestSASLAgainstServer(t *testing.T) {
	xoauth2 := func(token string, afterwards map[string]string) sasl.Client {
		return step{mechanism: "XOAUTH2", initial: []byte("user=alice\x01auth=Bearer " + token + "\x01\x01"), next: afterwards}
	}
	refusal := `{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}`
	for _, test := range []struct {
		name   string
		o      pop3test.Options
		client sasl.Client
		err    string // "": succeeds
	}{
		{"PLAIN", pop3test.Options{}, sasl.NewPlainClient("", "alice", "secret"), ""},
		{"PLAIN not announced", pop3test.Options{Without: []string{"CAPA"}, NoInitial: true}, sasl.NewPlainClient("", "alice", "secret"), ""},
		{"PLAIN wrong", pop3test.Options{}, sasl.NewPlainClient("", "alice", "x"), "[AUTH] wrong user or password"},
		{"PLAIN taken away", pop3test.Options{Mechanisms: []string{"LOGIN"}}, sasl.NewPlainClient("", "alice", "secret"), "unknown mechanism"},
		{"LOGIN", pop3test.Options{}, sasl.NewLoginClient("alice", "secret"), ""},
		{"LOGIN not announced", pop3test.Options{Without: []string{"CAPA"}}, sasl.NewLoginClient("alice", "secret"), ""},
		{"XOAUTH2", pop3test.Options{NoInitial: true}, xoauth2("secret", nil), ""},
		{"XOAUTH2 of a long token", pop3test.Options{}, xoauth2(strings.Repeat("t", 5000), map[string]string{refusal: ""}), "[AUTH] wrong user or password"},
		{"XOAUTH2 wrong, client answers", pop3test.Options{}, xoauth2("x", map[string]string{refusal: ""}), "[AUTH] wrong user or password"},
		{"XOAUTH2 wrong, client aborts", pop3test.Options{}, xoauth2("x", nil), errChallenge.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.o)
			c, err := pop3.Connect(context.Background(), pop3.Options{Dial: s.Dial, Login: &login{client: test.client}})
			if err == nil {
				c.Close()
			}
			var refused *pop3.LoginError
			if test.err == "" && err != nil || test.err != "" && (!errors.As(err, &refused) || !refused.Refused() || !strings.HasSuffix(err.Error(), test.err)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestInUse(t *testing.T) {
	server := serve(t, pop3test.Options{})
	s := connect(t, server.Pipe)
	_, err := pop3.Connect(context.Background(), pop3.Options{Dial: server.Dial, Login: alice()})
	var refusal *pop3.Error
	if !errors.As(err, &refusal) || refusal.Code != "IN-USE" {
		t.Errorf("got %v", err)
	}
	s.Close()
	server.Wait()
	connect(t, server.Dial)
}

func TestTraceHidesSecrets(t *testing.T) {
	for _, test := range []struct {
		name   string
		login  *login
		script string
		want   string
	}{
		{"PASS", alice(), "S: +OK hi\n" + capaPlain + "C: USER alice\nS: +OK\nC: PASS secret\nS: +OK\n", "C USER alice|S +OK|C PASS ****|S +OK"},
		{"APOP", &login{user: "mrose", password: "tanstaaf"}, "S: +OK hi <1896.697170952@dbc.mtview.ca.us>\n" + capaPlain +
			"C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: +OK\n", "C APOP mrose ****|S +OK"},
		{"AUTH", &login{client: sasl.NewLoginClient("alice", "secret")}, "S: +OK hi\n" + capaPlain + "C: AUTH LOGIN YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0\nS: +OK\n",
			"C AUTH LOGIN ****|S + ****|C ****|S +OK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lines []string
			s, err := pop3.Connect(context.Background(), pop3.Options{Dial: play(t, test.script), Login: test.login,
				Trace: func(dir byte, line string) { lines = append(lines, string(dir)+" "+line) }})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			all := strings.Join(lines, "|")
			if !strings.HasPrefix(all, "S +OK hi") || !strings.Contains(all, "|C CAPA|S +OK|S UIDL|") || !strings.Contains(all, test.want) {
				t.Error(all)
			}
			if strings.Contains(all, "c2VjcmV0") || strings.Contains(all, "secret") || strings.Contains(all, "c4c9") {
				t.Error(all)
			}
		})
	}
}

// verdicts is a client that has the last word.
type verdicts struct {
	sasl.Client
	told []error
	says error
}

func (v *verdicts) Finish(verdict error) error {
	v.told = append(v.told, verdict)
	if v.says != nil {
		return v.says
	}
	return verdict
}

// A client that wants to know is told the verdict, and what it makes of it counts: success without proof is none.
func TestClientHasTheLastWord(t *testing.T) {
	unproved := errors.New("no proof")
	for _, test := range []struct {
		name, reply string
		says, want  error
	}{
		{name: "success", reply: "+OK"},
		{name: "success not believed", reply: "+OK", says: unproved, want: unproved},
		{name: "refusal explained", reply: "-ERR no", says: unproved, want: unproved},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := &verdicts{Client: sasl.NewPlainClient("", "alice", "secret"), says: test.says}
			playing := pop3test.Script{Text: "S: +OK\n" + capaPlain + "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\nS: " + test.reply}.Play()
			session, err := pop3.Connect(t.Context(), pop3.Options{Dial: playing.Dial, Login: &login{client: client}})
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("connect: %v, want %v", err, test.want)
			}
			if len(client.told) != 1 || (client.told[0] == nil) != (test.reply == "+OK") {
				t.Errorf("the client was told %v", client.told)
			}
			var refused *pop3.LoginError
			if err != nil && (!errors.As(err, &refused) || !refused.Refused()) {
				t.Errorf("not a refused login: %#v", err)
			}
			if session != nil {
				session.Close()
			}
		})
	}
}
