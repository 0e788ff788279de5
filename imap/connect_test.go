package imap_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"postie/imap"
	"postie/imap/imaptest"
)

// certified gives a server's configuration for the name "test" and the client's that trusts it.
func certified(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool, ServerName: "test"}
}

// challenged is a SASL client that answers each challenge with the challenge, twice.
type challenged struct {
	first []byte
	fail  error
}

func (c *challenged) Start() (string, []byte, error) { return "ECHO", c.first, nil }

func (c *challenged) Next(ch []byte) ([]byte, error) { return append(ch, ch...), c.fail }

// judge has the last word about the verdict.
type judge struct {
	challenged
	say string
}

func (j *judge) Finish(verdict error) error {
	if verdict == nil && j.say == "" {
		return nil
	}
	return errors.Join(errors.New(j.say), verdict)
}

func TestConnect(t *testing.T) {
	plain := func() *who { return &who{client: sasl.NewPlainClient("", "u", "p")} }
	for _, tt := range []struct {
		name, script string
		login        *who
		o            imap.Options
		want         string // of the error; "": none
	}{
		{"everything in the greeting and the login's answer: no extra round trip", `
			S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
			C: A AUTHENTICATE PLAIN AHUAcA==
			S: A OK [CAPABILITY IMAP4rev1 IDLE] in`, plain(), imap.Options{}, ""},
		{"capabilities asked for, SASL in two steps, untagged CAPABILITY before OK", `
			S: * OK hi
			C: A CAPABILITY
			S: * CAPABILITY IMAP4rev1 AUTH=PLAIN
			S: A OK
			C: B AUTHENTICATE PLAIN
			S: +
			C= "AHUAcA==\r\n"
			S: * CAPABILITY IMAP4rev1 IDLE
			S: B OK in`, plain(), imap.Options{}, ""},
		{"no capability in the answer: asked again", `
			S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi
			C: A LOGIN "u\"" "p\\"
			S: A OK in
			C: B CAPABILITY
			S: * CAPABILITY IMAP4rev1 IDLE
			S: B OK`, &who{user: `u"`, password: `p\`}, imap.Options{}, ""},
		{"LOGIN with literals", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN {3}
			S: + go
			C= "\xc3\xbcu {3}\r\n"
			S: + go
			C= "p\xc3\xa4\r\n"
			S: A OK [CAPABILITY IMAP4rev1 IDLE] in`, &who{user: "üu", password: "pä"}, imap.Options{}, ""},
		{"continuation requests without end", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" {2}
			S: +
			C= "p\xff\r\n"
			S: +`, &who{user: "u", password: "p\xff"}, imap.Options{}, "connect: server broke the protocol: continuation request to a whole LOGIN"},
		{"challenges, one empty", `
			S: * OK [CAPABILITY IMAP4rev1 AUTH=ECHO SASL-IR] hi
			C: A AUTHENTICATE ECHO =
			S: + YQ==
			C= "YWE=\r\n"
			S: +
			C= "\r\n"
			S: A OK [CAPABILITY IMAP4rev1 IDLE] in`, &who{client: &challenged{first: []byte{}}}, imap.Options{}, ""},
		{"wrong password", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" "p"
			S: A NO [AUTHENTICATIONFAILED] no`, &who{user: "u", password: "p"}, imap.Options{}, "connect: login by LOGIN: LOGIN: server refused: [AUTHENTICATIONFAILED] no"},
		{"BYE, and then the reason", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" "p"
			S: * BYE logging out
			S: A NO [AUTHENTICATIONFAILED] no
			hang`, &who{user: "u", password: "p"}, imap.Options{}, "connect: login by LOGIN: LOGIN: server refused: [AUTHENTICATIONFAILED] no"},
		{"BYE, and then nothing", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" "p"
			S: * BYE too many connections`, &who{user: "u", password: "p"}, imap.Options{}, "connect: server said BYE: too many connections"},
		{"BYE, and then success", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" "p"
			S: * BYE too many connections
			S: A OK in
			hang`, &who{user: "u", password: "p"}, imap.Options{}, "connect: server said BYE: too many connections"},
		{"trap 9: the client does not like the challenge: the exchange is ended", `
			S: * OK [CAPABILITY IMAP4rev1 AUTH=ECHO] hi
			C: A AUTHENTICATE ECHO
			S: + YQ==
			C= "*\r\n"
			S: A NO [AUTHENTICATIONFAILED] token expired`, &who{client: &challenged{fail: errors.New("invalid_token")}}, imap.Options{},
			"connect: login by ECHO: invalid_token\nAUTHENTICATE: server refused: [AUTHENTICATIONFAILED] token expired"},
		{"the client does not believe the server", `
			S: * OK [CAPABILITY IMAP4rev1 AUTH=ECHO] hi
			C: A AUTHENTICATE ECHO
			S: A OK in`, &who{client: &judge{say: "server did not prove itself"}}, imap.Options{}, "connect: login by ECHO: server did not prove itself"},
		{"the client adds the reason", `
			S: * OK [CAPABILITY IMAP4rev1 AUTH=ECHO] hi
			C: A AUTHENTICATE ECHO
			S: A NO no`, &who{client: &judge{say: "token expired"}}, imap.Options{}, "connect: login by ECHO: token expired\nAUTHENTICATE: server refused: no"},
		{"LOGINDISABLED", "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi", &who{user: "u", password: "p"}, imap.Options{}, "connect: login by LOGIN: the server forbids LOGIN here, and offers no mechanism that was wanted"},
		{"NUL in the password", "S: * OK [CAPABILITY IMAP4rev1] hi", &who{user: "u", password: "p\x00"}, imap.Options{}, "connect: login by LOGIN: user or password holds a NUL"},
		{"the login has no answer", "S: * OK [CAPABILITY IMAP4rev1] hi", &who{err: errors.New("no secret")}, imap.Options{}, "connect: no secret"},
		{"connection lost in the login is no refusal", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" "p"
			close`, &who{user: "u", password: "p"}, imap.Options{}, "connect: LOGIN: the server hung up: unexpected EOF"},
		{"BYE for a greeting", "S: * BYE [UNAVAILABLE] too many", nil, imap.Options{}, "connect: server said BYE: [UNAVAILABLE] too many"},
		{"BYE in the login", `
			S: * OK [CAPABILITY IMAP4rev1] hi
			C: A LOGIN "u" "p"
			S: * BYE enough`, &who{user: "u", password: "p"}, imap.Options{}, "connect: server said BYE: enough"},
		{"no IMAP", "S: 220 smtp ready", nil, imap.Options{}, `connect: server broke the protocol: no IMAP greeting: "220 smtp ready"`},
		{"ID, ENABLE and COMPRESS in one flight, refusals ignored", `
			S: * PREAUTH [CAPABILITY IMAP4rev1 ID ENABLE QRESYNC COMPRESS=DEFLATE] hi
			C: A ID ("name" "postie" "version" "1 \"a\"")
			C: B ENABLE CONDSTORE QRESYNC
			C: C COMPRESS DEFLATE
			S: * ID NIL
			S: A BAD what
			S: * ENABLED QRESYNC
			S: B OK
			S: C OK
			deflate
			C: D NOOP
			S: D OK
			hang`, nil, imap.Options{Compress: true, ID: map[string]string{"version": `1 "a"`, "name": "postie"}}, ""},
		{"COMPRESS refused", `
			S: * PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi
			C: C COMPRESS DEFLATE
			S: C NO [COMPRESSIONACTIVE] no
			C: D NOOP
			S: D OK`, nil, imap.Options{Compress: true}, ""},
		{"CAPABILITY without an answer", "S: * PREAUTH hi\nC: A CAPABILITY\nS: A OK", nil, imap.Options{}, "connect: server broke the protocol: no CAPABILITY response"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.script
			alive := tt.want == "" && !strings.Contains(text, "NOOP")
			if alive {
				text += "\nC: Z NOOP\nS: Z OK"
			}
			srv := imaptest.Script{Text: text}.Start()
			tt.o.Dial, tt.o.Login = srv.Dial, tt.login
			s, err := imap.Connect(t.Context(), tt.o)
			if err == nil {
				defer s.Close()
				if err := s.Noop(t.Context()); err != nil {
					t.Errorf("noop: %v", err)
				}
				if alive && tt.login != nil && !s.Has(goimap.CapIdle) {
					t.Errorf("capabilities %v are not those after the login", s.Capabilities())
				}
				s.Close()
			}
			if got := message(err); got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
			if err := srv.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestErrorTypes(t *testing.T) {
	for _, tt := range []struct {
		answer             string
		refused, temporary bool
	}{
		{"A NO [AUTHENTICATIONFAILED] wrong", true, false},
		{"A NO wrong", true, false},
		{"A NO [UNAVAILABLE] later", false, true},
		{"A NO [CONTACTADMIN] hm", false, false},
	} {
		srv := imaptest.Script{Text: "S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN ...\nS: " + tt.answer}.Start()
		_, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Login: &who{user: "u"}})
		var login *imap.LoginError
		var refused *imap.Error
		if !errors.As(err, &login) || !errors.As(err, &refused) || login.Refused() != tt.refused || refused.Temporary() != tt.temporary {
			t.Errorf("%s: %#v", tt.answer, err)
		}
	}
}

// Trap 5: what was learnt in cleartext is forgotten, and TLS is not to be refused, stripped or injected into.
func TestTrap5StartTLS(t *testing.T) {
	server, client := certified(t)
	for _, tt := range []struct {
		name, script, want string
	}{
		{"capabilities are asked again", `
			S: * OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=EVIL] hi
			C: A STARTTLS
			S: A OK [CAPABILITY IMAP4rev1 AUTH=EVIL] go
			starttls
			C: B CAPABILITY
			S: * CAPABILITY IMAP4rev1 AUTH=PLAIN
			S: B OK
			C: C LOGIN "u" "p"
			S: C OK [CAPABILITY IMAP4rev1 IDLE] in
			hang`, ""},
		{"not offered", "S: * OK [CAPABILITY IMAP4rev1] hi", "STARTTLS: not offered"},
		{"refused", "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: A STARTTLS\nS: A NO broken", "STARTTLS: refused: STARTTLS: server refused: broken"},
		{"PREAUTH", "S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi", "STARTTLS: server greeted with PREAUTH in cleartext"},
		{"injected", "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: A STARTTLS\n" + `S= "P1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=EVIL\r\n"`, "STARTTLS: cleartext came behind the answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := imaptest.Script{Text: tt.script, TLS: server}.Start()
			login := &who{user: "u", password: "p"}
			s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, TLS: client, Login: login})
			var refused *imap.TLSRefusedError
			if tt.want != "" {
				if !errors.As(err, &refused) || refused.Error() != tt.want {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err, srv.Wait())
			}
			if !slices.Equal(login.mechanisms, []string{"PLAIN"}) || login.state == nil || s.TLS() == nil {
				t.Errorf("login saw %v, %v", login.mechanisms, login.state)
			}
			s.Close()
			if err := srv.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("unknown authority", func(t *testing.T) {
		srv := imaptest.Script{Text: "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: A STARTTLS\nS: A OK go\nstarttls", TLS: server}.Start()
		_, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, TLS: &tls.Config{ServerName: "test"}, Login: &who{}})
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Errorf("got %v", err)
		}
	})
}

// Trap 6: a context that ends closes the connection at once, wherever it is, and its cause is the error.
func TestTrap6Cancel(t *testing.T) {
	for name, text := range map[string]string{
		"greeting":       "hang",
		"login":          "S: * OK [CAPABILITY IMAP4rev1] hi\nhang",
		"command":        loggedIn("") + "hang",
		"body":           loggedIn("") + "C: A UID FETCH ...\n" + `S= "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"x\" BODY[] {9}\r\nabc"` + "\nhang",
		"append refused": loggedIn("") + "C: A APPEND ...\nhang",
		"idle":           loggedIn("IDLE") + "C: A IDLE\nS: + idling\nhang",
	} {
		t.Run(name, func(t *testing.T) {
			srv := imaptest.Script{Text: text}.Start()
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			when := map[string]string{"body": "S* 1 FETCH", "idle": "S+"}[name] // else with the first command
			trace := func(dir byte, line string) {
				if strings.HasPrefix(string(dir)+line, cmp.Or(when, "C")) {
					go cancel(cause)
				}
			}
			if name == "greeting" {
				go cancel(cause)
			}
			s, err := imap.Connect(ctx, imap.Options{Dial: srv.Dial, Login: &who{user: "u"}, Trace: trace})
			if err == nil {
				switch name {
				case "idle":
					err = s.Idle(ctx, nil)
				case "body":
					_, err = collect(t, s.FetchBodies(ctx, goimap.UIDSetNum(1)))
				case "append refused":
					_, err = s.Append(ctx, "x", imap.Upload{Size: 5, Body: strings.NewReader("12345")})
				default:
					err = s.Noop(ctx)
				}
				if again := s.Noop(t.Context()); !errors.Is(again, cause) {
					t.Errorf("the next command: %v", again)
				}
				s.Close()
			}
			if !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Trap 6: no byte for Idle is a timeout, in an answer as well as before it.
func TestTrap6Idle(t *testing.T) {
	for name, text := range map[string]string{
		"greeting": "hang",
		"command":  loggedIn("") + "hang",
		"body":     loggedIn("") + "C: A UID FETCH ...\n" + `S= "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"x\" BODY[] {9}\r\nabc"` + "\nhang",
		"append":   loggedIn("") + "C: A APPEND ...\nhang",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := imaptest.Script{Text: text}.Start()
				s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial})
				if err == nil {
					defer s.Close()
					if name == "append" {
						_, err = s.Append(t.Context(), "x", imap.Upload{Size: 1, Body: strings.NewReader("a")})
					} else {
						_, err = collect(t, s.FetchBodies(t.Context(), goimap.UIDSetNum(1)))
					}
				}
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// Each wait on the way to a session has a limit, whatever the server holds back, and however it does: nothing is said any
// more; "* OK" once a second; one octet a second of the answer that is due.
func TestEveryWaitEnds(t *testing.T) {
	const full = "[CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC ID NAMESPACE COMPRESS=DEFLATE AUTH=PLAIN"
	server, client := certified(t)
	plain := &who{client: sasl.NewPlainClient("", "u", "p")}
	for name, tt := range map[string]struct {
		text string
		o    imap.Options
	}{
		"greeting":               {"", imap.Options{}},
		"CAPABILITY":             {"S: * OK hi\nC: A CAPABILITY", imap.Options{}},
		"STARTTLS":               {"S: * OK " + full + " STARTTLS] hi\nC: A STARTTLS", imap.Options{TLS: client}},
		"STARTTLS, asked for":    {"S: * OK hi\nC: A CAPABILITY\nS: * CAPABILITY IMAP4rev1 STARTTLS\nS: A OK\nC: B STARTTLS", imap.Options{TLS: client}},
		"handshake":              {"S: * OK " + full + " STARTTLS] hi\nC: A STARTTLS\nS: A OK", imap.Options{TLS: client}},
		"behind STARTTLS":        {"S: * OK " + full + " STARTTLS] hi\nC: A STARTTLS\nS: A OK\nstarttls\nC: B CAPABILITY", imap.Options{TLS: client}},
		"LOGIN":                  {"S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN ...", imap.Options{}},
		"LOGIN, asked for":       {"S: * OK hi\nC: A CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: A OK\nC: B LOGIN ...", imap.Options{}},
		"LOGIN's literal":        {"S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN {2}", imap.Options{Login: &who{user: "ü"}}},
		"AUTHENTICATE":           {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\nC: A AUTHENTICATE PLAIN", imap.Options{Login: plain}},
		"AUTHENTICATE, answered": {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\nC: A AUTHENTICATE PLAIN\nS: +\nC: ...", imap.Options{Login: plain}},
		"CAPABILITY in the end":  {"S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN ...\nS: A OK in\nC: B CAPABILITY", imap.Options{}},
		"ID":                     {"S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN ...\nS: A OK " + full + "] in\nC: B ID ...", imap.Options{ID: map[string]string{"name": "x"}}},
		"ENABLE":                 {"S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN ...\nS: A OK " + full + "] in\nC: B ENABLE ...", imap.Options{}},
		"COMPRESS":               {"S: * OK [CAPABILITY IMAP4rev1] hi\nC: A LOGIN ...\nS: A OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in\nC: B COMPRESS ...", imap.Options{Compress: true}},
		"PREAUTH":                {"S: * PREAUTH " + full + "] hi\nC: A ENABLE ...", imap.Options{}},
	} {
		for way, rest := range map[string]string{"silence": "hang", "chatter": "chatter", "an octet a second": "octets"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := imaptest.Script{Text: tt.text + "\n" + rest, TLS: server}.Start()
					o := tt.o
					o.Dial, o.Idle, o.Login = srv.Dial, 20*time.Second, cmp.Or[imap.Login](o.Login, &who{user: "u", password: "p"})
					began := time.Now()
					s, err := imap.Connect(t.Context(), o)
					if s != nil {
						s.Close()
					}
					srv.Wait()
					var line net.Error
					refused := name == "handshake" && way != "silence" && errors.As(err, new(*imap.TLSRefusedError))
					if !refused && !(errors.As(err, &line) && line.Timeout()) {
						t.Errorf("got %v", err)
					}
					most := 3*o.Idle + 10*time.Second
					if way == "silence" || name == "handshake" {
						most = o.Idle
					}
					if took := time.Since(began); took > most {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

// A session that is up does not wait for ever either: an answer that is due has to come, and a body that comes slowly is
// not cut while it is as fast as the slowest line.
func TestSlowAnswers(t *testing.T) {
	fetch := "C: A UID FETCH ...\n" + `S= "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"x\" BODY[] {100000}\r\n"` + "\n"
	for name, tt := range map[string]struct {
		text string
		ends bool // by the time limit
	}{
		"chatter instead of a body":    {"C: A UID FETCH ...\nchatter", true},
		"chatter within a body":        {fetch + "octets", true},
		"flags of others":              {"C: A UID FETCH ...\nrows", true},
		"a body of 100 octets/s":       {fetch + "slow 100000 100\nS: )\nS: A OK", false},
		"chatter behind a quick body":  {fetch + "slow 100000 100000\nS: )\nchatter", true},
		"messages that take a minute":  {"C: A UID FETCH ...\nminutes 20\nS: A OK", false},
		"an octet a second of a reply": {"C: A UID FETCH ...\noctets", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := imaptest.Script{Text: loggedIn("") + tt.text}.Start()
				s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, err = collect(t, s.FetchBodies(t.Context(), goimap.UIDSet{{Start: 1, Stop: 20}}))
				s.Close()
				srv.Wait()
				var line net.Error
				if timeout := errors.As(err, &line) && line.Timeout(); timeout != tt.ends {
					t.Errorf("got %v after %v", err, time.Since(began))
				}
				if tt.ends && time.Since(began) > 6*imap.DefaultIdle {
					t.Errorf("it took %v", time.Since(began))
				}
			})
		})
	}
}

// A server that answers STARTTLS with a continuation request waits for something that it will not get.
func TestSTARTTLSContinued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := certified(t)
		srv := imaptest.Script{Text: "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: A STARTTLS\nS: + go on\nhang"}.Start()
		began := time.Now()
		_, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, TLS: client, Login: &who{}})
		if !errors.As(err, new(*imap.TLSRefusedError)) || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// Silence is no fault where nothing is asked, nor in IDLE; and an answer may take longer than Idle in all, though not for ever.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			r := bufio.NewReader(server)
			slowly := func(answer string) {
				r.ReadString('\n')
				time.Sleep(imap.DefaultIdle / 2)
				for _, c := range []byte(answer) {
					time.Sleep(imap.DefaultIdle / 20)
					server.Write([]byte{c})
				}
			}
			server.Write([]byte("* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n"))
			slowly("* OK x\r\nT1 OK\r\n")
			slowly("+ \r\n")
			slowly("T2 OK\r\n")
		}()
		s, err := imap.Connect(t.Context(), imap.Options{Dial: func(context.Context) (net.Conn, error) { return client, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		time.Sleep(time.Hour)
		if err := s.Noop(t.Context()); err != nil {
			t.Error(err)
		}
		stop := make(chan struct{})
		time.AfterFunc(27*time.Minute, func() { close(stop) })
		if err := s.Idle(t.Context(), stop); err != nil {
			t.Error(err)
		}
	})
}

func TestTraceHidesCredentials(t *testing.T) {
	for _, login := range []*who{{user: "secret", password: "secret"}, {user: "secretü", password: "secretü"}, {client: sasl.NewPlainClient("", "secret", "secret")}, {client: &challenged{first: nil}}} {
		srv := imaptest.Script{Text: `S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi
			C: A ...
			S: + c2VjcmV0
			C: ...
			S: + c2VjcmV0
			C: ...
			S: A NO`}.Start()
		var mu sync.Mutex
		var trace strings.Builder
		_, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Login: login, Trace: func(dir byte, line string) {
			mu.Lock()
			defer mu.Unlock()
			trace.WriteString(string(dir) + " " + line + "\n")
		}})
		for _, secret := range []string{"secret", "c2VjcmV0", "AHNlY3JldA"} {
			for line := range strings.Lines(trace.String()) {
				if strings.HasPrefix(line, "C") && strings.Contains(line, secret) {
					t.Errorf("%s (%v)", line, err)
				}
			}
		}
	}
}
